package oracle

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// Candidates is what an attacker who has Inner can compute without asking anyone: the TOK
// of every PIN of some length.
type Candidates struct {
	digits     int
	keks, toks [][]byte // by PIN, read as a number
}

// Candidate is what one PIN gives.
type Candidate struct {
	PIN      string
	KEK, TOK []byte
}

// Candidate is what pin gives.
func (in Inner) Candidate(pin string) (Candidate, error) {
	kek, err := in.KEK(pin)
	if err != nil {
		return Candidate{}, err
	}
	tok, err := in.under(kek)
	return Candidate{pin, kek, tok}, err
}

// Solve enumerates the PINs of the given number of digits, on all processors.
func Solve(in Inner, digits int) (*Candidates, error) {
	if digits < 1 || digits > 8 {
		return nil, fmt.Errorf("PINs of %d digits are not enumerated", digits)
	}
	if _, err := in.TOK("0"); err != nil {
		return nil, err
	}
	n := int(math.Pow10(digits))
	c := &Candidates{digits, make([][]byte, n), make([][]byte, n)}
	c.each(func(n int) {
		one, _ := in.Candidate(c.pin(n)) // fails for every PIN or for none
		c.keks[n], c.toks[n] = one.KEK, one.TOK
	})
	return c, nil
}

func (c *Candidates) pin(n int) string { return fmt.Sprintf("%0*d", c.digits, n) }

// each calls f for every PIN, on all processors.
func (c *Candidates) each(f func(n int)) {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for n := w; n < len(c.toks); n += workers {
				f(n)
			}
		})
	}
	wg.Wait()
}

// Count is the number of candidates that pass a test. The test runs on all processors.
func (c *Candidates) Count(test func(Candidate) bool) int {
	var passed atomic.Int64
	c.each(func(n int) {
		if test(Candidate{c.pin(n), c.keks[n], c.toks[n]}) {
			passed.Add(1)
		}
	})
	return int(passed.Load())
}

// OTPs gives the OTP of every PIN at a moving factor; the PIN, read as a number, is the index.
func (c *Candidates) OTPs(suite Suite, moving uint64) []string {
	otps := make([]string, len(c.toks))
	c.each(func(n int) { otps[n] = suite.OTP(c.toks[n], moving) })
	return otps
}

// Survivors gives the PINs that explain the OTPs seen: made one after the other, the first
// of them at one of starts. Without an OTP all PINs survive.
func (c *Candidates) Survivors(suite Suite, starts []uint64, otps ...string) []string {
	var pins []string
	for n, tok := range c.toks {
		if len(otps) == 0 || explains(suite, tok, starts, otps) {
			pins = append(pins, c.pin(n))
		}
	}
	return pins
}

func explains(suite Suite, tok []byte, starts []uint64, otps []string) bool {
	for _, start := range starts {
		matches := 0
		for matches < len(otps) && suite.OTP(tok, start+uint64(matches)) == otps[matches] {
			matches++
		}
		if matches == len(otps) {
			return true
		}
	}
	return false
}

// Expected is what theory says of Survivors: of n PINs, after k OTPs of the given number of
// digits with w possible starts, the right one and as many others as chance explains.
func Expected(n, w, digits, k int) float64 {
	if k == 0 {
		return float64(n)
	}
	return 1 + float64(n-1)*float64(w)*math.Pow10(-digits*k)
}

// Distinct counts the different TOKs among the candidates that check accepts: the number
// of PINs where the PIN layer gives nothing away. check is a structural test that an
// attacker might make of a TOK (a padding, a prefix, an alphabet); nil accepts all.
func (c *Candidates) Distinct(check func(tok []byte) bool) int {
	distinct := map[string]bool{}
	for _, tok := range c.toks {
		if check == nil || check(tok) {
			distinct[string(tok)] = true
		}
	}
	return len(distinct)
}
