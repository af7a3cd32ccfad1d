package oracle

import (
	"bytes"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/epsbench/epsbench/conformance"
)

// Refusal is why a phone does not accept an answer.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// The reasons, in the order in which a phone looks. An EPS that refuses sends random
// bytes: BadShape.
const (
	BadShape   Refusal = "not an answer of MPP"
	BadVersion Refusal = "another protocol or version"
	BadSuite   Refusal = "another suite"
	BadKeyID   Refusal = "another key id"
	BadEcho    Refusal = "not the answer to this request"
	BadPoint   Refusal = "not a point of the curve"
	BadTag     Refusal = "the tag does not check"
	BadGrant   Refusal = "not a well-formed grant"
	BadEPS     Refusal = "another EPS"
	BadService Refusal = "another service"
	BadKDF     Refusal = "a weaker derivation of the KEK"
	BadTime    Refusal = "made at another time"
	BadWrap    Refusal = "W does not unwrap"
)

// Grant is what a phone gets, PROTOCOL.md §5.
type Grant struct {
	_          struct{} `cbor:",toarray"`
	EPS        string
	Service    string
	Token      string
	W          []byte
	Direction  int
	TOKLength  int
	CLength    int
	Salt       []byte
	KDF        string
	Iterations int
	Suite      string
	Counter    uint64
	Ticket     []byte
	Time       int64
	PINDigits  int

	c []byte
}

// Inner is the PIN layer around the token's secret: all that the phone stores of it.
func (g Grant) Inner() Inner {
	return Inner{C: g.c, Direction: g.Direction, TOKLength: g.TOKLength, Salt: g.Salt, KDF: g.KDF, Iterations: g.Iterations}
}

// OTP is the password that pin gives at a moving factor, right or wrong as the pin is.
func (g Grant) OTP(pin string, moving uint64) (string, error) {
	suite, err := ParseSuite(g.Suite)
	if err != nil {
		return "", err
	}
	tok, err := g.Inner().TOK(pin)
	if err != nil {
		return "", err
	}
	return suite.OTP(tok, moving), nil
}

// Response is the answer that pin gives to a question, right or wrong as the pin is.
func (g Grant) Response(pin string, in OCRAInput) (string, error) {
	suite, err := ParseOCRA(g.Suite)
	if err != nil {
		return "", err
	}
	tok, err := g.Inner().TOK(pin)
	if err != nil {
		return "", err
	}
	return suite.Response(tok, in), nil
}

type responseHeader struct {
	_        struct{} `cbor:",toarray"`
	Protocol string
	Version  int
	Suite    int
	KeyID    []byte
	H1       []byte
	Point    []byte
}

// skew is how far the EPS's clock may be from the phone's, §7.
const skew = 10 * time.Minute

// Open is what an honest phone makes of an answer that comes at now. The error is a Refusal.
func (s *Session) Open(answer []byte, now time.Time) (Grant, error) {
	return s.open(answer, now, func(point *ecdh.PublicKey) ([]byte, error) { return s.Request.Ephemeral.ECDH(point) })
}

// Robbed is what a thief makes of a recorded answer who has S but neither ephemeral key: z
// is what he takes for their secret.
func (s *Session) Robbed(answer, z []byte, now time.Time) (Grant, error) {
	return s.open(answer, now, func(*ecdh.PublicKey) ([]byte, error) { return z, nil })
}

func (s *Session) open(answer []byte, now time.Time, secret func(*ecdh.PublicKey) ([]byte, error)) (Grant, error) {
	var m message
	var h responseHeader
	if len(answer) != ResponseSize || decode(answer, &m) != nil || decode(m.Header, &h) != nil {
		return Grant{}, BadShape
	}
	if reason := s.compare(h); reason != "" {
		return Grant{}, reason
	}
	point, err := ecdh.P256().NewPublicKey(h.Point)
	if err != nil {
		return Grant{}, BadPoint
	}
	z, err := secret(point)
	if err != nil {
		return Grant{}, BadPoint
	}
	k, err := s.responseKey(m.Header, z)
	if err != nil {
		return Grant{}, BadPoint
	}
	plain, err := unbox(k, m)
	if err != nil {
		return Grant{}, BadTag
	}
	g, ok := readGrant(plain)
	if !ok {
		return Grant{}, BadGrant
	}
	return g.take(s.pinned, s.Request.Service, s.keys.c, now)
}

