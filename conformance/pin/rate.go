package pin

import (
	"context"
	"fmt"
	"math"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
)

// bound is 1/2^-11: who guesses may be right with this probability at most (seed 001 §B.2.b).
const bound = 2048

// attack is a guesser who stays below the limit of failures in a row: the user's own logins
// come in between and clear it.
type attack struct {
	name  string
	token conformance.EnrolRequest
	allow func(d conformance.Declared) int // tries
	why   func(d conformance.Declared) string
}

// attacks: who has the phone guesses PINs, who has nothing guesses OTPs, a window of them
// with each try.
var attacks = []attack{
	{
		name: "PIN of 4 digits", token: conformance.EnrolRequest{PINDigits: 4},
		allow: func(conformance.Declared) int { return guessable(4) / bound },
		why: func(conformance.Declared) string {
			return fmt.Sprintf("%d PINs without %d weak ones, over %d", guessable(4), 10_000-guessable(4), bound)
		},
	},
	{
		name: "OTP of 6 digits", token: conformance.EnrolRequest{Suite: "HOTP-SHA256-6", PINDigits: 8},
		allow: func(d conformance.Declared) int { return 1_000_000 / bound / (d.LookAhead + 1) },
		why: func(d conformance.Declared) string {
			return fmt.Sprintf("%d candidates, %d with each try", 1_000_000/bound, d.LookAhead+1)
		},
	},
}

var longAttacks = []attack{
	{
		name: "PIN of 5 digits", token: conformance.EnrolRequest{Suite: "HOTP-SHA256-8", PINDigits: 5},
		allow: func(conformance.Declared) int { return guessable(5) / bound },
		why: func(conformance.Declared) string {
			return fmt.Sprintf("%d PINs without %d weak ones, over %d", guessable(5), 100_000-guessable(5), bound)
		},
	},
}

// rate holds the spec on the tries that anyone has before a block, whatever the user does.
func rate(t conformance.Target, n size) {
	It("blocks before anyone is right with a probability above 2^-11", conformance.Claims("RGS-RecomTauxFausseAcceptation"), func(ctx SpecContext) {
		all := attacks
		if len(n.suites) > 1 {
			all = append(all[:len(all):len(all)], longAttacks...)
		}
		d := declared(t)
		tries := conformance.Together(len(all), func(i int) int {
			a := all[i]
			return oneHolder(ctx, t, "rate", a.token).attacked(ctx, d.LockAfter-1, a.allow(d))
		})
		for i, a := range all {
			after := "not blocked by then"
			if tries[i] <= a.allow(d) {
				after = fmt.Sprintf("blocked after %d", tries[i])
			}
			conformance.Observe("%s: %d tries of others are allowed between the user's own logins (%s): %s", a.name, a.allow(d), a.why(d), after)
		}
		for i, a := range all {
			Expect(tries[i]).To(BeNumerically("<=", a.allow(d)), "tries before the block at a %s", a.name)
		}
	})
}

// attacked counts the tries until a right OTP is refused: some wrong ones, then the user's
// own. It gives up one beyond what is allowed.
func (h *holder) attacked(ctx context.Context, inARow, allowed int) int {
	GinkgoHelper()
	tries := 0
	for tries <= allowed {
		n := max(1, min(inARow, allowed-tries)) // does not step over the limit
		otps := h.wrong(n)
		each(n, func(i int) { h.accepts(ctx, otps[i]) })
		tries += n
		if !h.login(ctx) {
			return tries
		}
	}
	return tries
}

// guessable counts the PINs of so many digits that are not weak by the rules of seed 004:
// a constant step from digit to digit, or zeros with one other digit at an end.
func guessable(digits int) int {
	n := 0
	for pin := range int(math.Pow10(digits)) {
		if !weak(fmt.Sprintf("%0*d", digits, pin)) {
			n++
		}
	}
	return n
}

func weak(pin string) bool {
	return steady(pin) || zeros(pin[1:]) || zeros(pin[:len(pin)-1])
}

func steady(pin string) bool {
	for i := 2; i < len(pin); i++ {
		if int(pin[i])-int(pin[i-1]) != int(pin[1])-int(pin[0]) {
			return false
		}
	}
	return true
}

func zeros(digits string) bool { return strings.Trim(digits, "0") == "" }
