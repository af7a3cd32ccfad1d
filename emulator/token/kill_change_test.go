package token_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/token"
)

// deeds are calls on the token of furnish that change more than one file, or an object that is
// no key.
var deeds = map[string]func(*ground) error{
	"create a certificate":      func(g *ground) error { return second(g.CreateObject(g.s, certificate("new"))) },
	"change a certificate":      func(g *ground) error { return g.rename("certificate") },
	"destroy a certificate":     func(g *ground) error { return g.DestroyObject(g.s, g.named("certificate")) },
	"change a key of versions":  func(g *ground) error { return g.rename("key") },
	"destroy a key of versions": func(g *ground) error { return g.DestroyObject(g.s, g.named("key")) },
	"initialise the token": func(g *ground) error {
		check(g.t, g.CloseAllSessions(0))
		return g.Module.InitToken(0, soPIN, "test")
	},
}

func (g *ground) rename(label string) error {
	return g.SetAttributeValue(g.s, g.named(label), []*pkcs11.Attribute{attr(pkcs11.CKA_ID, "another")})
}

// furnish makes a token with a key of which three older versions are left, as processes that
// were killed leave them, a certificate, a public and a private key.
func furnish(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	g := directoryToken(t, dir)
	stored := func(label string, more ...*pkcs11.Attribute) pkcs11.ObjectHandle {
		return g.create(secretKey(pkcs11.CKK_AES, valueOf(label), append(more, attr(pkcs11.CKA_TOKEN, true), attr(pkcs11.CKA_LABEL, label))))
	}
	key := stored("key")
	older := map[string][]byte{}
	for n := range 3 {
		maps.Copy(older, files(t, dir))
		check(t, g.SetAttributeValue(g.s, key, []*pkcs11.Attribute{attr(pkcs11.CKA_ID, fmt.Sprint("version ", n))}))
	}
	g.create(certificate("certificate"))
	stored("public", attr(pkcs11.CKA_PRIVATE, false))
	stored("private", attr(pkcs11.CKA_PRIVATE, true))
	g.Destroy()
	now := files(t, dir)
	for file, content := range older {
		if _, is := now[file]; !is {
			write(t, dir, file, content)
		}
	}
	return dir
}

// die does a deed, and kills itself before that change of it.
func die(m *token.Token, g *ground, j job) int {
	if err := g.Login(g.s, pkcs11.CKU_USER, userPIN); err != nil {
		return 5
	}
	m.BeforeChange(j.Changes, func() { syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} })
	if err := deeds[j.Deed](g); err != nil {
		fmt.Fprintln(os.Stderr, j.Deed, err)
		return 6
	}
	return 0
}

// dies runs a deed on a copy of a token, kills it before its nth change, and gives the copy
// and whether it came so far.
func dies(t *testing.T, from, deed string, nth int) (dir string, killed bool) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "token")
	check(t, os.CopyFS(dir, os.DirFS(from)))
	encoded, err := json.Marshal(job{Dir: dir, Deed: deed, Changes: nth})
	check(t, err)
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), victimVariable+"="+string(encoded))
	var complaint bytes.Buffer
	c.Stderr = &complaint
	err = c.Run()
	if code := c.ProcessState.ExitCode(); code > 0 {
		t.Fatalf("the victim ended by itself: %v, %s", err, complaint.String())
	}
	return dir, err != nil
}

// seen is what the next process finds: the answer to the user's PIN, and all objects.
func seen(t *testing.T, dir string) map[string]bool {
	t.Helper()
	m, err := token.New(token.Config{Dir: dir, PINCost: 4})
	check(t, err)
	defer m.Destroy()
	check(t, m.Initialize())
	g := &ground{Module: m, t: t}
	g.s = g.session()
	login := says(m.Login(g.s, pkcs11.CKU_USER, userPIN))
	all := g.everything()
	all[login] = true
	return all
}

// A process is killed before each change that a call makes to the directory. The next finds all
// of the call or nothing of it, once all always all, and does the call if it was not done.
func TestACallIsWholeWhereverItIsKilled(t *testing.T) {
	from := furnish(t)
	before := seen(t, from)
	for deed := range deeds {
		t.Run(deed, func(t *testing.T) {
			t.Parallel()
			whole, _ := dies(t, from, deed, 0)
			after := seen(t, whole)
			if maps.Equal(before, after) {
				t.Fatal("nothing has happened")
			}
			done, changes := false, 1
			for ; ; changes++ {
				dir, killed := dies(t, from, deed, changes)
				if !killed {
					break
				}
				got := seen(t, dir)
				if all := maps.Equal(got, after); !all && (done || !maps.Equal(got, before)) {
					t.Errorf("killed before change %d, the token has %v", changes, got)
				} else {
					done = all
				}
				again(t, dir, deed, done, after)
			}
			if changes == 1 {
				t.Error("it was never killed")
			}
			t.Logf("killed before each of %d changes", changes-1)
		})
	}
}

// again does the deed that a killed process has begun.
func again(t *testing.T, dir, deed string, done bool, after map[string]bool) {
	t.Helper()
	if done {
		return
	}
	dir, _ = dies(t, dir, deed, 0)
	if got := seen(t, dir); !maps.Equal(got, after) {
		t.Errorf("done again, the token has %v", got)
	}
}
