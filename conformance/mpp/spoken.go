package mpp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// soundsAlike sends each request that is refused on a connection of its own, and a good one
// behind it: so the answer is compared with a grant's, and has left the connection open.
func (e eps) soundsAlike(ctx context.Context) {
	used := e.enrol(ctx)
	e.expectDelivered(ctx, used, "a code to be used again")
	tries := append(e.wrongCodes(e.enrol(ctx), 1),
		try{"a code that nobody has", e.unknown().Sent()},
		try{"what is no request", []byte("no request")},
		try{"a used code", e.request(used).Body})
	var talks []func()
	for _, t := range tries {
		line, good := e.connect(ctx), e.request(e.enrol(ctx)).Body
		talks = append(talks, func() {
			refusal := line.head(t.what, t.body)
			grant := line.head("a grant after "+t.what, good)
			Expect(conformance.Public(refusal)).To(Equal(conformance.Public(grant)), "%s: head of the answer over HTTP/1.1, as for a grant", t.what)
		})
	}
	sideBySide(talks...)
	conformance.Observe("%d refusals over HTTP/1.1, each with a grant behind it on the same connection: the same status line and the same header lines in spelling and order, the date apart, and the connection stays open", len(tries))
}

// line is a connection to the public listener on which HTTP/1.1 is spoken without a library
// that would tidy the answers.
type line struct {
	net.Conn
	host, path, contentType string
	heard                   *bytes.Buffer // of the answer that is read
	reader                  *bufio.Reader
}

// connect finds the route of phones, the one with a body on the public surface.
func (e eps) connect(ctx context.Context) *line {
	GinkgoHelper()
	listeners, ok := e.Target.(conformance.Listeners)
	if !ok || !e.Capabilities()[conformance.CanSeeRoutes] {
		conformance.Block("needs %s", conformance.CanSeeRoutes)
	}
	for _, s := range listeners.Surfaces() {
		for _, r := range s.Routes {
			if r.MPP != 2 {
				continue
			}
			u, err := url.Parse(s.URL)
			Expect(err).NotTo(HaveOccurred(), "address of %s", s.Name)
			c := dialer(s.Stranger).TLSClientConfig
			c.NextProtos = []string{"http/1.1"}
			conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: callTime}, Config: c}).DialContext(ctx, "tcp", u.Host)
			Expect(err).NotTo(HaveOccurred(), "a connection for HTTP/1.1")
			DeferCleanup(conn.Close)
			heard := &bytes.Buffer{}
			return &line{conn, u.Host, r.Path, r.ContentType, heard, bufio.NewReader(io.TeeReader(conn, heard))}
		}
	}
	conformance.Broken("the public surface has no route that takes a body")
	return nil
}

// head posts a body and gives the head of the answer as it came, without the date.
func (l *line) head(what string, body []byte) string {
	GinkgoHelper()
	l.heard.Reset()
	Expect(l.SetDeadline(time.Now().Add(callTime))).To(Succeed())
	_, err := fmt.Fprintf(l, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", l.path, l.host, l.contentType, len(body), body)
	Expect(err).NotTo(HaveOccurred(), "%s: the connection is closed", what)
	answer, err := http.ReadResponse(l.reader, nil)
	Expect(err).NotTo(HaveOccurred(), "%s: no answer, the connection is closed", what)
	_, err = io.Copy(io.Discard, answer.Body)
	Expect(err).NotTo(HaveOccurred(), "%s: the body of the answer", what)
	head, _, _ := strings.Cut(l.heard.String(), "\r\n\r\n")
	var lines []string
	for text := range strings.SplitSeq(head, "\r\n") {
		if !strings.HasPrefix(strings.ToLower(text), "date:") {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, " | ")
}
