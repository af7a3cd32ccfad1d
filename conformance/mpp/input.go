package mpp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sync/errgroup"

	"github.com/epsbench/epsbench/conformance"
)

func input(t conformance.Target) {
	It("answers bad input on every route without a word too many", conformance.Claims("ST-6.5-M2"), func(ctx SpecContext) {
		var bad []badCall
		routes := 0
		surfaces := surfacesOf(ctx, t)
		for _, s := range surfaces {
			for _, r := range s.Routes {
				routes++
				bad = append(bad, badCalls(s, r)...)
			}
		}
		e := open(t)
		like := map[int]http.Header{0: refusalOf(ctx, surfaces)} // activation has no version of MPP
		for _, v := range []int{1, 2} {
			if e.serves(v) {
				like[v] = e.as(v).send(ctx, e.as(v).unknown().Sent())[0].Header
			}
		}
		expectUnchanged(ctx, t, func() {
			answers := make([]conformance.Answer, len(bad))
			var group errgroup.Group
			group.SetLimit(inFlight)
			for i, b := range bad {
				group.Go(func() (err error) { answers[i], err = b.make(ctx); return err })
			}
			Expect(group.Wait()).To(Succeed(), "a call with bad input got no answer")
			for i, b := range bad {
				b.expectNothingTold(answers[i], e.as(b.mpp), like[b.mpp])
			}
		})
		conformance.Observe("%d calls with bad input on %d routes: each got a problem document of 4xx, or the uniform refusal of the routes of phones; no answer had a stack trace, and nothing changed in the store",
			len(bad), routes)
	})
}

// badCall is one call that must fail and leave no trace.
type badCall struct {
	what                   string
	client                 *http.Client
	method, url, mediaType string
	header                 http.Header
	body                   []byte
	mpp                    int
	activation             bool
}

// tooLarge is above the limit of every listener, in bytes.
const tooLarge = 100_000

// badCalls are the ways to call a route wrongly.
func badCalls(s conformance.Surface, r conformance.Route) []badCall {
	call := badCall{client: caller(s, r), method: r.Method, url: s.URL + r.Path, mediaType: r.ContentType, mpp: r.MPP, activation: r.Activation}
	name := func(what string) string { return fmt.Sprintf("%s %s on %s with %s", r.Method, r.Path, s.Name, what) }
	var all []badCall
	add := func(what string, change func(*badCall)) {
		c := call
		c.what = name(what)
		change(&c)
		all = append(all, c)
	}
	for what, body := range badBodies(r) {
		add(what, func(c *badCall) { c.body = body })
	}
	if r.ContentType != "" {
		add("another content type", func(c *badCall) { c.mediaType, c.body = "text/plain", r.Body })
		add("no content type", func(c *badCall) { c.mediaType, c.body = "", r.Body })
		add("a compressed body", func(c *badCall) { c.header, c.body = http.Header{"Content-Encoding": {"gzip"}}, r.Body })
	}
	if r.ContentType != "application/cbor" {
		add("a query that means nothing", func(c *badCall) { c.url += "?%00=%ff'--&a=1&a=2"; c.body = badQueryBody(r) })
	}
	for _, path := range []string{"/%00", "/..%2f..", "/%ff%fe", "//", "/' OR 1=1--"} {
		add("more behind the path", func(c *badCall) { c.url += strings.ReplaceAll(path, " ", "%20") })
	}
	return all
}

// badQueryBody makes a call fail by its body too where its query may be overlooked.
func badQueryBody(r conformance.Route) []byte {
	if r.Body == nil {
		return nil
	}
	return []byte("{")
}

