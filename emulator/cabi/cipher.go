package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

//export epsemu_EncryptInit
func epsemu_EncryptInit(session C.CK_ULONG, mech *C.CK_MECHANISM, key C.CK_ULONG) C.CK_RV {
	return begin(session, mech, encryption, func(m cryptoki.Extended, sh pkcs11.SessionHandle, how []*pkcs11.Mechanism) error {
		return m.EncryptInit(sh, how, object(key))
	})
}

//export epsemu_Encrypt
func epsemu_Encrypt(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.Encrypt, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.Encrypt(sh, in)
		})
}

//export epsemu_EncryptUpdate
func epsemu_EncryptUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.EncryptUpdate, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.EncryptUpdate(sh, in)
		})
}

//export epsemu_EncryptFinal
func epsemu_EncryptFinal(session C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.EncryptFinal, nil, 0, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, _ []byte) ([]byte, error) {
			return m.EncryptFinal(sh)
		})
}

//export epsemu_DecryptInit
func epsemu_DecryptInit(session C.CK_ULONG, mech *C.CK_MECHANISM, key C.CK_ULONG) C.CK_RV {
	return begin(session, mech, decryption, func(m cryptoki.Extended, sh pkcs11.SessionHandle, how []*pkcs11.Mechanism) error {
		return m.DecryptInit(sh, how, object(key))
	})
}

//export epsemu_Decrypt
func epsemu_Decrypt(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.Decrypt, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.Decrypt(sh, in)
		})
}

//export epsemu_DecryptUpdate
func epsemu_DecryptUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.DecryptUpdate, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.DecryptUpdate(sh, in)
		})
}

//export epsemu_DecryptFinal
func epsemu_DecryptFinal(session C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.DecryptFinal, nil, 0, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, _ []byte) ([]byte, error) {
			return m.DecryptFinal(sh)
		})
}

//export epsemu_DigestEncryptUpdate
func epsemu_DigestEncryptUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.DigestEncryptUpdate, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.DigestEncryptUpdate(sh, in)
		})
}

//export epsemu_DecryptDigestUpdate
func epsemu_DecryptDigestUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.DecryptDigestUpdate, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.DecryptDigestUpdate(sh, in)
		})
}

//export epsemu_SignEncryptUpdate
func epsemu_SignEncryptUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.SignEncryptUpdate, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.SignEncryptUpdate(sh, in)
		})
}

//export epsemu_DecryptVerifyUpdate
func epsemu_DecryptVerifyUpdate(session C.CK_ULONG, in *C.CK_BYTE, inLen C.CK_ULONG, out *C.CK_BYTE, outLen *C.CK_ULONG) C.CK_RV {
	return transform(session, cryptoki.DecryptVerifyUpdate, in, inLen, out, outLen,
		func(m cryptoki.Extended, sh pkcs11.SessionHandle, in []byte) ([]byte, error) {
			return m.DecryptVerifyUpdate(sh, in)
		})
}
