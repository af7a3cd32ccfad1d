package mpp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

func replayed(t conformance.Target) {
	It("takes no recording for a caller", conformance.Claims("RGS-RègleProtocole"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		s := e.request(c)
		e.expectAccepted(ctx, c, s, "the session that is recorded")
		e.expectRefused(ctx, try{"the same request again", s.Body})
		sessions := 0
		for _, s := range t.(conformance.Listeners).Surfaces() {
			right := certificate(s.Client)
			r := slices.IndexFunc(s.Routes, func(r conformance.Route) bool { return r.Safe && r.Client == nil })
			if right == nil || r < 0 {
				continue
			}
			sessions++
			expectTakesTwo(ctx, s, s.Routes[r], *right)
		}
		Expect(sessions).To(BeNumerically(">", 0), "listeners that ask for a certificate")
		conformance.Observe("a request of MPP, sent again as it was, got the uniform refusal; on %d listeners a certificate without its private key was refused, and a recorded TLS session got an alert and not a byte of an answer", sessions)
	})
}

// expectTakesTwo: what goes over a line once is good for that once.
func expectTakesTwo(ctx context.Context, s conformance.Surface, r conformance.Route, right tls.Certificate) {
	GinkgoHelper()
	stolen, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		conformance.Broken("a key: %v", err)
	}
	expectShown(ctx, s, r, right)
	copied := tls.Certificate{Certificate: right.Certificate, PrivateKey: stolen}
	expectTurnedAway(status(ctx, showing(s, copied), s, r), "the certificate of the caller without its private key, on %s", s.Name)

	tape := record(ctx, s, r)
	answer := play(ctx, s, tape)
	Expect(answer).NotTo(ContainElement(byte(recordData)), "a recorded session gets data from %s", s.Name)
	Expect(len(answer) == 0 || answer[len(answer)-1] == recordAlert).To(BeTrue(), "a recorded session ends with an alert of %s", s.Name)
}

// Types of TLS records (RFC 8446 §5.1). In TLS 1.2 they are in clear.
const (
	recordAlert = 21
	recordData  = 23
)

// record makes a call over TLS 1.2 and keeps all that the caller has sent.
func record(ctx context.Context, s conformance.Surface, r conformance.Route) []byte {
	GinkgoHelper()
	var tape tape
	d := dialer(s.Client)
	d.TLSClientConfig.MaxVersion, d.TLSClientConfig.NextProtos = tls.VersionTLS12, []string{"http/1.1"}
	d.ForceAttemptHTTP2, d.DisableKeepAlives = false, true
	d.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		return taped{conn, &tape}, err
	}
	answered := status(ctx, &http.Client{Transport: d, Timeout: callTime}, s, r)
	if answered == 0 {
		conformance.Block("%s does not speak TLS 1.2, the newest whose records can be told apart", s.Name)
	}
	Expect(answered).To(BeNumerically("<", 500), "the call to %s that is recorded", s.Name)
	return tape.bytes()
}

// tape keeps what a connection has sent.
type tape struct {
	mu   sync.Mutex
	sent []byte
}

func (t *tape) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.sent)
}

type taped struct {
	net.Conn
	tape *tape
}

func (t taped) Write(b []byte) (int, error) {
	t.tape.mu.Lock()
	t.tape.sent = append(t.tape.sent, b...)
	t.tape.mu.Unlock()
	return t.Conn.Write(b)
}

// play sends a tape to s, and gives the types of the records that come back.
func play(ctx context.Context, s conformance.Surface, tape []byte) (types []byte) {
	GinkgoHelper()
	u, err := url.Parse(s.URL)
	Expect(err).NotTo(HaveOccurred(), "address of %s", s.Name)
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", u.Host)
	Expect(err).NotTo(HaveOccurred(), "connection to %s", s.Name)
	defer conn.Close()
	Expect(conn.SetDeadline(time.Now().Add(callTime))).To(Succeed())
	_, _ = conn.Write(tape) // the other side may have had enough before the end
	answer, err := io.ReadAll(conn)
	Expect(errors.Is(err, os.ErrDeadlineExceeded)).To(BeFalse(), "%s keeps a recorded session open", s.Name)
	for len(answer) >= 5 {
		types = append(types, answer[0])
		answer = answer[min(len(answer), 5+int(answer[3])<<8+int(answer[4])):]
	}
	return types
}
