package oath_test

import (
	"crypto"
	"crypto/hmac"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference/oath"
)

func keyed(h crypto.Hash, secret string) oath.MAC {
	return func(data []byte) ([]byte, error) {
		m := hmac.New(h.New, []byte(secret))
		m.Write(data)
		return m.Sum(nil), nil
	}
}

// seed is the secret of the RFCs for a hash: RFC 6238 states 20 bytes for all, and its
// values come from a secret as long as the hash (erratum).
func seed(n int) string { return strings.Repeat("1234567890", 7)[:n] }

func TestRFC4226AppendixD(t *testing.T) {
	want := strings.Fields("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489")
	s, err := oath.ParseSuite("HOTP-SHA1-6")
	if err != nil {
		t.Fatal(err)
	}
	for counter, w := range want {
		if have, err := s.At(keyed(s.Hash, seed(20)), uint64(counter)); err != nil || have != w {
			t.Errorf("counter %d: have %s, want %s, %v", counter, have, w, err)
		}
	}
}

func TestRFC6238AppendixB(t *testing.T) {
	for _, c := range []struct {
		suite string
		seed  int
		want  map[int64]string
	}{
		{"TOTP-SHA1-8-30", 20, map[int64]string{59: "94287082", 1111111109: "07081804", 20000000000: "65353130"}},
		{"TOTP-SHA256-8-30", 32, map[int64]string{59: "46119246", 1111111109: "68084774", 20000000000: "77737706"}},
		{"TOTP-SHA512-8-30", 64, map[int64]string{59: "90693936", 1111111109: "25091201", 20000000000: "47863826"}},
	} {
		s, err := oath.ParseSuite(c.suite)
		if err != nil {
			t.Fatal(err)
		}
		for at, want := range c.want {
			if have, err := s.At(keyed(s.Hash, seed(c.seed)), s.Step(time.Unix(at, 0))); err != nil || have != want {
				t.Errorf("%s at %d: have %s, want %s, %v", c.suite, at, have, want, err)
			}
		}
	}
}

// The offset is in the last byte of the MAC, not in byte 19 (RFC 4226 erratum 6756).
func TestTheOffsetIsInTheLastByte(t *testing.T) {
	sum := make([]byte, 32)
	sum[19], sum[31] = 0x0f, 0x01
	sum[4] = 42
	otp, err := oath.HOTP(func([]byte) ([]byte, error) { return sum, nil }, 0, 6)
	if err != nil || otp != "000042" {
		t.Errorf("have %s, %v", otp, err)
	}
}

func TestHOTPFailsClosed(t *testing.T) {
	broken := errors.New("the HSM is away")
	if _, err := oath.HOTP(func([]byte) ([]byte, error) { return nil, broken }, 0, 6); !errors.Is(err, broken) {
		t.Errorf("have %v", err)
	}
	if _, err := oath.HOTP(func([]byte) ([]byte, error) { return make([]byte, 19), nil }, 0, 6); err == nil {
		t.Error("a MAC of 19 bytes is taken")
	}
	for _, digits := range []int{-1, 0, 5, 9} {
		if _, err := oath.HOTP(keyed(crypto.SHA1, seed(20)), 0, digits); !errors.Is(err, oath.ErrSuite) {
			t.Errorf("%d digits: %v", digits, err)
		}
	}
}

func TestEverySuiteHasOneName(t *testing.T) {
	for _, kind := range []string{"HOTP", "TOTP"} {
		for _, hash := range []string{"SHA1", "SHA256", "SHA512"} {
			for digits := 6; digits <= 8; digits++ {
				name := fmt.Sprintf("%s-%s-%d", kind, hash, digits)
				if kind == "TOTP" {
					name += "-30"
				}
				s, err := oath.ParseSuite(name)
				if err != nil || s.String() != name || string(s.Kind) != kind || s.Digits != digits {
					t.Errorf("%s: %+v, %v", name, s, err)
				}
			}
		}
	}
}

func TestOtherNamesAreNone(t *testing.T) {
	for _, name := range []string{
		"", "HOTP", "HOTP-SHA256", "HOTP-SHA256-6-30", "TOTP-SHA256-6", "hotp-SHA256-6", "HOTP-sha256-6", "HOTP-MD5-6",
		"HOTP-SHA256-5", "HOTP-SHA256-9", "HOTP-SHA256-06", "HOTP-SHA256-+6", "HOTP-SHA256-6 ", " HOTP-SHA256-6",
		"TOTP-SHA256-6-0", "TOTP-SHA256-6-030", "TOTP-SHA256-6-3601", "TOTP-SHA256-6--30", "TOTP-SHA256-6-30-1", "OCRA-SHA256-6",
		"HOTP-SHA256-\u0666",
	} {
		if s, err := oath.ParseSuite(name); !errors.Is(err, oath.ErrSuite) {
			t.Errorf("%q: %+v, %v", name, s, err)
		}
	}
}

func FuzzParseSuite(f *testing.F) {
	for _, name := range []string{"HOTP-SHA256-6", "TOTP-SHA256-6-30", "TOTP-SHA1-8-3600", "HOTP-SHA512-07", "-", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if s, err := oath.ParseSuite(name); err == nil && s.String() != name {
			t.Errorf("%q is read as %s", name, s)
		}
	})
}

func TestSteps(t *testing.T) {
	s, err := oath.ParseSuite("TOTP-SHA256-6-30")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int64]uint64{-1: 0, 0: 0, 29: 0, 30: 1, 1111111109: 37037036} {
		if have := s.Step(time.Unix(at, 999_999_999)); have != want {
			t.Errorf("at %d: step %d, want %d", at, have, want)
		}
	}
	if (oath.Suite{Kind: oath.KindHOTP}).Step(time.Unix(100, 0)) != 0 {
		t.Error("HOTP has a time step")
	}
}

func TestSecretsAreAtLeastAsLongAsTheHash(t *testing.T) {
	for _, h := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA512} {
		if n := (oath.Suite{Hash: h}).SecretLength(); n < h.Size() || n%16 != 0 {
			t.Errorf("%v: %d bytes", h, n)
		}
	}
}

func TestOnlyTheExactDigitsAreAnOTP(t *testing.T) {
	for otp, holds := range map[string]bool{
		"123456": true, "000000": true, "12345": false, "1234567": false, " 123456": false, "123456\n": false,
		"12345 ": false, "12345a": false, "": false, "12345\u0666": false, "-12345": false,
	} {
		if err := oath.CheckOTP(otp, 6); (err == nil) != holds {
			t.Errorf("%q: %v", otp, err)
		}
	}
}

func TestAnOTPAlwaysHasItsLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.IntRange(6, 8).Draw(t, "digits")
		secret := rapid.StringN(20, 64, 64).Draw(t, "secret")
		otp, err := oath.HOTP(keyed(crypto.SHA256, secret), rapid.Uint64().Draw(t, "counter"), digits)
		if err != nil || oath.CheckOTP(otp, digits) != nil {
			t.Fatalf("%q, %v", otp, err)
		}
	})
}