// badBodies are bodies that a route must not take; of one without a body: any.
func badBodies(r conformance.Route) map[string][]byte {
	large := bytes.Repeat([]byte{' '}, tooLarge)
	switch r.ContentType {
	case "application/json":
		return map[string][]byte{
			"no body": nil, "half a body": r.Body[:len(r.Body)/2], "no object": []byte("[1,2]"), "null": []byte("null"),
			"a field twice": twice(r.Body), "a field that is unknown": with(r.Body, `"no-such-field":1`),
			"a body too large": slices.Concat(large, r.Body), "text behind the object": append(slices.Clone(r.Body), " {}"...),
			"bytes that are no UTF-8": with(r.Body, "\"user\":\"\xff\xfe\""), "a byte order mark": append([]byte("\xef\xbb\xbf"), r.Body...),
			"a thousand nested arrays": bytes.Repeat([]byte("["), 1000), "zeros": make([]byte, 64),
			"a field of another type": with(nil, `"service":{"a":1},"user":[],"token":7`),
		}
	case "application/cbor":
		bodies := map[string][]byte{"zeros": make([]byte, 64), "a body too large": large}
		for _, t := range respelt(encode([]any{encode([]any{"epsbench-mpp", 2}), make([]byte, 48)})) {
			bodies[t.what] = t.body
		}
		return bodies
	}
	return map[string][]byte{"a body": []byte("{}"), "a body too large": large}
}

// with adds a field to an object.
func with(object []byte, field string) []byte {
	inner := strings.TrimSuffix(strings.TrimPrefix(string(object), "{"), "}")
	if inner == "" {
		return []byte("{" + field + "}")
	}
	return []byte("{" + inner + "," + field + "}")
}

// twice repeats the first field of an object with another value.
func twice(object []byte) []byte {
	decoder := json.NewDecoder(bytes.NewReader(object))
	for range 2 { // the brace, the first name
		if name, err := decoder.Token(); err == nil {
			if text, ok := name.(string); ok {
				return with(object, fmt.Sprintf("%q:%q", text, "another value"))
			}
		}
	}
	return with(object, `"a":1,"a":2`)
}

func (b badCall) make(ctx SpecContext) (conformance.Answer, error) {
	r, err := http.NewRequestWithContext(ctx, b.method, b.url, bytes.NewReader(b.body))
	if err != nil {
		return conformance.Answer{}, fmt.Errorf("%s: %w", b.what, err)
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	if b.mediaType != "" {
		r.Header.Set("Content-Type", b.mediaType)
	}
	return exchange(b.client, r)
}

// expectNothingTold: a problem document, or what every refused phone gets.
func (b badCall) expectNothingTold(a conformance.Answer, e eps, refusal http.Header) {
	GinkgoHelper()
	if a.Status == http.StatusOK && b.mediaType == "application/cbor" {
		refused := e.beRefused(refusal)
		if b.activation {
			refused = e.refusedActivation(refusal)
		}
		Expect(a).To(refused, "%s", b.what)
		return // random bytes, in which any text may stand
	}
	for _, trace := range []string{"goroutine ", ".go:", "panic", "runtime error", "SQL", "CKR_"} {
		Expect(bytes.Contains(a.Body, []byte(trace))).To(BeFalse(), "%s: the answer has %q in it, as a stack trace or an inner error would", b.what, trace)
	}
	expectProblem(a, b.what, 0)
}

// expectProblem wants a problem document (RFC 9457) of a status, or of any 4xx for 0.
func expectProblem(a conformance.Answer, what string, status int) {
	GinkgoHelper()
	if status == 0 {
		Expect(a.Status).To(And(BeNumerically(">=", 400), BeNumerically("<", 500)), "%s: status of the answer", what)
		status = a.Status
	}
	Expect(a.Status).To(Equal(status), "%s: status of the answer", what)
	Expect(strings.HasPrefix(a.Header.Get("Content-Type"), "application/problem+json")).To(BeTrue(), "%s: the answer is a problem document", what)
	var document struct {
		Type, Title string
		Status      int
	}
	Expect(json.Unmarshal(a.Body, &document)).To(Succeed(), "%s: the problem document", what)
	Expect(document.Status).To(Equal(status), "%s: status in the problem document", what)
	Expect(document.Title).NotTo(BeEmpty(), "%s: title of the problem document", what)
}
