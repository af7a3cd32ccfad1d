package mpp

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// try is a request that must be refused, and in one way with all others.
type try struct {
	what string
	body []byte
}

// expectRefused sends tries side by side, with one whose code nobody has: it shows what a
// refusal looks like here.
func (e eps) expectRefused(ctx context.Context, tries ...try) []conformance.Answer {
	GinkgoHelper()
	bodies := [][]byte{e.unknown().Sent()}
	for _, t := range tries {
		bodies = append(bodies, t.body)
	}
	answers := e.send(ctx, bodies...)
	refusal := e.beRefused(answers[0].Header)
	Expect(answers[0]).To(refusal, "a code that nobody has")
	for i, t := range tries {
		Expect(answers[i+1]).To(refusal, "%s", t.what)
	}
	return answers
}

// unknown is the request of a phone with a code that was never issued: no locator has a U,
// and no code more digits than are declared.
func (e eps) unknown() session {
	GinkgoHelper()
	c := *e.newUser()
	c.RegistrationCode = strings.Repeat("0", max(1, e.Declared().CodeDigits))
	if e.version == 1 {
		return e.literal(c)
	}
	c.RegistrationCode = "UUUUUUUU-" + c.RegistrationCode
	return e.request(c)
}

// beRefused matches an answer that is the uniform refusal of PROTOCOL.md §1.
func (e eps) beRefused(like http.Header) *uniform {
	return &uniform{like: like, size: e.size(), quantum: e.Declared().RefusalQuantum, stranger: e.unknown()}
}

type uniform struct {
	like     http.Header
	size     int // of the body
	quantum  time.Duration
	stranger session // any phone sees that an answer is none
	why      string
}

// Match is gomega's.
func (u *uniform) Match(actual any) (bool, error) {
	a, ok := actual.(conformance.Answer)
	if !ok {
		return false, fmt.Errorf("no answer but a %T", actual)
	}
	u.why = u.differs(a)
	return u.why == "", nil
}

func (u *uniform) differs(a conformance.Answer) string {
	switch _, err := u.stranger.Open(a.Body, time.Now()); {
	case a.Status != http.StatusOK:
		return fmt.Sprintf("HTTP %d", a.Status)
	case len(a.Body) != u.size:
		return fmt.Sprintf("%d bytes", len(a.Body))
	case err != oracle.BadShape:
		return "an answer that a phone can read"
	case headers(a.Header) != headers(u.like):
		return "other headers: " + headers(a.Header) + ", a code that nobody has gets " + headers(u.like)
	case a.Took < u.quantum:
		return fmt.Sprintf("off the grid: after %v, and refusals leave every %v", a.Took.Round(time.Millisecond), u.quantum)
	}
	return ""
}

// FailureMessage is gomega's.
func (u *uniform) FailureMessage(any) string { return "is not the uniform refusal but " + u.why }

// NegatedFailureMessage is gomega's.
func (u *uniform) NegatedFailureMessage(any) string { return "is the uniform refusal" }

// headers are those of an answer, the date apart, in one line.
func headers(h http.Header) string {
	var lines []string
	for name, values := range h {
		if name != "Date" {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, " | ")
}

// fewest is how many of the 256 byte values a random body has at least: 234.7 ± 4.2 are
// expected of 636 bytes, so that chance does not come near.
const fewest = 200

// expectRandom: refusals share nothing that would tell one from another.
func expectRandom(answers []conformance.Answer) {
	GinkgoHelper()
	seen := map[string]bool{}
	for _, a := range answers {
		Expect(seen).NotTo(HaveKey(string(a.Body)), "two refusals have the same body")
		seen[string(a.Body)] = true
		values := map[byte]bool{}
		for _, b := range a.Body {
			values[b] = true
		}
		Expect(len(values)).To(BeNumerically(">=", fewest), "byte values in the body of a refusal")
	}
}
