package oracle

import (
	"bytes"
	"errors"

	"github.com/fxamacker/cbor/v2"
)

// PROTOCOL.md §2: core deterministic encoding, nothing behind it.
var (
	encoder = must(cbor.EncOptions{
		Sort: cbor.SortCoreDeterministic, ShortestFloat: cbor.ShortestFloat16,
		IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
	}.EncMode())
	decoder = must(cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden,
		TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4, MaxArrayElements: 32, MaxMapPairs: 16,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // options that contradict each other
	}
	return v
}

var errNotDeterministic = errors.New("CBOR is not in its deterministic form")

// decode reads data into v, a pointer, and refuses whatever would not be written the same.
func decode(data []byte, v any) error {
	if err := decoder.Unmarshal(data, v); err != nil {
		return err
	}
	again, err := encoder.Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, data) {
		return errNotDeterministic
	}
	return nil
}
