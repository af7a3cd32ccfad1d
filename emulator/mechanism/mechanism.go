// Package mechanism is the cryptography of the Go token: one file a family, and
// one table that says what each mechanism may do, with which keys, of which size.
//
// Start at table. It knows nothing of sessions, objects or attributes.
package mechanism

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/cryptoki"
)

// Operation is a set of things that a mechanism can do.
type Operation uint

// Operations have the values of CK_MECHANISM_INFO's flags.
const (
	Encrypt       Operation = pkcs11.CKF_ENCRYPT
	Decrypt       Operation = pkcs11.CKF_DECRYPT
	Digest        Operation = pkcs11.CKF_DIGEST
	Sign          Operation = pkcs11.CKF_SIGN
	Verify        Operation = pkcs11.CKF_VERIFY
	SignRecover   Operation = pkcs11.CKF_SIGN_RECOVER
	VerifyRecover Operation = pkcs11.CKF_VERIFY_RECOVER
	Generate      Operation = pkcs11.CKF_GENERATE
	GeneratePair  Operation = pkcs11.CKF_GENERATE_KEY_PAIR
	Wrap          Operation = pkcs11.CKF_WRAP
	Unwrap        Operation = pkcs11.CKF_UNWRAP
	Derive        Operation = pkcs11.CKF_DERIVE
)

// Spec is one row of the table: what a mechanism may do and how it does it.
type Spec struct {
	Type       uint
	Operations Operation
	KeyTypes   []uint // CKK_ of the keys it works with, or makes
	Min, Max   uint   // key size: bytes, for pairs bits

	hash          Hash
	general       bool                                              // the parameter says how many bytes of an HMAC there are
	sign          func(k *Key, m *pkcs11.Mechanism) (signer, error) // instead of an HMAC
	single        bool                                              // a signature takes its data in one part
	raw           bool                                              // a signature is the bare private operation
	recover       recovery
	pair          func(p Pair) (*Key, error)
	cipher        startCipher
	atOnce        func(k *Key, encrypt bool, in []byte) ([]byte, error) // instead of cipher, without parameter
	derive        deriveFunc
	tells         bool                                             // a derived key has the base key in it
	uncut         bool                                             // a derived key takes all that is made
	sized         bool                                             // what is derived has a length of its own
	data          bool                                             // it is no key, but data
	fromParameter func(m *pkcs11.Mechanism, n int) ([]byte, error) // makes a key that is not drawn
	padding       padding                                          // of a value that was wrapped
}

// Derivation is what a derivation needs beside its base key and its parameter.
type Derivation struct {
	Length int                             // bytes of the new key; 0: as many as there are
	Key    func(handle uint) (*Key, error) // finds another key that the parameter names
}

type deriveFunc func(k *Key, m *pkcs11.Mechanism, d Derivation) ([]byte, error)

// Cipher is an encryption or decryption in progress. Both methods append to dst
// what can be given out.
type Cipher interface {
	Update(dst, in []byte) ([]byte, error)
	Final(dst []byte) ([]byte, error)
}

// Space is where the encryptions of a session run, or its decryptions, one after
// the other. What one has made serves the next under the same key: a CBC mode
// costs more than the encryption of a few blocks.
type Space struct {
	Random io.Reader // for the padding of OAEP

	blocks  blocks
	mode    resettable
	key     *Key // of mode
	encrypt bool
}

// table is what every token offers, legacy what it offers besides, or instead of a row
// of the same mechanism, when asked: ciphers of the past, wrapping without integrity,
// and derivations that let a key be read piece by piece.
var (
	table  = slices.Concat(aesTable, genericTable, deriveTable, sp800108Table, hashTable, rsaTable, curveTable, ecdhTable)
	legacy = slices.Concat(desTable, unsafeTable, leakTable)
)

// unsafeTable widens rows of table.
var unsafeTable = []Spec{
	aesECB(Encrypt | Decrypt | Wrap | Unwrap),
	aesCBC(pkcs11.CKM_AES_CBC, Encrypt|Decrypt|Wrap|Unwrap),
	aesCBC(pkcs11.CKM_AES_CBC_PAD, Encrypt|Decrypt|Wrap|Unwrap),
	rsaPKCS(signing | Encrypt | Decrypt | Wrap | Unwrap),
	rsaX509(signing | Encrypt | Decrypt | Wrap | Unwrap),
}

// Rows is what a token offers.
type Rows struct {
	byType map[uint]*Spec
	keys   map[uint]bool // CKK_
}

