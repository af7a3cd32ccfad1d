package token

import (
	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/mechanism"
)

// rv is a return value of PKCS #11.
type rv = pkcs11.Error

// kind is the form of an attribute's value.
type kind int

const (
	boolean        kind = iota // one byte, 0 or 1
	number                     // CK_ULONG
	text                       // bytes
	date                       // CK_DATE: eight digits, or empty
	nestedTemplate             // array of CK_ATTRIBUTE
	mechanisms                 // array of CK_MECHANISM_TYPE
)

// classes is a set of object classes.
type classes uint8

const (
	data classes = 1 << iota
	public
	private
	secret
	certificate

	keys    = public | private | secret
	hidden  = private | secret // keys with a value to hide
	objects = data | keys | certificate
)

func classOf(cko uint) classes {
	switch cko {
	case pkcs11.CKO_DATA:
		return data
	case pkcs11.CKO_PUBLIC_KEY:
		return public
	case pkcs11.CKO_PRIVATE_KEY:
		return private
	case pkcs11.CKO_SECRET_KEY:
		return secret
	case pkcs11.CKO_CERTIFICATE:
		return certificate
	}
	return 0
}

// types is a set of key types: of the pairs, since no attribute is of one type of secret
// key alone. A row without any is for all keys.
type types uint8

const (
	ofRSA types = 1 << iota
	ofEC
	ofEdwards
	ofMontgomery

	ofCurve = ofEC | ofEdwards | ofMontgomery
)

// typeOf is the set of one key type, empty for those of secret keys.
func typeOf(class classes, ckk uint) types {
	switch {
	case class&(public|private) == 0:
		return 0
	case ckk == pkcs11.CKK_RSA:
		return ofRSA
	case ckk == pkcs11.CKK_EC:
		return ofEC
	case ckk == mechanism.CKK_EC_EDWARDS:
		return ofEdwards
	case ckk == mechanism.CKK_EC_MONTGOMERY:
		return ofMontgomery
	}
	return 0
}

// origin is how an object comes into being; as a set, the ways in which a
// template may name an attribute.
type origin uint8

const (
	created origin = 1 << iota
	generated
	unwrapped
	derived

	never  origin = 0
	always        = created | generated | unwrapped | derived
)

// change is what C_SetAttributeValue and C_CopyObject may do to an attribute.
type change int

const (
	fixed   change = iota // neither
	free                  // both, either way
	raised                // both, until it is true
	lowered               // both, until it is false
	copied                // copy, either way
	hides                 // copy, from false to true
	seals                 // copy, from true to false
	bySO                  // both, by the security officer
)

// flags is a set of boolean attributes.
type flags uint32

const (
	fToken flags = 1 << iota
	fPrivate
	fModifiable
	fCopyable
	fDestroyable
	fSensitive
	fExtractable
	fAlwaysSensitive
	fNeverExtractable
	fLocal
	fEncrypt
	fDecrypt
	fSign
	fSignRecover
	fVerify
	fVerifyRecover
	fWrap
	fUnwrap
	fDerive
	fTrusted
	fWrapWithTrusted
	fAlwaysAuthenticate
	fNoCheckValue // no attribute: the template passed CKA_CHECK_VALUE empty
	fSignedRaw    // no attribute: a signature by raw RSA was begun; no object has it, only the past of a value
	fPermissive   // no attribute: it may have usages that conflict, see Config.Permit

	fUsage   = fEncrypt | fDecrypt | fWrap | fUnwrap | fDerive // those that can conflict
	allFlags = fPermissive<<1 - 1 - fSignedRaw
)

// rule is what PKCS #11 says about one attribute.
type rule struct {
	typ     uint
	kind    kind
	classes classes
	types   types
	given   origin
	change  change
	flag    flags                          // of a boolean
	get     func(o *object) []byte         // of a value that is not kept as given
	set     func(d *draft, v []byte) error // where a template's value goes, if not kept as given
	secret  bool                           // readable only when not sensitive and extractable
}

