package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

//export epsemu_CreateObject
func epsemu_CreateObject(session C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG, made *C.CK_ULONG) C.CK_RV {
	return create(session, t, n, made, func(m cryptoki.Extended, sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		return m.CreateObject(sh, t)
	})
}

//export epsemu_CopyObject
func epsemu_CopyObject(session, o C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG, made *C.CK_ULONG) C.CK_RV {
	return create(session, t, n, made, func(m cryptoki.Extended, sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		return m.CopyObject(sh, object(o), t)
	})
}

//export epsemu_DestroyObject
func epsemu_DestroyObject(session, o C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		err := m.DestroyObject(sh, object(o))
		drop(0, isWrapKey)
		return err
	})
	return rv
}

//export epsemu_GetObjectSize
func epsemu_GetObjectSize(session, o C.CK_ULONG, size *C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		if size == nil {
			return argumentsBad
		}
		n, err := m.GetObjectSize(sh, object(o))
		if err == nil {
			*size = C.CK_ULONG(n)
		}
		return err
	})
	return rv
}

//export epsemu_GetAttributeValue
func epsemu_GetAttributeValue(session, o C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		want, err := rows(t, n)
		if err != nil {
			return err
		}
		types := make([]uint, len(want))
		for i := range want {
			types[i] = uint(want[i]._type)
		}
		got, err := m.AttributeValues(sh, object(o), types)
		if !cryptoki.Partial(err) {
			return err
		}
		if short := hand(want, got); err == nil {
			return short
		}
		return err
	})
	return rv
}

// hand puts values where the program has room for them, and their lengths beside (v2.40
// §5.7): CK_UNAVAILABLE_INFORMATION where there is no value, or no room.
func hand(want []C.CK_ATTRIBUTE, got []cryptoki.AttributeValue) (err error) {
	for i, v := range got {
		room := want[i].ulValueLen
		switch length := C.CK_ULONG(len(v.Value)); {
		case v.Unavailable:
			want[i].ulValueLen = unavailable
		case want[i].pValue == nil:
			want[i].ulValueLen = length
		case room < length:
			want[i].ulValueLen = unavailable
			err = bufferTooShort
		default:
			want[i].ulValueLen = length
			copy(unsafe.Slice((*byte)(want[i].pValue), length), v.Value)
		}
		clear(v.Value)
	}
	return err
}

//export epsemu_SetAttributeValue
func epsemu_SetAttributeValue(session, o C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		temp, err := template(t, n)
		if err != nil {
			return err
		}
		err = m.SetAttributeValue(sh, object(o), temp)
		drop(0, isWrapKey) // the key may be extractable no more
		return err
	})
	return rv
}

//export epsemu_FindObjectsInit
func epsemu_FindObjectsInit(session C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		temp, err := template(t, n)
		if err != nil {
			return err
		}
		return m.FindObjectsInit(sh, temp)
	})
	return rv
}

const maxFound = 1 << 16 // handles of one call

//export epsemu_FindObjects
func epsemu_FindObjects(session C.CK_ULONG, list *C.CK_ULONG, most C.CK_ULONG, found *C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		if found == nil || list == nil || most == 0 {
			return argumentsBad
		}
		handles, _, err := m.FindObjects(sh, int(min(most, maxFound)))
		if err != nil {
			return err
		}
		*found = C.CK_ULONG(len(handles))
		out := unsafe.Slice(list, len(handles))
		for i, h := range handles {
			out[i] = C.CK_ULONG(h)
		}
		return nil
	})
	return rv
}

//export epsemu_FindObjectsFinal
func epsemu_FindObjectsFinal(session C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error { return m.FindObjectsFinal(sh) })
	return rv
}
