package mechanism_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

const recovery = mechanism.SignRecover | mechanism.VerifyRecover

// What each mechanism may do is API: an application asks C_GetMechanismInfo.
func TestTable(t *testing.T) {
	const (
		E, D, S, V, W, U = mechanism.Encrypt, mechanism.Decrypt, mechanism.Sign, mechanism.Verify, mechanism.Wrap, mechanism.Unwrap
	)
	want := map[uint]mechanism.Operation{
		pkcs11.CKM_AES_KEY_GEN:            mechanism.Generate,
		pkcs11.CKM_AES_ECB:                E | D,
		pkcs11.CKM_AES_CBC:                E | D,
		pkcs11.CKM_AES_CBC_PAD:            E | D,
		pkcs11.CKM_AES_GCM:                E | D,
		pkcs11.CKM_AES_KEY_WRAP:           E | D | W | U,
		pkcs11.CKM_AES_KEY_WRAP_PAD:       E | D | W | U,
		mechanism.CKM_AES_KEY_WRAP_KWP:    E | D | W | U,
		pkcs11.CKM_AES_ECB_ENCRYPT_DATA:   mechanism.Derive,
		pkcs11.CKM_AES_CBC_ENCRYPT_DATA:   mechanism.Derive,
		pkcs11.CKM_GENERIC_SECRET_KEY_GEN: mechanism.Generate,
		pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN:  mechanism.GeneratePair,
		pkcs11.CKM_RSA_PKCS_OAEP:          E | D | W | U,
	}
	for typ, can := range map[uint]mechanism.Operation{
		pkcs11.CKM_CONCATENATE_BASE_AND_KEY: mechanism.Derive, pkcs11.CKM_CONCATENATE_BASE_AND_DATA: mechanism.Derive,
		pkcs11.CKM_CONCATENATE_DATA_AND_BASE: mechanism.Derive, mechanism.CKM_HKDF_DERIVE: mechanism.Derive,
		mechanism.CKM_HKDF_DATA: mechanism.Derive, mechanism.CKM_HKDF_KEY_GEN: mechanism.Generate,
		pkcs11.CKM_PKCS5_PBKD2: mechanism.Generate,
		pkcs11.CKM_RSA_PKCS:    S | V | recovery, pkcs11.CKM_RSA_X_509: S | V | recovery, pkcs11.CKM_RSA_PKCS_PSS: S | V,
		pkcs11.CKM_AES_CTR: E | D, pkcs11.CKM_AES_CCM: E | D,
		pkcs11.CKM_AES_CMAC: S | V, pkcs11.CKM_AES_CMAC_GENERAL: S | V,
	} {
		want[typ] = can
	}
	for _, typ := range []uint{mechanism.CKM_SP800_108_COUNTER_KDF, mechanism.CKM_SP800_108_FEEDBACK_KDF, mechanism.CKM_SP800_108_DOUBLE_PIPELINE_KDF} {
		want[typ] = mechanism.Derive
	}
	for _, typ := range []uint{pkcs11.CKM_EC_KEY_PAIR_GEN, mechanism.CKM_EC_EDWARDS_KEY_PAIR_GEN, mechanism.CKM_EC_MONTGOMERY_KEY_PAIR_GEN} {
		want[typ] = mechanism.GeneratePair
	}
	want[pkcs11.CKM_ECDH1_DERIVE], want[pkcs11.CKM_ECDH1_COFACTOR_DERIVE] = mechanism.Derive, mechanism.Derive
	want[pkcs11.CKM_ECDSA], want[mechanism.CKM_EDDSA] = S|V, S|V
	for typ := range ecdsaMechanisms {
		want[typ] = S | V
	}
	for _, c := range rsaDigests {
		want[c.pkcs], want[c.pss] = S|V, S|V
	}
	for _, c := range knownHashes {
		want[c.digest], want[c.mac], want[c.general] = mechanism.Digest, S|V, S|V
	}
	listed := mechanism.List()
	if len(listed) != len(want) || !slices.IsSorted(listed) {
		t.Errorf("%d mechanisms, sorted: %v", len(listed), slices.IsSorted(listed))
	}
	for _, typ := range listed {
		spec := mechanism.Lookup(typ)
		if spec.Operations != want[typ] {
			t.Errorf("%#x can do %#x, want %#x", typ, spec.Operations, want[typ])
		}
		if spec.Info().Flags&^curveFlags != uint(want[typ]) || spec.Min > spec.Max {
			t.Errorf("%#x: %+v", typ, spec.Info())
		}
	}
}

const curveFlags = pkcs11.CKF_EC_F_P | pkcs11.CKF_EC_NAMEDCURVE | pkcs11.CKF_EC_UNCOMPRESS

