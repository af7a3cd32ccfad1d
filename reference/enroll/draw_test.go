package enroll_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/enroll"
)

func TestNoWeakPINIsDrawn(t *testing.T) {
	for range 20_000 {
		pin, err := enroll.DrawPIN(rand.Reader, 4)
		if err != nil {
			t.Fatal(err)
		}
		if reference.WeakPIN(pin) {
			t.Fatalf("%s was drawn", pin)
		}
	}
}

// TestDigitsAreUniform is a chi-square test with a chance of 10^-6 of a false alarm:
// bytes mod 10 without rejection would fail it by far.
func TestDigitsAreUniform(t *testing.T) {
	const draws = 50_000
	var count [10]float64
	for range draws {
		_, code, err := enroll.DrawCode(rand.Reader, 11)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range code {
			count[d-'0']++
		}
	}
	want, chi := draws*11/10.0, 0.0
	for _, n := range count {
		chi += (n - want) * (n - want) / want
	}
	if p := 1 - (distuv.ChiSquared{K: 9}).CDF(chi); p < 1e-6 {
		t.Errorf("p = %g, counts %v", p, count)
	}
}

func TestBytesThatWouldFavourADigitAreThrownAway(t *testing.T) {
	source := append(bytes.Repeat([]byte{250, 251, 252, 253, 254, 255}, 5), 249, 10)
	_, code, err := enroll.DrawCode(bytes.NewReader(append(make([]byte, 5), append(source, make([]byte, 32)...)...)), 2)
	if err != nil || string(code) != "90" {
		t.Errorf("have %s, %v", code, err)
	}
}

func TestASourceThatIsStuckGivesNoSecret(t *testing.T) {
	for name, b := range map[string]byte{"weak PINs only": 0, "no digits": 0xff} {
		if pin, err := enroll.DrawPIN(endless(b), 6); err == nil {
			t.Errorf("%s: %s", name, pin)
		}
	}
	if _, _, err := enroll.DrawCode(bytes.NewReader(nil), 6); err == nil {
		t.Error("a code from nothing")
	}
}

// endless repeats one byte.
type endless byte

func (e endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(e)
	}
	return len(b), nil
}

// The first PBKDF2-HMAC-SHA-256 vector of RFC 7914 §11, cut to 32 bytes.
func TestPBKDF2(t *testing.T) {
	kek, err := enroll.PBKDF2([]byte("passwd"), []byte("salt"), 1)
	if have := hex.EncodeToString(kek); err != nil || !strings.HasPrefix("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc", have) || len(kek) != 32 {
		t.Errorf("have %s, %v", have, err)
	}
}
