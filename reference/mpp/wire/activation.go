package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/oath"
)

// Of activation (PROTOCOL.md §8).
const (
	ActivationPath    = "/v1/activate"
	ActivationName    = "epsbench-activate"
	ActivationVersion = 1
	ActivationSize    = sha256.Size // of every answer, granted or refused
)

// Activation is what a phone sends to have its token activated. Ticket and OTP are secrets
// below TLS.
type Activation struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Version uint64
	Service reference.Service
	Token   reference.TokenID
	Ticket  []byte
	OTP     string
}

// NewActivation fills in what does not change.
func NewActivation(service reference.Service, token reference.TokenID, ticket []byte, otp string) Activation {
	return Activation{Name: ActivationName, Version: ActivationVersion, Service: service, Token: token, Ticket: ticket, OTP: otp}
}

// Encode gives the body.
func (a Activation) Encode() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return Encode(a)
}

// DecodeActivation takes a body apart.
func DecodeActivation(body []byte) (Activation, error) {
	var a Activation
	if len(body) > MaxRequest {
		return a, fmt.Errorf("%w: %d bytes", ErrFormat, len(body))
	}
	if err := Decode(body, &a); err != nil {
		return a, fmt.Errorf("activation: %w", err)
	}
	return a, a.check()
}

func (a Activation) check() error {
	if a.Name != ActivationName || a.Version != ActivationVersion {
		return fmt.Errorf("%w: another protocol or version", ErrFormat)
	}
	for _, err := range []error{a.Service.Check(), a.Token.Check(), reference.CheckTicket(a.Ticket), oath.CheckAnyOTP(a.OTP)} {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrFormat, err)
		}
	}
	return nil
}

// ActivationProof is the granted answer to a body: who does not know the ticket cannot
// tell it from a refusal, nor make it.
func ActivationProof(ticket, body []byte) []byte {
	digest := sha256.Sum256(body)
	m := hmac.New(sha256.New, ticket)
	m.Write([]byte("epsbench-activate/1 active"))
	m.Write(digest[:])
	return m.Sum(nil)
}
