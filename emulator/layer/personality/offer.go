package personality

import (
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// starting are the functions that take a mechanism, with the flag of each in
// CK_MECHANISM_INFO.
var starting = []cryptoki.Function{
	cryptoki.EncryptInit, cryptoki.DecryptInit, cryptoki.DigestInit, cryptoki.SignInit, cryptoki.SignRecoverInit,
	cryptoki.VerifyInit, cryptoki.VerifyRecoverInit, cryptoki.GenerateKey, cryptoki.GenerateKeyPair,
	cryptoki.WrapKey, cryptoki.UnwrapKey, cryptoki.DeriveKey,
}

var flags = [256]uint{
	cryptoki.EncryptInit: pkcs11.CKF_ENCRYPT, cryptoki.DecryptInit: pkcs11.CKF_DECRYPT, cryptoki.DigestInit: pkcs11.CKF_DIGEST,
	cryptoki.SignInit: pkcs11.CKF_SIGN, cryptoki.SignRecoverInit: pkcs11.CKF_SIGN_RECOVER,
	cryptoki.VerifyInit: pkcs11.CKF_VERIFY, cryptoki.VerifyRecoverInit: pkcs11.CKF_VERIFY_RECOVER,
	cryptoki.GenerateKey: pkcs11.CKF_GENERATE, cryptoki.GenerateKeyPair: pkcs11.CKF_GENERATE_KEY_PAIR,
	cryptoki.WrapKey: pkcs11.CKF_WRAP, cryptoki.UnwrapKey: pkcs11.CKF_UNWRAP, cryptoki.DeriveKey: pkcs11.CKF_DERIVE,
}

// list makes the list of mechanisms that the HSM has: what is absent goes, what has a
// number of the vendor's comes.
func (l *Layer) list(c *cryptoki.Call) {
	offered := map[uint]bool{}
	c.Mechanisms = slices.DeleteFunc(c.Mechanisms, func(m *pkcs11.Mechanism) bool {
		offered[m.Mechanism] = true
		return slices.ContainsFunc(l.mechanisms, func(r *compiled) bool { return r.hides(m.Mechanism) })
	})
	for _, r := range l.mechanisms {
		if offered[r.as] && r.as != 0 {
			c.Mechanisms = append(c.Mechanisms, pkcs11.NewMechanism(r.mechanisms[0], nil))
		}
	}
}

// hides tells whether r leaves nothing of a mechanism.
func (r *compiled) hides(m uint) bool {
	return r.Then.Absent && len(r.functions) == 0 && slices.Contains(r.mechanisms, m)
}

// info changes what C_GetMechanismInfo says.
func (l *Layer) info(c *cryptoki.Call, err error) error {
	asked := l.mechanism(c)
	i := &c.Info.Mechanism
	for _, r := range l.mechanisms {
		switch {
		case !slices.Contains(r.mechanisms, asked):
		case r.as != 0:
			*i, err = l.next.GetMechanismInfo(c.Slot, []*pkcs11.Mechanism{pkcs11.NewMechanism(r.as, nil)})
		case r.hides(asked):
			*i = pkcs11.MechanismInfo{}
			return pkcs11.Error(pkcs11.CKR_MECHANISM_INVALID)
		case r.Then.Absent:
			for _, f := range r.functions {
				i.Flags &^= flags[f]
			}
		case r.Then.Sizes != nil:
			i.MinKeySize, i.MaxKeySize = r.Then.Sizes.Min, r.Then.Sizes.Max
		}
	}
	return err
}

// fits tells whether the key of a call has a size that the mechanism takes: bytes, and for
// RSA bits. A call without a key is the module's own to judge.
func (l *Layer) fits(s *Sizes, c *cryptoki.Call) bool {
	if c.Object == 0 || c.Session == 0 {
		return true
	}
	n := l.length(c.Session, c.Object)
	if a := l.attribute(c.Session, c.Object, pkcs11.CKA_MODULUS); a != nil {
		n = uint(8 * len(a.Value))
	}
	return n == 0 || s.Min <= n && n <= s.Max
}