// Modern are the rows that every token offers, Legacy those and the ones it offers
// when asked.
var (
	Modern = newRows(table)
	Legacy = newRows(table, legacy)
)

// newRows lets a later table replace the rows of those before.
func newRows(tables ...[]Spec) *Rows {
	r := &Rows{make(map[uint]*Spec), make(map[uint]bool)}
	for _, t := range tables {
		for i := range t {
			r.byType[t[i].Type] = &t[i]
			for _, k := range t[i].KeyTypes {
				r.keys[k] = true
			}
		}
	}
	return r
}

// Lookup finds the row of a mechanism; nil when there is none.
func (r *Rows) Lookup(mechanism uint) *Spec { return r.byType[mechanism] }

// List holds the numbers of all mechanisms, ascending.
func (r *Rows) List() []uint { return slices.Sorted(maps.Keys(r.byType)) }

// Holds tells whether some mechanism works with keys of this type.
func (r *Rows) Holds(keyType uint) bool { return r.keys[keyType] }

// Lookup finds a row of Modern; nil when there is none.
func Lookup(mechanism uint) *Spec { return Modern.Lookup(mechanism) }

// List holds the numbers of Modern, ascending.
func List() []uint { return Modern.List() }

// Info is the row as C_GetMechanismInfo gives it.
func (s *Spec) Info() pkcs11.MechanismInfo {
	info := pkcs11.MechanismInfo{MinKeySize: s.Min, MaxKeySize: s.Max, Flags: uint(s.Operations)}
	for _, c := range curves {
		if s.Takes(c.keyType) {
			info.Flags |= pkcs11.CKF_EC_F_P | pkcs11.CKF_EC_NAMEDCURVE | pkcs11.CKF_EC_UNCOMPRESS
		}
	}
	return info
}

// Can tells whether the mechanism does all of op.
func (s *Spec) Can(op Operation) bool { return s.Operations&op == op }

// Takes tells whether the mechanism works with keys of this type.
func (s *Spec) Takes(keyType uint) bool { return slices.Contains(s.KeyTypes, keyType) }

// Fits tells whether a key has a size the mechanism works with.
func (s *Spec) Fits(k *Key) bool {
	n := uint(k.Size())
	return s.Min <= n && n <= s.Max
}

// Single tells whether a signature takes its data in one part only: v2.40 §2.1 and §2.3,
// tables of key and data lengths, and v3.0 §2.3 for EdDSA.
func (s *Spec) Single() bool { return s.single }

// Sized tells whether what the mechanism derives has a length of its own, so that a
// template need not name one.
func (s *Spec) Sized() bool { return s.sized }

// Data tells whether what the mechanism derives is the value of a data object.
func (s *Spec) Data() bool { return s.data }

// Pair is what the template of a public key asks for.
type Pair struct {
	Bits     int    // of a modulus
	Exponent []byte // nil: the usual one
	Curve    *Curve
}

// GeneratePair makes a key pair.
func (s *Spec) GeneratePair(p Pair) (*Key, error) { return s.pair(p) }

// Hash is the digest of a digest or HMAC mechanism.
func (s *Spec) Hash() Hash { return s.hash }

// Check refuses a parameter where the mechanism has none; the others check
// theirs when they start.
func (s *Spec) Check(m *pkcs11.Mechanism) error {
	if !s.raw && (s.cipher != nil || s.derive != nil || s.sign != nil || s.general || s.fromParameter != nil) {
		return nil
	}
	return cryptoki.NoParameter(m)
}

// Start begins an encryption or a decryption in x, where the one before has ended.
func (s *Spec) Start(k *Key, m *pkcs11.Mechanism, encrypt bool, x *Space) (Cipher, error) {
	if s.atOnce != nil {
		return &whole{run: func(in []byte) ([]byte, error) { return s.atOnce(k, encrypt, in) }}, nil
	}
	return s.cipher(k, m, encrypt, x)
}

