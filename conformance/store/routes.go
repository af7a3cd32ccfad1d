package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// routeOf is a documented route with its surface.
type routeOf struct {
	conformance.Route
	surface conformance.Surface
}

// anyToken is what a surface writes into the paths that name a token.
const anyToken = "00000000000000000000000000"

// routes are all documented ones, asked about a token: those that only read, then those
// that change it, revocation last.
func (w *world) routes(token string) []routeOf {
	var all []routeOf
	listeners, ok := w.Target.(conformance.Listeners)
	if !ok || !w.Capabilities()[conformance.CanSeeRoutes] {
		return nil
	}
	for _, surface := range listeners.Surfaces() {
		for _, r := range surface.Routes {
			if !r.Safe && !strings.Contains(r.Path, anyToken) {
				continue // of no token
			}
			r.Path = strings.ReplaceAll(r.Path, anyToken, token)
			all = append(all, routeOf{r, surface})
		}
	}
	slices.SortStableFunc(all, func(a, b routeOf) int { return rank(a) - rank(b) })
	return all
}

func rank(r routeOf) int {
	switch {
	case r.Safe:
		return 0
	case strings.HasSuffix(r.Path, "/revoke"):
		return 2
	}
	return 1
}

// again is the enrolment of a user, word for word, where its body can be read.
func (w *world) again(u *user) []routeOf {
	listeners, ok := w.Target.(conformance.Listeners)
	if !ok || !w.Capabilities()[conformance.CanSeeRoutes] {
		return nil
	}
	var all []routeOf
	for _, surface := range listeners.Surfaces() {
		for _, r := range surface.Routes {
			var body map[string]any
			if r.Safe || json.Unmarshal(r.Body, &body) != nil || body["user"] == nil || surface.Name != "bank" {
				continue
			}
			body["service"], body["user"] = u.service, u.name
			r.Body, _ = json.Marshal(body) // it came from JSON
			all = append(all, routeOf{r, surface})
		}
	}
	return all
}

// reply is an answer: its status, and all of it in one piece, header fields too.
type reply struct {
	status int
	body   []byte
	whole  []byte
}

func (w *world) call(ctx context.Context, r routeOf) reply {
	GinkgoHelper()
	q, err := http.NewRequestWithContext(ctx, r.Method, r.surface.URL+r.Path, bytes.NewReader(r.Body))
	Expect(err).NotTo(HaveOccurred())
	if r.ContentType != "" {
		q.Header.Set("Content-Type", r.ContentType)
	}
	client := r.Client
	if client == nil {
		client = r.surface.Client
	}
	a, err := client.Do(q)
	Expect(err).NotTo(HaveOccurred(), "%s of the %s listener", r.Method, r.surface.Name)
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	Expect(err).NotTo(HaveOccurred())
	return reply{a.StatusCode, body, fmt.Appendf(nil, "%s %v\n%s\n", a.Status, a.Header, body)}
}

// audited is the audit of a token, or all of it, as the auditor reads it.
func (w *world) audited(ctx context.Context, token string) []byte {
	GinkgoHelper()
	auditor, ok := w.Target.(conformance.Auditor)
	if !ok || !w.Capabilities()[conformance.CanReadAudit] {
		return nil
	}
	records, err := auditor.Audit(ctx, token)
	Expect(err).NotTo(HaveOccurred(), "audit")
	var b bytes.Buffer
	for _, r := range records {
		fmt.Fprintf(&b, "%s %s %s %s\n", r.At, r.Event, r.Token, r.Detail)
	}
	return b.Bytes()
}
