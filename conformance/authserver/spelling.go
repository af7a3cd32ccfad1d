package authserver

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// digits writes an OTP in digits that begin at another zero.
func digits(zero rune) func(string) string {
	return func(otp string) string {
		return strings.Map(func(r rune) rune { return zero + r - '0' }, otp)
	}
}

// spellings are texts that somebody who trims, converts or normalises takes for the OTP.
var spellings = []struct {
	what  string
	spell func(otp string) string
}{
	{"a space before it", func(otp string) string { return " " + otp }},
	{"a space behind it", func(otp string) string { return otp + " " }},
	{"a space within", func(otp string) string { return otp[:3] + " " + otp[3:] }},
	{"a tab and a newline", func(otp string) string { return "\t" + otp + "\n" }},
	{"a no-break space", func(otp string) string { return otp + "\u00a0" }},
	{"a zero-width space", func(otp string) string { return otp + "\u200b" }},
	{"a byte order mark", func(otp string) string { return "\ufeff" + otp }},
	{"a plus sign", func(otp string) string { return "+" + otp }},
	{"a hyphen within", func(otp string) string { return otp[:3] + "-" + otp[3:] }},
	{"a zero before it", func(otp string) string { return "0" + otp }},
	{"NUL behind it", func(otp string) string { return otp + "\x00" }},
	{"a decimal point", func(otp string) string { return otp + ".0" }},
	{"full-width digits", digits('０')},
	{"Arabic digits", digits('٠')},
	{"mathematical digits", digits('𝟎')},
}

// names are other spellings of a user's name.
var names = []struct {
	what  string
	spell func(name string) string
}{
	{"capitals", strings.ToUpper},
	{"a space behind it", func(name string) string { return name + " " }},
	{"full-width letters", func(name string) string { return strings.Replace(name, "a", "ａ", 1) }},
	{"a combining accent", func(name string) string { return name[:1] + "\u0300" + name[1:] }},
	{"NUL behind it", func(name string) string { return name + "\x00" }},
}

// spelling: an OTP has one spelling, and so has a user.
func spelling(t conformance.Target) {
	It("takes an OTP in its one spelling", conformance.Claims("ATK-09"), func(ctx SpecContext) {
		conformance.Together(len(spellings), func(i int) bool {
			s, u := spellings[i], fresh(ctx, t, hotp, first)
			Expect(u.validates(ctx, u.otp(first))).To(BeTrue(), "the right OTP is refused")
			Expect(u.validates(ctx, s.spell(u.otp(first)))).To(BeFalse(), "a used OTP, with %s, is accepted", s.what)
			Expect(u.validates(ctx, s.spell(u.otp(first+1)))).To(BeFalse(), "an unused OTP, with %s, is accepted", s.what)
			Expect(u.validates(ctx, u.otp(first))).To(BeFalse(), "a used OTP is accepted")
			return u.validates(ctx, u.otp(first+1))
		})
		conformance.Observe("used and unused OTPs in %d other spellings, each on a token of its own, are refused", len(spellings))
	})
	It("takes a user in his one spelling", conformance.Claims("ATK-09"), func(ctx SpecContext) {
		limit := declared(t).LockAfter
		conformance.Together(len(names), func(i int) bool {
			n, u := names[i], fresh(ctx, t, hotp, first)
			other := *u
			other.seed.User = n.spell(u.seed.User)
			Expect(other.validates(ctx, u.otp(first))).To(BeFalse(), "the OTP is accepted for the user's name in %s", n.what)
			for _, otp := range u.wrong(first, limit) {
				other.validates(ctx, otp)
			}
			Expect(u.validates(ctx, u.otp(first))).To(BeTrue(), "failures under the user's name in %s are counted against him", n.what)
			return true
		})
		conformance.Observe("OTPs under %d other spellings of a user's name are refused, and %d failures under each leave him unblocked", len(names), limit)
	})
}
