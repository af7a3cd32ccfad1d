package mutants

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/epsbench/epsbench/reference/server"
)

// provisioningCallers are the mutants of who gets in where, and how.
var provisioningCallers = []Mutant{
	{
		Name:   "the bank's routes are on the public listener",
		About:  "The public listener hands paths of the bank's interface on to it.",
		Claims: []string{"ST-2.1-b"},
		Reason: "of bank answers on public",
		Break:  mergedListeners,
	},
	{
		Name:   "everybody is an auditor",
		About:  "The audit's route does not look at the caller's role.",
		Claims: []string{"ST-2.2.2-c"},
		Reason: "asks for the audit",
		Break: takingCallersFor("bank", "bank-auditor", func(h http.Handler, r, as *http.Request, w http.ResponseWriter) {
			if r.URL.Path != "/v1/audit" {
				as = r
			}
			h.ServeHTTP(w, as)
		}),
	},
	{
		Name:   "the bank's listener acts before it asks",
		About:  "A call is carried out before its caller is looked at, and refused afterwards.",
		Claims: []string{"RGS-A2b2"},
		Reason: "the store has changed",
		Break: takingCallersFor("bank", "bank-issuer", func(h http.Handler, r, as *http.Request, w http.ResponseWriter) {
			h.ServeHTTP(unseen{}, as)
			h.ServeHTTP(w, r)
		}),
	},
	{
		Name:   "health for every certificate",
		About:  "The authentication server tells its health to who has any certificate of the authority.",
		Claims: []string{"RGS-A2b2"},
		Reason: "GET /v1/health on auth",
		Break: takingCallersFor("auth", "bank-validator", func(h http.Handler, r, as *http.Request, w http.ResponseWriter) {
			if r.URL.Path != "/v1/health" {
				as = r
			}
			h.ServeHTTP(w, as)
		}),
	},
	{
		Name:   "a name is enough on a certificate",
		About:  "The bank's listener does not ask which authority has signed a client's certificate.",
		Claims: []string{"RGS-A2b2"},
		Reason: "by a certificate of another authority",
		Break:  unverified,
	},
	{
		Name:   "TLS 1.0 is spoken",
		About:  "The listeners take versions from TLS 1.0 on, with a suite that it has.",
		Claims: []string{"ST-HS3"},
		Reason: "speaks TLS 1.0",
		Break: func(s *Seams) {
			s.TLS = func(_ string, c *tls.Config) {
				c.MinVersion = tls.VersionTLS10
				c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA)
			}
		},
	},
	{
		Name:   "a weak suite is left on",
		About:  "The listeners take a suite of TLS 1.2 without authenticated encryption.",
		Claims: []string{"ST-HS3"},
		Reason: "takes a weak cipher suite",
		Break: func(s *Seams) {
			s.TLS = func(_ string, c *tls.Config) {
				c.CipherSuites = append(c.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA)
			}
		},
	},
}

func mergedListeners(s *Seams) {
	var bank http.Handler // opened before the public one
	s.Wrap = func(listener string, h http.Handler) http.Handler {
		switch listener {
		case "bank":
			bank = h
		case "public":
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v1/") {
					bank.ServeHTTP(w, r)
					return
				}
				h.ServeHTTP(w, r)
			})
		}
		return h
	}
}

// takingCallersFor hands each call to a listener of bank or authentication server to f, as
// it is and as if the named certificate had made it.
func takingCallersFor(listener, name string, f func(h http.Handler, r, as *http.Request, w http.ResponseWriter)) func(*Seams) {
	return func(s *Seams) {
		var directory atomic.Value
		s.Config = func(c *server.Config) { directory.Store(filepath.Dir(c.Listeners.Bank.Clients)) }
		s.AuthConfig = func(c *server.AuthServerConfig) { directory.Store(filepath.Dir(c.Listeners.Auth.Clients)) }
		s.Wrap = on(listener, func(h http.Handler) http.Handler {
			known := readCertificate(filepath.Join(directory.Load().(string), name+".pem"))
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := bodyOf(r)
				as := r.Clone(r.Context())
				as.Body = io.NopCloser(bytes.NewReader(body))
				as.TLS = &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{known}}}
				f(h, r, as, w)
			})
		})
	}
}

// readCertificate panics where there is none: the mutant cannot be built then.
func readCertificate(path string) *x509.Certificate {
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	block, _ := pem.Decode(data)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		panic(err)
	}
	return c
}

func unverified(s *Seams) {
	s.TLS = func(listener string, c *tls.Config) {
		if listener == "bank" {
			c.ClientAuth = tls.RequestClientCert
		}
	}
	s.Wrap = on("bank", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
				r.TLS.VerifiedChains = [][]*x509.Certificate{r.TLS.PeerCertificates[:1]}
			}
			h.ServeHTTP(w, r)
		})
	})
}

// unseen is where an answer goes that nobody gets.
type unseen struct{}

func (unseen) Header() http.Header         { return http.Header{} }
func (unseen) Write(b []byte) (int, error) { return len(b), nil }
func (unseen) WriteHeader(int)             {}
