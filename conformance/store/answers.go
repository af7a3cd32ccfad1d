package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/hunt"
)

// answers: what the API tells after the enrolment.
func answers(w *world) {
	It("tells no secret by status, audit or any other reading route", conformance.Claims("ST-2.1-e"), func(ctx SpecContext) {
		people := w.people(ctx)
		told := hunt.Place{Name: "the answers of the API"}
		tokens := 0
		for _, u := range people {
			if u.Token != "" {
				tokens++
				told.Data = slices.Concat(told.Data, hunt.Readings(ctx, w.Target, u.Token).Data, w.audited(ctx, u.Token))
			}
		}
		whole := hunt.Place{Name: "the whole audit", Data: w.audited(ctx, "")}
		hunt.ExpectInUse(people[0].Token, []hunt.Place{told}, []hunt.Place{whole})
		hunt.For(every(people, (*user).needles)...).ExpectNothing([]hunt.Place{whole, told})
		conformance.Observe("these were the answers of every reading route about each of %d tokens, and the audit, of each token and whole", tokens)
	})
	It("tells PIN and registration code once", conformance.Claims("ST-2.2.1-c"), func(ctx SpecContext) {
		u := w.enrol(ctx, conformance.EnrolRequest{})
		var refused *conformance.Refused
		_, err := w.enroller().Enrol(ctx, conformance.EnrolRequest{Service: u.Service, User: u.Name, PINDigits: pinDigits})
		Expect(errors.As(err, &refused)).To(BeTrue(), "a second enrolment of the user is not refused")
		Expect(refused.Status).To(Equal(http.StatusConflict), "status of a second enrolment")
		conformance.Observe("a second enrolment of the user is refused with 409")
		if !w.Capabilities()[conformance.CanSeeRoutes] {
			return
		}
		later := hunt.Place{Name: "a later answer of the API", Data: slices.Concat(w.again(ctx, u), hunt.Answers(ctx, w.Target, u.Token).Data)}
		hunt.ExpectInUse(u.Token, []hunt.Place{later})
		hunt.For(slices.Concat(u.pin(), u.codes())...).ExpectNothing([]hunt.Place{later})
		conformance.Observe("that answer, and those of every route about the token, also of those that change it, tell neither secret again")
	})
}

// again is the answer to the enrolment of a user who has a token.
func (w *world) again(ctx context.Context, u *user) []byte {
	GinkgoHelper()
	return w.named(ctx, "bank", u)
}

// named is what a surface answers about a user by those routes whose documented body names one.
func (w *world) named(ctx context.Context, of string, u *user) []byte {
	GinkgoHelper()
	var told []byte
	for _, surface := range w.Target.(conformance.Listeners).Surfaces() {
		for _, r := range surface.Routes {
			var body map[string]any
			if r.Safe || surface.Name != of || json.Unmarshal(r.Body, &body) != nil || body["user"] == nil {
				continue
			}
			body["service"], body["user"] = u.Service, u.Name
			r.Body, _ = json.Marshal(body) // it came from JSON
			told = append(told, hunt.Answer(ctx, surface, r)...)
		}
	}
	return told
}

// audited is the audit of a token, or all of it, as the auditor reads it.
func (w *world) audited(ctx context.Context, token string) []byte {
	GinkgoHelper()
	records, err := w.Target.(conformance.Auditor).Audit(ctx, token)
	Expect(err).NotTo(HaveOccurred(), "audit")
	var b bytes.Buffer
	for _, r := range records {
		fmt.Fprintf(&b, "%s %s %s %s\n", r.At, r.Event, r.Token, r.Detail)
	}
	return b.Bytes()
}
