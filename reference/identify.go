package reference

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// crockford is Crockford's base32 in capitals: no I, L, O, U.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

const (
	tokenIDLength = 26 // characters
	maxService    = 64
	maxUser       = 128
)

// Crockford encodes b, five bits a character, zero bits at the end.
func Crockford(b []byte) string {
	var out strings.Builder
	var bits, n uint
	for _, c := range b {
		bits, n = bits<<8|uint(c), n+8
		for ; n >= 5; n -= 5 {
			out.WriteByte(crockford[bits>>(n-5)&31])
		}
		bits &= 1<<n - 1
	}
	if n > 0 {
		out.WriteByte(crockford[bits<<(5-n)&31])
	}
	return out.String()
}

// isCrockford holds for n characters of the alphabet, capitals only: one spelling each.
func isCrockford(s string, n int) bool {
	if len(s) != n {
		return false
	}
	for _, c := range []byte(s) {
		if strings.IndexByte(crockford, c) < 0 {
			return false
		}
	}
	return true
}

// Check refuses what is no token id, with ErrInvalid.
func (id TokenID) Check() error {
	if !isCrockford(string(id), tokenIDLength) {
		return fmt.Errorf("token: want %d characters of Crockford base32: %w", tokenIDLength, ErrInvalid)
	}
	return nil
}

// Check refuses what is no name of a service, with ErrInvalid.
func (s Service) Check() error {
	if len(s) < 1 || len(s) > maxService {
		return fmt.Errorf("service: want 1 to %d characters: %w", maxService, ErrInvalid)
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-') {
			return fmt.Errorf("service: want only a-z 0-9 . -: %w", ErrInvalid)
		}
	}
	return nil
}

// Check refuses what is no name of a user, with ErrInvalid.
func (u User) Check() error {
	s := string(u)
	if len(s) < 1 || len(s) > maxUser || !utf8.ValidString(s) {
		return fmt.Errorf("user: want 1 to %d bytes of UTF-8: %w", maxUser, ErrInvalid)
	}
	if strings.TrimSpace(s) != s {
		return fmt.Errorf("user: no spaces at the ends: %w", ErrInvalid)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("user: want printable characters only: %w", ErrInvalid)
		}
	}
	return nil
}
