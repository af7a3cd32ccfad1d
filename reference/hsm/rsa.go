package hsm

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"runtime"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// Suite is the hash of RSA-OAEP and of its MGF1. The numbers are those of PROTOCOL.md.
type Suite uint8

const (
	OAEPSHA256 Suite = 1
	OAEPSHA1   Suite = 2
)

func (s Suite) String() string {
	switch s {
	case OAEPSHA256:
		return "OAEP-SHA-256"
	case OAEPSHA1:
		return "OAEP-SHA-1"
	}
	return fmt.Sprintf("OAEP suite %d", uint8(s))
}

// mechanism is RSA-OAEP without a label.
func (s Suite) mechanism() ([]*pkcs11.Mechanism, error) {
	hash, mgf := uint(pkcs11.CKM_SHA256), uint(pkcs11.CKG_MGF1_SHA256)
	switch s {
	case OAEPSHA256:
	case OAEPSHA1:
		hash, mgf = pkcs11.CKM_SHA_1, pkcs11.CKG_MGF1_SHA1
	default:
		return nil, fmt.Errorf("%s is unknown", s)
	}
	params := pkcs11.NewOAEPParams(hash, mgf, pkcs11.CKZ_DATA_SPECIFIED, nil)
	return []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, params)}, nil
}

// RSAUse is the one thing that the private half of a pair does: what may come out of it.
type RSAUse uint8

const (
	UnwrapRequest RSAUse = iota + 1 // unwraps S of an MPP v2 request: derives, never extractable
	UnwrapKeys                      // unwraps keys of a pairing or an import: sensitive, never extractable
	DecryptsV1                      // decrypts an MPP v1 request to the host, and unwraps nothing
)

// outcome is the unwrap template of a private key of that use.
func (t *traits) outcome(use RSAUse) []*pkcs11.Attribute {
	if use == UnwrapRequest {
		return append(t.limits(requestS.kind()), fixed())
	}
	return []*pkcs11.Attribute{
		attribute(pkcs11.CKA_SENSITIVE, true),
		attribute(pkcs11.CKA_EXTRACTABLE, false),
		fixed(),
	}
}

func (t *traits) publicTemplate(label string) []*pkcs11.Attribute {
	attrs := []*pkcs11.Attribute{
		attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PUBLIC_KEY),
		attribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
		attribute(pkcs11.CKA_TOKEN, label != ""),
		attribute(pkcs11.CKA_PRIVATE, false),
		attribute(pkcs11.CKA_MODIFIABLE, false),
		attribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
		attribute(pkcs11.CKA_ENCRYPT, false),
		attribute(pkcs11.CKA_VERIFY, false),
		attribute(pkcs11.CKA_VERIFY_RECOVER, false),
		attribute(pkcs11.CKA_WRAP, label == ""), // only a peer's key wraps
		attribute(pkcs11.CKA_DERIVE, false),
	}
	if label != "" {
		attrs = append(attrs, attribute(pkcs11.CKA_LABEL, label), attribute(pkcs11.CKA_ID, label))
	}
	return attrs
}

func (t *traits) privateTemplate(p *runtime.Pinner, use RSAUse, label string) []*pkcs11.Attribute {
	attrs := t.place([]*pkcs11.Attribute{
		attribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY),
		attribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA),
		attribute(pkcs11.CKA_SENSITIVE, true),
		attribute(pkcs11.CKA_EXTRACTABLE, false),
		attribute(pkcs11.CKA_MODIFIABLE, false),
		attribute(pkcs11.CKA_DECRYPT, use == DecryptsV1),
		attribute(pkcs11.CKA_SIGN, false),
		attribute(pkcs11.CKA_SIGN_RECOVER, false),
		attribute(pkcs11.CKA_UNWRAP, use != DecryptsV1),
		attribute(pkcs11.CKA_DERIVE, false),
	}, label)
	if t.notCopyable {
		attrs = append(attrs, attribute(pkcs11.CKA_COPYABLE, false))
	}
	if t.rsaTemplate && use != DecryptsV1 {
		attrs = append(attrs, nested(p, t.outcome(use)))
	}
	return attrs
}

