package mechanism_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/mechanism"
)

// The README's two tables of mechanisms are the code's: what every token offers, and what
// Legacy changes.
func TestREADME(t *testing.T) {
	content, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, legacy, got []string
	for _, typ := range mechanism.List() {
		want = append(want, row(mechanism.Lookup(typ)))
	}
	for _, typ := range mechanism.Legacy.List() {
		if spec := mechanism.Legacy.Lookup(typ); spec != mechanism.Lookup(typ) {
			legacy = append(legacy, row(spec))
		}
	}
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "| CKM_") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	if !slices.Equal(got, slices.Concat(want, legacy)) {
		t.Errorf("the tables should be\n%s\n\n%s", strings.Join(want, "\n"), strings.Join(legacy, "\n"))
	}
}

// newer names the mechanisms of v3.0 that miekg/pkcs11 does not, and one by its name of today.
var newer = map[uint]string{
	pkcs11.CKM_EC_KEY_PAIR_GEN:   "CKM_EC_KEY_PAIR_GEN",
	mechanism.CKM_ECDSA_SHA3_224: "CKM_ECDSA_SHA3_224", mechanism.CKM_ECDSA_SHA3_256: "CKM_ECDSA_SHA3_256",
	mechanism.CKM_ECDSA_SHA3_384: "CKM_ECDSA_SHA3_384", mechanism.CKM_ECDSA_SHA3_512: "CKM_ECDSA_SHA3_512",
	mechanism.CKM_EC_EDWARDS_KEY_PAIR_GEN: "CKM_EC_EDWARDS_KEY_PAIR_GEN", mechanism.CKM_EC_MONTGOMERY_KEY_PAIR_GEN: "CKM_EC_MONTGOMERY_KEY_PAIR_GEN",
	mechanism.CKM_EDDSA:                 "CKM_EDDSA",
	mechanism.CKM_SP800_108_COUNTER_KDF: "CKM_SP800_108_COUNTER_KDF", mechanism.CKM_SP800_108_FEEDBACK_KDF: "CKM_SP800_108_FEEDBACK_KDF",
	mechanism.CKM_SP800_108_DOUBLE_PIPELINE_KDF: "CKM_SP800_108_DOUBLE_PIPELINE_KDF",
	mechanism.CKM_HKDF_DERIVE:                   "CKM_HKDF_DERIVE", mechanism.CKM_HKDF_DATA: "CKM_HKDF_DATA", mechanism.CKM_HKDF_KEY_GEN: "CKM_HKDF_KEY_GEN",
	mechanism.CKM_AES_KEY_WRAP_KWP: "CKM_AES_KEY_WRAP_KWP",
}

func row(s *mechanism.Spec) string {
	name, ok := newer[s.Type]
	if !ok {
		name = cryptoki.MechanismName(s.Type)
	}
	sizes := ""
	if s.Max > 0 {
		sizes = fmt.Sprintf(" %d–%d %s", s.Min, s.Max, unit(s))
	}
	return fmt.Sprintf("| %s | %s |%s |%s |", name, can(s), keys(s), sizes)
}

func can(s *mechanism.Spec) string {
	var words []string
	for _, o := range []struct {
		op   mechanism.Operation
		word string
	}{
		{mechanism.Encrypt, "encrypt"}, {mechanism.Decrypt, "decrypt"}, {mechanism.Digest, "digest"}, {mechanism.Sign, "sign"},
		{mechanism.Verify, "verify"}, {mechanism.SignRecover, "sign and verify with recovery"}, {mechanism.Generate, "generate"}, {mechanism.GeneratePair, "generate pair"},
		{mechanism.Wrap, "wrap"}, {mechanism.Unwrap, "unwrap"}, {mechanism.Derive, "derive"},
	} {
		if s.Can(o.op) {
			words = append(words, o.word)
		}
	}
	return strings.Join(words, ", ")
}

var keyNames = map[uint]string{
	pkcs11.CKK_EC: "EC", mechanism.CKK_EC_EDWARDS: "EC_EDWARDS", mechanism.CKK_EC_MONTGOMERY: "EC_MONTGOMERY", mechanism.CKK_HKDF: "HKDF",
	pkcs11.CKK_RSA: "RSA", pkcs11.CKK_AES: "AES", pkcs11.CKK_DES: "DES", pkcs11.CKK_DES2: "DES2", pkcs11.CKK_DES3: "DES3",
	pkcs11.CKK_GENERIC_SECRET: "GENERIC_SECRET",
	pkcs11.CKK_SHA_1_HMAC:     "SHA_1_HMAC", pkcs11.CKK_SHA224_HMAC: "SHA224_HMAC", pkcs11.CKK_SHA256_HMAC: "SHA256_HMAC",
	pkcs11.CKK_SHA384_HMAC: "SHA384_HMAC", pkcs11.CKK_SHA512_HMAC: "SHA512_HMAC",
	mechanism.CKK_SHA512_224_HMAC: "SHA512_224_HMAC", mechanism.CKK_SHA512_256_HMAC: "SHA512_256_HMAC",
	pkcs11.CKK_SHA3_224_HMAC: "SHA3_224_HMAC", pkcs11.CKK_SHA3_256_HMAC: "SHA3_256_HMAC",
	pkcs11.CKK_SHA3_384_HMAC: "SHA3_384_HMAC", pkcs11.CKK_SHA3_512_HMAC: "SHA3_512_HMAC",
}

func keys(s *mechanism.Spec) string {
	var words []string
	for _, typ := range s.KeyTypes {
		words = append(words, keyNames[typ])
	}
	if len(words) > len(knownHashes) {
		words = append([]string{"GENERIC_SECRET, each HMAC's"}, words[len(knownHashes)+1:]...)
		return " " + strings.Join(words, ", ")
	}
	if words == nil {
		return ""
	}
	return " " + strings.Join(words, ", ")
}

func unit(s *mechanism.Spec) string {
	for _, pair := range []uint{pkcs11.CKK_RSA, pkcs11.CKK_EC, mechanism.CKK_EC_EDWARDS, mechanism.CKK_EC_MONTGOMERY} {
		if s.Takes(pair) {
			return "bits"
		}
	}
	return "bytes"
}
