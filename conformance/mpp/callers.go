package mpp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/scan"
)

func callers(t conformance.Target) {
	It("does nothing for strangers, foreign certificates and callers without the role", conformance.Claims("RGS-A2b2"), func(ctx SpecContext) {
		surfaces := t.(conformance.Listeners).Surfaces()
		refused := 0
		expectUnchanged(ctx, t, func() {
			for _, s := range slices.DeleteFunc(slices.Clone(surfaces), func(s conformance.Surface) bool { return !private(s) }) {
				for _, r := range s.Routes {
					for name, c := range outsiders(surfaces, s) {
						refused++
						expectTurnedAway(status(ctx, c, s, r), "%s %s on %s by %s", r.Method, r.Path, s.Name, name)
					}
				}
			}
		})
		Expect(refused).To(BeNumerically(">", 0), "calls by outsiders")
		conformance.Observe("%d calls without a certificate, with the certificate of an unknown authority under the right name, and with those of other listeners' callers: refused in the handshake or with 401 or 403, and nothing changed in the store", refused)
	})
}

// private are the surfaces whose routes ask who is calling: all but the one for phones,
// where the registration code says it.
func private(s conformance.Surface) bool { return s.Name != "public" }

// outsiders may not call a surface: nobody, somebody of another authority who has the
// right name, and those whose certificate is for another surface.
func outsiders(surfaces []conformance.Surface, s conformance.Surface) map[string]*http.Client {
	GinkgoHelper()
	all := map[string]*http.Client{
		"a stranger":                         s.Stranger,
		"a certificate of another authority": pretender(s),
	}
	for _, other := range surfaces {
		if other.Client != nil && other.Client != s.Client && other.Client != other.Stranger {
			all["the client of "+other.Name] = other.Client
		}
	}
	return all
}

// ask makes the call of a route; the zero Answer stands for a connection that was refused.
func ask(ctx context.Context, c *http.Client, s conformance.Surface, r conformance.Route) conformance.Answer {
	GinkgoHelper()
	call, err := http.NewRequestWithContext(ctx, r.Method, s.URL+r.Path, bytes.NewReader(r.Body))
	Expect(err).NotTo(HaveOccurred())
	if r.ContentType != "" {
		call.Header.Set("Content-Type", r.ContentType)
	}
	a, err := exchange(c, call)
	if err != nil {
		return conformance.Answer{}
	}
	return a
}

func status(ctx context.Context, c *http.Client, s conformance.Surface, r conformance.Route) int {
	GinkgoHelper()
	return ask(ctx, c, s, r).Status
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// exchange makes a call and reads the answer.
func exchange(c *http.Client, r *http.Request) (conformance.Answer, error) {
	start := time.Now()
	resp, err := c.Do(r)
	if err != nil {
		return conformance.Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return conformance.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, Took: time.Since(start)}, err
}

// dialer gives a copy of how a client connects.
func dialer(c *http.Client) *http.Transport {
	GinkgoHelper()
	return scan.Transport(c)
}

// certificate is what a surface's client shows; nil: nothing.
func certificate(c *http.Client) *tls.Certificate {
	GinkgoHelper()
	if shown := dialer(c).TLSClientConfig.Certificates; len(shown) > 0 {
		return &shown[0]
	}
	return nil
}

// showing is a caller of s who shows another certificate, whatever authorities s names.
func showing(s conformance.Surface, c tls.Certificate) *http.Client {
	GinkgoHelper()
	t := dialer(s.Client)
	t.TLSClientConfig.Certificates = nil
	t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	DeferCleanup(t.CloseIdleConnections)
	return &http.Client{Transport: t, Timeout: callTime}
}

// expectTurnedAway wants a status that says so, or none: the handshake has failed.
func expectTurnedAway(status int, what string, args ...any) {
	GinkgoHelper()
	away := status == 0 || status == http.StatusUnauthorized || status == http.StatusForbidden
	Expect(away).To(BeTrue(), "%s: is refused, got HTTP %d", fmt.Sprintf(what, args...), status)
}

// expectShown is the other side of the refusals: the right certificate, shown in the
// same way, gets in.
func expectShown(ctx context.Context, s conformance.Surface, r conformance.Route, right tls.Certificate) {
	GinkgoHelper()
	Expect(status(ctx, showing(s, right), s, r)).To(And(BeNumerically(">=", 200), BeNumerically("<", 400)), "the right certificate on %s", s.Name)
}

// callTime bounds one call.
const callTime = 20 * time.Second

// pretender has a certificate with the subject of the right one, by an authority of his own.
func pretender(s conformance.Surface) *http.Client {
	GinkgoHelper()
	subject := pkix.Name{CommonName: "bank"}
	if right := certificate(s.Client); right != nil {
		leaf, err := x509.ParseCertificate(right.Certificate[0])
		Expect(err).NotTo(HaveOccurred(), "certificate of %s", s.Name)
		subject = leaf.Subject
	}
	forged, err := selfMade(subject)
	if err != nil {
		conformance.Broken("a certificate: %v", err)
	}
	return showing(s, forged)
}

// selfMade is a client certificate that is its own authority.
func selfMade(subject pkix.Name) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: subject, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
