package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

//export epsemu_DigestInit
func epsemu_DigestInit(session C.CK_ULONG, mech *C.CK_MECHANISM) C.CK_RV {
	return begin(session, mech, digest, func(m cryptoki.Extended, sh pkcs11.SessionHandle, how []*pkcs11.Mechanism) error {
		return m.DigestInit(sh, how)
	})
}

//export epsemu_Digest
func epsemu_Digest(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.Digest, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) { return m.Digest(sh, in) })
}

//export epsemu_DigestUpdate
func epsemu_DigestUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG) C.CK_RV {
	return feed(session, in, inLen, func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) error {
		return more(session, digest, m.DigestUpdate(sh, in))
	})
}

//export epsemu_DigestKey
func epsemu_DigestKey(session, key C.CK_ULONG) (rv C.CK_RV) {
	on(session, &rv, func(m cryptoki.Extended, sh pkcs11.SessionHandle) error {
		return more(session, digest, m.DigestKey(sh, object(key)))
	})
	return rv
}

//export epsemu_DigestFinal
func epsemu_DigestFinal(session C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.DigestFinal, nil, 0, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, _ []byte) ([]byte, error) { return m.DigestFinal(sh) })
}

//export epsemu_SignInit
func epsemu_SignInit(session C.CK_ULONG, mech *C.CK_MECHANISM, key C.CK_ULONG) C.CK_RV {
	return begin(session, mech, signature, func(m cryptoki.Extended, sh pkcs11.SessionHandle, how []*pkcs11.Mechanism) error {
		return m.SignInit(sh, how, object(key))
	})
}

//export epsemu_Sign
func epsemu_Sign(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.Sign, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) { return m.Sign(sh, in) })
}

//export epsemu_SignUpdate
func epsemu_SignUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG) C.CK_RV {
	return feed(session, in, inLen, func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) error {
		return more(session, signature, m.SignUpdate(sh, in))
	})
}

//export epsemu_SignFinal
func epsemu_SignFinal(session C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.SignFinal, nil, 0, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, _ []byte) ([]byte, error) { return m.SignFinal(sh) })
}

//export epsemu_SignRecoverInit
func epsemu_SignRecoverInit(session C.CK_ULONG, mech *C.CK_MECHANISM, key C.CK_ULONG) C.CK_RV {
	return begin(session, mech, recovery, func(m cryptoki.Extended, sh pkcs11.SessionHandle, how []*pkcs11.Mechanism) error {
		return m.SignRecoverInit(sh, how, object(key))
	})
}

//export epsemu_SignRecover
func epsemu_SignRecover(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.SignRecover, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.SignRecover(sh, in)
		})
}

//export epsemu_VerifyInit
func epsemu_VerifyInit(session C.CK_ULONG, mech *C.CK_MECHANISM, key C.CK_ULONG) C.CK_RV {
	return begin(session, mech, verification, func(m cryptoki.Extended, sh pkcs11.SessionHandle, how []*pkcs11.Mechanism) error {
		return m.VerifyInit(sh, how, object(key))
	})
}

//export epsemu_Verify
func epsemu_Verify(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, in2 *C.CK_BYTE, in2Len C.CK_ULONG) C.CK_RV {
	return feed(session, in, inLen, func(m cryptoki.Extended, sh pkcs11.SessionHandle, data []byte) error {
		signature, err := view(in2, in2Len)
		if err != nil {
			return err
		}
		return m.Verify(sh, data, signature)
	})
}

//export epsemu_VerifyUpdate
func epsemu_VerifyUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG) C.CK_RV {
	return feed(session, in, inLen, func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) error { return m.VerifyUpdate(sh, in) })
}

//export epsemu_VerifyFinal
func epsemu_VerifyFinal(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG) C.CK_RV {
	return feed(session, in, inLen, func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) error { return m.VerifyFinal(sh, in) })
}

//export epsemu_VerifyRecoverInit
func epsemu_VerifyRecoverInit(session C.CK_ULONG, mech *C.CK_MECHANISM, key C.CK_ULONG) C.CK_RV {
	return begin(session, mech, recovered, func(m cryptoki.Extended, sh pkcs11.SessionHandle, how []*pkcs11.Mechanism) error {
		return m.VerifyRecoverInit(sh, how, object(key))
	})
}

//export epsemu_VerifyRecover
func epsemu_VerifyRecover(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.VerifyRecover, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.VerifyRecover(sh, in)
		})
}
