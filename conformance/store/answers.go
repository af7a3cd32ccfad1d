package store

import (
	"errors"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// answers: what the API tells after the enrolment.
func answers(w *world) {
	It("tells no secret by status, audit or any other reading route", conformance.Claims("ST-2.1-e"), func(ctx SpecContext) {
		people := w.people(ctx)
		var needles []needle
		told := place{name: "the answers of the API"}
		calls, tokens := 0, 0
		for _, u := range people {
			needles = append(needles, u.needles()...)
			if u.Token == "" {
				continue
			}
			tokens++
			for _, r := range w.routes(u.Token) {
				if r.Safe {
					told.data = append(told.data, w.call(ctx, r).whole...)
					calls++
				}
			}
			told.data = append(told.data, w.audited(ctx, u.Token)...)
		}
		conformance.Observe("%d answers of reading routes, and the audit of each of %d tokens", calls, tokens)
		whole := []place{{"the whole audit", w.audited(ctx, "")}}
		expectInUse(people[0].Token, []place{told}, whole)
		newHunt(needles...).expectNothing(append(whole, told))
	})
	It("tells PIN and registration code once", conformance.Claims("ST-2.2.1-c"), func(ctx SpecContext) {
		u := w.enrol(ctx, conformance.EnrolRequest{})
		h := newHunt(slices.Concat(u.pin(), u.codes())...)
		var refused *conformance.Refused
		_, err := w.enroller().Enrol(ctx, conformance.EnrolRequest{Service: u.service, User: u.name, PINDigits: pinDigits})
		Expect(errors.As(err, &refused)).To(BeTrue(), "a second enrolment of the user is not refused")
		Expect(refused.Status).To(Equal(http.StatusConflict), "status of a second enrolment")

		told := place{name: "a later answer of the API"}
		all := slices.Concat(w.again(u), w.routes(u.Token))
		for _, r := range all {
			told.data = append(told.data, w.call(ctx, r).whole...)
		}
		expectInUse(u.Token, []place{told})
		h.expectNothing([]place{told})
		conformance.Observe("a second enrolment of the user was refused with 409; %d further calls about the token, those that change it too, told neither secret again", len(all))
	})
}
