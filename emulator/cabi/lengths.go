package main

/*
#include "pkcs11.h"
*/
import "C"

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"sync/atomic"
	"unsafe"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Many programs ask for the length of a result before they fetch it (v2.40 §5.2). Where the
// mechanism tells it, the Init leaves it with C, which answers the question by itself: that
// saves the way into Go and back. What is wrong with an operation then shows when its result
// is fetched. Other lengths are those of an output that waits: see give.

// word is where C keeps what it knows of a session.
func word(session C.CK_ULONG) *uint64 {
	return (*uint64)(unsafe.Pointer(&C.epsemu_lengths[session%C.EPSEMU_LENGTHS].word))
}

// know tells C what a function will give in a session, where that is known.
func know(session C.CK_ULONG, f cryptoki.Function, mechanism uint) {
	const most = 1 << 40 // sessions that the word has room for
	if known := knowledge(f, mechanism); known != 0 && session < most {
		atomic.StoreUint64(word(session), uint64(session)<<24|known)
	}
}

// doubt takes back what C knows of a session: the operation may be another, or over.
func doubt(session C.CK_ULONG) {
	if w := word(session); atomic.LoadUint64(w)>>24 == uint64(session) {
		atomic.StoreUint64(w, 0)
	}
}

func doubtAll() {
	for i := range C.CK_ULONG(C.EPSEMU_LENGTHS) {
		atomic.StoreUint64(word(i), 0)
	}
}

// knowledge is the function, the rule and its number, as pkcs11.h packs them; 0: none.
func knowledge(f cryptoki.Function, mechanism uint) uint64 {
	if mechanism >= mechanisms {
		return 0
	}
	function, rule, bytes := uint64(0), uint64(C.EPSEMU_BLOCKS), uint64(blockLengths[mechanism])
	switch f {
	case cryptoki.Digest:
		function, rule, bytes = C.EPSEMU_Digest, C.EPSEMU_FIXED, uint64(digestLengths[mechanism])
	case cryptoki.Sign:
		function, rule, bytes = C.EPSEMU_Sign, C.EPSEMU_FIXED, uint64(macLengths[mechanism])
	case cryptoki.Decrypt:
		function = C.EPSEMU_Decrypt
	case cryptoki.Encrypt:
		function = C.EPSEMU_Encrypt
		if mechanism == pkcs11.CKM_AES_CBC_PAD {
			rule, bytes = C.EPSEMU_PADDED, aesBlock
		}
	}
	if function == 0 || bytes == 0 {
		return 0
	}
	return function<<16 | rule<<12 | bytes
}

const (
	aesBlock   = 16                          // bytes
	mechanisms = pkcs11.CKM_AES_KEY_WRAP_PAD // the tables end before it
)

// What comes out is as long as what goes in, in blocks of so many bytes. GCM is left out: one
// HSM adds an IV to it.
var blockLengths = [mechanisms]uint8{pkcs11.CKM_AES_ECB: aesBlock, pkcs11.CKM_AES_CBC: aesBlock, pkcs11.CKM_AES_CTR: 1}

// The lengths of digests and of their HMACs, in bytes.
var (
	digestLengths = [mechanisms]uint8{pkcs11.CKM_SHA_1: sha1.Size, pkcs11.CKM_SHA224: sha256.Size224, pkcs11.CKM_SHA256: sha256.Size,
		pkcs11.CKM_SHA384: sha512.Size384, pkcs11.CKM_SHA512: sha512.Size}
	macLengths = [mechanisms]uint8{pkcs11.CKM_SHA_1_HMAC: sha1.Size, pkcs11.CKM_SHA224_HMAC: sha256.Size224, pkcs11.CKM_SHA256_HMAC: sha256.Size,
		pkcs11.CKM_SHA384_HMAC: sha512.Size384, pkcs11.CKM_SHA512_HMAC: sha512.Size}
)
