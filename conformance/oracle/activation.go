package oracle

import (
	"crypto/hmac"
	"crypto/sha256"
)

// ActivationSize is the length of every answer to an activation, §8.
const ActivationSize = 32

// Activation is a phone's request to have its token activated. NewActivation fills in all
// that an honest phone sends; a caller changes what it wants to be dishonest about.
type Activation struct {
	_        struct{} `cbor:",toarray"`
	Protocol string
	Version  int
	Service  string
	Token    string
	Ticket   []byte
	OTP      string
}

// NewActivation is the request of a phone that has a grant, with an OTP.
func (g Grant) NewActivation(otp string) Activation {
	return Activation{Protocol: "epsbench-activate", Version: 1, Service: g.Service, Token: g.Token, Ticket: g.Ticket, OTP: otp}
}

// Body is what to POST.
func (a Activation) Body() []byte { return must(encoder.Marshal(a)) }

// Activated says whether an answer to a body, by who has the ticket, is the granted one.
func (a Activation) Activated(body, answer []byte) bool {
	digest := sha256.Sum256(body)
	h := hmac.New(sha256.New, a.Ticket)
	h.Write([]byte("epsbench-activate/1 active"))
	h.Write(digest[:])
	return hmac.Equal(answer, h.Sum(nil))
}
