package oracle

import (
	"crypto"
	"crypto/hmac"
	_ "crypto/sha1" // the hashes of the suites
	_ "crypto/sha256"
	_ "crypto/sha512"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

// HOTP is RFC 4226 §5.3 for any hash: the offset is in the last byte of the MAC.
func HOTP(hash crypto.Hash, key []byte, counter uint64, digits int) string {
	var moving [8]byte
	for i := range moving {
		moving[i] = byte(counter >> (56 - 8*i))
	}
	mac := hmac.New(hash.New, key)
	mac.Write(moving[:])
	return Truncate(mac.Sum(nil), digits)
}

// Truncate makes an OTP of an HMAC that was computed elsewhere (RFC 4226 §5.3). hs has 20
// bytes or more.
func Truncate(hs []byte, digits int) string {
	o := int(hs[len(hs)-1] % 16)
	code := (int(hs[o])%128)<<24 | int(hs[o+1])<<16 | int(hs[o+2])<<8 | int(hs[o+3])
	decimal := fmt.Sprintf("%010d", code)
	return decimal[len(decimal)-digits:]
}

// Suite is how a token makes its OTPs.
type Suite struct {
	Hash   crypto.Hash
	Digits int
	Step   time.Duration // of TOTP; 0: HOTP
}

var (
	suiteText   = regexp.MustCompile(`^(HOTP|TOTP)-SHA(1|256|512)-([6-8])(?:-([1-9][0-9]{0,3}))?$`)
	suiteHashes = map[string]crypto.Hash{"1": crypto.SHA1, "256": crypto.SHA256, "512": crypto.SHA512}
)

// ParseSuite reads "HOTP-SHA256-6" or "TOTP-SHA1-8-30".
func ParseSuite(s string) (Suite, error) {
	m := suiteText.FindStringSubmatch(s)
	if m == nil || (m[1] == "TOTP") != (m[4] != "") {
		return Suite{}, fmt.Errorf("no OTP suite: %q", s)
	}
	digits, _ := strconv.Atoi(m[3])  // one digit, by the pattern
	seconds, _ := strconv.Atoi(m[4]) // up to four digits, or none
	return Suite{suiteHashes[m[2]], digits, time.Duration(seconds) * time.Second}, nil
}

// Moving is the moving factor of a TOTP suite at t (RFC 6238 §4.2, T0 = 0).
func (s Suite) Moving(t time.Time) uint64 {
	return uint64(t.Unix()) / uint64(s.Step/time.Second)
}

// OTP is the password for a moving factor: a counter or a number of steps.
func (s Suite) OTP(key []byte, moving uint64) string {
	return HOTP(s.Hash, key, moving, s.Digits)
}

// Reach is further than a window or a resynchronisation goes, to either side.
const Reach = 120

// Wrong gives n different OTPs of no moving factor within Reach of one.
func (s Suite) Wrong(key []byte, moving uint64, n int) (otps []string) {
	near := map[string]bool{}
	for m := moving - min(moving, Reach); m <= moving+Reach; m++ {
		near[s.OTP(key, m)] = true
	}
	space := int(math.Pow10(s.Digits))
	for i := 1; len(otps) < n; i++ {
		const step = 7919 // odd and no multiple of 5: no OTP comes twice before all have come
		if otp := fmt.Sprintf("%0*d", s.Digits, i*step%space); !near[otp] {
			otps = append(otps, otp)
		}
	}
	return otps
}