// compare looks at what the phone knows before it has any key.
func (s *Session) compare(h responseHeader) Refusal {
	switch {
	case h.Protocol != protocol || h.Version != version:
		return BadVersion
	case h.Suite != s.pinned.Suite:
		return BadSuite
	case !bytes.Equal(h.KeyID, s.pinned.KeyID):
		return BadKeyID
	case !bytes.Equal(h.H1, s.h1[:]):
		return BadEcho
	}
	return ""
}

// responseKey is K_rsp of §3, with z the secret of both ephemeral keys.
func (s *Session) responseKey(header, z []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, z, s.keys.mac("rsp", sha256.Sum256(header)), "epsbench-mpp/2 response", 32)
}

func unbox(key []byte, m message) ([]byte, error) {
	box, err := gcm(key)
	if err != nil {
		return nil, err
	}
	h2 := sha256.Sum256(m.Header)
	return box.Open(nil, make([]byte, box.NonceSize()), m.Box, h2[:])
}

// readGrant reads the plain box: a length, the grant, zeros.
func readGrant(plain []byte) (g Grant, ok bool) {
	if len(plain) != plainResponse {
		return g, false
	}
	n := int(binary.BigEndian.Uint16(plain))
	if n > len(plain)-2 || len(bytes.Trim(plain[2+n:], "\x00")) != 0 {
		return g, false
	}
	if err := decode(plain[2:2+n], &g); err != nil {
		return g, false
	}
	return g, g.wellFormed()
}

func isSuite(name string) bool {
	_, otp := ParseSuite(name)
	_, ocra := ParseOCRA(name)
	return otp == nil || ocra == nil
}

func (g Grant) wellFormed() bool {
	return isSuite(g.Suite) && g.Token != "" &&
		(g.Direction == Encrypts || g.Direction == Decrypts) &&
		(g.TOKLength == 20 || g.TOKLength == 32 || g.TOKLength == 64) &&
		g.CLength == (g.TOKLength+15)/16*16 && len(g.W) == g.CLength+8 &&
		len(g.Salt) == 16 && (len(g.Ticket) == 0 || len(g.Ticket) == 16) &&
		g.PINDigits >= 4 && g.PINDigits <= 12
}

// take checks what the grant says against what the phone knows, and unwraps C under K_c,
// which is K1.
func (g Grant) take(pinned conformance.Pinned, service string, kc []byte, now time.Time) (Grant, error) {
	switch {
	case g.EPS != pinned.EPS:
		return Grant{}, BadEPS
	case g.Service != service:
		return Grant{}, BadService
	case g.KDF != PBKDF2 || g.Iterations < pinned.MinIterations || g.Iterations < 1:
		return Grant{}, BadKDF
	case now.Sub(time.Unix(g.Time, 0)).Abs() > skew:
		return Grant{}, BadTime
	}
	c, err := Unwrap(kc, g.W)
	if err != nil {
		return Grant{}, BadWrap
	}
	g.c = c
	return g, nil
}

// Rogue is the same session as an EPS without the private key sees it: all that was on the
// wire, and guesses for K_t and K_c.
func (s *Session) Rogue() *Session {
	rogue := *s
	rogue.keys = keys{fresh(32), fresh(32)}
	return &rogue
}

// Answer plays an EPS that knows the keys of s: it sends c, wrapped, in g. Suites use it to
// show what a phone refuses.
func (s *Session) Answer(g Grant, c []byte) ([]byte, error) {
	own, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if g.W, err = Wrap(s.keys.c, c); err != nil {
		return nil, err
	}
	grant, err := encoder.Marshal(g)
	if err != nil || len(grant) > plainResponse-2 {
		return nil, BadGrant
	}
	header, err := encoder.Marshal(responseHeader{
		Protocol: protocol, Version: version, Suite: s.Request.Suite,
		KeyID: s.Request.KeyID, H1: s.h1[:], Point: own.PublicKey().Bytes(),
	})
	if err != nil {
		return nil, err
	}
	return s.sealAnswer(header, grant, own)
}

func (s *Session) sealAnswer(header, grant []byte, own *ecdh.PrivateKey) ([]byte, error) {
	z, err := own.ECDH(s.Request.Ephemeral.PublicKey())
	if err != nil {
		return nil, err
	}
	k, err := s.responseKey(header, z)
	if err != nil {
		return nil, err
	}
	box, err := gcm(k)
	if err != nil {
		return nil, err
	}
	plain := make([]byte, plainResponse)
	binary.BigEndian.PutUint16(plain, uint16(len(grant)))
	copy(plain[2:], grant)
	h2 := sha256.Sum256(header)
	return encoder.Marshal(message{Header: header, Box: box.Seal(nil, make([]byte, box.NonceSize()), plain, h2[:])})
}
