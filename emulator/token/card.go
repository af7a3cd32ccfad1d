package token

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"golang.org/x/crypto/scrypt"

	"github.com/miekg/pkcs11"
)

const (
	cardFile  = "token"
	cardMagic = "epsbench token 1\n"

	minPIN         = 4 // bytes
	maxPIN         = 255
	maxTries       = 10
	defaultPINCost = 15 // log2 of scrypt's N
	minPINCost     = 4
	maxPINCost     = 20
	saltSize       = 16
	epochSize      = 16
	maxLabel       = 32
)

// role is who is logged in.
type role uint64

const (
	nobody role = iota
	user
	securityOfficer
)

// card is the state of a token itself: its name, and its key under both PINs.
// Epoch changes when the token is initialised anew; objects of another epoch
// are none of its.
type card struct {
	_      struct{} `cbor:",toarray"`
	Serial string
	Label  string
	Epoch  []byte
	SO     pin
	User   pin
}

// pin is the token key sealed under a key made from a PIN with scrypt (RFC
// 7914). Cost 0 means that the PIN was never set.
type pin struct {
	_     struct{} `cbor:",toarray"`
	Cost  uint8    // log2 of N; r = 8, p = 1
	Salt  []byte
	Key   sealed
	Tries uint8 // left
}

func newCard(serial, label string) *card {
	epoch := randomBytes(epochSize)
	if serial == "" {
		serial = hex.EncodeToString(epoch[:8])
	}
	return &card{Serial: serial, Label: label, Epoch: epoch}
}

func decodeCard(file []byte) (*card, error) {
	c := new(card)
	if err := decode(cardMagic, file, c); err != nil {
		return nil, err
	}
	if len(c.Epoch) != epochSize || len(c.Label) > maxLabel || len(c.Serial) > 16 || c.SO.Cost == 0 {
		return nil, errors.New("token: fields out of range")
	}
	for _, p := range []pin{c.SO, c.User} {
		if !p.sound() {
			return nil, errors.New("token: a PIN's record is out of range")
		}
	}
	return c, nil
}

func (p pin) sound() bool {
	if p.Cost == 0 {
		return len(p.Salt) == 0 && len(p.Key.Nonce) == 0 && len(p.Key.Box) == 0 && p.Tries == 0
	}
	return p.Cost >= minPINCost && p.Cost <= maxPINCost && len(p.Salt) == saltSize &&
		len(p.Key.Nonce) == nonceSize && len(p.Key.Box) == keySize+tagSize && p.Tries <= maxTries
}

func (c *card) pin(who role) *pin {
	if who == securityOfficer {
		return &c.SO
	}
	return &c.User
}

// bound is what a PIN's seal authenticates: whose it is, and of which token.
func (c *card) bound(who role) []byte {
	return fmt.Appendf(nil, "%s%d %q %q %x", cardMagic, who, c.Serial, c.Label, c.Epoch)
}

// set seals the token key under a new PIN.
func (c *card) set(who role, PIN string, key []byte, cost int) error {
	p := pin{Cost: uint8(cost), Salt: randomBytes(saltSize), Tries: maxTries}
	kek, err := p.stretch(PIN)
	if err != nil {
		return err
	}
	defer clear(kek)
	if p.Key, err = seal(kek, key, c.bound(who)); err != nil {
		return err
	}
	*c.pin(who) = p
	return nil
}

// open gives the token key for the right PIN. It does not count.
func (c *card) open(who role, PIN string) ([]byte, error) {
	p := c.pin(who)
	kek, err := p.stretch(PIN)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	return p.Key.open(kek, c.bound(who))
}

func (p pin) stretch(PIN string) ([]byte, error) {
	return scrypt.Key([]byte(PIN), p.Salt, 1<<p.Cost, 8, 1, keySize)
}

func (c *card) same(o *card) bool { return o != nil && bytes.Equal(c.Epoch, o.Epoch) }

// flags are those of CK_TOKEN_INFO that depend on the PINs.
func (c *card) flags() uint {
	f := uint(pkcs11.CKF_TOKEN_INITIALIZED)
	if c.User.Cost != 0 {
		f |= pkcs11.CKF_USER_PIN_INITIALIZED
		f |= c.User.counter(pkcs11.CKF_USER_PIN_COUNT_LOW, pkcs11.CKF_USER_PIN_FINAL_TRY, pkcs11.CKF_USER_PIN_LOCKED)
	}
	return f | c.SO.counter(pkcs11.CKF_SO_PIN_COUNT_LOW, pkcs11.CKF_SO_PIN_FINAL_TRY, pkcs11.CKF_SO_PIN_LOCKED)
}

func (p pin) counter(low, final, locked uint) uint {
	switch p.Tries {
	case maxTries:
		return 0
	case 1:
		return low | final
	case 0:
		return locked
	}
	return low
}

func checkPIN(PIN string) error {
	if len(PIN) < minPIN || len(PIN) > maxPIN {
		return rv(pkcs11.CKR_PIN_LEN_RANGE)
	}
	return nil
}
