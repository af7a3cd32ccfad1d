package mechanism

import (
	"encoding/binary"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// On these curves the cofactor of ECDH1_COFACTOR_DERIVE is 1, so both rows do the same.
var ecdhTable = []Spec{
	{Type: pkcs11.CKM_ECDH1_DERIVE, Operations: Derive, KeyTypes: slices.Concat(ecKeys, montgomeryKeys), Min: field25519, Max: maxEC, derive: ecdhDerive, sized: true},
	{Type: pkcs11.CKM_ECDH1_COFACTOR_DERIVE, Operations: Derive, KeyTypes: ecKeys, Min: minEC, Max: maxEC, derive: ecdhDerive, sized: true},
}

// kdfs are the digests of CKD_…_KDF.
var kdfs = map[uint]Hash{
	pkcs11.CKD_SHA1_KDF: SHA1, pkcs11.CKD_SHA224_KDF: SHA224, pkcs11.CKD_SHA256_KDF: SHA256,
	pkcs11.CKD_SHA384_KDF: SHA384, pkcs11.CKD_SHA512_KDF: SHA512,
}

// ecdhDerive agrees on a secret with the owner of the public key in the parameter. The
// key is the secret itself, which loses bytes at its leading end where the key is shorter
// (PKCS #11 v2.40 §2.3.10), or what the key derivation function makes of it.
func ecdhDerive(k *Key, m *pkcs11.Mechanism, d Derivation) ([]byte, error) {
	p, err := cryptoki.ECDHParameter(m)
	if err != nil {
		return nil, err
	}
	h, known := kdfs[p.KDF]
	if !known && (p.KDF != pkcs11.CKD_NULL || len(p.Shared) > 0) {
		return nil, errParameter
	}
	z, err := k.agree(p.Public)
	if err != nil {
		return nil, err
	}
	if known {
		defer clear(z)
		return x963(h, z, p.Shared, d.Length)
	}
	if d.Length > len(z) {
		clear(z)
		return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	if d.Length > 0 {
		z = z[len(z)-d.Length:]
	}
	return z, nil
}

// agree takes the other public key raw, as PKCS #11 v2.40 §2.3.9 has it, or as the OCTET
// STRING of CKA_EC_POINT: the lengths differ.
func (k *Key) agree(public []byte) ([]byte, error) {
	private, err := k.half.agree()
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	if len(public) != len(private.PublicKey().Bytes()) {
		if public, err = DecodePoint(public); err != nil {
			return nil, errParameter
		}
	}
	other, err := private.Curve().NewPublicKey(public)
	if err != nil {
		return nil, errParameter
	}
	z, err := private.ECDH(other)
	if err != nil {
		return nil, errParameter // a point of low order
	}
	return z, nil
}

// x963 is the key derivation function of ANSI X9.63, as SEC 1 v2 §3.6.1 gives it. It has
// no length of its own.
func x963(h Hash, z, shared []byte, n int) ([]byte, error) {
	if n == 0 {
		return nil, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	run := digests[h].make()
	var out []byte
	for counter := uint32(1); len(out) < n; counter++ {
		run.Reset()
		run.Write(z)
		run.Write(binary.BigEndian.AppendUint32(nil, counter))
		run.Write(shared)
		out = run.Sum(out)
	}
	return out[:n], nil
}
