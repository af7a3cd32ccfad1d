package oracle

import (
	"crypto/aes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
)

// Inner is TOK under the PIN: C, and how to take it apart. It is all that a phone keeps,
// and it holds nothing by which a PIN could be told right from wrong.
type Inner struct {
	C          []byte
	Direction  int // PROTOCOL.md §5: 1 or 2
	TOKLength  int
	Salt       []byte
	KDF        string
	Iterations int
}

// Directions of PROTOCOL.md §5.
const (
	Encrypts = 1 // TOK = AES-ECB-encrypt(KEK, C)
	Decrypts = 2 // TOK = AES-ECB-decrypt(KEK, C)
)

// PBKDF2 is the one KDF that PROTOCOL.md knows.
const PBKDF2 = "pbkdf2-hmac-sha256"

// KEK is the key that pin makes.
func (in Inner) KEK(pin string) ([]byte, error) {
	if in.KDF != PBKDF2 {
		return nil, fmt.Errorf("no KDF is called %q", in.KDF)
	}
	return pbkdf2.Key(sha256.New, pin, in.Salt, in.Iterations, 32)
}

// TOK is what C gives under pin: the token's secret for the right one, another secret of
// the same length for each wrong one.
func (in Inner) TOK(pin string) ([]byte, error) {
	kek, err := in.KEK(pin)
	if err != nil {
		return nil, err
	}
	return in.under(kek)
}

func (in Inner) under(kek []byte) ([]byte, error) {
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, err
	}
	if len(in.C)%aes.BlockSize != 0 || in.TOKLength > len(in.C) || in.TOKLength < 0 {
		return nil, fmt.Errorf("a PIN layer of %d bytes around a TOK of %d", len(in.C), in.TOKLength)
	}
	step := map[int]func(dst, src []byte){Encrypts: block.Encrypt, Decrypts: block.Decrypt}[in.Direction]
	if step == nil {
		return nil, fmt.Errorf("no direction %d", in.Direction)
	}
	tok := make([]byte, len(in.C))
	for i := 0; i < len(tok); i += aes.BlockSize {
		step(tok[i:], in.C[i:])
	}
	return tok[:in.TOKLength], nil
}
