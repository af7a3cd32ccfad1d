package pin

import (
	"regexp"
	"strconv"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/conformance"
)

// kinds are the tokens of the properties: "for any token".
var kinds = []conformance.EnrolRequest{
	{},
	{Suite: "HOTP-SHA1-6", PINDigits: 4},
	{Suite: "HOTP-SHA256-7", PINDigits: 5},
	{Suite: "HOTP-SHA512-8", PINDigits: 12},
	{Suite: "TOTP-SHA256-6-30", PINDigits: 4},
	{Suite: "TOTP-SHA512-8-60", PINDigits: 8},
}

var anyPIN = rapid.StringMatching(`[0-9]{4,12}`)

// wrongPIN holds the specs on what a wrong PIN gives, on the phone and at the server.
func wrongPIN(t conformance.Target) {
	It("gives an OTP of one form for any token and any two PINs", conformance.Claims("ST-6.1-b"), func(ctx SpecContext) {
		tokens := conformance.Together(len(kinds), func(i int) *holder { return oneHolder(ctx, t, "form", kinds[i]) })
		checked := 0
		property(func(rt *rapid.T) {
			h := rapid.SampledFrom(tokens).Draw(rt, "token")
			moving := rapid.Uint64().Draw(rt, "moving factor")
			form := regexp.MustCompile(`^[0-9]{` + strconv.Itoa(h.Suite.Digits) + `}$`)
			for _, name := range []string{"one PIN", "another PIN"} {
				otp, err := h.Grant.OTP(anyPIN.Draw(rt, name), moving)
				if err != nil {
					rt.Fatalf("%s: %s gives an error instead of an OTP", h.Grant.Suite, name)
				}
				if !form.MatchString(otp) {
					rt.Fatalf("%s: %s gives an OTP of another form", h.Grant.Suite, name)
				}
			}
			checked++
		})
		conformance.Observe("%d draws of two PINs of 4 to 12 digits and a moving factor, over %d tokens of different suites: always an OTP of the suite's digits, never an error",
			checked, len(tokens))
	})
	It("gets one answer of the server for any wrong PIN", conformance.Claims("ST-6.1-b"), func(ctx SpecContext) {
		tries := declared(t).LockAfter - 1
		said := conformance.Together(len(kinds), func(i int) []string {
			h := oneHolder(ctx, t, "answer", kinds[i])
			var texts []string
			for try := range tries {
				v := h.submit(ctx, h.with(h.anotherPIN(try)))
				Expect(v.accepted).To(BeFalse(), "%s: the OTP of a wrong PIN is accepted", h.Grant.Suite)
				texts = append(texts, v.text)
			}
			Expect(h.login(ctx)).To(BeTrue(), "%s: the OTP of the right PIN is refused after %d wrong ones", h.Grant.Suite, tries)
			return texts
		})
		different := map[string]bool{}
		for _, texts := range said {
			for _, text := range texts {
				different[text] = true
			}
		}
		Expect(different).To(HaveLen(1), "different answers (status, headers, body) to wrong PINs")
		conformance.Observe("%d OTPs of wrong PINs, on tokens of %d kinds: one and the same answer; then the right PIN is accepted", len(kinds)*tries, len(kinds))
	})
}

// anotherPIN draws a PIN that is not the holder's.
func (h *holder) anotherPIN(n int) string {
	for seed := int(drawSeed()%1_000_000) + 1000*n; ; seed++ {
		if pin := anyPIN.Example(seed); pin != h.PIN {
			return pin
		}
	}
}
