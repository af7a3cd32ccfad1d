package cryptoki_test

import (
	"bytes"
	"reflect"
	"runtime"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

func TestKDFParameter(t *testing.T) {
	var p runtime.Pinner
	defer p.Unpin()
	iv, label := []byte("some IV"), []byte("label")
	all := raw(&p, 1, nil, 0, 2, raw(&p, 1, 16), 16, 3, raw(&p, 2, 0, 64), 24, 4, label, 5)
	want := []cryptoki.KDFField{
		{Kind: cryptoki.IterationVariable},
		{Kind: cryptoki.OptionalCounter, Bits: 16, LittleEndian: true},
		{Kind: cryptoki.KeyLength, Bits: 64, OfBlocks: true},
		{Kind: cryptoki.ByteArray, Bytes: label},
	}
	got, err := cryptoki.KDFParameter(pkcs11.NewMechanism(0, raw(&p, 7, 4, all, 0, nil)), false)
	if err != nil || !reflect.DeepEqual(got, cryptoki.KDF{PRF: 7, Fields: want}) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = cryptoki.KDFParameter(pkcs11.NewMechanism(0, raw(&p, 7, 4, all, len(iv), iv, 0, nil)), true)
	if err != nil || !reflect.DeepEqual(got, cryptoki.KDF{PRF: 7, Fields: want, IV: iv}) {
		t.Errorf("feedback: %+v, %v", got, err)
	}
	field := func(kind int, value []byte) any { return raw(&p, 7, 1, raw(&p, kind, value, len(value)), 0, nil) }
	for name, param := range map[string]any{
		"no parameter":          nil,
		"more keys":             raw(&p, 7, 4, all, 1, all),
		"too many fields":       raw(&p, 7, 17, bytes.Repeat(all[:24], 17), 0, nil),
		"fields without end":    raw(&p, 7, 1<<40, all, 0, nil),
		"unknown kind":          field(5, raw(&p, 0, 16)),
		"counter of no bits":    field(2, raw(&p, 0, 0)),
		"counter of 12 bits":    field(2, raw(&p, 0, 12)),
		"counter of 64 bits":    field(2, raw(&p, 0, 64)),
		"counter of no value":   field(2, nil),
		"length of 72 bits":     field(3, raw(&p, 1, 0, 72)),
		"length of no method":   field(3, raw(&p, 0, 0, 32)),
		"length like a counter": field(3, raw(&p, 0, 32)),
		"value without pointer": raw(&p, 7, 1, raw(&p, 4, nil, 5), 0, nil),
	} {
		_, err := cryptoki.KDFParameter(pkcs11.NewMechanism(0, param), false)
		isInvalid(t, name, err)
	}
}
