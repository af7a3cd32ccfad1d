package token

import (
	"bytes"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// conflicts are usages that one key must never have together, not even one after the
// other. With WRAP and DECRYPT any extractable key can be read; with UNWRAP and ENCRYPT,
// or a derivation that encrypts, any known value becomes a key (Clulow 2003; Bortolozzo et
// al., Tookan, 2010). With DERIVE and ENCRYPT, any key that is derived so can be read.
var conflicts = []flags{fWrap | fDecrypt, fUnwrap | fEncrypt, fUnwrap | fDerive, fEncrypt | fDerive}

// pairConflicts are those of an RSA pair, over both halves. Raw signing is decryption.
var pairConflicts = []flags{fWrap | fDecrypt, fSignedRaw | fEncrypt, fSignedRaw | fWrap, fSignedRaw | fDecrypt, fSignedRaw | fUnwrap}

// conflictsOf is nil where nothing that a key can do conflicts.
func conflictsOf(o *object) []flags {
	switch {
	case o.kind() == secret:
		return conflicts
	case typeOf(o.kind(), o.keyType) == ofRSA:
		return pairConflicts
	}
	return nil
}

// leastChild is the fewest bytes of a key derived from one that cannot be read. Children of one
// derivation that grow byte by byte each cost 256 guesses; the first has to cost too many
// (112 bits, NIST SP 800-131A).
const leastChild = 14

func (o *object) conflict() error {
	o.ever |= o.flags & fUsage
	switch {
	case o.is(fPermissive):
		return nil
	case clash(conflictsOf(o), o.ever):
		return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	case o.policy != nil && len(o.policy.unwrap) > 0 && o.ever&fDecrypt != 0: // it would give out what the template keeps in
		return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return nil
}

// unreadable tells whether the value of a key cannot be read.
func (o *object) unreadable() bool { return o.is(fSensitive) || !o.is(fExtractable) }

// ancestry sets the attributes that tell where a key comes from, PKCS #11 v2.40
// §4.9, §4.10 and C_CreateObject, C_UnwrapKey, C_DeriveKey.
func (d *draft) ancestry(from origin, made uint, base *object) error {
	d.keyGen = pkcs11.CK_UNAVAILABLE_INFORMATION
	sensitive, inside := false, false
	switch from {
	case generated:
		d.flags |= fLocal
		d.keyGen = made
		sensitive, inside = true, true
	case derived:
		// A readable child would tell what the base key must not: its
		// encryption of any block.
		if base.is(fSensitive) && d.named&fSensitive != 0 && !d.is(fSensitive) {
			return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
		}
		if base.unreadable() && d.kind() == secret && d.length < leastChild {
			return rv(pkcs11.CKR_KEY_SIZE_RANGE)
		}
		d.flags |= base.flags & fSensitive
		sensitive, inside = base.is(fAlwaysSensitive), base.is(fNeverExtractable)
	case unwrapped:
		if err := d.returned(base); err != nil {
			return err
		}
	}
	if d.kind()&hidden == 0 {
		return nil
	}
	if sensitive && d.is(fSensitive) {
		d.flags |= fAlwaysSensitive
	}
	if inside && !d.is(fExtractable) {
		d.flags |= fNeverExtractable
	}
	return nil
}

// returned confines a key that comes back from under a key that may have wrapped it: what
// was sensitive stays so, and what only trusted keys wrap, too. Of a pair, whoever has the
// public half could have wrapped it, unless that is trusted.
func (d *draft) returned(by *object) error {
	var keeps flags
	if by.is(fSensitive) && by.kind() == secret && by.ever&fWrap != 0 {
		keeps |= fSensitive
	}
	if by.is(fTrusted) {
		keeps |= fSensitive | fWrapWithTrusted
	}
	if d.named&keeps&^d.flags != 0 {
		return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	d.flags |= keeps
	return nil
}

// guarded tells whether a change leaves a trusted key the usages that the security officer
// gave it, unless it is the officer's.
func (o *object) guarded(now *object, who role) error {
	const usages = fUsage | fSign | fSignRecover | fVerify | fVerifyRecover
	if (o.is(fTrusted) || now.is(fTrusted)) && who != securityOfficer && (o.flags^now.flags)&(usages|fTrusted) != 0 {
		return rv(pkcs11.CKR_ATTRIBUTE_READ_ONLY)
	}
	return nil
}

// mixed is a base key that stands for two: as confined as either.
func (o *object) mixed(other *object) *object {
	both := *o
	const any = fSensitive | fWrapWithTrusted
	both.flags = o.flags&other.flags | (o.flags|other.flags)&any
	return &both
}

// confined tells whether a derived key that has the base key in it is as hard to get out.
// Of what cannot be read it has all: some bytes beside others that are known could be guessed.
func (d *draft) confined(base *object, whole int) error {
	if base.unreadable() && (d.length != 0 && d.length < whole || whole < len(base.key.Value())) {
		return rv(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	if d.is(fExtractable) && !base.is(fExtractable) || !d.is(fWrapWithTrusted) && base.is(fWrapWithTrusted) {
		return rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	return nil
}

// under adds the template of an unwrapping or base key to the caller's. Both
// may name an attribute, when they agree on it.
func under(rules []attribute, template []*pkcs11.Attribute) ([]*pkcs11.Attribute, error) {
	if len(rules) == 0 {
		return template, nil
	}
	merged := append([]*pkcs11.Attribute(nil), template...)
	for _, r := range rules {
		named := false
		for _, a := range template {
			if a == nil || a.Type != r.typ {
				continue
			}
			if !bytes.Equal(a.Value, r.value) {
				return nil, rv(pkcs11.CKR_TEMPLATE_INCONSISTENT)
			}
			named = true
		}
		if !named {
			merged = append(merged, &pkcs11.Attribute{Type: r.typ, Value: r.value})
		}
	}
	return merged, nil
}

// wrappable tells whether key may leave under wrapping.
func wrappable(key, wrapping *object) error {
	switch {
	case key.kind()&hidden == 0:
		return rv(pkcs11.CKR_KEY_NOT_WRAPPABLE)
	case !key.is(fExtractable):
		return rv(pkcs11.CKR_KEY_UNEXTRACTABLE)
	case key.is(fWrapWithTrusted) && !wrapping.is(fTrusted):
		return rv(pkcs11.CKR_KEY_NOT_WRAPPABLE)
	case wrapping.policy != nil && !key.matches(wrapping.policy.wrap):
		return rv(pkcs11.CKR_KEY_NOT_WRAPPABLE)
	case key.key == nil:
		return rv(pkcs11.CKR_USER_NOT_LOGGED_IN)
	}
	return nil
}

// material makes the key of an object that C_CreateObject describes.
func (d *draft) material() error {
	var err error
	switch d.kind() {
	case secret:
		d.key, err = d.secret(d.value, rv(pkcs11.CKR_ATTRIBUTE_VALUE_INVALID))
	case certificate:
		return d.certificate()
	case public:
		if typeOf(public, d.keyType) != ofRSA {
			return d.curvePublic()
		}
		if d.parts.N == nil || d.parts.E == nil {
			return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
		}
		d.key, err = mechanism.NewRSAPublic(d.parts)
	case private:
		if typeOf(private, d.keyType) != ofRSA {
			return d.curvePrivate()
		}
		p := d.parts
		if p.N == nil || p.E == nil || p.D == nil || p.P == nil || p.Q == nil {
			return rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
		}
		d.key, err = mechanism.NewRSAPrivate(p)
	}
	return err
}

// secret checks the length of a secret value against the key type.
func (d *draft) secret(value []byte, wrong rv) (*mechanism.Key, error) {
	if value == nil {
		return nil, rv(pkcs11.CKR_TEMPLATE_INCOMPLETE)
	}
	if fits, _ := mechanism.SecretLength(d.keyType, len(value)); !fits {
		return nil, wrong
	}
	return mechanism.NewSecret(value), nil
}