// rules is the attribute table, PKCS #11 v2.40 §4.
var rules = []rule{
	{typ: pkcs11.CKA_CLASS, kind: number, classes: objects, given: always, get: getClass, set: accept},
	{typ: pkcs11.CKA_TOKEN, classes: objects, given: always, change: copied, flag: fToken},
	{typ: pkcs11.CKA_PRIVATE, classes: objects, given: always, change: hides, flag: fPrivate},
	{typ: pkcs11.CKA_MODIFIABLE, classes: objects, given: always, change: seals, flag: fModifiable},
	{typ: pkcs11.CKA_COPYABLE, classes: objects, given: always, change: lowered, flag: fCopyable},
	{typ: pkcs11.CKA_DESTROYABLE, classes: objects, given: always, change: lowered, flag: fDestroyable},
	{typ: pkcs11.CKA_LABEL, kind: text, classes: objects, given: always, change: free},

	{typ: pkcs11.CKA_APPLICATION, kind: text, classes: data, given: created | derived, change: free},
	{typ: pkcs11.CKA_OBJECT_ID, kind: text, classes: data, given: created | derived, change: free},
	{typ: pkcs11.CKA_VALUE, kind: text, classes: data, given: created, change: free},

	{typ: pkcs11.CKA_KEY_TYPE, kind: number, classes: keys, given: always, get: getKeyType, set: accept},
	{typ: pkcs11.CKA_ID, kind: text, classes: keys | certificate, given: always, change: free},
	{typ: pkcs11.CKA_START_DATE, kind: date, classes: keys, given: always, change: free},
	{typ: pkcs11.CKA_END_DATE, kind: date, classes: keys, given: always, change: free},

	{typ: pkcs11.CKA_CERTIFICATE_TYPE, kind: number, classes: certificate, given: created, set: setCertificateType},
	{typ: pkcs11.CKA_CERTIFICATE_CATEGORY, kind: number, classes: certificate, given: created, set: setCategory},
	{typ: pkcs11.CKA_SUBJECT, kind: text, classes: certificate, given: created},
	{typ: pkcs11.CKA_ISSUER, kind: text, classes: certificate, given: created, change: free},
	{typ: pkcs11.CKA_SERIAL_NUMBER, kind: text, classes: certificate, given: created, change: free},
	{typ: pkcs11.CKA_VALUE, kind: text, classes: certificate, given: created},
	{typ: pkcs11.CKA_CHECK_VALUE, kind: text, classes: certificate, given: created, get: getCertificateCheck, set: setCheckValue},
	{typ: pkcs11.CKA_PUBLIC_KEY_INFO, kind: text, classes: certificate, given: created},
	{typ: pkcs11.CKA_START_DATE, kind: date, classes: certificate, given: created},
	{typ: pkcs11.CKA_END_DATE, kind: date, classes: certificate, given: created},

	{typ: pkcs11.CKA_LOCAL, classes: keys, given: never, flag: fLocal},
	{typ: pkcs11.CKA_KEY_GEN_MECHANISM, kind: number, classes: keys, given: never, get: getKeyGen},
	{typ: pkcs11.CKA_ALLOWED_MECHANISMS, kind: mechanisms, classes: keys, given: always, get: getAllowed, set: setAllowed},
	{typ: pkcs11.CKA_SUBJECT, kind: text, classes: public | private, given: always, change: free},

	{typ: pkcs11.CKA_ENCRYPT, classes: public | secret, given: always, change: free, flag: fEncrypt},
	{typ: pkcs11.CKA_DECRYPT, classes: hidden, given: always, change: free, flag: fDecrypt},
	{typ: pkcs11.CKA_SIGN, classes: hidden, given: always, change: free, flag: fSign},
	{typ: pkcs11.CKA_SIGN_RECOVER, classes: private, given: always, change: free, flag: fSignRecover},
	{typ: pkcs11.CKA_VERIFY, classes: public | secret, given: always, change: free, flag: fVerify},
	{typ: pkcs11.CKA_VERIFY_RECOVER, classes: public, given: always, change: free, flag: fVerifyRecover},
	{typ: pkcs11.CKA_WRAP, classes: public | secret, given: always, change: free, flag: fWrap},
	{typ: pkcs11.CKA_UNWRAP, classes: hidden, given: always, change: free, flag: fUnwrap},
	{typ: pkcs11.CKA_DERIVE, classes: keys, given: always, change: free, flag: fDerive},
	{typ: pkcs11.CKA_TRUSTED, classes: public | secret | certificate, given: always, change: bySO, flag: fTrusted},
	{typ: pkcs11.CKA_WRAP_TEMPLATE, kind: nestedTemplate, classes: public | secret, given: always, get: getWrap},
	{typ: pkcs11.CKA_UNWRAP_TEMPLATE, kind: nestedTemplate, classes: hidden, given: always, get: getUnwrap},
	{typ: pkcs11.CKA_DERIVE_TEMPLATE, kind: nestedTemplate, classes: hidden, given: always, get: getDerive},

	{typ: pkcs11.CKA_SENSITIVE, classes: hidden, given: always, change: raised, flag: fSensitive},
	{typ: pkcs11.CKA_EXTRACTABLE, classes: hidden, given: always, change: lowered, flag: fExtractable},
	{typ: pkcs11.CKA_WRAP_WITH_TRUSTED, classes: hidden, given: always, change: raised, flag: fWrapWithTrusted},
	{typ: pkcs11.CKA_ALWAYS_SENSITIVE, classes: hidden, given: never, flag: fAlwaysSensitive},
	{typ: pkcs11.CKA_NEVER_EXTRACTABLE, classes: hidden, given: never, flag: fNeverExtractable},
	{typ: pkcs11.CKA_ALWAYS_AUTHENTICATE, classes: private, given: always, flag: fAlwaysAuthenticate},

	{typ: pkcs11.CKA_CHECK_VALUE, kind: text, classes: secret, given: always, change: free, get: getCheckValue, set: setCheckValue},
	{typ: pkcs11.CKA_VALUE, kind: text, classes: secret, given: created, get: getValue, set: setValue, secret: true},
	{typ: pkcs11.CKA_VALUE_LEN, kind: number, classes: secret, given: generated | unwrapped | derived, get: getLength, set: setLength},

	{typ: pkcs11.CKA_MODULUS, kind: text, classes: public | private, types: ofRSA, given: created, get: getModulus, set: setModulus},
	{typ: pkcs11.CKA_PUBLIC_EXPONENT, kind: text, classes: public, types: ofRSA, given: created | generated, get: getExponent, set: setExponent},
	{typ: pkcs11.CKA_PUBLIC_EXPONENT, kind: text, classes: private, types: ofRSA, given: created, get: getExponent, set: setExponent},
	{typ: pkcs11.CKA_MODULUS_BITS, kind: number, classes: public, types: ofRSA, given: generated, get: getModulusBits, set: setModulusBits},
	{typ: pkcs11.CKA_PUBLIC_KEY_INFO, kind: text, classes: public | private, given: never, get: getPublicKeyInfo},
	{typ: pkcs11.CKA_PRIVATE_EXPONENT, kind: text, classes: private, types: ofRSA, given: created, get: getD, set: setD, secret: true},
	{typ: pkcs11.CKA_PRIME_1, kind: text, classes: private, types: ofRSA, given: created, get: getP, set: setP, secret: true},
	{typ: pkcs11.CKA_PRIME_2, kind: text, classes: private, types: ofRSA, given: created, get: getQ, set: setQ, secret: true},
	{typ: pkcs11.CKA_EXPONENT_1, kind: text, classes: private, types: ofRSA, given: created, get: getDP, set: expect(pkcs11.CKA_EXPONENT_1), secret: true},
	{typ: pkcs11.CKA_EXPONENT_2, kind: text, classes: private, types: ofRSA, given: created, get: getDQ, set: expect(pkcs11.CKA_EXPONENT_2), secret: true},
	{typ: pkcs11.CKA_COEFFICIENT, kind: text, classes: private, types: ofRSA, given: created, get: getQInv, set: expect(pkcs11.CKA_COEFFICIENT), secret: true},

	{typ: pkcs11.CKA_EC_PARAMS, kind: text, classes: public, types: ofCurve, given: created | generated, set: setParams},
	{typ: pkcs11.CKA_EC_PARAMS, kind: text, classes: private, types: ofCurve, given: created, set: setParams},
	{typ: pkcs11.CKA_EC_POINT, kind: text, classes: public, types: ofCurve, given: created, get: getPoint, set: setPoint},
	{typ: pkcs11.CKA_VALUE, kind: text, classes: private, types: ofCurve, given: created, get: getScalar, set: setValue, secret: true},
}

// defaults are the booleans of an object whose template names none. Usages are
// off and secrets stay inside: PKCS #11 leaves that to the token.
func defaults(class classes) flags {
	f := fModifiable | fCopyable | fDestroyable
	switch class {
	case secret:
		f |= fPrivate
	case private:
		f |= fPrivate | fSensitive
	}
	return f
}

// fits tells whether a value has the form of its kind.
func (k kind) fits(v []byte) bool {
	switch k {
	case boolean:
		return len(v) == 1 && v[0] <= 1
	case number:
		return len(v) == ulong
	case date:
		return len(v) == 0 || len(v) == 8
	case mechanisms:
		return len(v)%ulong == 0 && len(v) <= maxMechanisms*ulong
	}
	return len(v) <= maxText
}

const (
	ulong         = 8       // bytes of a CK_ULONG
	maxText       = 1 << 14 // bytes of an attribute
	maxMechanisms = 64      // in CKA_ALLOWED_MECHANISMS
)
