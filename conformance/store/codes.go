package store

import (
	"context"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// Bounds that uniform draws break less than once in 10^20 runs: distinct values that each
// position has among the draws (of 32 letters, of 10 digits); and, less than once in 10^8,
// distinct codes of six digits or more.
const (
	draws           = 50
	leastLetters    = 8
	leastDigits     = 4
	leastOfAllCodes = draws - 2
)

// registration: what stands for a registration code in the database, and how codes are drawn.
func registration(w *world) {
	It("draws locators and codes anew in every position", conformance.Claims("ST-B6"), func(ctx SpecContext) {
		var locators, digits []string
		for _, u := range w.manyCodes(ctx) {
			locators, digits = append(locators, u.Locator()), append(digits, u.Digits())
		}
		l := expectVaried("the locators", locators, leastLetters)
		d := expectVaried("the codes", digits, leastDigits)
		Expect(distinct(locators)).To(Equal(draws), "different locators of %d enrolments", draws)
		Expect(distinct(digits)).To(BeNumerically(">=", leastOfAllCodes), "different codes of %d enrolments", draws)
		conformance.Observe("%d enrolments: in each position of the locators at least %d letters, of the codes at least %d digits", draws, l, d)
	})
	It("puts service, locator and code into the index", conformance.Claims("ST-B6"), func(ctx SpecContext) {
		many := w.manyCodes(ctx)
		if !w.Capabilities()[conformance.CanSeeObjects] {
			conformance.Observe("the index could not be computed again without the HSM's key")
			return
		}
		s := open(ctx, w.Target, "eps")
		idx, tables := s.secret("IDX"), w.tables(ctx)
		for _, u := range many {
			r := only(tables, "eps", "codes", "locator", u.Locator())
			want := s.mac(idx, encoded(u.Service, u.Locator(), []byte(u.Digits())))
			Expect(r["code_index"]).To(Equal(want), "the index of a code is not the HMAC under IDX of service, locator and code")
		}
		conformance.Observe("the indexes of %d codes are HMAC(IDX, service, locator, code)", len(many))
	})
}

// sealedCodes: what is kept of a code beside its index.
func sealedCodes(w *world) {
	It("keeps of a code beside the index what DBK encrypts, or nothing", conformance.Claims("ST-B6"), func(ctx SpecContext) {
		many, tables, f := w.manyCodes(ctx), w.tables(ctx), w.form()
		if f.code == nil {
			for _, u := range many {
				Expect(only(tables, "eps", "codes", "locator", u.Locator())["sealed"]).To(BeEmpty(), "bytes beside the index of a code")
			}
			conformance.Observe("beside the indexes of %d codes nothing is kept of them", len(many))
			return
		}
		if !w.Capabilities()[conformance.CanSeeObjects] {
			conformance.Observe("what is kept of a code could not be opened without the HSM")
			return
		}
		s, other := open(ctx, w.Target, "eps"), w.second(ctx)
		o := open(ctx, other, "eps")
		theirs, err := other.(conformance.Database).Dump(ctx)
		Expect(err).NotTo(HaveOccurred(), "dump of another EPS")
		ours, foreign := s.opened(f.dbk, f.dbk.blob(tables)), o.opened(f.dbk, f.dbk.blob(theirs))
		seen := map[string]bool{}
		for _, u := range many {
			sealed := only(tables, "eps", "codes", "locator", u.Locator())["sealed"]
			code, err := f.code(s, ours, sealed)
			Expect(err).NotTo(HaveOccurred(), "what is kept of a registration code does not open with DBK")
			Expect(string(code) == u.RegistrationCode).To(BeTrue(), "what DBK opens is not the registration code")
			wrong, err := f.code(o, foreign, sealed)
			Expect(err != nil || string(wrong) != u.RegistrationCode).To(BeTrue(), "another EPS's DBK opens a registration code")
			seen[string(sealed[:16])] = true
		}
		Expect(seen).To(HaveLen(len(many)), "different IVs of %d codes", len(many))
		conformance.Observe("%d codes rest encrypted by DBK, as §4 B6 has it, each under an IV of its own: DBK opens each to the code that the bank was told, and another EPS's DBK opens none; whoever has the database and one use of DBK has the codes that are live", len(many))
	})
}

// manyCodes gives new users, enrolled at the same time and the same for all specs.
func (w *world) manyCodes(ctx context.Context) []*user {
	GinkgoHelper()
	if w.drawn != nil {
		return w.drawn
	}
	many := make([]*user, draws)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() {
			defer GinkgoRecover()
			many[i] = w.enrol(ctx, conformance.EnrolRequest{})
		})
	}
	all.Wait()
	for _, u := range many {
		Expect(u).NotTo(BeNil(), "one of %d enrolments failed", draws)
	}
	w.drawn = many
	return many
}

// expectVaried counts the values in each position, and gives the smallest count.
func expectVaried(what string, texts []string, least int) int {
	GinkgoHelper()
	fewest := len(texts)
	for i := range texts[0] {
		var column []string
		for _, text := range texts {
			Expect(len(text)).To(Equal(len(texts[0])), "length of %s", what)
			column = append(column, text[i:i+1])
		}
		n := distinct(column)
		Expect(n).To(BeNumerically(">=", least), "different characters in position %d of %s", i+1, what)
		fewest = min(fewest, n)
	}
	return fewest
}

func distinct(texts []string) int {
	seen := map[string]bool{}
	for _, text := range texts {
		seen[text] = true
	}
	return len(seen)
}
