package plugin

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// envelope is what travels: bytes, and their HMAC-SHA-256.
type envelope struct {
	_    struct{} `cbor:",toarray"`
	Body []byte
	MAC  []byte
}

// Result is how a message ended.
type Result string

const (
	Done    Result = "done"
	Refused Result = "refused" // for good: sending the same again gets the same
)

// reply binds a result to the request that it answers, so that an answer cannot
// be kept and given to another question.
type reply struct {
	_       struct{} `cbor:",toarray"`
	Request []byte   // SHA-256 of the request's envelope
	Result  Result
}

const macSize = sha256.Size

var (
	encoder = must(cbor.CoreDetEncOptions().EncMode())
	decoder = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		UTF8:             cbor.UTF8RejectInvalid,
		MaxNestedLevels:  4,
		MaxArrayElements: 16,
		MaxMapPairs:      16,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options are constants
	}
	return v
}

// decode reads exactly the deterministic encoding of v's type (RFC 8949 §4.2.1):
// what does not come back byte for byte is refused.
func decode(b []byte, v any) error {
	if len(b) > MaxMessage {
		return fmt.Errorf("%d bytes: %w", len(b), ErrMalformed)
	}
	if err := decoder.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	again, err := encoder.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("not the deterministic encoding: %w", ErrMalformed)
	}
	return nil
}

// Encode gives the bytes of m that are to be signed.
func Encode(m Message) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	return encoder.Marshal(&m)
}

// Decode reads a message whose MAC has been checked.
func Decode(body []byte) (Message, error) {
	var m Message
	if err := decode(body, &m); err != nil {
		return Message{}, err
	}
	return m, m.check()
}

// seal puts body and MAC together.
func seal(body, mac []byte) ([]byte, error) { return encoder.Marshal(&envelope{Body: body, MAC: mac}) }

// open takes an envelope apart; the MAC is not checked yet.
func open(b []byte) (body, mac []byte, err error) {
	var e envelope
	if err := decode(b, &e); err != nil {
		return nil, nil, err
	}
	if len(e.MAC) != macSize {
		return nil, nil, fmt.Errorf("MAC of %d bytes: %w", len(e.MAC), ErrMalformed)
	}
	return e.Body, e.MAC, nil
}

func encodeReply(request []byte, r Result) ([]byte, error) {
	digest := sha256.Sum256(request)
	return encoder.Marshal(&reply{Request: digest[:], Result: r})
}

// decodeReply reads the answer to request.
func decodeReply(body, request []byte) (Result, error) {
	var r reply
	if err := decode(body, &r); err != nil {
		return "", err
	}
	digest := sha256.Sum256(request)
	if subtle.ConstantTimeCompare(digest[:], r.Request) != 1 {
		return "", fmt.Errorf("answer to another request: %w", ErrMalformed)
	}
	if r.Result != Done && r.Result != Refused {
		return "", fmt.Errorf("unknown result: %w", ErrMalformed)
	}
	return r.Result, nil
}
