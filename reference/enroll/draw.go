package enroll

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/epsbench/epsbench/reference"
)

// PINs draws a PIN of so many digits.
type PINs func(random io.Reader, digits int) ([]byte, error)

// Codes draws a registration code: its locator and its digits.
type Codes func(random io.Reader, digits int) (locator string, code []byte, err error)

// KDF makes a KEK of 32 bytes from a PIN.
type KDF func(pin, salt []byte, iterations int) ([]byte, error)

const (
	kdfName       = "pbkdf2-hmac-sha256"
	kekSize       = 32
	saltSize      = 16 // 128 bits for each token (ANSSI PG-078)
	locatorBytes  = 5
	tokenIDBytes  = 16
	maxDrawsOfPIN = 100
)

// PBKDF2 is PBKDF2-HMAC-SHA-256. The standard library takes the PIN as a string: that
// copy cannot be cleared, which the evaluation guide counts among the runtime's.
func PBKDF2(pin, salt []byte, iterations int) ([]byte, error) {
	return pbkdf2.Key(sha256.New, string(pin), salt, iterations, kekSize)
}

// DrawPIN draws until the PIN is not a weak one.
func DrawPIN(random io.Reader, digits int) ([]byte, error) {
	for range maxDrawsOfPIN {
		pin, err := drawDigits(random, digits)
		if err != nil {
			return nil, fmt.Errorf("draw a PIN: %w", err)
		}
		if !reference.WeakPIN(pin) {
			return pin, nil
		}
		clear(pin)
	}
	return nil, fmt.Errorf("draw a PIN: the random source gives only weak ones")
}

// DrawCode draws a locator of 40 bits and the digits.
func DrawCode(random io.Reader, digits int) (string, []byte, error) {
	locator, err := drawName(random, locatorBytes)
	if err != nil {
		return "", nil, fmt.Errorf("draw a locator: %w", err)
	}
	code, err := drawDigits(random, digits)
	if err != nil {
		return "", nil, fmt.Errorf("draw a code: %w", err)
	}
	return locator, code, nil
}

func drawDigits(random io.Reader, n int) ([]byte, error) {
	return reference.Draw(random, "0123456789", n)
}

// drawName gives n random bytes in Crockford base32.
func drawName(random io.Reader, n int) (string, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(random, b); err != nil {
		return "", err
	}
	return reference.Crockford(b), nil
}
