package mechanism

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// rsaX509 is RSA without padding, of bytes with zeros before them: PKCS #11 v2.40 §2.1.7.
// It encrypts by a legacy row alone, since what it gives can be multiplied.
func rsaX509(can Operation) Spec {
	s := rsaSigning(pkcs11.CKM_RSA_X_509, rawSignature)
	s.Operations, s.cipher, s.single, s.raw, s.recover, s.padding = can, rawCipher, true, true, rawRecover, leadingZeros
	return s
}

// publicPower is in to the public exponent, as long as the modulus. What is longer than
// that, or not below it, is no number of this key.
func publicPower(k *rsa.PublicKey, in []byte) ([]byte, bool) {
	m := new(big.Int).SetBytes(in)
	if len(in) > k.Size() || m.Cmp(k.N) >= 0 {
		return nil, false
	}
	return m.Exp(m, big.NewInt(int64(k.E)), k.N).FillBytes(make([]byte, k.Size())), true
}

// privatePower is the inverse of publicPower. Go's package has no such thing to give, so the
// number is blinded, and what comes out is tried before it is given out.
func privatePower(k *rsa.PrivateKey, in []byte) ([]byte, bool) {
	c := new(big.Int).SetBytes(in)
	if len(in) > k.Size() || c.Cmp(k.N) >= 0 {
		return nil, false
	}
	blind, inverse := blinding(k)
	m := new(big.Int).Mul(c, blind)
	m.Mod(m, k.N)
	m = crt(k, m)
	m.Mul(m, inverse).Mod(m, k.N)
	out := m.FillBytes(make([]byte, k.Size()))
	back, ok := publicPower(&k.PublicKey, out)
	return out, ok && bytes.Equal(bytes.TrimLeft(back, "\x00"), bytes.TrimLeft(in, "\x00"))
}

// blinding gives a number to the public exponent, and its inverse.
func blinding(k *rsa.PrivateKey) (power, inverse *big.Int) {
	for {
		r, err := rand.Int(rand.Reader, k.N)
		if err != nil {
			panic("mechanism: Go's random numbers do not fail: " + err.Error())
		}
		if inverse = new(big.Int).ModInverse(r, k.N); inverse != nil {
			return r.Exp(r, big.NewInt(int64(k.E)), k.N), inverse
		}
	}
}

// crt is the private operation by the Chinese remainder theorem: RFC 8017 §5.1.2.
func crt(k *rsa.PrivateKey, c *big.Int) *big.Int {
	p, q := k.Primes[0], k.Primes[1]
	m := new(big.Int).Exp(c, k.Precomputed.Dp, p)
	m2 := new(big.Int).Exp(c, k.Precomputed.Dq, q)
	m.Sub(m, m2).Mul(m, k.Precomputed.Qinv).Mod(m, p)
	return m.Mul(m, q).Add(m, m2)
}

func rawSignature(k *Key, m *pkcs11.Mechanism) (signer, error) {
	if err := cryptoki.NoParameter(m); err != nil {
		return nil, err
	}
	s := newKeySigner(0)
	s.sign = func(data []byte) ([]byte, error) { return rawSign(k, data) }
	s.verify = func(data, signature []byte) error {
		if len(signature) != k.public.Size() {
			return errSignatureLength
		}
		if len(data) > k.public.Size() {
			return errDataLength
		}
		want := make([]byte, k.public.Size())
		copy(want[len(want)-len(data):], data)
		got, ok := publicPower(k.public, signature)
		if !ok || subtle.ConstantTimeCompare(got, want) != 1 {
			return errSignature
		}
		return nil
	}
	return s, nil
}

func rawSign(k *Key, data []byte) ([]byte, error) {
	if len(data) > k.public.Size() {
		return nil, errDataLength
	}
	out, ok := privatePower(k.private, data)
	if !ok {
		return nil, errData
	}
	return out, nil
}

func rawCipher(k *Key, m *pkcs11.Mechanism, encrypt bool, _ *Space) (Cipher, error) {
	if err := cryptoki.NoParameter(m); err != nil {
		return nil, err
	}
	if encrypt {
		return &whole{run: func(in []byte) ([]byte, error) {
			if len(in) > k.public.Size() {
				return nil, errDataLength
			}
			out, ok := publicPower(k.public, in)
			if !ok {
				return nil, errData
			}
			return out, nil
		}}, nil
	}
	return &whole{run: func(in []byte) ([]byte, error) {
		if len(in) != k.public.Size() {
			return nil, errCiphertextLength
		}
		out, ok := privatePower(k.private, in)
		if !ok {
			return nil, errCiphertext
		}
		return out, nil
	}}, nil
}

// recovery makes a signature that has its data in it, or gets the data out of one.
type recovery func(k *Key, sign bool, in []byte) ([]byte, error)

func rawRecover(k *Key, sign bool, in []byte) ([]byte, error) {
	if sign {
		return rawSign(k, in)
	}
	if len(in) != k.public.Size() {
		return nil, errSignatureLength
	}
	out, ok := publicPower(k.public, in)
	if !ok {
		return nil, errSignature
	}
	return out, nil
}

// pkcs1Recover is the same with the padding of PKCS #1 v1.5, of at least eight bytes: RFC
// 8017 §9.2.
func pkcs1Recover(k *Key, sign bool, in []byte) ([]byte, error) {
	if sign {
		out, err := rsa.SignPKCS1v15(nil, k.private, 0, in)
		return out, rsaFault(err)
	}
	block, err := rawRecover(k, false, in)
	if err != nil {
		return nil, err
	}
	padding, data, ok := bytes.Cut(block[1:], []byte{0})
	if !ok || block[0] != 0 || len(padding) < 9 || padding[0] != 1 || bytes.Count(padding[1:], []byte{0xff}) != len(padding)-1 {
		return nil, errSignature
	}
	return data, nil
}

// StartRecovery begins a signature that has its data in it, or getting the data out of
// one; what it returns does that. No mechanism has a parameter for it.
func (s *Spec) StartRecovery(k *Key, m *pkcs11.Mechanism, sign bool) (func(in []byte) ([]byte, error), error) {
	if err := cryptoki.NoParameter(m); err != nil {
		return nil, err
	}
	return func(in []byte) ([]byte, error) { return s.recover(k, sign, in) }, nil
}

// Raw tells whether a signature is the bare private operation, which deciphers too.
func (s *Spec) Raw() bool { return s.raw }
