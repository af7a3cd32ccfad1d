package authserver

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// everyTime is more aborts than any server has patience for.
const everyTime = 1 << 20

// expectCountedAgain has each failure's transaction taken back when it has counted; then every
// transaction, so that nothing can be counted.
func expectCountedAgain(ctx context.Context, t conformance.Target) {
	GinkgoHelper()
	db, limit := t.(conformance.Aborter), declared(t).LockAfter
	DeferCleanup(func() { db.Abort(0) })
	fail := func(u *seeded, n int) {
		for _, otp := range u.wrong(first, n) {
			db.Abort(1)
			Expect(u.validates(ctx, otp)).To(BeFalse(), "a wrong OTP is accepted")
			if db.Aborted() != 1 {
				conformance.Broken("a wrong OTP came to no commit, so none was taken back")
			}
		}
	}
	u, patient := fresh(ctx, t, hotp, first), fresh(ctx, t, hotp, first)
	fail(u, limit)
	fail(patient, limit-1)
	Expect(u.validates(ctx, u.otp(first))).To(BeFalse(), "after %d failures whose transactions were taken back the right OTP is accepted", limit)
	Expect(patient.validates(ctx, patient.otp(first))).To(BeTrue(), "after %d failures whose transactions were taken back the right OTP is refused", limit-1)

	guesser, knower := fresh(ctx, t, hotp, first), fresh(ctx, t, hotp, first)
	otps := []string{guesser.wrong(first, 1)[0], knower.otp(first)}
	db.Abort(everyTime)
	answers := conformance.Together(len(otps), func(i int) answer { return []*seeded{guesser, knower}[i].asked(ctx, otps[i]) })
	wrong, right := answers[0], answers[1]
	tries := db.Aborted()
	db.Abort(0)
	Expect(right.accepted).To(BeFalse(), "an OTP is accepted whose use could not be written")
	Expect(conformance.Public(right.status())).To(Equal(conformance.Public(wrong.status())), "answer to the right OTP, and to a wrong one, where neither can be written")
	conformance.Observe("%d failures block a token though the transaction of each was rolled back after it had counted, %d do not; where all of %d transactions are rolled back, right and wrong OTPs get HTTP %s alike, so that what is not counted tells nothing", limit, limit-1, tries, right.status())
}

// answers has a challenge put to the holder, and responds rightly.
func (h holder) answers(ctx context.Context) bool {
	GinkgoHelper()
	c := h.asked(ctx)
	return h.takes(ctx, c.ID, "", h.response(c.Question, ""))
}

// fails responds wrongly.
func (h holder) fails(ctx context.Context) {
	GinkgoHelper()
	c := h.asked(ctx)
	Expect(h.takes(ctx, c.ID, "", another(h.response(c.Question, "")))).To(BeFalse(), "a wrong response is accepted")
}