// GenerateRSA makes a pair, permanent under label or for the session under "". Its
// exponent is 65537; the private half does what use says and nothing else, the public
// half is for others to use.
func (s *Session) GenerateRSA(label string, bits int, use RSAUse) (Key, *rsa.PublicKey, error) {
	var pin runtime.Pinner
	defer s.unpin(&pin)
	public := append(s.t.publicTemplate(label), attribute(pkcs11.CKA_MODULUS_BITS, bits))
	pub, priv, err := s.m.GenerateKeyPair(s.handle, plain(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN),
		public, s.t.privateTemplate(&pin, use, label))
	if err != nil {
		return Key{}, nil, fmt.Errorf("generate an RSA pair of %d bits: %w", bits, err)
	}
	if label == "" {
		s.made = append(s.made, pub, priv)
	}
	read, err := s.readPublic(pub)
	return Key{priv}, read, err
}

// ImportRSA brings in the private half of a pair with exponent 65537, for the session. The
// host knows it, so that the token can only keep it from others.
func (s *Session) ImportRSA(pair *rsa.PrivateKey, use RSAUse) (Key, error) {
	var pin runtime.Pinner
	defer s.unpin(&pin)
	pair.Precompute()
	attrs := s.t.privateTemplate(&pin, use, "")
	for typ, n := range map[uint]*big.Int{
		pkcs11.CKA_MODULUS: pair.N, pkcs11.CKA_PRIVATE_EXPONENT: pair.D,
		pkcs11.CKA_PRIME_1: pair.Primes[0], pkcs11.CKA_PRIME_2: pair.Primes[1],
		pkcs11.CKA_EXPONENT_1: pair.Precomputed.Dp, pkcs11.CKA_EXPONENT_2: pair.Precomputed.Dq,
		pkcs11.CKA_COEFFICIENT: pair.Precomputed.Qinv,
	} {
		attrs = append(attrs, attribute(typ, n.Bytes()))
	}
	attrs = append(attrs, attribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}))
	o, err := s.m.CreateObject(s.handle, attrs)
	if err != nil {
		return Key{}, fmt.Errorf("import an RSA key: %w", err)
	}
	s.made = append(s.made, o)
	return Key{o}, nil
}

// PublicKey reads the public half of the pair of that label.
func (s *Session) PublicKey(label string) (*rsa.PublicKey, error) {
	found, err := s.search(label, pkcs11.CKO_PUBLIC_KEY)
	switch {
	case err != nil:
		return nil, fmt.Errorf("find public key %s: %w", label, err)
	case len(found) == 0:
		return nil, fmt.Errorf("public key %s: %w", label, reference.ErrNotFound)
	case len(found) > 1:
		return nil, fmt.Errorf("public key %s: the token has %d of that label", label, len(found))
	}
	return s.readPublic(found[0])
}

func (s *Session) readPublic(o pkcs11.ObjectHandle) (*rsa.PublicKey, error) {
	attrs, err := s.m.GetAttributeValue(s.handle, o, []*pkcs11.Attribute{
		attribute(pkcs11.CKA_MODULUS, nil), attribute(pkcs11.CKA_PUBLIC_EXPONENT, nil),
	})
	if err != nil {
		return nil, fmt.Errorf("read a public key: %w", err)
	}
	e := new(big.Int).SetBytes(attrs[1].Value)
	if e.Cmp(big.NewInt(65537)) != 0 {
		return nil, errors.New("read a public key: the exponent is not 65537")
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(attrs[0].Value), E: 65537}, nil
}

// OAEPSuite is the better OAEP hash that the token has.
func (s *Session) OAEPSuite() Suite { return s.t.suites[0] }

// OAEPWrap wraps a key of GenerateForTransport to another HSM's public key.
func (s *Session) OAEPWrap(pub *rsa.PublicKey, suite Suite, key Key) ([]byte, error) {
	mechanism, err := suite.mechanism()
	if err != nil {
		return nil, err
	}
	o, err := s.m.CreateObject(s.handle, append(s.t.publicTemplate(""), attribute(pkcs11.CKA_MODULUS, pub.N.Bytes())))
	if err != nil {
		return nil, fmt.Errorf("import a public key: %w", err)
	}
	s.made = append(s.made, o)
	blob, err := s.wrap(mechanism, Key{o}, key)
	if err = errors.Join(err, s.Destroy(Key{o})); err != nil {
		return nil, fmt.Errorf("wrap to a public key: %w", err)
	}
	return blob, nil
}

// OAEPUnwrap brings in a key of keyBytes that was wrapped to one of this token's pairs:
// permanent under label, for the session under "".
func (s *Session) OAEPUnwrap(priv Key, suite Suite, blob []byte, use Usage, label string) (Key, error) {
	mechanism, err := suite.mechanism()
	if err != nil {
		return Key{}, err
	}
	w := unwrapping{mechanism: mechanism, under: priv}
	if s.t.oaepLength {
		w.length = keyBytes
	}
	return s.unwrap(w, blob, use, label)
}
