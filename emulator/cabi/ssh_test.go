package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A key on the token signs for ssh through ssh-agent, which loads the library in a process
// of its own; ssh-keygen accepts the signature by the public key alone.
func TestSSHAgentSigns(t *testing.T) {
	env := environment(t)
	for id, kind := range map[string]string{"01": "rsa:2048", "02": "EC:prime256v1"} {
		runs(t, env, "pkcs11-tool", "--module", built.library, "--login", "--pin", "123456", "--keypairgen", "--key-type", kind, "--label", kind, "--id", id)
	}
	env = append(env, agent(t, env), "SSH_ASKPASS_REQUIRE=force", "SSH_ASKPASS="+file(t, "askpass", "#!/bin/sh\necho 123456\n"))
	runs(t, env, "ssh-add", "-s", built.library)
	keys := strings.Split(strings.TrimSpace(runs(t, env, "ssh-add", "-L")), "\n")
	if len(keys) != 2 {
		t.Fatalf("keys of the agent: %q", keys)
	}
	for _, key := range keys {
		public, message := file(t, "key.pub", key+"\n"), file(t, "message", "a message")
		runs(t, env, "ssh-keygen", "-Y", "sign", "-f", public, "-n", "file", message)
		allowed := file(t, "allowed", "me "+key+"\n")
		verify := exec.CommandContext(t.Context(), "ssh-keygen", "-Y", "verify", "-f", allowed, "-I", "me", "-n", "file", "-s", message+".sig")
		verify.Stdin = strings.NewReader("a message")
		if out, err := verify.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", key, err, out)
		}
	}
	runs(t, env, "ssh-add", "-e", built.library)
}

// agent runs an ssh-agent that may load the library, and gives the variable that leads to it.
func agent(t *testing.T, env []string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "agent")
	c := exec.CommandContext(t.Context(), "ssh-agent", "-D", "-P", built.library, "-a", socket)
	c.Env = env
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err == nil {
		t.Cleanup(func() { c.Process.Kill(); c.Wait() })
		_, err = bufio.NewReader(out).ReadString('\n') // it listens
	}
	if err != nil {
		t.Fatal(err)
	}
	return "SSH_AUTH_SOCK=" + socket
}

// file is a private file of that name.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}
