package plugin

import (
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/oath"
)

// Attempt is the content of an activate: an OTP to judge. Blind keeps the digest of the
// message, which is stored, from giving the OTP away.
type Attempt struct {
	_     struct{} `cbor:",toarray"`
	OTP   string
	Blind []byte
}

func (a Attempt) check() error {
	if err := oath.CheckAnyOTP(a.OTP); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if len(a.Blind) != reference.BlindSize {
		return fmt.Errorf("blind of %d bytes: %w", len(a.Blind), ErrMalformed)
	}
	return nil
}

// encode gives the blob of an activate.
func (a Attempt) encode() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return encoder.Marshal(&a)
}

// Attempt reads the blob of an activate.
func (m *Message) Attempt() (Attempt, error) {
	var a Attempt
	if err := decode(m.Blob, &a); err != nil {
		return Attempt{}, err
	}
	return a, a.check()
}
