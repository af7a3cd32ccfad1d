package pin

import (
	"context"
	"fmt"
	"math/rand/v2"

	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/stat"
)

// wrongPINs is how many wrong PINs are tried on each phone.
const wrongPINs = 4

// otps are those of one class: of every phone, one after the other, those of the same
// moving factors.
type otps struct {
	digits  int
	numbers []int
	perUser int
}

// collected computes the OTPs of the right PIN and of wrong ones from what the phones
// store, as the phone of the oracle does.
func collected(users []*holder, perUser int) (right, wrong otps) {
	GinkgoHelper()
	right = otps{digits: users[0].Suite.Digits, perUser: perUser}
	wrong = right
	all := conformance.Together(len(users), func(i int) [2][]int { return users[i].made(perUser) })
	for _, of := range all {
		right.numbers, wrong.numbers = append(right.numbers, of[0]...), append(wrong.numbers, of[1]...)
	}
	return right, wrong
}

// made are the OTPs of the right PIN, and at the same moving factors those of wrong ones,
// drawn at random.
func (h *holder) made(n int) [2][]int {
	GinkgoHelper()
	r := drawer("wrong PINs " + h.Token)
	right, first := h.tok(h.PIN), h.Moving()
	var made [2][]int
	var tok []byte
	for i := range n {
		if i%(n/wrongPINs) == 0 {
			tok = h.tok(h.drawWrong(r))
		}
		moving := first + uint64(i)
		made[0] = append(made[0], index(h.Suite.OTP(right, moving)))
		made[1] = append(made[1], index(h.Suite.OTP(tok, moving)))
	}
	return made
}

func (h *holder) drawWrong(r *rand.Rand) string {
	law := uniform(len(h.PIN), decimal)
	for {
		if pin := law.draw(r); pin != h.PIN {
			return pin
		}
	}
}

// provision brings the tokens of users to their phones.
func provision(ctx context.Context, users []*holder) {
	GinkgoHelper()
	const atATime = 16
	each(atATime, func(k int) {
		for i := k; i < len(users); i += atATime {
			users[i].provision(ctx)
		}
	})
}

// expectAlike judges whether OTPs of right and wrong PINs can be told apart by their
// digits. The law of either is of no interest, and it is not the uniform one: the codes of
// RFC 4226 are cut from 31 bits, and 2^31 is no multiple of a power of ten.
func expectAlike(users []*holder, n size, how string) {
	GinkgoHelper()
	right, wrong := collected(users, n.otps)
	tests := []func(right, wrong otps, n size, stated, planted stat.Level) measured{lastDigits, whole, first}
	stated, planted := levels(len(tests))
	var all []measured
	for _, test := range tests {
		all = append(all, test(right, wrong, n, stated, planted))
	}
	all[0].data += "; " + how
	all[0].series = lastDigitsOf(right, wrong)
	judge(all)
}

func lastDigits(right, wrong otps, n size, stated, planted stat.Level) measured {
	const tail = 1000 // the last three digits
	counted := func(numbers []int) []float64 {
		counts := make([]float64, tail)
		for _, otp := range numbers {
			counts[otp%tail]++
		}
		return counts
	}
	size := len(right.numbers)
	m := measured{
		name:   "last three digits",
		data:   fmt.Sprintf("%d OTPs of the right PINs of %d tokens and as many of wrong PINs", size, size/right.perUser),
		sameOf: "wrong PINs in two halves",
		least:  stated.ExcessOfTwo(tail-1, 0.1, size), needed: n.excess,
		leak: planted.ExcessOfTwo(tail-1, 0.1, size),
		says: points("one last digit"),
	}
	half := size / 2
	m.result = stat.Homogeneity(counted(right.numbers), counted(wrong.numbers))
	m.same = stat.Homogeneity(counted(wrong.numbers[:half]), counted(wrong.numbers[half:]))
	m.leaked = stat.Homogeneity(counted(right.numbers), counted(lastDigitOf(wrong.numbers, m.leak)))
	return m
}

func whole(right, wrong otps, n size, stated, planted stat.Level) measured {
	size := len(right.numbers)
	m := measured{
		name:   "OTPs as numbers",
		data:   fmt.Sprintf("%d OTPs of right PINs and as many of wrong ones", size),
		sameOf: "wrong PINs in two halves",
		least:  stated.Distance(size, size), needed: n.excess,
		leak: planted.Distance(size, size),
		says: func(effect float64) string {
			return fmt.Sprintf("%s of the OTPs of one class moved from the lower half to the upper", percent(effect))
		},
	}
	half, middle := size/2, powerOfTen(right.digits)/2
	r := drawer("upper half")
	moved := make([]int, size)
	for i, otp := range wrong.numbers {
		if moved[i] = otp; otp < middle && r.Float64() < 2*m.leak {
			moved[i] += middle
		}
	}
	m.result = stat.KolmogorovSmirnov(floats(right.numbers), floats(wrong.numbers))
	m.same = stat.KolmogorovSmirnov(floats(wrong.numbers[:half]), floats(wrong.numbers[half:]))
	m.leaked = stat.KolmogorovSmirnov(floats(right.numbers), floats(moved))
	return m
}

// first looks at the first OTP of each phone, which a server that chooses secrets by the
// OTPs that they give would choose by.
func first(right, wrong otps, n size, stated, planted stat.Level) measured {
	pick := func(all otps) (numbers []int) {
		for i := 0; i < len(all.numbers); i += all.perUser {
			numbers = append(numbers, all.numbers[i])
		}
		return numbers
	}
	counted := func(numbers []int) []float64 {
		counts := make([]float64, 10)
		for _, otp := range numbers {
			counts[otp%10]++
		}
		return counts
	}
	a, b := pick(right), pick(wrong)
	m := measured{
		name:   "last digit of first OTPs",
		data:   fmt.Sprintf("the first OTP of each of %d tokens, of the right PIN and of a wrong one", len(a)),
		sameOf: "wrong PINs in two halves",
		least:  stated.ExcessOfTwo(9, 0.1, len(a)), needed: n.first,
		leak: planted.ExcessOfTwo(9, 0.1, len(a)),
		says: points("one last digit"),
	}
	m.result = stat.Homogeneity(counted(a), counted(b))
	m.same = stat.Homogeneity(counted(b[:len(b)/2]), counted(b[len(b)/2:]))
	m.leaked = stat.Homogeneity(counted(a), counted(lastDigitOf(b, m.leak)))
	return m
}

// lastDigitOf plants a last digit that is too frequent.
func lastDigitOf(numbers []int, leak float64) []int {
	r := drawer("last digit")
	planted := make([]int, len(numbers))
	for i, otp := range numbers {
		if planted[i] = otp; r.Float64() < leak/0.9 {
			planted[i] += 7 - otp%10
		}
	}
	return planted
}

func floats(numbers []int) []float64 {
	all := make([]float64, len(numbers))
	for i, n := range numbers {
		all[i] = float64(n)
	}
	return all
}

func powerOfTen(n int) int {
	p := 1
	for range n {
		p *= 10
	}
	return p
}
