package mechanism

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"hash"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// A digest's two signature mechanisms.
var rsaSigns = []struct {
	hash      crypto.Hash
	pkcs, pss uint
}{
	{crypto.SHA1, pkcs11.CKM_SHA1_RSA_PKCS, pkcs11.CKM_SHA1_RSA_PKCS_PSS},
	{crypto.SHA224, pkcs11.CKM_SHA224_RSA_PKCS, pkcs11.CKM_SHA224_RSA_PKCS_PSS},
	{crypto.SHA256, pkcs11.CKM_SHA256_RSA_PKCS, pkcs11.CKM_SHA256_RSA_PKCS_PSS},
	{crypto.SHA384, pkcs11.CKM_SHA384_RSA_PKCS, pkcs11.CKM_SHA384_RSA_PKCS_PSS},
	{crypto.SHA512, pkcs11.CKM_SHA512_RSA_PKCS, pkcs11.CKM_SHA512_RSA_PKCS_PSS},
	{crypto.SHA3_224, pkcs11.CKM_SHA3_224_RSA_PKCS, pkcs11.CKM_SHA3_224_RSA_PKCS_PSS},
	{crypto.SHA3_256, pkcs11.CKM_SHA3_256_RSA_PKCS, pkcs11.CKM_SHA3_256_RSA_PKCS_PSS},
	{crypto.SHA3_384, pkcs11.CKM_SHA3_384_RSA_PKCS, pkcs11.CKM_SHA3_384_RSA_PKCS_PSS},
	{crypto.SHA3_512, pkcs11.CKM_SHA3_512_RSA_PKCS, pkcs11.CKM_SHA3_512_RSA_PKCS_PSS},
}

const signing = Sign | Verify | SignRecover | VerifyRecover

var rsaSignTable = func() []Spec {
	barePSS := rsaSigning(pkcs11.CKM_RSA_PKCS_PSS, pss(0))
	barePSS.single = true
	rows := []Spec{rsaPKCS(signing), rsaX509(signing), barePSS}
	for _, c := range rsaSigns {
		rows = append(rows, rsaSigning(c.pkcs, pkcs1Signature(c.hash)), rsaSigning(c.pss, pss(c.hash)))
	}
	return rows
}()

func rsaSigning(mech uint, sign func(*Key, *pkcs11.Mechanism) (signer, error)) Spec {
	return Spec{Type: mech, Operations: Sign | Verify, KeyTypes: rsaKeys, Min: minModulus, Max: maxModulus, sign: sign}
}

// rsaPKCS is PKCS #1 v1.5. Its encryption is a legacy row: who can have blobs decrypted,
// or unwrapped, and sees which of them fail, decrypts others too (Bleichenbacher 1998).
func rsaPKCS(can Operation) Spec {
	s := rsaSigning(pkcs11.CKM_RSA_PKCS, pkcs1Signature(0))
	s.Operations, s.cipher, s.single, s.recover = can, pkcs1, true, pkcs1Recover
	return s
}

func pkcs1(k *Key, m *pkcs11.Mechanism, encrypt bool, x *Space) (Cipher, error) {
	if err := cryptoki.NoParameter(m); err != nil {
		return nil, err
	}
	if encrypt {
		return &whole{run: func(in []byte) ([]byte, error) {
			out, err := rsa.EncryptPKCS1v15(x.Random, k.public, in) //lint:ignore SA1019 a legacy row is what it is for
			return out, rsaFault(err)
		}}, nil
	}
	return &whole{run: func(in []byte) ([]byte, error) {
		if len(in) != k.public.Size() {
			return nil, errCiphertextLength
		}
		out, err := rsa.DecryptPKCS1v15(nil, k.private, in) //lint:ignore SA1019 as above
		if err != nil {
			return nil, errCiphertext
		}
		return out, nil
	}}, nil
}

// rsaFault is what PKCS #11 says of an error of Go's.
func rsaFault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, rsa.ErrMessageTooLong):
		return errDataLength
	}
	return pkcs11.Error(pkcs11.CKR_FUNCTION_FAILED)
}

// keySigner signs and verifies what was hashed or, without a hash, collected.
type keySigner struct {
	hash   hash.Hash
	data   []byte
	most   int // bytes of data
	sign   func(digest []byte) ([]byte, error)
	verify func(digest, signature []byte) error
}

func (s *keySigner) Write(part []byte) {
	switch {
	case s.hash != nil:
		s.hash.Write(part)
	case len(s.data) <= s.most: // what is longer is refused whatever follows
		s.data = append(s.data, part...)
	}
}

// maxCollected is more than any key signs without a digest, in bytes.
const maxCollected = maxModulus / 8

func (s *keySigner) digest() []byte {
	if s.hash != nil {
		return s.hash.Sum(nil)
	}
	return s.data
}

func (s *keySigner) Sign() ([]byte, error)         { return s.sign(s.digest()) }
func (s *keySigner) Verify(signature []byte) error { return s.verify(s.digest(), signature) }

// newKeySigner hashes with h; 0 is no digest.
func newKeySigner(h crypto.Hash) *keySigner {
	if h == 0 {
		return &keySigner{most: maxCollected}
	}
	return &keySigner{hash: h.New()}
}

func pkcs1Signature(h crypto.Hash) func(*Key, *pkcs11.Mechanism) (signer, error) {
	return func(k *Key, m *pkcs11.Mechanism) (signer, error) {
		if err := cryptoki.NoParameter(m); err != nil {
			return nil, err
		}
		s := newKeySigner(h)
		s.sign = func(digest []byte) ([]byte, error) {
			out, err := rsa.SignPKCS1v15(nil, k.private, h, digest)
			return out, rsaFault(err)
		}
		s.verify = func(digest, signature []byte) error {
			return verified(k, signature, rsa.VerifyPKCS1v15(k.public, h, digest, signature))
		}
		return s, nil
	}
}

func verified(k *Key, signature []byte, err error) error {
	switch {
	case len(signature) != k.public.Size():
		return errSignatureLength
	case err != nil:
		return errSignature
	}
	return nil
}

// pss is RSASSA-PSS; without a digest of its own the data is one.
func pss(own crypto.Hash) func(*Key, *pkcs11.Mechanism) (signer, error) {
	return func(k *Key, m *pkcs11.Mechanism) (signer, error) {
		p, err := cryptoki.PSSParameter(m)
		if err != nil {
			return nil, err
		}
		h := rsaHash[p.Hash]
		// Go's PSS generates its mask with the same digest, and takes a salt of no
		// bytes for one of any length.
		if h == 0 || rsaMGF[p.MGF] != h || own != 0 && own != h || p.Salt == 0 || p.Salt > maxModulus/8 {
			return nil, errParameter
		}
		opts := &rsa.PSSOptions{SaltLength: int(p.Salt), Hash: h}
		s := newKeySigner(own)
		s.sign = func(digest []byte) ([]byte, error) {
			if len(digest) != h.Size() {
				return nil, errDataLength
			}
			out, err := rsa.SignPSS(rand.Reader, k.private, h, digest, opts)
			if errors.Is(err, rsa.ErrMessageTooLong) {
				return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
			}
			return out, rsaFault(err)
		}
		s.verify = func(digest, signature []byte) error {
			if len(digest) != h.Size() {
				return errDataLength
			}
			return verified(k, signature, rsa.VerifyPSS(k.public, h, digest, signature, opts))
		}
		return s, nil
	}
}
