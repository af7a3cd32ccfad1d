package oath

import (
	"crypto"
	_ "crypto/sha1" // links the hashes that suites name
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Kind is what moves from one OTP to the next.
type Kind string

const (
	KindHOTP Kind = "HOTP" // a counter
	KindTOTP Kind = "TOTP" // time steps since the Unix epoch
	KindOCRA Kind = "OCRA" // a question, and what else its Inputs say
)

// Limits of what a suite of HOTP and TOTP may name. RFC 4226 §5.3 allows "at least 6 and possibly 7
// and 8" digits; the period is this project's.
const (
	MinDigits = 6
	MaxDigits = 8
	MaxPeriod = time.Hour
)

// ErrSuite is every name that is no suite.
var ErrSuite = errors.New("not an OTP suite")

// Suite is an OTP algorithm with its parameters: "HOTP-SHA256-6",
// "TOTP-SHA256-6-30", "OCRA-1:HOTP-SHA256-8:QH64-T30S".
type Suite struct {
	Kind   Kind
	Hash   crypto.Hash
	Digits int           // OCRA: zero for the whole HMAC
	Period time.Duration // of a time step, whole seconds; zero where time plays no part
	Inputs Inputs        // of OCRA
}

// hashes are the hash functions that RFC 6238 §1.2 names, as suites spell them.
var hashes = []struct {
	name string
	hash crypto.Hash
}{
	{"SHA1", crypto.SHA1},
	{"SHA256", crypto.SHA256},
	{"SHA512", crypto.SHA512},
}

// ParseSuite reads the name of a suite. Each suite has one name: other cases,
// leading zeros and missing parts are refused with ErrSuite.
func ParseSuite(name string) (Suite, error) {
	read := parseOTP
	if strings.HasPrefix(name, string(KindOCRA)+"-") {
		read = parseOCRA
	}
	s, err := read(name)
	if err != nil {
		return Suite{}, err
	}
	if s.String() != name {
		return Suite{}, fmt.Errorf("%w: the name is not spelled as it should be", ErrSuite)
	}
	return s, nil
}

func parseOTP(name string) (Suite, error) {
	parts := strings.Split(name, "-")
	want := map[string]int{string(KindHOTP): 3, string(KindTOTP): 4}[parts[0]]
	if want == 0 || len(parts) != want {
		return Suite{}, fmt.Errorf("%w: want HOTP-hash-digits or TOTP-hash-digits-seconds", ErrSuite)
	}
	s := Suite{Kind: Kind(parts[0])}
	var err error
	if s.Hash, err = hashNamed(parts[1]); err != nil {
		return Suite{}, fmt.Errorf("%w: %w", ErrSuite, err)
	}
	if s.Digits, err = number(parts[2], MinDigits, MaxDigits); err != nil {
		return Suite{}, fmt.Errorf("%w: digits: %w", ErrSuite, err)
	}
	if s.Kind == KindHOTP {
		return s, nil
	}
	seconds, err := number(parts[3], 1, int(MaxPeriod/time.Second))
	if err != nil {
		return Suite{}, fmt.Errorf("%w: seconds: %w", ErrSuite, err)
	}
	s.Period = time.Duration(seconds) * time.Second
	return s, nil
}

func hashNamed(name string) (crypto.Hash, error) {
	for _, h := range hashes {
		if h.name == name {
			return h.hash, nil
		}
	}
	return 0, errors.New("hash must be SHA1, SHA256 or SHA512")
}

func hashName(hash crypto.Hash) string {
	for _, h := range hashes {
		if h.hash == hash {
			return h.name
		}
	}
	return "none"
}

func number(s string, min, max int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < min || n > max {
		return 0, fmt.Errorf("want a number from %d to %d", min, max)
	}
	return n, nil
}

// String is the name of the suite.
func (s Suite) String() string {
	if s.Kind == KindOCRA {
		return fmt.Sprintf("%s:%s-%s-%d:%s", ocraVersion, KindHOTP, hashName(s.Hash), s.Digits, s.inputs())
	}
	text := fmt.Sprintf("%s-%s-%d", s.Kind, hashName(s.Hash), s.Digits)
	if s.Kind == KindTOTP {
		text += fmt.Sprintf("-%d", s.Period/time.Second)
	}
	return text
}

// SecretLength is the length in bytes of a secret made for this suite: at least
// the HMAC's own (RFC 4226 §4 R6), in whole AES blocks, so that nothing is padded.
func (s Suite) SecretLength() int {
	if s.Hash == crypto.SHA512 {
		return 64
	}
	return 32
}
