// Package scan looks at a listener from the network: which protocols it speaks, and which
// it should not. The assertions are those of the spec that calls it.
//
// Start at TLS.
package scan

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// callTime bounds one call.
const callTime = 20 * time.Second

// TLS expects a surface to speak TLS 1.2 or newer with a good suite, under a certificate
// that proves its address, and nothing else: neither plain HTTP nor older versions nor weak
// suites. False: the surface is not on the network.
func TLS(ctx context.Context, s conformance.Surface) bool {
	GinkgoHelper()
	u, err := url.Parse(s.URL)
	Expect(err).NotTo(HaveOccurred(), "address of %s", s.Name)
	if u.Host == "" {
		return false // a Unix socket
	}
	expectNoClearText(ctx, s, u)
	expectVersions(ctx, s, u.Host)
	expectStrongSuites(ctx, s, u.Host)
	expectKnownCertificate(ctx, s, u.Host)
	return true
}

// WeakSuites is how many cipher suites of TLS 1.2 without forward secrecy or authenticated
// encryption are offered.
func WeakSuites() int { return len(weak()) }

// Transport gives a copy of how a client connects.
func Transport(c *http.Client) *http.Transport {
	GinkgoHelper()
	t, ok := c.Transport.(*http.Transport)
	if !ok || t.TLSClientConfig == nil {
		conformance.Broken("the target's client does not show how it connects")
	}
	return t.Clone()
}

func expectNoClearText(ctx context.Context, s conformance.Surface, u *url.URL) {
	GinkgoHelper()
	plain := &http.Client{Timeout: callTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer plain.CloseIdleConnections()
	for _, r := range s.Routes {
		call, err := http.NewRequestWithContext(ctx, r.Method, "http://"+u.Host+r.Path, bytes.NewReader(r.Body))
		Expect(err).NotTo(HaveOccurred())
		if a, err := plain.Do(call); err == nil {
			a.Body.Close()
			Expect(a.StatusCode).To(BeNumerically(">=", 400), "%s answers plain HTTP", s.Name)
		}
	}
}

// shake connects and gives the version that was agreed on.
func shake(ctx context.Context, s conformance.Surface, host string, change func(*tls.Config)) (uint16, error) {
	GinkgoHelper()
	c := Transport(s.Stranger).TLSClientConfig
	change(c)
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", host)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().Version, nil
}

func expectVersions(ctx context.Context, s conformance.Surface, host string) {
	GinkgoHelper()
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11} {
		_, err := shake(ctx, s, host, func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.CipherSuites = version, version, append(weak(), strong()...)
		})
		Expect(err).To(HaveOccurred(), "%s speaks %s", s.Name, tls.VersionName(version))
	}
	version, err := shake(ctx, s, host, func(*tls.Config) {})
	Expect(err).NotTo(HaveOccurred(), "%s refuses TLS as it should be", s.Name)
	Expect(version).To(BeNumerically(">=", tls.VersionTLS12), "version that %s agrees on", s.Name)
}

func expectStrongSuites(ctx context.Context, s conformance.Surface, host string) {
	GinkgoHelper()
	_, err := shake(ctx, s, host, func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, weak() })
	Expect(err).To(HaveOccurred(), "%s takes a weak cipher suite", s.Name)
}

// weak are the suites of TLS 1.2 without forward secrecy or authenticated encryption,
// strong the others.
func weak() []uint16   { return suites(false) }
func strong() []uint16 { return suites(true) }

func suites(good bool) (ids []uint16) {
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		authenticated := strings.Contains(s.Name, "_GCM_") || strings.Contains(s.Name, "_CHACHA20_")
		if good == (authenticated && strings.HasPrefix(s.Name, "TLS_ECDHE_")) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// expectKnownCertificate: the certificate proves the address, and only to who knows its authority.
func expectKnownCertificate(ctx context.Context, s conformance.Surface, host string) {
	GinkgoHelper()
	_, err := shake(ctx, s, host, func(c *tls.Config) { c.RootCAs = x509.NewCertPool() })
	var unknown x509.UnknownAuthorityError
	Expect(errors.As(err, &unknown)).To(BeTrue(), "a client that does not know the authority of %s", s.Name)
	_, err = shake(ctx, s, host, func(c *tls.Config) { c.ServerName = "eps.invalid" })
	var name x509.HostnameError
	Expect(errors.As(err, &name)).To(BeTrue(), "a client that looks for another host than %s", s.Name)
	address, _, err := net.SplitHostPort(host)
	Expect(err).NotTo(HaveOccurred())
	_, err = shake(ctx, s, host, func(c *tls.Config) { c.ServerName = address })
	Expect(err).NotTo(HaveOccurred(), "the certificate of %s does not name its address", s.Name)
}
