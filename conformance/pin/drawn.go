package pin

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/stat"
)

const (
	decimal   = "0123456789"
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

// expectDrawn judges how PINs and registration codes were drawn; how says under what
// circumstances.
func expectDrawn(all []*holder, n size, how string) {
	GinkgoHelper()
	var pins, codes, locators []string
	for _, i := range all {
		pins, codes = append(pins, i.PIN), append(codes, i.Digits())
		if locator := i.Locator(); locator != "" {
			locators = append(locators, locator)
		}
	}
	conformance.Case("no registration code twice", func() {
		seen := map[string]bool{}
		for _, i := range all {
			seen[i.RegistrationCode] = true
		}
		conformance.Observe("%d enrolments %s: %d different registration codes", len(all), how, len(seen))
		Expect(seen).To(HaveLen(len(all)), "different registration codes")
	})
	expectForm(pins, decimal, "PINs")
	expectForm(codes, decimal, "codes")
	draws := []drawing{
		{"PIN", pins, decimal, lawOfPINs(pins)},
		{"code", codes, decimal, uniform(len(codes[0]), decimal)},
	}
	k := 4 * len(draws)
	if len(locators) == len(all) {
		expectForm(locators, crockford, "locators")
		draws = append(draws, drawing{"locator", locators, crockford, uniform(len(locators[0]), crockford)})
		k += 2
	}
	stated, planted := levels(k)
	var tests []measured
	for _, d := range draws {
		tests = append(tests, d.byPlace(n, stated, planted), d.twice(n, stated, planted))
		if d.alphabet == decimal {
			tests = append(tests, d.byPair(n, stated, planted), d.bySequence(n, stated, planted))
		}
	}
	tests[0].series = digitsOf(draws[0], draws[1])
	judge(tests)
}

// expectForm: words of one length over an alphabet.
func expectForm(words []string, alphabet, what string) {
	GinkgoHelper()
	for _, w := range words {
		Expect(len(w) == len(words[0]) && strings.Trim(w, alphabet) == "").To(BeTrue(), "%s are of one length and of the characters of their alphabet", what)
	}
}

// drawing is many words of one kind, in the order in which they were drawn.
type drawing struct {
	kind     string
	words    []string
	alphabet string
	law      law
}

// law is how words are drawn that are drawn well.
type law struct {
	space float64                   // number of words
	char  func(place int) []float64 // share of each character at a place
	pair  func(place int) []float64 // share of each pair at a place and the next
	draw  func(r *rand.Rand) string
}

func uniform(length int, alphabet string) law {
	k := len(alphabet)
	return law{
		space: math.Pow(float64(k), float64(length)),
		char:  func(int) []float64 { return constant(k, 1/float64(k)) },
		pair:  func(int) []float64 { return constant(k*k, 1/float64(k*k)) },
		draw: func(r *rand.Rand) string {
			word := make([]byte, length)
			for i := range word {
				word[i] = alphabet[r.IntN(k)]
			}
			return string(word)
		},
	}
}

// lawOfPINs is uniform, over the PINs that are not weak if the target refuses those.
func lawOfPINs(pins []string) law {
	length := len(pins[0])
	all := uniform(length, decimal)
	for _, pin := range pins {
		if weak(pin) {
			return all
		}
	}
	weakOnes := weakPINs(length)
	good := law{space: all.space - float64(len(weakOnes))}
	good.char = func(place int) []float64 { return without(all.space, weakOnes, 10, place, 1) }
	good.pair = func(place int) []float64 { return without(all.space, weakOnes, 100, place, 2) }
	good.draw = func(r *rand.Rand) string {
		for {
			if pin := all.draw(r); !weak(pin) {
				return pin
			}
		}
	}
	return good
}

// without is the law of what stands at a place of words of digits when some words are
// never drawn.
func without(space float64, never []string, kinds, place, length int) []float64 {
	shares := constant(kinds, space/float64(kinds))
	for _, word := range never {
		shares[index(word[place:place+length])]--
	}
	for i := range shares {
		shares[i] /= space - float64(len(never))
	}
	return shares
}

// weakPINs lists the PINs of a length that the rules of seed 004 refuse.
func weakPINs(length int) []string {
	set := map[string]bool{}
	add := func(digit func(i int) int) {
		var pin []byte
		for i := range length {
			d := digit(i)
			if d < 0 || d > 9 {
				return
			}
			pin = append(pin, byte('0'+d))
		}
		set[string(pin)] = true
	}
	for first := range 10 {
		for step := -9; step <= 9; step++ {
			add(func(i int) int { return first + i*step })
		}
		add(func(i int) int { return map[int]int{0: first}[i] })
		add(func(i int) int { return map[int]int{length - 1: first}[i] })
	}
	var all []string
	for pin := range set {
		all = append(all, pin)
	}
	return all
}

// byPlace tests the characters at each place.
func (d drawing) byPlace(n size, stated, planted stat.Level) measured {
	length, k := len(d.words[0]), len(d.alphabet)
	var law []float64
	for place := range length {
		law = append(law, d.law.char(place)...)
	}
	test := func(words []string) stat.Result {
		counts := make([]float64, len(law))
		for _, w := range words {
			for place := range length {
				counts[place*k+strings.IndexByte(d.alphabet, w[place])]++
			}
		}
		return stat.Fit(counts, law)
	}
	freedom, share := float64(length*(k-1)), 1/float64(k)
	m := measured{
		name:  d.kind + " characters by place",
		data:  fmt.Sprintf("%d %ss, %d characters at each of %d places", len(d.words), d.kind, k, length),
		least: stated.Excess(freedom, share, len(d.words)), needed: n.excess,
		leak: planted.Excess(freedom, share, len(d.words)),
		says: points("one character at one place"),
	}
	leaky := planting(m.leak/(1-share), d.words, func(word []byte) { word[length-1] = d.alphabet[7] })
	return d.controlled(m, test, leaky)
}

// byPair tests neighbours: pairs that do not overlap, so that they are independent.
func (d drawing) byPair(n size, stated, planted stat.Level) measured {
	tables := len(d.words[0]) / 2
	var law []float64
	for i := range tables {
		law = append(law, d.law.pair(2*i)...)
	}
	test := func(words []string) stat.Result {
		counts := make([]float64, len(law))
		for _, w := range words {
			for i := range tables {
				counts[100*i+index(w[2*i:2*i+2])]++
			}
		}
		return stat.Fit(counts, law)
	}
	freedom, share := float64(tables*99), 0.01
	m := measured{
		name:  d.kind + " pairs of neighbours",
		data:  fmt.Sprintf("%d %ss, 100 pairs of digits at each of %d places", len(d.words), d.kind, tables),
		least: stated.Excess(freedom, share, len(d.words)), needed: n.excess,
		leak: planted.Excess(freedom, share, len(d.words)),
		says: points("one pair at one place"),
	}
	leaky := planting(m.leak/(1-share), d.words, func(word []byte) { copy(word, "77") })
	return d.controlled(m, test, leaky)
}

// bySequence tests each word against the next, both read as numbers.
func (d drawing) bySequence(n size, stated, planted stat.Level) measured {
	test := func(words []string) stat.Result {
		x := make([]float64, len(words))
		for i, w := range words {
			x[i], _ = strconv.ParseFloat(w, 64) // digits
		}
		return stat.Serial(x)
	}
	m := measured{
		name:  d.kind + " and the next",
		data:  fmt.Sprintf("%d pairs of a %s and the next", len(d.words)-1, d.kind),
		least: stated.Correlation(len(d.words) - 1), needed: n.correlation,
		leak: planted.Correlation(len(d.words) - 1),
		says: func(effect float64) string { return fmt.Sprintf("a correlation of %.2g", effect) },
	}
	leaky := append([]string(nil), d.words...)
	r := drawer("sequence " + d.kind)
	for i := 1; i < len(leaky); i++ {
		if r.Float64() < m.leak { // so much of the variance is the one before's
			leaky[i] = leaky[i-1]
		}
	}
	return d.controlled(m, test, leaky)
}

// twice tests how many pairs of equal words there are.
func (d drawing) twice(n size, stated, planted stat.Level) measured {
	draws := float64(len(d.words))
	mean := draws * (draws - 1) / 2 / d.law.space
	test := func(words []string) stat.Result {
		seen, equal := map[string]float64{}, 0.0
		for _, w := range words {
			equal += seen[w]
			seen[w]++
		}
		return stat.Counts(len(words), equal, mean)
	}
	// A factor on the number of pairs is one on the number of words there are.
	bits := func(factor float64) float64 { return math.Log2(d.law.space / factor) }
	m := measured{
		name:  d.kind + " twice",
		least: stated.Factor(mean), needed: d.law.space / math.Exp2(min(n.bits, bits(2))),
		leak: planted.Factor(mean),
		says: func(factor float64) string {
			return fmt.Sprintf("words drawn from %.1f bits instead of %.1f", bits(factor), bits(1))
		},
	}
	m.data = fmt.Sprintf("%d %ss, %v pairs of them equal where chance has %.3g", len(d.words), d.kind, test(d.words).Value, mean)
	pairs := int(math.Ceil(mean * (m.leak - 1)))
	leaky := append([]string(nil), d.words...)
	for i := 0; i < pairs && 2*i+1 < len(leaky); i++ {
		leaky[2*i+1] = leaky[2*i]
	}
	return d.controlled(m, test, leaky)
}

// controlled makes the test, and the same where there is nothing to find and where there is.
func (d drawing) controlled(m measured, test func([]string) stat.Result, leaky []string) measured {
	r := drawer(m.name)
	fair := make([]string, len(d.words))
	for i := range fair {
		fair[i] = d.law.draw(r)
	}
	m.result, m.same, m.leaked = test(d.words), test(fair), test(leaky)
	m.sameOf = fmt.Sprintf("as many %ss drawn by the bench", d.kind)
	return m
}

// planting changes a share of the words.
func planting(share float64, words []string, change func([]byte)) []string {
	r := drawer("planting")
	all := make([]string, len(words))
	for i, w := range words {
		b := []byte(w)
		if r.Float64() < share {
			change(b)
		}
		all[i] = string(b)
	}
	return all
}

func constant(n int, v float64) []float64 {
	all := make([]float64, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// index reads digits as a number.
func index(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}
