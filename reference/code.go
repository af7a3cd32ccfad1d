package reference

import (
	"bytes"
	"fmt"
)

// The two parts of a registration code (PROTOCOL.md §4).
const (
	LocatorLength = 8 // characters of Crockford base32: 40 bits
	MinCodeDigits = 2
	MaxCodeDigits = 11
)

// JoinCode writes a registration code as people get it: "LOCATOR-DIGITS", and for MPP v1,
// which has no locator, "DIGITS". The form says the version.
func JoinCode(locator string, digits []byte) Secret {
	b := make([]byte, 0, LocatorLength+1+MaxCodeDigits)
	if locator != "" {
		b = append(append(b, locator...), '-')
	}
	return NewSecret(append(b, digits...))
}

// SplitCode takes a registration code apart, or gives ErrInvalid. The locator of one for
// MPP v1 is empty. The digits are a part of rc's own memory.
func SplitCode(rc []byte) (locator string, digits []byte, err error) {
	before, digits, found := bytes.Cut(rc, []byte{'-'})
	if !found {
		return "", rc, CheckCode(rc)
	}
	locator = string(before)
	if err := CheckLocator(locator); err != nil {
		return "", nil, err
	}
	return locator, digits, CheckCode(digits)
}

// CheckLocator refuses what is no locator, with ErrInvalid.
func CheckLocator(locator string) error {
	if !isCrockford(locator, LocatorLength) {
		return fmt.Errorf("locator: want %d characters of Crockford base32: %w", LocatorLength, ErrInvalid)
	}
	return nil
}

// CheckCode refuses digits that are no code, with ErrInvalid.
func CheckCode(digits []byte) error {
	if len(digits) < MinCodeDigits || len(digits) > MaxCodeDigits {
		return fmt.Errorf("code: want %d to %d digits: %w", MinCodeDigits, MaxCodeDigits, ErrInvalid)
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return fmt.Errorf("code: want digits only: %w", ErrInvalid)
		}
	}
	return nil
}
