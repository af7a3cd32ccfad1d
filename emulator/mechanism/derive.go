package mechanism

import (
	"crypto/hkdf"
	"crypto/pbkdf2"
	"crypto/subtle"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// anySecret are the keys whose value is bytes without form.
var anySecret = append(slices.Clone(macKeys), pkcs11.CKK_AES)

// hkdfKeys have their own type since v3.0; older programs take any secret.
var hkdfKeys = append(slices.Clone(anySecret), CKK_HKDF)

// A key derived by concatenation is all that was concatenated: its leading bytes alone
// would let a base key be guessed byte by byte (Clulow 2003).
var deriveTable = []Spec{
	{Type: pkcs11.CKM_CONCATENATE_BASE_AND_KEY, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: withKey, tells: true, uncut: true},
	{Type: pkcs11.CKM_CONCATENATE_BASE_AND_DATA, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: withData(baseFirst), tells: true, uncut: true},
	{Type: pkcs11.CKM_CONCATENATE_DATA_AND_BASE, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: withData(dataFirst), tells: true, uncut: true},
	{Type: pkcs11.CKM_PKCS5_PBKD2, Operations: Generate, KeyTypes: anySecret, Min: 1, Max: maxSecret, fromParameter: pbkdf},
	{Type: CKM_HKDF_DERIVE, Operations: Derive, KeyTypes: hkdfKeys, Min: 1, Max: maxSecret, derive: hkdfDerive, sized: true},
	{Type: CKM_HKDF_DATA, Operations: Derive, KeyTypes: hkdfKeys, Min: 1, Max: maxSecret, derive: hkdfDerive, sized: true, data: true},
	{Type: CKM_HKDF_KEY_GEN, Operations: Generate, KeyTypes: []uint{CKK_HKDF}, Min: 1, Max: maxSecret},
}

// leakTable are legacy rows: bits of a key's choice can be tried one after the other,
// and XOR with zeros is a copy that no rule about copies reaches.
var leakTable = []Spec{
	{Type: pkcs11.CKM_XOR_BASE_AND_DATA, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: withData(xor), tells: true},
	{Type: pkcs11.CKM_EXTRACT_KEY_FROM_KEY, Operations: Derive, KeyTypes: anySecret, Min: 1, Max: maxSecret, derive: extract, tells: true},
}

// withKey reads the handle of the key that follows the base key.
func withKey(k *Key, m *pkcs11.Mechanism, d Derivation) ([]byte, error) {
	handle, err := cryptoki.Number(m)
	if err != nil {
		return nil, err
	}
	other, err := d.Key(handle)
	if err != nil {
		return nil, err
	}
	return baseFirst(k.value, other.value), nil
}

func withData(join func(base, data []byte) []byte) deriveFunc {
	return func(k *Key, m *pkcs11.Mechanism, _ Derivation) ([]byte, error) {
		data, err := cryptoki.DerivationData(m)
		if err != nil {
			return nil, err
		}
		return join(k.value, data), nil
	}
}

func baseFirst(base, data []byte) []byte { return slices.Concat(base, data) }
func dataFirst(base, data []byte) []byte { return slices.Concat(data, base) }

// xor is as long as the shorter of the two.
func xor(base, data []byte) []byte {
	out := make([]byte, min(len(base), len(data)))
	subtle.XORBytes(out, base, data)
	return out
}

// extract takes bits from a place on, and goes on at the first after the last: PKCS #11
// v2.40 §2.44.6.
func extract(k *Key, m *pkcs11.Mechanism, d Derivation) ([]byte, error) {
	first, err := cryptoki.Number(m)
	if err != nil || first >= uint(8*len(k.value)) {
		return nil, errParameter
	}
	if d.Length > len(k.value) {
		return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	out, shift := make([]byte, d.Length), first%8
	for i := range out {
		at := int(first/8) + i
		this, next := k.value[at%len(k.value)], k.value[(at+1)%len(k.value)]
		out[i] = byte((uint(this)<<8 | uint(next)) >> (8 - shift))
	}
	return out, nil
}

// prfs are the digests of CKP_PKCS5_PBKD2_HMAC_….
var prfs = map[uint]Hash{
	pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA1: SHA1, pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA224: SHA224,
	pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA256: SHA256, pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA384: SHA384,
	pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA512: SHA512, pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA512_224: SHA512_224,
	pkcs11.CKP_PKCS5_PBKD2_HMAC_SHA512_256: SHA512_256,
}

// pbkdf is PBKDF2 of RFC 8018 with the password in the parameter.
func pbkdf(m *pkcs11.Mechanism, n int) ([]byte, error) {
	p, err := cryptoki.PBKDF2Parameter(m)
	if err != nil {
		return nil, err
	}
	h, ok := prfs[p.PRF]
	if !ok {
		return nil, errParameter
	}
	defer clear(p.Password)
	out, err := pbkdf2.Key(digests[h].make, string(p.Password), p.Salt, int(p.Iterations), n)
	if err != nil {
		return nil, errParameter
	}
	return out, nil
}

// hkdfDerive is HKDF of RFC 5869, both halves or one. The first alone gives as much as its
// digest, the second what is asked for.
func hkdfDerive(k *Key, m *pkcs11.Mechanism, d Derivation) ([]byte, error) {
	p, err := cryptoki.HKDFParameter(m)
	if err != nil {
		return nil, err
	}
	h := slices.IndexFunc(digests[:], func(row digestRow) bool { return row.digest == p.Hash })
	if h < 0 {
		return nil, errParameter
	}
	if p.SaltKey != 0 {
		salt, err := d.Key(p.SaltKey)
		if err != nil {
			return nil, err
		}
		p.Salt = salt.value
	}
	if p.Expand && d.Length == 0 {
		return nil, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	secret := k.value
	if p.Extract {
		if secret, err = hkdf.Extract(digests[h].make, secret, p.Salt); err != nil {
			return nil, errParameter
		}
	}
	if !p.Expand {
		return secret, nil
	}
	out, err := hkdf.Expand(digests[h].make, secret, string(p.Info), d.Length)
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	return out, nil
}