// An application reads from the flags which keys on curves there can be.
func TestFlagsOfCurves(t *testing.T) {
	for typ, want := range map[uint]uint{pkcs11.CKM_EC_KEY_PAIR_GEN: curveFlags, pkcs11.CKM_ECDSA: curveFlags, pkcs11.CKM_ECDH1_DERIVE: curveFlags,
		mechanism.CKM_EDDSA: curveFlags, pkcs11.CKM_RSA_PKCS: 0, pkcs11.CKM_AES_ECB: 0} {
		if got := mechanism.Lookup(typ).Info().Flags & curveFlags; got != want {
			t.Errorf("%#x: %#x, want %#x", typ, got, want)
		}
	}
}

// What a token offers only when asked. Nothing of it may slip into the other rows.
func TestLegacyRows(t *testing.T) {
	const (
		E, D, W, U = mechanism.Encrypt, mechanism.Decrypt, mechanism.Wrap, mechanism.Unwrap
		G, Drv     = mechanism.Generate, mechanism.Derive
	)
	want := map[uint]mechanism.Operation{
		pkcs11.CKM_DES_KEY_GEN: G, pkcs11.CKM_DES2_KEY_GEN: G, pkcs11.CKM_DES3_KEY_GEN: G,
		pkcs11.CKM_DES_ECB: E | D, pkcs11.CKM_DES_CBC: E | D, pkcs11.CKM_DES_CBC_PAD: E | D,
		pkcs11.CKM_DES3_ECB: E | D, pkcs11.CKM_DES3_CBC: E | D, pkcs11.CKM_DES3_CBC_PAD: E | D | W | U,
		pkcs11.CKM_DES3_ECB_ENCRYPT_DATA: Drv, pkcs11.CKM_DES3_CBC_ENCRYPT_DATA: Drv,
		pkcs11.CKM_AES_ECB: E | D | W | U, pkcs11.CKM_AES_CBC: E | D | W | U, pkcs11.CKM_AES_CBC_PAD: E | D | W | U,
		pkcs11.CKM_XOR_BASE_AND_DATA: Drv, pkcs11.CKM_EXTRACT_KEY_FROM_KEY: Drv,
		pkcs11.CKM_RSA_PKCS:  E | D | W | U | mechanism.Sign | mechanism.Verify | recovery,
		pkcs11.CKM_RSA_X_509: E | D | W | U | mechanism.Sign | mechanism.Verify | recovery,
	}
	for _, typ := range mechanism.Legacy.List() {
		spec := mechanism.Legacy.Lookup(typ)
		if spec == mechanism.Lookup(typ) {
			continue
		}
		if spec.Operations != want[typ] {
			t.Errorf("%#x can do %#x, want %#x", typ, spec.Operations, want[typ])
		}
		delete(want, typ)
	}
	for typ := range want {
		t.Errorf("%#x is missing", typ)
	}
	for _, typ := range []uint{pkcs11.CKK_DES, pkcs11.CKK_DES2, pkcs11.CKK_DES3} {
		if mechanism.Modern.Holds(typ) || !mechanism.Legacy.Holds(typ) {
			t.Errorf("key type %#x", typ)
		}
	}
}

// lookup finds a row of either set.
func lookup(mech uint) *mechanism.Spec {
	if spec := mechanism.Lookup(mech); spec != nil {
		return spec
	}
	return mechanism.Legacy.Lookup(mech)
}

// An unwrapped value may be cut only where zeros fill a block of RFC 3394.
func TestTrim(t *testing.T) {
	kw, kwp := mechanism.Lookup(pkcs11.CKM_AES_KEY_WRAP), mechanism.Lookup(mechanism.CKM_AES_KEY_WRAP_KWP)
	seed := append(bytes.Repeat([]byte{7}, 20), 0, 0, 0, 0)
	for _, c := range []struct {
		name   string
		spec   *mechanism.Spec
		value  []byte
		length int
		ok     bool
	}{
		{"its own length", kw, seed, 24, true},
		{"20 bytes padded to 24", kw, seed, 20, true},
		{"a byte that is not zero", kw, seed, 19, false},
		{"a whole block of zeros", kw, make([]byte, 24), 16, false},
		{"longer", kw, seed, 25, false},
		{"nothing left", kw, make([]byte, 7), 0, false},
		{"RFC 5649 carries the length", kwp, seed, 20, false},
	} {
		got, err := c.spec.Trim(c.value, c.length)
		if c.ok && (err != nil || len(got) != c.length) {
			t.Errorf("%s: %d bytes, %v", c.name, len(got), err)
		}
		if !c.ok && !errors.Is(err, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCONSISTENT)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// run encrypts or decrypts everything at once.
func run(k *mechanism.Key, m *pkcs11.Mechanism, encrypt bool, in []byte) ([]byte, error) {
	c, err := lookup(m.Mechanism).Start(k, m, encrypt, new(mechanism.Space))
	if err != nil {
		return nil, err
	}
	return mechanism.Whole(c, in)
}

// wants fails unless err is the return value code; 0 wants success.
func wants(t *testing.T, what string, err error, code uint) {
	t.Helper()
	if code == pkcs11.CKR_OK && err == nil {
		return
	}
	if !errors.Is(err, pkcs11.Error(code)) {
		t.Errorf("%s: got %v, want %v", what, err, pkcs11.Error(code))
	}
}
