package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// A layer sees the call that fetches a result, and none that asks for its length: whether the
// library knows it beforehand, as of C_Digest, or has made the result.
func TestALayerSeesOneCall(t *testing.T) {
	lines := filepath.Join(t.TempDir(), "trace")
	env := configured(t, fmt.Sprintf(`backend: {token: memory}
slots: [{id: 7, label: eps, so_pin: {env: TEST_SO_PIN}, pin: {env: TEST_PIN}}]
trace: {file: %s}
`, lines), "TEST_SO_PIN=87654321", "TEST_PIN=123456")
	runs(t, env, built.program, built.library, "lengths")
	trace, err := os.ReadFile(lines)
	if err != nil {
		t.Fatal(err)
	}
	// Of 65 inputs, 60 are no whole blocks: ECB and CBC refuse each, and then have no operation.
	// The empty one gives nothing to decrypt where there is no padding.
	const inputs, digests, ciphers, refused, empty = 65, 5, 4, 60 * 2, 3
	for name, want := range map[string]int{"C_DigestInit": inputs * digests, "C_Digest": inputs * digests,
		"C_EncryptInit": inputs * ciphers, "C_Encrypt": inputs*ciphers + refused, "C_Decrypt": inputs*ciphers - refused - empty} {
		if n := bytes.Count(trace, []byte(`"`+name+`"`)); n != want {
			t.Errorf("%s: %d lines, want %d", name, n, want)
		}
	}
}
