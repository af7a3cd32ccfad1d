package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"encoding/binary"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

//export epsemu_GenerateKey
func epsemu_GenerateKey(session C.CK_ULONG, mech *C.CK_MECHANISM, t *C.CK_ATTRIBUTE, n C.CK_ULONG, made *C.CK_ULONG) C.CK_RV {
	return create(session, t, n, made, func(m cryptoki.Extended, sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		how, err := mechanism(mech)
		if err != nil {
			return 0, err
		}
		return m.GenerateKey(sh, how, t)
	})
}

//export epsemu_GenerateKeyPair
func epsemu_GenerateKeyPair(session C.CK_ULONG, mech *C.CK_MECHANISM, t *C.CK_ATTRIBUTE, n C.CK_ULONG, t2 *C.CK_ATTRIBUTE, n2 C.CK_ULONG, made, made2 *C.CK_ULONG) C.CK_RV {
	return create(session, t, n, made, func(m cryptoki.Extended, sh pkcs11.SessionHandle, public []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		if made2 == nil {
			return 0, argumentsBad
		}
		how, err := mechanism(mech)
		if err != nil {
			return 0, err
		}
		private, err := template(t2, n2)
		if err != nil {
			return 0, err
		}
		a, b, err := m.GenerateKeyPair(sh, how, public, private)
		if err == nil {
			*made2 = C.CK_ULONG(b)
		}
		return a, err
	})
}

//export epsemu_WrapKey
func epsemu_WrapKey(session C.CK_ULONG, mech *C.CK_MECHANISM, wrapping, key C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		how, err := mechanism(mech)
		if err != nil {
			return err
		}
		return give(m, place{session, cryptoki.WrapKey}, asked(how[0], wrapping, key), out, outLen, func() ([]byte, error) { return m.WrapKey(sh, how, object(wrapping), object(key)) })
	})
	return rv
}

// asked is what an output of C_WrapKey is made from.
func asked(m *pkcs11.Mechanism, wrapping, key C.CK_ULONG) []byte {
	var out []byte
	for _, v := range []uint64{uint64(m.Mechanism), uint64(wrapping), uint64(key)} {
		out = binary.NativeEndian.AppendUint64(out, v)
	}
	return append(out, m.Parameter...)
}

func isWrapKey(f cryptoki.Function) bool { return f == cryptoki.WrapKey }

//export epsemu_UnwrapKey
func epsemu_UnwrapKey(session C.CK_ULONG, mech *C.CK_MECHANISM, unwrapping C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG, made *C.CK_ULONG) C.CK_RV {
	return create(session, t, n, made, func(m cryptoki.Extended, sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		how, err := mechanism(mech)
		if err != nil {
			return 0, err
		}
		blob, err := view(in, inLen)
		if err != nil {
			return 0, err
		}
		return m.UnwrapKey(sh, how, object(unwrapping), blob, t)
	})
}

//export epsemu_DeriveKey
func epsemu_DeriveKey(session C.CK_ULONG, mech *C.CK_MECHANISM, base C.CK_ULONG, t *C.CK_ATTRIBUTE, n C.CK_ULONG, made *C.CK_ULONG) C.CK_RV {
	return create(session, t, n, made, func(m cryptoki.Extended, sh pkcs11.SessionHandle, t []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
		how, err := mechanism(mech)
		if err != nil {
			return 0, err
		}
		return m.DeriveKey(sh, how, object(base), t)
	})
}
