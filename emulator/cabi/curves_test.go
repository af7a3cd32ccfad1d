package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pkcs11-tool makes pairs on each curve that it has a name for, signs with them what it then
// verifies, and finds no error in a token that has them; ssh-keygen reads the public halves.
func TestCurvesInPrograms(t *testing.T) {
	env, dir := environment(t), t.TempDir()
	tool := func(args ...string) string {
		return runs(t, env, "pkcs11-tool", append([]string{"--module", built.library, "--login", "--pin", "123456"}, args...)...)
	}
	data, signature := filepath.Join(dir, "data"), filepath.Join(dir, "signature")
	if err := os.WriteFile(data, []byte("message"), 0o600); err != nil {
		t.Fatal(err)
	}
	for id, c := range map[string]struct{ curve, mechanism string }{
		"01": {"EC:prime256v1", "ECDSA-SHA256"}, "02": {"EC:secp384r1", "ECDSA-SHA384"}, "03": {"EC:secp521r1", "ECDSA-SHA512"}, "04": {"EC:edwards25519", "EDDSA"},
	} {
		tool("--keypairgen", "--key-type", c.curve, "--usage-sign", "--label", c.curve, "--id", id)
		tool("--sign", "--mechanism", c.mechanism, "--id", id, "--input-file", data, "--output-file", signature)
		out := tool("--verify", "--mechanism", c.mechanism, "--id", id, "--input-file", data, "--signature-file", signature)
		if !strings.Contains(out, "Signature is valid") {
			t.Errorf("%s: %s", c.curve, out)
		}
	}
	if out := tool("--test", "--allow-sw"); !strings.Contains(out, "No errors") {
		t.Error(out)
	}
	out := runs(t, env, "ssh-keygen", "-D", built.library)
	for _, key := range []string{"ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp384 ", "ecdsa-sha2-nistp521 "} {
		if !strings.Contains(out, key) {
			t.Errorf("no %sin %s", key, out)
		}
	}
}
