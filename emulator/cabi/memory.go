package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"unsafe"

	"github.com/miekg/pkcs11"
)

// Limits of what a program may hand over in one call.
const (
	maxBytes      = 1 << 30 // of data
	maxText       = 1 << 16 // of a PIN, a parameter or the value of an attribute
	maxAttributes = 1 << 10 // of a template
)

const (
	argumentsBad   = pkcs11.Error(pkcs11.CKR_ARGUMENTS_BAD)
	bufferTooShort = pkcs11.Error(pkcs11.CKR_BUFFER_TOO_SMALL)
	unavailable    = ^C.CK_ULONG(0) // CK_UNAVAILABLE_INFORMATION
)

// view lays a slice over the program's memory, for the time of the call.
func view(p *C.CK_BYTE, n C.CK_ULONG) ([]byte, error) {
	switch {
	case n == 0:
		return []byte{}, nil
	case p == nil || n > maxBytes:
		return nil, argumentsBad
	}
	return unsafe.Slice((*byte)(p), n), nil
}

// text copies a PIN or a name.
func text(p *C.CK_BYTE, n C.CK_ULONG) (string, error) {
	if n > maxText {
		return "", argumentsBad
	}
	b, err := view(p, n)
	return string(b), err
}

// mechanism copies a mechanism with its parameter: what pointers inside of that point to is
// read by package cryptoki.
func mechanism(m *C.CK_MECHANISM) ([]*pkcs11.Mechanism, error) {
	if m == nil || m.ulParameterLen > maxText {
		return nil, argumentsBad
	}
	parameter, err := view((*C.CK_BYTE)(m.pParameter), m.ulParameterLen)
	if err != nil {
		return nil, argumentsBad
	}
	// One piece of memory for all that a short call needs.
	whole := &struct {
		mechanism pkcs11.Mechanism
		list      [1]*pkcs11.Mechanism
		room      [shortParameter]byte
	}{}
	whole.mechanism.Mechanism = uint(m.mechanism)
	whole.mechanism.Parameter = append(whole.room[:0:shortParameter], parameter...)
	whole.list[0] = &whole.mechanism
	return whole.list[:], nil
}

const shortParameter = 48 // bytes of the longest parameter of an EPS's mechanisms

// rows lays a slice over a template.
func rows(p *C.CK_ATTRIBUTE, n C.CK_ULONG) ([]C.CK_ATTRIBUTE, error) {
	switch {
	case n == 0:
		return nil, nil
	case p == nil || n > maxAttributes:
		return nil, argumentsBad
	}
	return unsafe.Slice(p, n), nil
}

// template copies a template with its values, into few pieces of memory.
func template(p *C.CK_ATTRIBUTE, n C.CK_ULONG) ([]*pkcs11.Attribute, error) {
	in, err := rows(p, n)
	if err != nil {
		return nil, err
	}
	room := 0
	for _, a := range in {
		if a.ulValueLen > maxText || a.ulValueLen > 0 && a.pValue == nil {
			return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
		}
		room += int(a.ulValueLen)
	}
	values := make([]byte, 0, room)
	attributes, out := make([]pkcs11.Attribute, len(in)), make([]*pkcs11.Attribute, len(in))
	for i, a := range in {
		begin := len(values)
		values = append(values, unsafe.Slice((*byte)(a.pValue), a.ulValueLen)...)
		attributes[i] = pkcs11.Attribute{Type: uint(a._type), Value: values[begin:len(values):len(values)]}
		out[i] = &attributes[i]
	}
	return out, nil
}

// padded fills a fixed field with blanks, as the standard has it.
func padded(field []C.CK_BYTE, s string) {
	for i := range field {
		field[i] = ' '
		if i < len(s) {
			field[i] = C.CK_BYTE(s[i])
		}
	}
}

func version(v pkcs11.Version) C.CK_VERSION {
	return C.CK_VERSION{major: C.CK_BYTE(v.Major), minor: C.CK_BYTE(v.Minor)}
}

// fill answers the count protocol of a list.
func fill(list *C.CK_ULONG, count *C.CK_ULONG, have []uint) error {
	if count == nil {
		return argumentsBad
	}
	room := *count
	*count = C.CK_ULONG(len(have))
	switch {
	case list == nil || len(have) == 0:
		return nil
	case room < C.CK_ULONG(len(have)):
		return bufferTooShort
	}
	out := unsafe.Slice(list, len(have))
	for i, v := range have {
		out[i] = C.CK_ULONG(v)
	}
	return nil
}
