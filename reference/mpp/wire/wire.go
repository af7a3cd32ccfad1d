// Package wire is the format of MPP v2: what PROTOCOL.md §2 to §5 fixes, for both
// ends. It does no I/O and holds no policy.
//
// Start at Request and Response. keys.go has the derivations that happen outside
// an HSM, box.go the two fixed layouts, cbor.go the strictness.
package wire

import (
	"crypto/ecdh"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
)

// Name and Version open every header.
const (
	Name    = "epsbench-mpp"
	Version = 2
)

// Path and ContentType of a request (PROTOCOL.md §1).
const (
	Path        = "/mpp/v2"
	ContentType = "application/cbor"
)

// Suites (PROTOCOL.md §2): the hash of RSA-OAEP and of its MGF1.
const (
	SuiteSHA256 = 1
	SuiteSHA1   = 2
)

// Sizes in bytes.
const (
	MaxRequest   = 4096 // body of a request
	ResponseSize = 636  // every answer, granted or refused
	KeyIDSize    = 16
	NonceSize    = 32
	PointSize    = 65
	KeySize      = 32 // S, K_c, K_req, K_rsp

	RequestBox  = 48 // box of a request
	responseBox = 496
	tagSize     = 16
	minModulus  = 256
	maxModulus  = 512
)

// ErrFormat is every message that PROTOCOL.md, or PROTOCOL-1.md for v1, does not allow.
var ErrFormat = errors.New("not an MPP message")

// Request is what a phone sends.
type Request struct {
	_      struct{} `cbor:",toarray"`
	Header []byte
	Box    []byte
}

// RequestHeader is the clear part of a request.
type RequestHeader struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Version uint64
	Suite   uint64
	KeyID   []byte
	Service reference.Service
	Nonce   []byte
	EC      []byte // the phone's ephemeral P-256 point
	OAEP    []byte // S under the EPS's RSA key
}

// Response is a granted answer.
type Response struct {
	_      struct{} `cbor:",toarray"`
	Header []byte
	Box    []byte
}

// ResponseHeader is the clear part of a response.
type ResponseHeader struct {
	_       struct{} `cbor:",toarray"`
	Name    string
	Version uint64
	Suite   uint64
	KeyID   []byte
	H1      []byte // SHA-256 of the request header
	ES      []byte // the EPS's ephemeral P-256 point
}

// DecodeRequest takes a body apart. What it gives back is well formed in every
// field; whether key id and suite are the EPS's own is for the caller.
func DecodeRequest(body []byte) (Request, RequestHeader, error) {
	var q Request
	var h RequestHeader
	if len(body) > MaxRequest {
		return q, h, fmt.Errorf("%w: %d bytes", ErrFormat, len(body))
	}
	if err := Decode(body, &q); err != nil {
		return q, h, fmt.Errorf("request: %w", err)
	}
	if err := Decode(q.Header, &h); err != nil {
		return q, h, fmt.Errorf("request header: %w", err)
	}
	if len(q.Box) != RequestBox {
		return q, h, fmt.Errorf("%w: request box of %d bytes", ErrFormat, len(q.Box))
	}
	return q, h, h.check()
}

func (h RequestHeader) check() error {
	if err := common(h.Name, h.Version, h.Suite, h.KeyID, h.EC); err != nil {
		return fmt.Errorf("request header: %w", err)
	}
	if err := h.Service.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if len(h.Nonce) != NonceSize || len(h.OAEP) < minModulus || len(h.OAEP) > maxModulus {
		return fmt.Errorf("%w: nonce or OAEP block has a wrong length", ErrFormat)
	}
	return nil
}

// DecodeResponse takes a granted answer apart. A refused one is random bytes and
// gives ErrFormat.
func DecodeResponse(body []byte) (Response, ResponseHeader, error) {
	var p Response
	var h ResponseHeader
	if len(body) != ResponseSize {
		return p, h, fmt.Errorf("%w: response of %d bytes", ErrFormat, len(body))
	}
	if err := Decode(body, &p); err != nil {
		return p, h, fmt.Errorf("response: %w", err)
	}
	if err := Decode(p.Header, &h); err != nil {
		return p, h, fmt.Errorf("response header: %w", err)
	}
	if len(p.Box) != responseBox || len(h.H1) != sha256.Size {
		return p, h, fmt.Errorf("%w: response box or H1 has a wrong length", ErrFormat)
	}
	if err := common(h.Name, h.Version, h.Suite, h.KeyID, h.ES); err != nil {
		return p, h, fmt.Errorf("response header: %w", err)
	}
	return p, h, nil
}

// common checks what both headers have.
func common(name string, version, suite uint64, keyID, point []byte) error {
	if name != Name || version != Version {
		return fmt.Errorf("%w: another protocol or version", ErrFormat)
	}
	if suite != SuiteSHA256 && suite != SuiteSHA1 {
		return fmt.Errorf("%w: unknown suite", ErrFormat)
	}
	if len(keyID) != KeyIDSize || len(point) != PointSize {
		return fmt.Errorf("%w: key id or point has a wrong length", ErrFormat)
	}
	if _, err := ecdh.P256().NewPublicKey(point); err != nil {
		return fmt.Errorf("%w: not a point of P-256", ErrFormat)
	}
	return nil
}
