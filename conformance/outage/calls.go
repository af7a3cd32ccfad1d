package outage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/epsbench/epsbench/conformance"
)

const (
	ok          = http.StatusOK
	unavailable = http.StatusServiceUnavailable
)

// attempt is one call that is made while a part is away.
type attempt struct {
	name  string
	needs bool // the part that is away: the call cannot succeed
	make  func(ctx context.Context) (conformance.Answer, error)
	// done is told of an answer that acknowledges, refusal of every other: it says what is
	// wrong with that.
	done, refusal func(conformance.Answer) error
	grants        func(conformance.Answer) bool // says whether an answer acknowledges; nil: its status does

	answer conformance.Answer
	err    error
	took   time.Duration
}

// late is how much longer than enough a call is waited for: so that one given up is seen to
// be late.
const late = 200 * time.Millisecond

// all makes every call at once, and waits for all, but not for ever.
func all(ctx context.Context, attempts []*attempt, enough time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, enough+late)
	defer cancel()
	var under sync.WaitGroup
	for _, a := range attempts {
		under.Go(func() {
			start := time.Now()
			a.answer, a.err = a.make(ctx)
			a.took = time.Since(start)
		})
	}
	under.Wait()
}

// acknowledged says whether the call was.
func (a *attempt) acknowledged() bool {
	if a.grants != nil {
		return a.grants(a.answer)
	}
	return a.answer.Status < 300
}

// post makes a call at a listener, as whoever may make it there.
func (s *site) post(ctx context.Context, listener, path string, body any) (conformance.Answer, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return conformance.Answer{}, err
	}
	return s.exchange(ctx, listener, http.MethodPost, path, text)
}

func (s *site) exchange(ctx context.Context, listener, method, path string, body []byte) (a conformance.Answer, err error) {
	i := slices.IndexFunc(s.target.Surfaces(), func(f conformance.Surface) bool { return f.Name == listener })
	if i < 0 {
		return a, fmt.Errorf("no listener is called %q", listener)
	}
	surface := s.target.Surfaces()[i]
	client := surface.Client
	for _, r := range surface.Routes {
		if r.Path == path && r.Client != nil {
			client = r.Client
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, surface.URL+path, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := client.Do(r)
	if err != nil {
		return a, err
	}
	a = conformance.Answer{Status: answer.StatusCode, Header: answer.Header}
	a.Body, err = io.ReadAll(answer.Body)
	if closed := answer.Body.Close(); err == nil {
		err = closed
	}
	return a, err
}

// document tells what is wrong with the answer to a call that could not be carried out: it
// is to be a problem document (RFC 9457) of status 503, with a trace id and nothing of what
// went wrong inside.
func document(a conformance.Answer) error { return refusal(a, false) }

// refusal is document, or with anyStatus the same of every status of a refusal: an HSM that
// computes something else than it is asked makes a server take its own rows for forged.
func refusal(a conformance.Answer, anyStatus bool) error {
	var p struct {
		Type, Title, Detail string
		Status              int
		TraceID             string
	}
	switch {
	case a.Status != unavailable && !(anyStatus && a.Status >= http.StatusBadRequest):
		return fmt.Errorf("the answer has status %d, not 503", a.Status)
	case a.Header.Get("Content-Type") != "application/problem+json" || json.Unmarshal(a.Body, &p) != nil:
		return fmt.Errorf("the answer is no problem document")
	case p.Type == "" || p.Title == "" || p.Status != a.Status:
		return fmt.Errorf("the problem document lacks a type, a title or its status")
	case !traceID.MatchString(p.TraceID):
		return fmt.Errorf("the problem document has no trace id")
	}
	return clean(a.Body)
}

var traceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// inner are words of errors from inside: of PKCS#11, drivers, networks and files.
var inner = []string{"ckr_", "pkcs11", "0x", "sqlite", "sql:", "mysql", "mariadb", "dial ", "tcp", "connection refused", "readonly", "read-only",
	"disk", "locked", "deadline", "session", "@", "/", ".go:", "goroutine"}

// clean tells whether an answer to a caller says anything of them.
func clean(body []byte) error {
	text := strings.ToLower(string(body))
	for _, word := range inner {
		if strings.Contains(text, word) {
			return fmt.Errorf("the answer tells something of the inside: %q", word)
		}
	}
	return nil
}
