package oracle

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/conformance"
)

// Sizes of PROTOCOL-1.md §2 and §5.
const (
	literalVersion = 1
	literalBody    = 552
	// LiteralResponseSize is the length of every answer of MPP v1.
	LiteralResponseSize = 590
)

// BadMAC is why a phone does not accept an answer of MPP v1: it is not from who has K2.
const BadMAC Refusal = "the MAC does not check"

// LiteralRequest is a phone's request of MPP v1 before it is encrypted. BuildLiteral fills
// in all that an honest phone sends; a knob changes what it wants to be dishonest about.
type LiteralRequest struct {
	Protocol string
	Version  int
	Suite    int
	KeyID    []byte
	Service  string
	Nonce    []byte
	K1, K2   []byte
	Code     string
	OAEP     []byte // nil: K1 ‖ K2 ‖ Code under the pinned key
}

// LiteralSession is a request ready to send, with the keys that open its answer.
type LiteralSession struct {
	Request LiteralRequest
	Block   []byte // the RSA block in Body
	Body    []byte // what to POST

	pinned conformance.Pinned
	h      [32]byte
}

type literalMessage struct {
	_        struct{} `cbor:",toarray"`
	Protocol string
	Version  int
	Suite    int
	KeyID    []byte
	Service  string
	Nonce    []byte
	OAEP     []byte
}

// BuildLiteral makes the request of a phone that pins p, for a registration code ("DIGITS")
// of a service. K1, K2 and nonce are new each time unless a knob reuses old ones.
func BuildLiteral(p conformance.Pinned, registrationCode, service string, knobs ...func(*LiteralRequest)) (*LiteralSession, error) {
	if p.V1 == nil {
		return nil, fmt.Errorf("the phone pins no key of MPP v1")
	}
	r := LiteralRequest{
		Protocol: protocol, Version: literalVersion, Suite: p.Suite, KeyID: p.V1.KeyID, Service: service,
		Nonce: fresh(32), K1: fresh(32), K2: fresh(32), Code: registrationCode,
	}
	for _, knob := range knobs {
		knob(&r)
	}
	block := r.OAEP
	if block == nil {
		var err error
		if block, err = encryptOAEP(p.V1.Key, r.Suite, bytes.Join([][]byte{r.K1, r.K2, []byte(r.Code)}, nil)); err != nil {
			return nil, err
		}
	}
	body, err := encoder.Marshal(literalMessage{
		Protocol: r.Protocol, Version: r.Version, Suite: r.Suite, KeyID: r.KeyID,
		Service: r.Service, Nonce: r.Nonce, OAEP: block,
	})
	return &LiteralSession{Request: r, Block: block, Body: body, pinned: p, h: sha256.Sum256(body)}, err
}

// Sent is what is to be posted.
func (s *LiteralSession) Sent() []byte { return s.Body }

type literalResponse struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	MAC  []byte
}

type literalAnswer struct {
	_        struct{} `cbor:",toarray"`
	Protocol string
	Version  int
	Suite    int
	KeyID    []byte
	H        []byte
	Grant    Grant
}

// Open is what an honest phone makes of an answer that comes at now. The error is a Refusal.
func (s *LiteralSession) Open(answer []byte, now time.Time) (Grant, error) {
	var m literalResponse
	if len(answer) != LiteralResponseSize || decode(answer, &m) != nil || len(m.Body) != literalBody {
		return Grant{}, BadShape
	}
	if !hmac.Equal(s.mac(m.Body), m.MAC) {
		return Grant{}, BadMAC
	}
	n := int(binary.BigEndian.Uint16(m.Body))
	var a literalAnswer
	if n > literalBody-2 || len(bytes.Trim(m.Body[2+n:], "\x00")) != 0 || decode(m.Body[2:2+n], &a) != nil || !a.Grant.wellFormed() {
		return Grant{}, BadGrant
	}
	if reason := s.compare(a); reason != "" {
		return Grant{}, reason
	}
	return a.Grant.take(s.pinned, s.Request.Service, s.Request.K1, now)
}

// compare looks at what the answer is to.
func (s *LiteralSession) compare(a literalAnswer) Refusal {
	switch {
	case a.Protocol != protocol || a.Version != literalVersion:
		return BadVersion
	case a.Suite != s.pinned.Suite:
		return BadSuite
	case !bytes.Equal(a.KeyID, s.pinned.V1.KeyID):
		return BadKeyID
	case !bytes.Equal(a.H, s.h[:]):
		return BadEcho
	}
	return ""
}

func (s *LiteralSession) mac(body []byte) []byte {
	h := hmac.New(sha256.New, s.Request.K2)
	h.Write(body)
	return h.Sum(nil)
}

// Rogue is the same session as an EPS without the private key sees it: all that was on the
// wire, and guesses for K1 and K2.
func (s *LiteralSession) Rogue() *LiteralSession {
	rogue := *s
	rogue.Request.K1, rogue.Request.K2 = fresh(32), fresh(32)
	return &rogue
}

// Taken is the same session as one sees it who has the recording, and what the private key
// makes of its RSA block.
func (s *LiteralSession) Taken(plain []byte) (*LiteralSession, error) {
	if len(plain) < 64 {
		return nil, fmt.Errorf("K1 ‖ K2 ‖ RC has %d bytes", len(plain))
	}
	taken := *s
	taken.Request.K1, taken.Request.K2, taken.Request.Code = plain[:32], plain[32:64], string(plain[64:])
	return &taken, nil
}

// Answer plays an EPS that knows the keys of s: it sends c, wrapped, in g.
func (s *LiteralSession) Answer(g Grant, c []byte) ([]byte, error) {
	var err error
	if g.W, err = Wrap(s.Request.K1, c); err != nil {
		return nil, err
	}
	text, err := encoder.Marshal(literalAnswer{
		Protocol: protocol, Version: literalVersion, Suite: s.Request.Suite, KeyID: s.Request.KeyID, H: s.h[:], Grant: g,
	})
	if err != nil || len(text) > literalBody-2 {
		return nil, BadGrant
	}
	body := make([]byte, literalBody)
	binary.BigEndian.PutUint16(body, uint16(len(text)))
	copy(body[2:], text)
	return encoder.Marshal(literalResponse{Body: body, MAC: s.mac(body)})
}
