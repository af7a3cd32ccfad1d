package oracle_test

import (
	"bytes"
	"crypto"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/vectors"
)

func TestHOTP(t *testing.T) {
	for _, v := range vectors.RFC4226() {
		if got := oracle.HOTP(crypto.Hash(v.Hash), v.Secret, v.Counter, v.Digits); got != v.OTP {
			t.Errorf("%s: %s, want %s", v.ID, got, v.OTP)
		}
	}
}

func TestTOTP(t *testing.T) {
	for _, v := range vectors.RFC6238() {
		suite := oracle.Suite{Hash: crypto.Hash(v.Hash), Digits: v.Digits, Step: time.Duration(v.Step) * time.Second}
		moving := suite.Moving(time.Unix(v.Time, 0))
		if got := suite.OTP(v.Secret, moving); moving != v.Moving || got != v.OTP {
			t.Errorf("%s: step %d, %s, want %d, %s", v.ID, moving, got, v.Moving, v.OTP)
		}
	}
}

func TestParseSuite(t *testing.T) {
	for text, want := range map[string]oracle.Suite{
		"HOTP-SHA1-6":      {Hash: crypto.SHA1, Digits: 6},
		"HOTP-SHA512-8":    {Hash: crypto.SHA512, Digits: 8},
		"TOTP-SHA256-6-30": {Hash: crypto.SHA256, Digits: 6, Step: 30 * time.Second},
	} {
		if got, err := oracle.ParseSuite(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "HOTP", "HOTP-SHA1-5", "HOTP-SHA1-6-30", "TOTP-SHA1-6", "TOTP-SHA1-6-0", "hotp-sha1-6", "HOTP-SHA1-6 "} {
		if _, err := oracle.ParseSuite(text); err == nil {
			t.Errorf("%q is a suite", text)
		}
	}
}

func TestWrong(t *testing.T) {
	suite, key := oracle.Suite{Hash: crypto.SHA256, Digits: 6}, []byte("12345678901234567890")
	for _, moving := range []uint64{0, 7, 1000} {
		seen := map[string]bool{}
		for m := moving - min(moving, oracle.Reach); m <= moving+oracle.Reach; m++ {
			seen[suite.OTP(key, m)] = true
		}
		otps := suite.Wrong(key, moving, 50_000) // a dozen near ones would be among them by chance
		if len(otps) != 50_000 {
			t.Fatalf("%d OTPs", len(otps))
		}
		for _, otp := range otps {
			if seen[otp] || len(otp) != 6 {
				t.Fatalf("at %d: %s is near, or comes twice, or is none", moving, otp)
			}
			seen[otp] = true
		}
	}
}

func FuzzParseSuite(f *testing.F) {
	f.Add("HOTP-SHA256-6")
	f.Add("TOTP-SHA1-8-30")
	f.Add("TOTP-SHA1-8-")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := oracle.ParseSuite(text); err == nil && len(s.OTP([]byte("12345678901234567890"), 1)) != s.Digits {
			t.Errorf("%q gives an OTP of another length", text)
		}
	})
}

func TestKeyWrap(t *testing.T) {
	for _, v := range vectors.RFC3394() {
		if got, err := oracle.Wrap(v.KEK, v.Key); err != nil || !bytes.Equal(got, v.Wrapped) {
			t.Errorf("%s: wrapped %x, %v", v.ID, got, err)
		}
		if got, err := oracle.Unwrap(v.KEK, v.Wrapped); err != nil || !bytes.Equal(got, v.Key) {
			t.Errorf("%s: unwrapped %x, %v", v.ID, got, err)
		}
	}
}

// Whatever can be wrapped comes back, and no changed bit goes unseen.
func TestKeyWrapRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kek := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "kek")
		n := 8 * rapid.IntRange(2, 16).Draw(t, "blocks")
		key := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "key")
		wrapped, err := oracle.Wrap(kek, key)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := oracle.Unwrap(kek, wrapped); err != nil || !bytes.Equal(got, key) {
			t.Fatalf("%x, %v", got, err)
		}
		bit := rapid.IntRange(0, 8*len(wrapped)-1).Draw(t, "bit")
		wrapped[bit/8] ^= 1 << (bit % 8)
		if _, err := oracle.Unwrap(kek, wrapped); !errors.Is(err, oracle.ErrUnwrap) {
			t.Fatalf("bit %d changed: %v", bit, err)
		}
	})
}

func FuzzUnwrap(f *testing.F) {
	v := vectors.RFC3394()[0]
	f.Add([]byte(v.KEK), []byte(v.Wrapped))
	f.Add([]byte(v.KEK), []byte{})
	f.Fuzz(func(t *testing.T, kek, wrapped []byte) {
		key, err := oracle.Unwrap(kek, wrapped)
		if err != nil {
			return
		}
		if again, err := oracle.Wrap(kek, key); err != nil || !bytes.Equal(again, wrapped) {
			t.Errorf("%x wraps again to %x, %v", key, again, err)
		}
	})
}
