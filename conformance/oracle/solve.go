package oracle

import (
	"fmt"
	"math"
	"runtime"
	"sync"
)

// Candidates is what an attacker who has Inner can compute without asking anyone: the TOK
// of every PIN of some length.
type Candidates struct {
	digits int
	toks   [][]byte // by PIN, read as a number
}

// Solve enumerates the PINs of the given number of digits, on all processors.
func Solve(in Inner, digits int) (*Candidates, error) {
	if digits < 1 || digits > 8 {
		return nil, fmt.Errorf("PINs of %d digits are not enumerated", digits)
	}
	if _, err := in.TOK("0"); err != nil {
		return nil, err
	}
	c := &Candidates{digits, make([][]byte, int(math.Pow10(digits)))}
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Go(func() {
			for n := w; n < len(c.toks); n += workers {
				c.toks[n], _ = in.TOK(c.pin(n)) // fails for every PIN or for none
			}
		})
	}
	wg.Wait()
	return c, nil
}

func (c *Candidates) pin(n int) string { return fmt.Sprintf("%0*d", c.digits, n) }

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
