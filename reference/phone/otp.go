package phone

import (
	"crypto/aes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/oath"
)

// Keeper stores a device durably. File is one.
type Keeper interface{ Keep(*Device) error }

// OTP makes the next one-time password with pin. An event-based token's counter is
// kept before the OTP is known, so that none is ever shown twice. No PIN is refused:
// a wrong one gives the OTP of another TOK.
func (d *Device) OTP(pin []byte, now time.Time, k Keeper) (string, error) {
	suite, err := oath.ParseSuite(d.Suite)
	if err == nil && suite.Kind == oath.KindOCRA {
		err = fmt.Errorf("%s answers questions", suite)
	}
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrDevice, err)
	}
	moving := suite.Step(now)
	if suite.Counts() {
		moving = d.Counter
		if err := d.count(k); err != nil {
			return "", err
		}
	}
	return d.withTOK(suite, pin, func(mac oath.MAC) (string, error) { return suite.At(mac, moving) })
}

// withTOK lends TOK for the time of one computation.
func (d *Device) withTOK(suite oath.Suite, pin []byte, compute func(oath.MAC) (string, error)) (string, error) {
	tok, err := d.tok(pin)
	defer clear(tok)
	if err != nil {
		return "", err
	}
	return compute(func(data []byte) ([]byte, error) {
		m := hmac.New(suite.Hash.New, tok)
		m.Write(data)
		return m.Sum(nil), nil
	})
}

// tok takes TOK out of C. The caller clears it.
func (d *Device) tok(pin []byte) ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	kek, err := pbkdf2.Key(sha256.New, string(pin), d.Salt, d.Iterations, wire.KeySize)
	defer clear(kek)
	if err != nil {
		return nil, fmt.Errorf("KEK: %w", err)
	}
	block, err := aes.NewCipher(kek)
	if err != nil {
		return nil, fmt.Errorf("KEK: %w", err)
	}
	turn := block.Encrypt
	if d.Direction == reference.Decrypt {
		turn = block.Decrypt
	}
	tok := make([]byte, len(d.C))
	for i := 0; i < len(tok); i += aes.BlockSize {
		turn(tok[i:i+aes.BlockSize], d.C[i:i+aes.BlockSize])
	}
	clear(tok[d.TOKLength:])
	return tok[:d.TOKLength], nil
}
