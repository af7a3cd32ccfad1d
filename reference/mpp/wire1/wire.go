// Package wire1 is the format of MPP v1, the literal protocol of seed 000 §6.3: what
// PROTOCOL-1.md §2 to §5 fixes, for both ends. It does no I/O and holds no policy.
//
// Start at Request and Response; Secrets is what the RSA block of a request holds. What
// the two versions have in common is package wire's.
package wire1

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// Version, and Path of a request (PROTOCOL-1.md §1).
const (
	Version = 1
	Path    = "/mpp/v1"
)

// Sizes in bytes.
const (
	ResponseSize = 590 // every answer, granted or refused
	KeySize      = 32  // K1, K2
	MACSize      = sha256.Size
	BodySize     = 552 // body of a response
	minModulus   = 256
	maxModulus   = 512
)

// Request is what a phone sends. No field of it is authenticated.
type Request struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Version uint64
	Suite   uint64
	KeyID   []byte
	Service reference.Service
	Nonce   []byte
	OAEP    []byte // Secrets under the EPS's RSA key
}

// DecodeRequest takes a body apart. What it gives back is well formed in every field;
// whether key id and suite are the EPS's own is for the caller.
func DecodeRequest(body []byte) (Request, error) {
	var q Request
	if len(body) > wire.MaxRequest {
		return q, fmt.Errorf("%w: %d bytes", wire.ErrFormat, len(body))
	}
	if err := wire.Decode(body, &q); err != nil {
		return q, fmt.Errorf("request: %w", err)
	}
	return q, q.check()
}

func (q Request) check() error {
	if err := common(q.Name, q.Version, q.Suite, q.KeyID); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if err := q.Service.Check(); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrFormat, err)
	}
	if len(q.Nonce) != wire.NonceSize || len(q.OAEP) < minModulus || len(q.OAEP) > maxModulus {
		return fmt.Errorf("%w: nonce or OAEP block has a wrong length", wire.ErrFormat)
	}
	return nil
}

// common checks what both directions have.
func common(name string, version, suite uint64, keyID []byte) error {
	if name != wire.Name || version != Version {
		return fmt.Errorf("%w: another protocol or version", wire.ErrFormat)
	}
	if suite != wire.SuiteSHA256 && suite != wire.SuiteSHA1 {
		return fmt.Errorf("%w: unknown suite", wire.ErrFormat)
	}
	if len(keyID) != wire.KeyIDSize {
		return fmt.Errorf("%w: key id has a wrong length", wire.ErrFormat)
	}
	return nil
}

// Secrets is what the RSA block of a request holds (PROTOCOL-1.md §3). Clear it when done.
type Secrets struct {
	K1, K2 []byte // encryption, authentication
	Code   []byte // ASCII digits
}

// Clear overwrites the secrets.
func (s Secrets) Clear() {
	clear(s.K1)
	clear(s.K2)
	clear(s.Code)
}

// Encode gives K1 ‖ K2 ‖ RC.
func (s Secrets) Encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return bytes.Join([][]byte{s.K1, s.K2, s.Code}, nil), nil
}

// DecodeSecrets takes K1 ‖ K2 ‖ RC apart. What it gives back is plain's own memory.
func DecodeSecrets(plain []byte) (Secrets, error) {
	if len(plain) < 2*KeySize {
		return Secrets{}, fmt.Errorf("%w: K1 ‖ K2 ‖ RC of %d bytes", wire.ErrFormat, len(plain))
	}
	s := Secrets{K1: plain[:KeySize], K2: plain[KeySize : 2*KeySize], Code: plain[2*KeySize:]}
	return s, s.check()
}

func (s Secrets) check() error {
	if err := reference.CheckCode(s.Code); err != nil {
		return fmt.Errorf("%w: %w", wire.ErrFormat, err)
	}
	switch {
	case len(s.K1) != KeySize || len(s.K2) != KeySize:
		return fmt.Errorf("%w: K1 or K2 has a wrong length", wire.ErrFormat)
	case degenerate(s.K1) || degenerate(s.K2):
		return fmt.Errorf("%w: a key of equal bytes", wire.ErrFormat)
	case subtle.ConstantTimeCompare(s.K1, s.K2) == 1:
		return fmt.Errorf("%w: K1 is K2", wire.ErrFormat)
	}
	return nil
}

// degenerate holds for a key whose bytes are all the same: zeros, for one.
func degenerate(key []byte) bool {
	return subtle.ConstantTimeCompare(key, bytes.Repeat(key[:1], len(key))) == 1
}

// Response is a granted answer.
type Response struct {
	_    struct{} `cbor:",toarray"`
	Body []byte   // of BodySize: a length, an Answer, zeros
	MAC  []byte   // HMAC-SHA-256(K2, Body)
}

// Answer is what the body of a response says.
type Answer struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Version uint64
	Suite   uint64
	KeyID   []byte
	H       []byte     // SHA-256 of the request
	Grant   wire.Grant // W under K1; all else in clear below TLS
}

// Body gives the bytes that K2 authenticates.
func (a Answer) Body() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	b, err := wire.Encode(a)
	if err != nil {
		return nil, err
	}
	if 2+len(b) > BodySize {
		return nil, fmt.Errorf("%w: answer of %d bytes", wire.ErrFormat, len(b))
	}
	body := binary.BigEndian.AppendUint16(make([]byte, 0, BodySize), uint16(len(b)))
	return append(body, b...)[:BodySize], nil
}

// DecodeResponse takes a granted answer apart; the caller checks its MAC before it asks
// for the Answer. A refused one is random bytes and gives wire.ErrFormat.
func DecodeResponse(body []byte) (Response, error) {
	var p Response
	if len(body) != ResponseSize {
		return p, fmt.Errorf("%w: response of %d bytes", wire.ErrFormat, len(body))
	}
	if err := wire.Decode(body, &p); err != nil {
		return p, fmt.Errorf("response: %w", err)
	}
	if len(p.Body) != BodySize || len(p.MAC) != MACSize {
		return p, fmt.Errorf("%w: body or MAC has a wrong length", wire.ErrFormat)
	}
	return p, nil
}

// Answer reads the body of a response whose MAC is right.
func (p Response) Answer() (Answer, error) {
	var a Answer
	if len(p.Body) != BodySize {
		return a, fmt.Errorf("%w: body of another length", wire.ErrFormat)
	}
	end := 2 + int(binary.BigEndian.Uint16(p.Body))
	if end > BodySize || len(bytes.Trim(p.Body[end:], "\x00")) > 0 {
		return a, fmt.Errorf("%w: length or padding of the answer", wire.ErrFormat)
	}
	if err := wire.Decode(p.Body[2:end], &a); err != nil {
		return a, fmt.Errorf("answer: %w", err)
	}
	return a, a.check()
}

func (a Answer) check() error {
	if err := common(a.Name, a.Version, a.Suite, a.KeyID); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	if len(a.H) != sha256.Size {
		return fmt.Errorf("%w: hash of the request has a wrong length", wire.ErrFormat)
	}
	return a.Grant.Check()
}
