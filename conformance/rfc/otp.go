package rfc

import (
	"context"
	"crypto"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/vectors"
)

// algorithms names a hash to PKCS#11 and in an OTP suite.
var algorithms = map[crypto.Hash]struct {
	mechanism uint
	suite     string
}{
	crypto.SHA1:   {pkcs11.CKM_SHA_1_HMAC, "SHA1"},
	crypto.SHA256: {pkcs11.CKM_SHA256_HMAC, "SHA256"},
	crypto.SHA512: {pkcs11.CKM_SHA512_HMAC, "SHA512"},
}

func hotp(t conformance.Target) {
	for _, v := range vectors.RFC4226() {
		It(v.ID, conformance.Claims("RFC4226-appD"), func(ctx SpecContext) {
			mac := macInModule(ctx, t, v.Hash, v.Secret, v.Counter)
			otp := oracle.Truncate(mac, v.Digits)
			conformance.Observe("counter %d: HMAC %x by C_Sign, OTP %s", v.Counter, mac, otp)
			Expect(public(mac)).To(Equal(public(v.MAC)), "HMAC of the vector")
			Expect(conformance.Public(otp)).To(Equal(conformance.Public(v.OTP)), "OTP of the vector")
		})
		It(v.ID+"/server", conformance.Claims("RFC4226-appD-server"), func(ctx SpecContext) {
			suite := fmt.Sprintf("HOTP-%s-%d", algorithms[crypto.Hash(v.Hash)].suite, v.Digits)
			user := imported(ctx, t, conformance.Seed{Suite: suite, Secret: v.Secret, Counter: v.Counter})
			user.acceptsOnce(ctx, v.OTP, v.Counter)
		})
	}
}

func totp(t conformance.Target) {
	for _, v := range vectors.RFC6238() {
		It(v.ID, conformance.Claims("RFC6238-appB"), func(ctx SpecContext) {
			mac := macInModule(ctx, t, v.Hash, v.Secret, v.Moving)
			otp := oracle.Truncate(mac, v.Digits)
			conformance.Observe("%d s is step %d: OTP %s from the HMAC by C_Sign", v.Time, v.Moving, otp)
			Expect(conformance.Public(otp)).To(Equal(conformance.Public(v.OTP)), "OTP of the vector")
		})
		It(v.ID+"/server", conformance.Claims("RFC6238-appB-server"), func(ctx SpecContext) {
			conformance.SetClock(t, time.Unix(v.Time, 0))
			suite := fmt.Sprintf("TOTP-%s-%d-%d", algorithms[crypto.Hash(v.Hash)].suite, v.Digits, v.Step)
			user := imported(ctx, t, conformance.Seed{Suite: suite, Secret: v.Secret})
			user.acceptsOnce(ctx, v.OTP, v.Moving)
		})
	}
}

// macInModule is the HMAC of a moving factor under a key object of the module.
func macInModule(ctx context.Context, t conformance.Target, hash vectors.Hash, secret []byte, moving uint64) []byte {
	GinkgoHelper()
	return signInModule(ctx, t, hash, secret, binary.BigEndian.AppendUint64(nil, moving))
}

// signInModule is the HMAC of data under a key object of the module.
func signInModule(ctx context.Context, t conformance.Target, hash vectors.Hash, secret, data []byte) []byte {
	GinkgoHelper()
	s := openSession(ctx, t)
	mechanism := algorithms[crypto.Hash(hash)].mechanism
	s.need(mechanism)
	key := s.key(pkcs11.CKK_GENERIC_SECRET, secret, may(pkcs11.CKA_SIGN), not(pkcs11.CKA_EXTRACTABLE))
	mac := s.sign(mechanism, key, data)
	Expect(mac).To(HaveLen(crypto.Hash(hash).Size()), "length of the HMAC")
	return mac
}

// public shows bytes of a vector in a report.
func public(b []byte) conformance.Public { return conformance.Public(hex.EncodeToString(b)) }
