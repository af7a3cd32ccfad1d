package pki

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dev makes a development PKI and gives a function from names to paths in it.
func dev(t *testing.T) func(string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pki")
	if err := Create(dir, time.Now(), "eps.example"); err != nil {
		t.Fatal(err)
	}
	return func(name string) string { return filepath.Join(dir, name) }
}

// listen starts a server of the PKI that tells each caller who it is.
func listen(t *testing.T, in func(string) string) *httptest.Server {
	t.Helper()
	roles, err := LoadRoles(in(RolesFile))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.VerifiedChains) == 0 {
			fmt.Fprint(w, "nobody")
			return
		}
		caller := roles.Of(r.TLS.VerifiedChains[0][0])
		fmt.Fprint(w, caller.Name, caller.Roles)
	}))
	if s.TLS, err = ServerTLS(in("eps.pem"), in("eps.key"), in("ca.pem")); err != nil {
		t.Fatal(err)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func TestEveryLeafIsWhoItsCertificateSays(t *testing.T) {
	in := dev(t)
	s := listen(t, in)
	for _, l := range leaves {
		if len(l.roles) == 0 {
			continue
		}
		c, err := Client(in("ca.pem"), in(l.name+".pem"), in(l.name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, c, s.URL); got != fmt.Sprint(l.name, l.roles) {
			t.Errorf("%s is taken for %s", l.name, got)
		}
	}
	stranger, err := Client(in("ca.pem"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, stranger, s.URL); got != "nobody" {
		t.Errorf("a stranger is taken for %s", got)
	}
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

func TestACertificateOfAnotherAuthorityIsRefused(t *testing.T) {
	in, other := dev(t), dev(t)
	s := listen(t, in)
	c, err := Client(in("ca.pem"), other("bank-issuer.pem"), other("bank-issuer.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(s.URL); err == nil {
		t.Error("accepted")
	}
}

func TestAServerCertificateIsNoClient(t *testing.T) {
	in := dev(t)
	s := listen(t, in)
	c, err := Client(in("ca.pem"), in("eps.pem"), in("eps.key"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(s.URL); err == nil {
		t.Error("accepted")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	in := dev(t)
	s := listen(t, in)
	pool, _ := LoadCA(in("ca.pem"))
	_, err := tls.Dial("tcp", s.Listener.Addr().String(), &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	in := dev(t)
	files, err := os.ReadDir(in(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, _ := f.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", f.Name(), info.Mode().Perm())
		}
	}
	if len(files) != 2*len(leaves)+3 {
		t.Errorf("%d files", len(files))
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	in := dev(t)
	if err := Create(in(""), time.Now()); err == nil {
		t.Error("a second PKI was made over the first")
	}
}

func TestRolesByFingerprint(t *testing.T) {
	c := &x509.Certificate{Raw: []byte("a certificate")}
	sum := sha256.Sum256(c.Raw)
	colons := strings.ToUpper(strings.TrimSuffix(strings.ReplaceAll(fmt.Sprintf("% x", sum), " ", ":"), ":"))
	r, err := parseRoles([]byte("certificates:\n- sha256: " + colons + "\n  roles: [admin]\n- subject: other\n  roles: [issuer]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if caller := r.Of(c); !caller.Is(Admin) || caller.Is(Issuer, Auditor) {
		t.Errorf("got %+v", caller)
	}
	if caller := r.Of(&x509.Certificate{Raw: []byte("another")}); len(caller.Roles) != 0 {
		t.Errorf("another certificate has %v", caller.Roles)
	}
}

func TestRoleTablesAreStrict(t *testing.T) {
	for text, want := range map[string]string{
		"certificates:\n- subjekt: a\n  roles: [admin]\n":                                   `line 2: unknown field "subjekt"; did you mean "subject"?`,
		"certificates:\n- subject: a\n  roles: [root]\n":                                    `certificate 1: unknown role "root"`,
		"certificates:\n- subject: a\n  roles: []\n":                                        `certificate 1: no roles`,
		"certificates:\n- roles: [admin]\n":                                                 `certificate 1: want either subject or sha256`,
		"certificates:\n- sha256: abcd\n  roles: [admin]\n":                                 `certificate 1: sha256: want 64 hexadecimal digits`,
		"certificates:\n- {subject: a, roles: [admin]}\n- {subject: a, roles: [auditor]}\n": `certificate 2: is there twice`,
		"certificates:\n- {subject: a, roles: [admin]}\n---\ncertificates: []\n":            `more than one document`,
	} {
		if _, err := parseRoles([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q\n got %v\nwant %s", text, err, want)
		}
	}
}

// FuzzRoles: a table that is accepted gives no role to an unknown certificate.
func FuzzRoles(f *testing.F) {
	f.Add([]byte("certificates:\n- subject: a\n  roles: [admin]\n"))
	f.Add([]byte("certificates:\n- sha256: \"\"\n  roles: [admin]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRoles(data)
		if err != nil {
			return
		}
		if got := r.Of(&x509.Certificate{Raw: []byte("unknown")}); len(got.Roles) > 0 {
			t.Fatalf("an unknown certificate got %v", got.Roles)
		}
	})
}
