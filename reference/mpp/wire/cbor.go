package wire

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// encoding is core deterministic (RFC 8949 §4.2.1), an absent byte string an empty one.
var encoding, errEncoding = func() (cbor.EncMode, error) {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty
	o.TagsMd = cbor.TagsForbidden
	return o.EncMode()
}()

// decoding refuses early what the comparison in Decode would refuse anyway, and
// bounds what a hostile body can make the decoder do.
var decoding, errDecoding = cbor.DecOptions{
	DupMapKey:         cbor.DupMapKeyEnforcedAPF,
	IndefLength:       cbor.IndefLengthForbidden,
	TagsMd:            cbor.TagsForbidden,
	MaxNestedLevels:   4,
	MaxArrayElements:  16,
	MaxMapPairs:       16,
	ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	UTF8:              cbor.UTF8RejectInvalid,
}.DecMode()

// Encode gives the one encoding of a message or header.
func Encode(v any) ([]byte, error) {
	if errEncoding != nil {
		return nil, fmt.Errorf("CBOR options: %w", errEncoding)
	}
	b, err := encoding.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("CBOR: %w", err)
	}
	return b, nil
}

// Decode reads b into v and refuses every other spelling of the same values:
// what it read must encode to b again.
func Decode(b []byte, v any) error {
	if errDecoding != nil {
		return fmt.Errorf("CBOR options: %w", errDecoding)
	}
	if err := decoding.Unmarshal(b, v); err != nil {
		// The library's text can quote the input.
		return fmt.Errorf("%w: CBOR of another shape", ErrFormat)
	}
	again, err := Encode(v)
	if err != nil {
		return fmt.Errorf("%w: CBOR of another shape", ErrFormat)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%w: CBOR is not deterministic", ErrFormat)
	}
	return nil
}