// Derive makes key material: a derived key takes its leading bytes.
func (s *Spec) Derive(k *Key, m *pkcs11.Mechanism, d Derivation) ([]byte, error) {
	value, err := s.derive(k, m, d)
	if err == nil && s.uncut && d.Length != 0 && d.Length != len(value) {
		clear(value)
		return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	return value, err
}

// Tells whether a derived key has its base key's bytes in it.
func (s *Spec) Tells() bool { return s.tells }

// run starts a cipher and feeds it everything.
func (s *Spec) run(k *Key, m *pkcs11.Mechanism, encrypt bool, in []byte, x *Space) ([]byte, error) {
	if s.atOnce != nil {
		return s.atOnce(k, encrypt, in)
	}
	c, err := s.Start(k, m, encrypt, x)
	if err != nil {
		return nil, err
	}
	return Whole(c, in)
}

// Whole passes everything through a cipher at once.
func Whole(c Cipher, in []byte) ([]byte, error) {
	if w, ok := c.(*whole); ok && len(w.in) == 0 {
		return w.run(in)
	}
	out, err := c.Update(make([]byte, 0, len(in)+blockSize), in)
	if err != nil {
		return nil, err
	}
	return c.Final(out)
}

// Wrap encrypts the value of a key. RFC 3394 takes multiples of eight bytes
// only, RSA what its modulus leaves: other values are CKR_KEY_SIZE_RANGE.
func (s *Spec) Wrap(k *Key, m *pkcs11.Mechanism, value []byte, random io.Reader) ([]byte, error) {
	out, err := s.run(k, m, true, value, &Space{Random: random})
	if err == errDataLength {
		return nil, pkcs11.Error(pkcs11.CKR_KEY_SIZE_RANGE)
	}
	return out, err
}

// Unwrap decrypts the value of a key. What does not decrypt is
// CKR_WRAPPED_KEY_INVALID or, by its length alone, CKR_WRAPPED_KEY_LEN_RANGE.
func (s *Spec) Unwrap(k *Key, m *pkcs11.Mechanism, blob []byte) ([]byte, error) {
	out, err := s.run(k, m, false, blob, new(Space))
	switch err {
	case errCiphertext:
		return nil, pkcs11.Error(pkcs11.CKR_WRAPPED_KEY_INVALID)
	case errCiphertextLength:
		return nil, pkcs11.Error(pkcs11.CKR_WRAPPED_KEY_LEN_RANGE)
	}
	return out, err
}

// padding says what a shorter CKA_VALUE_LEN may cut from an unwrapped value.
type padding int

const (
	exact        padding = iota // nothing: the mechanism carries the length
	zeroPad                     // at most seven zero bytes that filled a block of RFC 3394
	leadingZeros                // the zeros before a number
)

// Trim gives an unwrapped value the length that its template names: its own, for raw RSA
// the end of it when all before is zero, or for RFC 3394 up to seven bytes fewer when those are zero, as tokens make them
// that pad a 20-byte seed to 24. Any other length is CKR_TEMPLATE_INCONSISTENT.
func (s *Spec) Trim(value []byte, length int) ([]byte, error) {
	cut := len(value) - length
	if cut == 0 {
		return value, nil
	}
	if s.padding == leadingZeros && cut > 0 && len(bytes.TrimLeft(value[:cut], "\x00")) == 0 {
		return value[cut:], nil
	}
	if s.padding != zeroPad || cut < 0 || cut >= semiblock || length < 1 {
		return nil, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCONSISTENT)
	}
	for _, b := range value[length:] {
		if b != 0 {
			return nil, pkcs11.Error(pkcs11.CKR_TEMPLATE_INCONSISTENT)
		}
	}
	return value[:length], nil
}

// What is wrong with the data of an operation.
const (
	errData             = pkcs11.Error(pkcs11.CKR_DATA_INVALID)
	errDataLength       = pkcs11.Error(pkcs11.CKR_DATA_LEN_RANGE)
	errCiphertext       = pkcs11.Error(pkcs11.CKR_ENCRYPTED_DATA_INVALID)
	errCiphertextLength = pkcs11.Error(pkcs11.CKR_ENCRYPTED_DATA_LEN_RANGE)
	errParameter        = pkcs11.Error(pkcs11.CKR_MECHANISM_PARAM_INVALID)
)

// maxData is the most that a mechanism without streaming collects.
const maxData = 1 << 24

// whole is a Cipher that needs all of its input before it gives anything.
type whole struct {
	in  []byte
	run func(in []byte) ([]byte, error)
}

func (w *whole) Update(dst, in []byte) ([]byte, error) {
	if len(w.in)+len(in) > maxData {
		return nil, errDataLength
	}
	w.in = append(w.in, in...)
	return dst, nil
}

func (w *whole) Final(dst []byte) ([]byte, error) {
	out, err := w.run(w.in)
	if err != nil {
		return nil, err
	}
	return append(dst, out...), nil
}
