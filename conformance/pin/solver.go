package pin

import (
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// The attacker of these specs has all that a phone stores, of a token with a PIN of four
// digits, and tries every PIN offline.
const (
	solvedDigits = 4
	solvedPINs   = 10_000
)

func solver(t conformance.Target, n size) {
	Describe("an attacker with the phone's data", Ordered, ContinueOnFailure, func() {
		var (
			victims []*holder // the first is attacked, the others show what is common to tokens
			all     *oracle.Candidates
		)
		BeforeAll(func(ctx SpecContext) {
			victims = holders(ctx, t, n.tokens, "solver", conformance.EnrolRequest{PINDigits: solvedDigits})
			var err error
			all, err = oracle.Solve(victims[0].Grant.Inner(), solvedDigits)
			Expect(err).NotTo(HaveOccurred(), "enumeration of the PINs")
		})
		It("is left with every PIN by every structural test", conformance.Claims("ST-6.1-d"), func() {
			distinct := all.Distinct(nil)
			Expect(distinct).To(Equal(solvedPINs), "different TOKs of all PINs of four digits")
			kept, filters := survivors(phones(victims), all)
			conformance.Observe("10,000 PINs give %d different TOKs; %d structures that keys may have are searched in what %d phones store and in their TOKs: %d rule PINs out, %d PINs survive",
				distinct, len(structures), len(victims), len(filters), kept)
			Expect(kept).To(Equal(solvedPINs), "PINs that survive a test for what all right TOKs have: %s", strings.Join(filters, ", "))
			control()
		})
		It("is left with as many PINs as theory says after one and two OTPs", conformance.Claims("ST-6.1-d"), func() {
			expectTheory(victims, all)
		})
		It("gets an OTP of one form from every PIN", conformance.Claims("ST-6.1-b", "ST-6.1-d"), func() {
			h := victims[0]
			different := map[string]bool{}
			for _, otp := range all.OTPs(h.Suite, h.Next) {
				Expect(otp).To(MatchRegexp(`^[0-9]{%d}$`, h.Suite.Digits), "form of the OTP of a PIN")
				different[otp] = true
			}
			conformance.Observe("each of 10,000 PINs gives an OTP of %d digits, %d of them different", h.Suite.Digits, len(different))
			Expect(len(different)).To(BeNumerically(">", solvedPINs*9/10), "different OTPs of all PINs")
		})
	})
}

// phone is what an attacker has, and what the PIN makes of it, which he does not have.
type phone struct {
	oracle.Inner
	right oracle.Candidate
}

func phoneOf(in oracle.Inner, pin string) phone {
	GinkgoHelper()
	right, err := in.Candidate(pin)
	Expect(err).NotTo(HaveOccurred(), "TOK on the phone")
	return phone{in, right}
}

func (h *holder) phone() phone { return phoneOf(h.Grant.Inner(), h.PIN) }

func phones(hs []*holder) []phone {
	var all []phone
	for _, h := range hs {
		all = append(all, h.phone())
	}
	return all
}

// survivors is the number of PINs that no structure rules out, and the names of those that
// rule some out. A structure is of use to an attacker when the right TOKs of all tokens
// have it.
func survivors(victims []phone, all *oracle.Candidates) (kept int, filters []string) {
	GinkgoHelper()
	common := slices.DeleteFunc(slices.Concat(structures, constants(victims)), func(s structure) bool {
		return !every(victims, func(v phone) bool { return s.holds(v.Inner, v.right) })
	})
	holds := func(s structure, c oracle.Candidate) bool { return s.holds(victims[0].Inner, c) }
	for _, s := range common {
		if all.Count(func(c oracle.Candidate) bool { return holds(s, c) }) < solvedPINs {
			filters = append(filters, s.name)
		}
	}
	kept = all.Count(func(c oracle.Candidate) bool {
		return every(common, func(s structure) bool { return holds(s, c) })
	})
	return kept, filters
}
