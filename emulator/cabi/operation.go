package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// operation is one kind of those that a session may have active, by the functions that give
// its outputs.
type operation struct {
	flag  uint                // CKF_ of C_SessionCancel
	ends  []cryptoki.Function // after them it is over; the first is that of an operation in one part
	parts []cryptoki.Function // after them it goes on
}

var (
	encryption = &operation{pkcs11.CKF_ENCRYPT, []cryptoki.Function{cryptoki.Encrypt, cryptoki.EncryptFinal},
		[]cryptoki.Function{cryptoki.EncryptUpdate, cryptoki.DigestEncryptUpdate, cryptoki.SignEncryptUpdate}}
	decryption = &operation{pkcs11.CKF_DECRYPT, []cryptoki.Function{cryptoki.Decrypt, cryptoki.DecryptFinal},
		[]cryptoki.Function{cryptoki.DecryptUpdate, cryptoki.DecryptDigestUpdate, cryptoki.DecryptVerifyUpdate}}
	digest    = &operation{pkcs11.CKF_DIGEST, []cryptoki.Function{cryptoki.Digest, cryptoki.DigestFinal}, nil}
	signature = &operation{pkcs11.CKF_SIGN, []cryptoki.Function{cryptoki.Sign, cryptoki.SignFinal}, nil}
	recovery  = &operation{pkcs11.CKF_SIGN_RECOVER, []cryptoki.Function{cryptoki.SignRecover}, nil}
	recovered = &operation{pkcs11.CKF_VERIFY_RECOVER, []cryptoki.Function{cryptoki.VerifyRecover}, nil}
	// A verification gives nothing that could wait.
	verification = &operation{flag: pkcs11.CKF_VERIFY}

	operations = []*operation{encryption, decryption, digest, signature, recovery, recovered, verification}
)

// combined are the second operations of the functions that feed two.
var combined = map[cryptoki.Function]uint{
	cryptoki.DigestEncryptUpdate: pkcs11.CKF_DIGEST, cryptoki.DecryptDigestUpdate: pkcs11.CKF_DIGEST,
	cryptoki.SignEncryptUpdate: pkcs11.CKF_SIGN, cryptoki.DecryptVerifyUpdate: pkcs11.CKF_VERIFY,
}

// has tells whether an output of f belongs to the operation.
func (o *operation) has(f cryptoki.Function) bool {
	return slices.Contains(o.ends, f) || slices.Contains(o.parts, f)
}

// operationOf is nil for the functions whose outputs belong to no operation.
func operationOf(f cryptoki.Function) *operation {
	for _, o := range operations {
		if o.has(f) {
			return o
		}
	}
	return nil
}

// over drops what waits of an operation that has ended: nobody can fetch it any more.
func over(session C.CK_ULONG, o *operation) {
	if o != nil && anyWaits(session) {
		drop(session, o.has)
	}
}

// more is for a function that feeds an operation and gives nothing: its error ends that.
func more(session C.CK_ULONG, o *operation, err error) error {
	if err != nil {
		over(session, o)
	}
	return err
}

// abort ends the operations in the module that f has fed with what the program did not mean.
// A library of v2.40 has no C_SessionCancel: there the last part ends them.
func abort(m cryptoki.Extended, sh pkcs11.SessionHandle, f cryptoki.Function) {
	o := operationOf(f)
	if !slices.Contains(o.parts, f) || m.SessionCancel(sh, o.flag|combined[f]) == nil {
		return
	}
	final := m.EncryptFinal
	if o == decryption {
		final = m.DecryptFinal
	}
	last, _ := final(sh) // whatever it says, the operation is over
	clear(last)
}
