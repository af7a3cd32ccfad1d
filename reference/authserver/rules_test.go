package authserver

import (
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/oath"
	"github.com/epsbench/epsbench/reference/store"
)

func suite(t interface{ Fatal(...any) }, name string) oath.Suite {
	s, err := oath.ParseSuite(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func complete(t *testing.T, r Rules) Rules {
	t.Helper()
	r, err := r.Complete()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestWeakPINs counts by trying every PIN.
func TestWeakPINs(t *testing.T) {
	for digits, want := range map[int]int{4: 52, 5: 44, 6: 38} {
		count := 0
		for pin := range pow10(digits) {
			if isWeak(pin, digits) {
				count++
			}
		}
		if count != want || reference.WeakPINs(digits) != want {
			t.Errorf("%d digits: counted %d, computed %d, want %d", digits, count, reference.WeakPINs(digits), want)
		}
	}
}

func isWeak(pin, digits int) bool {
	d := make([]int, digits)
	for i := digits - 1; i >= 0; i-- {
		d[i], pin = pin%10, pin/10
	}
	constant, zeros := true, 0
	for i, v := range d {
		constant = constant && (i == 0 || v-d[i-1] == d[1]-d[0])
		if v == 0 {
			zeros++
		}
	}
	return constant || zeros >= digits-1 && (d[0] != 0 || d[digits-1] != 0)
}

// TestLimitsKeepTheBound: what RGS 2^-11 allows, for the OTP and for the PIN behind it.
func TestLimitsKeepTheBound(t *testing.T) {
	r := complete(t, Rules{})
	for digits, want := range map[int]int{6: 488, 7: 4882, 8: 48828} {
		if got := r.maxCandidates(digits); got != want {
			t.Errorf("%d-digit OTPs: %d candidates, want %d", digits, got, want)
		}
	}
	for digits, want := range map[int]int{4: 4, 5: 48, 6: 488} {
		if got := r.maxFailures(digits); got != want {
			t.Errorf("%d-digit PINs: %d failures, want %d", digits, got, want)
		}
	}
}

func TestLimitsCanOnlyBeLowered(t *testing.T) {
	for name, r := range map[string]Rules{
		"consecutive": {Consecutive: 4}, "candidates": {Candidates: 48829}, "failures": {Failures: 488281251},
		"look_ahead": {LookAhead: 11}, "drift": {Drift: 2},
		"resynchronise": {Resynchronise: 51}, "offset": {Offset: 11},
	} {
		if _, err := r.Complete(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("raised %s: error %v", name, err)
		}
	}
	lower := complete(t, Rules{Consecutive: 1, Candidates: 22, Failures: 2, LookAhead: -1, Drift: -1})
	hotp := suite(t, "HOTP-SHA256-6")
	if _, n := lower.Window(hotp, store.Credential{}, time.Time{}); n != 1 {
		t.Errorf("without look-ahead %d counters are tested", n)
	}
	if lower.maxCandidates(8) != 22 || lower.maxFailures(6) != 2 {
		t.Error("lowered limits are not used")
	}
}

// TestNoHistoryExceedsTheBound plays any mixture of right and wrong OTPs against the
// rules and never sees more tested in vain than RGS allows.
func TestNoHistoryExceedsTheBound(t *testing.T) {
	r := complete(t, Rules{})
	rapid.Check(t, func(t *rapid.T) {
		s := suite(t, rapid.SampledFrom([]string{"HOTP-SHA256-6", "HOTP-SHA1-8", "TOTP-SHA256-6-30"}).Draw(t, "suite"))
		c := store.Credential{PINDigits: rapid.IntRange(4, 12).Draw(t, "PIN digits"), Imported: rapid.Bool().Draw(t, "imported")}
		inARow := 0
		for i, right := range rapid.SliceOfN(rapid.Bool(), 0, 2000).Draw(t, "tries") {
			now := time.Unix(int64(30*i), 0)
			first, n := r.Window(s, c, now)
			if r.Locked(s, c) {
				return
			}
			if first < c.Counter {
				t.Fatalf("counter %d tested, %d expected", first, c.Counter)
			}
			if n == 0 {
				continue
			}
			if right {
				c, inARow = r.Accept(s, c, first, now), 0
			} else {
				c, inARow = r.Fail(c, n), inARow+1
			}
			if inARow > 3 || c.Candidates > pow10(s.Digits)/2048 {
				t.Fatalf("%d failures in a row, %d candidates", inARow, c.Candidates)
			}
			if !c.Imported && c.FailedEver > pow10(c.PINDigits)/2048 {
				t.Fatalf("%d failures for a PIN of %d digits", c.FailedEver, c.PINDigits)
			}
		}
	})
}

// TestWindow: accepted offsets are the declared ones, no counter twice, none past the end.
func TestWindow(t *testing.T) {
	r := complete(t, Rules{})
	hotp, totp := suite(t, "HOTP-SHA256-6"), suite(t, "TOTP-SHA256-6-30")
	now := time.Unix(30*1000, 0) // step 1000
	for _, c := range []struct {
		what    string
		suite   oath.Suite
		counter uint64
		now     time.Time
		first   uint64
		n       int
	}{
		{"HOTP: the next counter and ten more", hotp, 5, now, 5, 11},
		{"HOTP: the end of the counter", hotp, maxCounter - 3, now, maxCounter - 3, 4},
		{"HOTP: past the end", hotp, math.MaxInt64, now, math.MaxInt64, 0},
		{"TOTP: one step to either side", totp, 0, now, 999, 3},
		{"TOTP: the last step was accepted", totp, 1000, now, 1000, 2},
		{"TOTP: this step was accepted", totp, 1001, now, 1001, 1},
		{"TOTP: the next step was accepted", totp, 1002, now, 1002, 0},
		{"TOTP: the clock went back", totp, 2000, now, 2000, 0},
		{"TOTP: 1970", totp, 0, time.Unix(0, 0), 0, 2},
	} {
		t.Run(c.what, func(t *testing.T) {
			first, n := r.Window(c.suite, store.Credential{Counter: c.counter}, c.now)
			if first != c.first || n != c.n {
				t.Errorf("got %d from %d, want %d from %d", n, first, c.n, c.first)
			}
		})
	}
}
