package mechanism

import (
	"crypto/subtle"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// signer is a signature or a verification that is no HMAC. What is wrong with the
// data shows when it ends.
type signer interface {
	Write(part []byte)
	Sign() ([]byte, error)
	Verify(signature []byte) error
}

// What is wrong with a signature.
const (
	errSignature       = pkcs11.Error(pkcs11.CKR_SIGNATURE_INVALID)
	errSignatureLength = pkcs11.Error(pkcs11.CKR_SIGNATURE_LEN_RANGE)
)

// minMAC is the least length in bytes of a shortened MAC: NIST SP 800-107 §5.3.3.
const minMAC = 4

// Start begins a signature or a verification; Write adds to it, Sign or Verify ends it.
func (r *Hashing) Start(s *Spec, k *Key, m *pkcs11.Mechanism) (err error) {
	if s.sign != nil {
		r.signer, err = s.sign(k, m)
		return err
	}
	r.StartHMAC(s.hash, k)
	if s.general {
		r.size, err = macLength(m, r.size)
	}
	return err
}

// macLength reads how many bytes of a MAC there are.
func macLength(m *pkcs11.Mechanism, most int) (int, error) {
	n, err := cryptoki.Number(m)
	if err != nil || n < minMAC || n > uint(most) {
		return 0, errParameter
	}
	return int(n), nil
}

// Sign gives the signature, MAC or digest and ends the run.
func (r *Hashing) Sign() ([]byte, error) {
	if r.signer != nil {
		return r.signer.Sign()
	}
	return r.Sum(make([]byte, 0, r.run.Size())), nil
}

// Verify compares a signature with what it should be and ends the run.
func (r *Hashing) Verify(signature []byte) error {
	if r.signer != nil {
		return r.signer.Verify(signature)
	}
	return compareMAC(r.Sum(r.sum[:0]), signature)
}

func compareMAC(mac, signature []byte) error {
	switch {
	case len(signature) != len(mac):
		return errSignatureLength
	case subtle.ConstantTimeCompare(mac, signature) != 1:
		return errSignature
	}
	return nil
}
