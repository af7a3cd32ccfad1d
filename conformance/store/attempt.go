package store

import (
	"github.com/miekg/pkcs11"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// attempt is something that a token has to refuse. It gives the object that it made, if any.
type attempt struct {
	what string
	try  func() (pkcs11.ObjectHandle, error)
}

// beRefused makes all attempts and fails for the first that succeeds.
func (s session) beRefused(whose string, attempts []attempt) int {
	GinkgoHelper()
	for _, a := range attempts {
		made, err := a.try()
		if err == nil && made != 0 {
			s.destroy(made)
		}
		Expect(err).To(HaveOccurred(), "%s of %s: the token lets the host %s", whose, s.which, a.what)
	}
	return len(attempts)
}

func nothing(err error) (pkcs11.ObjectHandle, error) { return 0, err }

// exports are the ways to get the value of a key that may not leave.
func (s session) exports(key pkcs11.ObjectHandle, under []pkcs11.ObjectHandle) []attempt {
	all := []attempt{{"read the value", func() (pkcs11.ObjectHandle, error) {
		v, err := s.read(key, pkcs11.CKA_VALUE)
		if err == nil && len(v) == 0 {
			err = errNotTold
		}
		return 0, err
	}}}
	for _, u := range under {
		all = append(all, attempt{"wrap it under another key", func() (pkcs11.ObjectHandle, error) {
			_, err := s.wrap(u, key)
			return 0, err
		}})
	}
	return all
}

// copies and changes of a key that are due to be refused.
func (s session) alterations(key pkcs11.ObjectHandle) []attempt {
	var all []attempt
	for _, a := range []*pkcs11.Attribute{
		attribute(pkcs11.CKA_SENSITIVE, false), attribute(pkcs11.CKA_EXTRACTABLE, true), attribute(pkcs11.CKA_DECRYPT, true),
		attribute(pkcs11.CKA_ENCRYPT, true), attribute(pkcs11.CKA_DERIVE, true), attribute(pkcs11.CKA_SIGN, true),
		attribute(pkcs11.CKA_LABEL, "stolen"),
	} {
		name := cryptoki.AttributeName(a.Type)
		all = append(all, attempt{"change " + name, func() (pkcs11.ObjectHandle, error) {
			return nothing(s.SetAttributeValue(s.handle, key, []*pkcs11.Attribute{a}))
		}}, attempt{"copy it with another " + name, func() (pkcs11.ObjectHandle, error) {
			return s.CopyObject(s.handle, key, []*pkcs11.Attribute{attribute(pkcs11.CKA_TOKEN, false), a})
		}})
	}
	return append(all, attempt{"copy it", func() (pkcs11.ObjectHandle, error) {
		return s.CopyObject(s.handle, key, []*pkcs11.Attribute{attribute(pkcs11.CKA_TOKEN, false)})
	}})
}

// operations that a secret key may have to refuse, by the usage that allows them.
func (s session) operations(key pkcs11.ObjectHandle) map[uint]attempt {
	block := make([]byte, 32)
	victim := func() pkcs11.ObjectHandle { return s.create(block, made(pkcs11.CKK_AES, true)) }
	return map[uint]attempt{
		pkcs11.CKA_ENCRYPT: {"encrypt with it", func() (pkcs11.ObjectHandle, error) {
			if err := s.EncryptInit(s.handle, plain(pkcs11.CKM_AES_ECB), key); err != nil {
				return nothing(err)
			}
			_, err := s.Encrypt(s.handle, block)
			return nothing(err)
		}},
		pkcs11.CKA_DECRYPT: {"decrypt with it", func() (pkcs11.ObjectHandle, error) {
			if err := s.DecryptInit(s.handle, plain(pkcs11.CKM_AES_ECB), key); err != nil {
				return nothing(err)
			}
			_, err := s.Decrypt(s.handle, block)
			return nothing(err)
		}},
		pkcs11.CKA_SIGN: {"sign with it", func() (pkcs11.ObjectHandle, error) {
			if err := s.SignInit(s.handle, plain(pkcs11.CKM_SHA256_HMAC), key); err != nil {
				return nothing(err)
			}
			_, err := s.Sign(s.handle, block)
			return nothing(err)
		}},
		pkcs11.CKA_VERIFY: {"verify with it", func() (pkcs11.ObjectHandle, error) {
			if err := s.VerifyInit(s.handle, plain(pkcs11.CKM_SHA256_HMAC), key); err != nil {
				return nothing(err)
			}
			_ = s.Verify(s.handle, block, block) // that it compares is enough
			return 0, nil
		}},
		pkcs11.CKA_WRAP: {"wrap with it", func() (pkcs11.ObjectHandle, error) {
			_, err := s.wrap(key, victim())
			return nothing(err)
		}},
		pkcs11.CKA_DERIVE: {"derive from it", func() (pkcs11.ObjectHandle, error) {
			return s.derived(key, block, made(pkcs11.CKK_AES, false, pkcs11.CKA_ENCRYPT))
		}},
	}
}
