package oath

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// MAC is an HMAC under a fixed key and hash: a key handle of an HSM, or a key in
// memory on a phone.
type MAC func(data []byte) ([]byte, error)

// ErrOTP is every text that cannot be an OTP of the suite.
var ErrOTP = errors.New("not an OTP")

// HOTP is the OTP of a counter, exactly digits ASCII digits (RFC 4226 §5.3).
func HOTP(mac MAC, counter uint64, digits int) (string, error) {
	if digits < MinDigits || digits > MaxDigits {
		return "", fmt.Errorf("%w: %d digits", ErrSuite, digits)
	}
	sum, err := mac(binary.BigEndian.AppendUint64(nil, counter))
	if err != nil {
		return "", fmt.Errorf("HMAC of the counter: %w", err)
	}
	defer clear(sum)
	return decimal(sum, digits)
}

// decimal cuts a MAC to so many digits.
func decimal(sum []byte, digits int) (string, error) {
	code, err := truncate(sum)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%0*d", digits, code%powers[digits]), nil
}

// powers are 10^digits.
var powers = [maxOCRADigits + 1]uint32{1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000}

// truncate is the dynamic truncation. The offset comes from the last byte of the
// MAC, whatever the hash (RFC 4226 erratum 6756): byte 19 is that of SHA-1 only.
func truncate(sum []byte) (uint32, error) {
	const shortest = 20 // SHA-1; the largest offset, 15, leaves four bytes
	if len(sum) < shortest {
		return 0, fmt.Errorf("the MAC has %d bytes, want at least %d", len(sum), shortest)
	}
	offset := sum[len(sum)-1] & 0xf
	return binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff, nil
}

// At is the OTP at a moving factor: the counter, or the time step. OCRA has none: ErrSuite.
func (s Suite) At(mac MAC, moving uint64) (string, error) {
	if s.Kind == KindOCRA {
		return "", fmt.Errorf("%w: %s gives responses to questions", ErrSuite, s)
	}
	return HOTP(mac, moving, s.Digits)
}

// Step is the time step that t lies in (RFC 6238 §4.2, T0 = 0; RFC 6287 §5.1); zero for
// suites without time and for times before 1970.
func (s Suite) Step(t time.Time) uint64 {
	if s.Period <= 0 || t.Unix() < 0 {
		return 0
	}
	return uint64(t.Unix()) / uint64(s.Period/time.Second)
}

// CheckOTP refuses all but exactly digits ASCII digits. Nothing is trimmed: what
// looks like a used OTP with a space must not pass for another one.
func CheckOTP(candidate string, digits int) error {
	if len(candidate) != digits {
		return fmt.Errorf("%w: want %d digits", ErrOTP, digits)
	}
	for i := range len(candidate) {
		if candidate[i] < '0' || candidate[i] > '9' {
			return fmt.Errorf("%w: want digits 0-9 only", ErrOTP)
		}
	}
	return nil
}

// CheckAnyOTP refuses what is an OTP of no suite.
func CheckAnyOTP(candidate string) error {
	return CheckOTP(candidate, min(max(len(candidate), MinDigits), MaxDigits))
}
