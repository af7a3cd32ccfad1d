package mechanism

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

const (
	minModulus = 1024 // bits
	maxModulus = 4096
	exponent   = 65537
)

var rsaKeys = []uint{pkcs11.CKK_RSA}

var rsaTable = slices.Concat([]Spec{
	{Type: pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, Operations: GeneratePair, KeyTypes: rsaKeys, Min: minModulus, Max: maxModulus, pair: rsaPair},
	{Type: pkcs11.CKM_RSA_PKCS_OAEP, Operations: Encrypt | Decrypt | Wrap | Unwrap, KeyTypes: rsaKeys,
		Min: minModulus, Max: maxModulus, cipher: oaep},
}, rsaSignTable)

// The digests of RSA, and those of its mask generation function.
var (
	rsaHash = map[uint]crypto.Hash{pkcs11.CKM_SHA_1: crypto.SHA1, pkcs11.CKM_SHA224: crypto.SHA224, pkcs11.CKM_SHA256: crypto.SHA256,
		pkcs11.CKM_SHA384: crypto.SHA384, pkcs11.CKM_SHA512: crypto.SHA512,
		pkcs11.CKM_SHA3_224: crypto.SHA3_224, pkcs11.CKM_SHA3_256: crypto.SHA3_256, pkcs11.CKM_SHA3_384: crypto.SHA3_384, pkcs11.CKM_SHA3_512: crypto.SHA3_512}
	rsaMGF = map[uint]crypto.Hash{pkcs11.CKG_MGF1_SHA1: crypto.SHA1, pkcs11.CKG_MGF1_SHA224: crypto.SHA224, pkcs11.CKG_MGF1_SHA256: crypto.SHA256,
		pkcs11.CKG_MGF1_SHA384: crypto.SHA384, pkcs11.CKG_MGF1_SHA512: crypto.SHA512,
		CKG_MGF1_SHA3_224: crypto.SHA3_224, CKG_MGF1_SHA3_256: crypto.SHA3_256, CKG_MGF1_SHA3_384: crypto.SHA3_384, CKG_MGF1_SHA3_512: crypto.SHA3_512}
)

func oaep(k *Key, m *pkcs11.Mechanism, encrypt bool, x *Space) (Cipher, error) {
	p, err := cryptoki.OAEPParameter(m)
	if err != nil {
		return nil, err
	}
	opts := &rsa.OAEPOptions{Hash: rsaHash[p.Hash], MGFHash: rsaMGF[p.MGF], Label: p.Label}
	if opts.Hash == 0 || opts.MGFHash == 0 {
		return nil, errParameter
	}
	if encrypt {
		return &whole{run: func(in []byte) ([]byte, error) { return oaepEncrypt(k, opts, in, x.Random) }}, nil
	}
	return &whole{run: func(in []byte) ([]byte, error) { return oaepDecrypt(k, opts, in) }}, nil
}

func oaepEncrypt(k *Key, opts *rsa.OAEPOptions, in []byte, random io.Reader) ([]byte, error) {
	out, err := rsa.EncryptOAEPWithOptions(random, k.public, in, opts)
	if errors.Is(err, rsa.ErrMessageTooLong) {
		return nil, errDataLength
	}
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	return out, nil
}

// oaepDecrypt gives one error for every fault inside the block: telling them
// apart is Manger's attack.
func oaepDecrypt(k *Key, opts *rsa.OAEPOptions, in []byte) ([]byte, error) {
	if len(in) != k.public.Size() {
		return nil, errCiphertextLength
	}
	out, err := k.private.Decrypt(nil, in, opts)
	if err != nil {
		return nil, errCiphertext
	}
	return out, nil
}

func rsaPair(p Pair) (*Key, error) { return NewPair(p.Bits, p.Exponent) }

// NewPair makes an RSA key pair with e = 65537. Go draws its primes itself, from
// the operating system.
func NewPair(bits int, e []byte) (*Key, error) {
	if bits < minModulus || bits > maxModulus || bits%8 != 0 {
		return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	if e != nil && !new(big.Int).SetBytes(e).IsUint64() || e != nil && new(big.Int).SetBytes(e).Uint64() != exponent {
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	k, err := rsa.GenerateKey(nil, bits)
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
	}
	return NewPrivate(k), nil
}

// RSA holds the parts of an RSA key as attributes carry them: big-endian.
type RSA struct {
	N, E, D, P, Q []byte
}

// NewRSAPublic checks and takes a public key from its parts.
func NewRSAPublic(r RSA) (*Key, error) {
	n, e := new(big.Int).SetBytes(r.N), new(big.Int).SetBytes(r.E)
	if n.BitLen() < minModulus || n.BitLen() > maxModulus || n.Bit(0) == 0 ||
		!e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 || e.Bit(0) == 0 {
		return nil, pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	return NewPublic(&rsa.PublicKey{N: n, E: int(e.Int64())}), nil
}

// NewRSAPrivate checks and takes a private key from its parts; the CRT values
// are computed.
func NewRSAPrivate(r RSA) (*Key, error) {
	public, err := NewRSAPublic(r)
	if err != nil {
		return nil, err
	}
	k := &rsa.PrivateKey{
		PublicKey: *public.public,
		D:         new(big.Int).SetBytes(r.D),
		Primes:    []*big.Int{new(big.Int).SetBytes(r.P), new(big.Int).SetBytes(r.Q)},
	}
	if err := checkPrivate(k); err != nil {
		return nil, err
	}
	return NewPrivate(k), nil
}

// ParsePrivate reads the PKCS #8 form in which a private key is wrapped, and
// nothing after it. A key of another type than keyType is refused.
func ParsePrivate(keyType uint, der []byte) (*Key, error) {
	var whole asn1.RawValue
	rest, err := asn1.Unmarshal(der, &whole)
	if err != nil || len(rest) != 0 {
		return nil, pkcs11.Error(pkcs11.CKR_WRAPPED_KEY_INVALID)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if half := halfOf(keyType, parsed); err == nil && half != nil {
		return half, nil
	}
	k, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok || keyType != pkcs11.CKK_RSA || checkPrivate(k) != nil {
		return nil, pkcs11.Error(pkcs11.CKR_WRAPPED_KEY_INVALID)
	}
	return NewPrivate(k), nil
}

// MarshalPrivate writes the PKCS #8 form.
func MarshalPrivate(k *Key) ([]byte, error) {
	var private any = k.private
	if k.half != nil {
		private = k.half.private
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, pkcs11.Error(pkcs11.CKR_KEY_NOT_WRAPPABLE)
	}
	return der, nil
}

func checkPrivate(k *rsa.PrivateKey) error {
	bits := k.N.BitLen()
	if bits < minModulus || bits > maxModulus || len(k.Primes) != 2 || k.Validate() != nil {
		return pkcs11.Error(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID)
	}
	k.Precompute()
	return nil
}
