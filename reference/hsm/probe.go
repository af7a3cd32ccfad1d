package hsm

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// probe asks a token things whose answers are known.
type probe struct {
	*Session
	mechanisms []uint
	test       *rsa.PrivateKey // known to everybody; nothing but these questions uses it
	pair       Key             // its private half in the token, or that of a new pair
	public     *rsa.PublicKey
}

//go:embed probe.pem
var testPair []byte

func newProbe(s *Session) (*probe, error) {
	list, err := s.m.GetMechanismList(uint(s.h.slot.Load()))
	if err != nil {
		return nil, fmt.Errorf("C_GetMechanismList: %w", err)
	}
	block, _ := pem.Decode(testPair)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read probe.pem: %w", err)
	}
	p := &probe{Session: s, test: key.(*rsa.PrivateKey)}
	for _, m := range list {
		p.mechanisms = append(p.mechanisms, m.Mechanism)
	}
	return p, nil
}

// close ends what the checks share; what is left goes with the Do.
func (p *probe) close() { p.made = append(p.made, p.pair.handle) }

// numbered gives n bytes that differ by seed.
func numbered(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)*7 + seed
	}
	return b
}

// known brings in a key of a known value.
func (p *probe) known(value []byte, use Usage) (Key, error) {
	if p.pair == (Key{}) {
		if err := p.bringPair(); err != nil {
			return Key{}, err
		}
	}
	blob, err := encryptOAEP(p.public, p.OAEPSuite(), value)
	if err != nil {
		return Key{}, err
	}
	return p.OAEPUnwrap(p.pair, p.OAEPSuite(), blob, use, "")
}

// bringPair keeps one pair for all checks.
func (p *probe) bringPair() (err error) {
	p.pair, p.public, err = p.newPair(UnwrapRequest)
	p.forget(p.pair.handle)
	return err
}

// newPair imports the test pair. A token that forbids that has to make one.
func (p *probe) newPair(use RSAUse) (Key, *rsa.PublicKey, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	p.test.Precompute()
	attrs := p.t.privateTemplate(&pin, use, "")
	for typ, n := range map[uint]interface{ Bytes() []byte }{
		pkcs11.CKA_MODULUS: p.test.N, pkcs11.CKA_PRIVATE_EXPONENT: p.test.D,
		pkcs11.CKA_PRIME_1: p.test.Primes[0], pkcs11.CKA_PRIME_2: p.test.Primes[1],
		pkcs11.CKA_EXPONENT_1: p.test.Precomputed.Dp, pkcs11.CKA_EXPONENT_2: p.test.Precomputed.Dq,
		pkcs11.CKA_COEFFICIENT: p.test.Precomputed.Qinv,
	} {
		attrs = append(attrs, attribute(typ, n.Bytes()))
	}
	attrs = append(attrs, attribute(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}))
	o, err := p.m.CreateObject(p.handle, attrs)
	if err != nil {
		return p.GenerateRSA("", transportBits, use)
	}
	p.made = append(p.made, o)
	return Key{o}, &p.test.PublicKey, nil
}

// same fails when the token's answer is not the known one.
func same(what string, got, want []byte) error {
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%s is not the known answer", what)
	}
	return nil
}

// sameMAC fails when key is not the known value.
func (p *probe) sameMAC(what string, key Key, value []byte, hash crypto.Hash) error {
	data := []byte("known answer")
	got, err := p.MAC(key, hash, data)
	if err != nil {
		return err
	}
	h := hmac.New(hash.New, value)
	h.Write(data)
	return same(what, got, h.Sum(nil))
}

// sameWrapped fails when key is not the known value: it is wrapped under a known key.
func (p *probe) sameWrapped(what string, key Key, value []byte) error {
	kek := numbered(keyBytes, 200)
	under, err := p.known(kek, requestKc)
	if err != nil {
		return err
	}
	got, err := p.keyWrap(under, key, len(value))
	if err != nil {
		return err
	}
	want, err := wrapOnHost(kek, value)
	if err != nil {
		return err
	}
	return same(what, got, want)
}

// ecb is AES-ECB-encrypt on the host.
func ecb(key, data []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the known keys have 32 bytes
	}
	out := make([]byte, len(data))
	for i := 0; i < len(data); i += block {
		c.Encrypt(out[i:], data[i:])
	}
	return out
}

// ecbDecrypt is its inverse.
func ecbDecrypt(key, data []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the known keys have 32 bytes
	}
	out := make([]byte, len(data))
	for i := 0; i < len(data); i += block {
		c.Decrypt(out[i:], data[i:])
	}
	return out
}

func (p *probe) templateHolds() error {
	key, err := p.generate(SignMAC, "")
	if err != nil {
		return err
	}
	if _, err := p.m.GetAttributeValue(p.handle, key.handle, []*pkcs11.Attribute{attribute(pkcs11.CKA_VALUE, nil)}); err == nil {
		return errors.New("the value of a sensitive key can be read")
	}
	more := []*pkcs11.Attribute{attribute(pkcs11.CKA_VERIFY, true)}
	if p.m.SetAttributeValue(p.handle, key.handle, more) == nil {
		return errors.New("a usage can be added to a key that is not modifiable")
	}
	if copied, err := p.m.CopyObject(p.handle, key.handle, more); err == nil {
		p.made = append(p.made, copied)
		return errors.New("a usage can be added to a copy of a key")
	}
	return nil
}

func (p *probe) generatedKeysDiffer() error {
	var answers [][]byte
	for range 2 {
		key, err := p.generate(SignMAC, "")
		if err != nil {
			return err
		}
		mac, err := p.MAC(key, crypto.SHA256, nil)
		if err != nil {
			return err
		}
		answers = append(answers, mac)
	}
	for range 2 {
		key, err := p.generate(KCV, "")
		if err != nil {
			return err
		}
		if err := p.m.EncryptInit(p.handle, plain(pkcs11.CKM_AES_ECB), key.handle); err != nil {
			return err
		}
		encrypted, err := p.m.Encrypt(p.handle, make([]byte, block))
		if err != nil {
			return err
		}
		answers = append(answers, encrypted)
	}
	if bytes.Equal(answers[0], answers[1]) || bytes.Equal(answers[2], answers[3]) {
		return errors.New("two generated keys are the same")
	}
	return nil
}

func (p *probe) randomDiffers() error {
	var draws [2][]byte
	for i := range draws {
		b, err := p.m.GenerateRandom(p.handle, keyBytes)
		if err != nil {
			return err
		}
		draws[i] = b
	}
	if bytes.Equal(draws[0], draws[1]) {
		return errors.New("two draws of random bytes are the same")
	}
	return nil
}

func (p *probe) unwrapsOAEP() error {
	for _, suite := range p.t.suites {
		if p.pair == (Key{}) {
			if err := p.bringPair(); err != nil {
				return err
			}
		}
		value := numbered(keyBytes, byte(suite))
		blob, err := encryptOAEP(p.public, suite, value)
		if err != nil {
			return err
		}
		key, err := p.OAEPUnwrap(p.pair, suite, blob, SignMAC, "")
		if err != nil {
			return fmt.Errorf("%s: %w", suite, err)
		}
		if err := p.sameMAC("a key unwrapped by OAEP", key, value, crypto.SHA256); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) wrapsRFC3394() error {
	kek, value := numbered(keyBytes, 0), numbered(2*keyBytes, 1)
	blob, err := wrapOnHost(kek, value)
	if err != nil {
		return err
	}
	under, err := p.known(kek, onceKey)
	if err != nil {
		return err
	}
	mac, err := p.keyUnwrap(under, blob, len(value), SignMAC, "")
	if err != nil {
		return err
	}
	if err := p.sameMAC("an unwrapped key", mac, value, crypto.SHA256); err != nil {
		return err
	}
	c, err := p.keyUnwrap(under, blob, len(value), plainC, "")
	if err != nil {
		return err
	}
	again, err := p.keyWrap(under, c, len(value))
	if err != nil {
		return err
	}
	flipped := slices.Clone(blob)
	flipped[len(flipped)-1] ^= 1
	if _, err := p.keyUnwrap(under, flipped, len(value), plainC, ""); err == nil {
		return errors.New("a changed blob is unwrapped")
	}
	return same("a wrapped key", again, blob)
}

// altered is a template with one attribute changed.
func altered(attrs []*pkcs11.Attribute, typ uint, value bool) []*pkcs11.Attribute {
	out := slices.Clone(attrs)
	for i, a := range out {
		if a.Type == typ {
			out[i] = attribute(typ, value)
		}
	}
	return out
}

// hostile is what an unwrap template must refuse of a key of kind k: each usage that it
// has not, and each way to get at its value.
func hostile(k kind) map[uint]bool {
	wrong := map[uint]bool{
		pkcs11.CKA_SENSITIVE: false, pkcs11.CKA_EXTRACTABLE: !k.extractable, pkcs11.CKA_MODIFIABLE: true,
	}
	for _, f := range flags {
		wrong[f.attribute] = k.uses&f.use == 0
	}
	return wrong
}

// letsOutOnly tries every hostile template of use on blob.
func (p *probe) letsOutOnly(use Usage, w unwrapping, blob []byte) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	right := p.t.unwrapTemplate(&pin, use, "", w)
	for typ, value := range hostile(use.kind()) {
		o, err := p.m.UnwrapKey(p.handle, w.mechanism, w.under.handle, blob, altered(right, typ, value))
		if err == nil {
			p.made = append(p.made, o)
			return fmt.Errorf("the unwrap template does not hold attribute 0x%X", typ)
		}
		if oneOf(err, sessionErrors) {
			return err
		}
	}
	return nil
}

func (p *probe) masterKeyHolds() error {
	master, err := p.generate(MKDBK, "")
	if err != nil {
		return err
	}
	if _, err := p.keyWrap(master, master, 0); err == nil {
		return errors.New("a master key can be wrapped")
	}
	blob, err := p.GenerateWrapped(master, DBK)
	if err != nil {
		return err
	}
	if _, err := p.UnwrapUnderMaster(master, blob, DBK); err != nil {
		return err
	}
	w := unwrapping{mechanism: plain(p.t.keyWrap), under: master}
	if p.t.wrapLength {
		w.length = keyBytes
	}
	return p.letsOutOnly(DBK, w, blob)
}

func (p *probe) rsaTemplateHolds() error {
	pair, public, err := p.newPair(UnwrapRequest)
	if err != nil {
		return err
	}
	suite := p.OAEPSuite()
	blob, err := encryptOAEP(public, suite, numbered(keyBytes, 2))
	if err != nil {
		return err
	}
	if _, err := p.OAEPUnwrap(pair, suite, blob, requestS, ""); err != nil {
		return err
	}
	mechanism, err := suite.mechanism()
	if err != nil {
		return err
	}
	w := unwrapping{mechanism: mechanism, under: pair}
	if p.t.oaepLength {
		w.length = keyBytes
	}
	return p.letsOutOnly(requestS, w, blob)
}

func (p *probe) wrapsToPeer() error {
	value := numbered(keyBytes, 3)
	key, err := p.known(value, parcelMAC)
	if err != nil {
		return err
	}
	blob, err := p.OAEPWrap(&p.test.PublicKey, p.OAEPSuite(), key)
	if err != nil {
		return err
	}
	got, err := rsa.DecryptOAEP(p.OAEPSuite().hash(), nil, p.test, blob, nil)
	if err != nil {
		return err
	}
	return same("a key wrapped to a public key", got, value)
}

func (p *probe) imports() error {
	for _, n := range []int{keyBytes, 2 * keyBytes} {
		value := numbered(n, 4)
		key, err := p.t.importKey(p.Session, value, SignMAC)
		if err != nil {
			return err
		}
		if err := p.sameMAC("an imported key", key, value, crypto.SHA256); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) macs() error {
	value := numbered(2*keyBytes, 5)
	signs, err := p.t.importKey(p.Session, value, SignMAC)
	if err != nil {
		return err
	}
	verifies, err := p.t.importKey(p.Session, value, VerifyMAC)
	if err != nil {
		return err
	}
	for _, m := range macs {
		if err := p.sameMAC("HMAC with "+m.hash.String(), signs, value, m.hash); err != nil {
			return err
		}
		mac, err := p.MAC(signs, m.hash, []byte("data"))
		if err != nil {
			return err
		}
		if err := p.VerifyMAC(verifies, m.hash, []byte("data"), mac); err != nil {
			return err
		}
		if err := p.VerifyMAC(verifies, m.hash, []byte("other"), mac); !errors.Is(err, ErrMAC) {
			return errors.New("a wrong MAC is not refused")
		}
	}
	return nil
}

func (p *probe) opensRequest() error {
	value, c := numbered(keyBytes, 6), numbered(keyBytes, 7)
	blob, err := encryptOAEP(p.public, p.OAEPSuite(), value)
	if err != nil {
		return err
	}
	request, err := p.OpenRequest(p.pair, p.OAEPSuite(), blob)
	if err != nil {
		return err
	}
	t, k := sha256.Sum256([]byte(labelKt)), sha256.Sum256([]byte(labelKc))
	if err := p.sameMAC("K_t", request.Kt, ecb(value, t[:]), crypto.SHA256); err != nil {
		return err
	}
	handle, err := p.ImportC(c)
	if err != nil {
		return err
	}
	got, err := p.Deliver(request.Kc, handle)
	if err != nil {
		return err
	}
	want, err := wrapOnHost(ecb(value, k[:]), c)
	if err != nil {
		return err
	}
	if err := same("C under K_c", got, want); err != nil {
		return err
	}
	return p.refusesShortS()
}

func (p *probe) refusesShortS() error {
	short, err := encryptOAEP(p.public, p.OAEPSuite(), numbered(keyBytes-1, 6))
	if err != nil {
		return err
	}
	_, err = p.OpenRequest(p.pair, p.OAEPSuite(), short)
	if !errors.Is(err, reference.ErrRefused) {
		return fmt.Errorf("an S of 31 bytes is not refused: %w", err)
	}
	return nil
}

func (p *probe) derivesTOK() error {
	kek := numbered(keyBytes, 8)
	// 40 of 48 bytes: the leading ones count.
	for _, n := range []int{keyBytes, 40, 2 * keyBytes} {
		c := numbered((n+block-1)/block*block, 9)
		handle, err := p.ImportKEK(kek)
		if err != nil {
			return err
		}
		tok, err := p.DeriveTokenKey(handle, c, n)
		if err != nil {
			return err
		}
		want := ecb(kek, c)
		if p.t.token.direction == reference.Decrypt {
			want = ecbDecrypt(kek, c)
		}
		if err := p.sameWrapped("TOK", tok, want[:n]); err != nil {
			return err
		}
	}
	return nil
}

func (p *probe) sealsRows() error {
	dbk, c := numbered(keyBytes, 10), numbered(keyBytes, 11)
	bind := [32]byte(numbered(32, 12))
	key, err := p.t.importKey(p.Session, dbk, DBK)
	if err != nil {
		return err
	}
	handle, err := p.ImportC(c)
	if err != nil {
		return err
	}
	sealed, err := p.SealRow(key, bind, handle)
	if err != nil {
		return err
	}
	want, err := wrapOnHost(ecb(dbk, bind[:]), c)
	if err != nil {
		return err
	}
	if err := same("a sealed row", sealed, want); err != nil {
		return err
	}
	opened, err := p.OpenRow(key, bind, sealed, len(c))
	if err != nil {
		return err
	}
	if err := p.sameWrapped("an opened row", opened, c); err != nil {
		return err
	}
	bind[0] ^= 1
	if _, err := p.OpenRow(key, bind, sealed, len(c)); err == nil {
		return errors.New("a row opens with another row's data")
	}
	return nil
}

// withoutIV encrypts with AES-GCM and no IV: the token's answer, and those with an IV of
// 12 and of 16 zeros.
func (p *probe) withoutIV() (got []byte, zero [2][]byte, err error) {
	value := numbered(keyBytes, 13)
	key, err := p.t.importKey(p.Session, value, KCV)
	if err != nil {
		return nil, zero, err
	}
	params := pkcs11.NewGCMParams(nil, nil, 128)
	defer params.Free()
	mechanism := []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_GCM, params)}
	if err := p.m.EncryptInit(p.handle, mechanism, key.handle); err != nil {
		return nil, zero, err
	}
	got, err = p.m.Encrypt(p.handle, value)
	if err != nil {
		return nil, zero, err
	}
	c, err := aes.NewCipher(value)
	if err != nil {
		return nil, zero, err
	}
	for i, size := range []int{12, block} {
		gcm, err := cipher.NewGCMWithNonceSize(c, size)
		if err != nil {
			return nil, zero, err
		}
		zero[i] = gcm.Seal(nil, make([]byte, size), value, nil)
	}
	return got, zero, nil
}

func (p *probe) refusesNoIV() error {
	_, _, err := p.withoutIV()
	if err == nil {
		return errors.New("a missing IV is taken")
	}
	if oneOf(err, sessionErrors) {
		return err
	}
	return nil
}

func (p *probe) ivIsNotZero() error {
	got, zero, err := p.withoutIV()
	if err != nil {
		return err
	}
	for _, z := range zero {
		if bytes.HasPrefix(got, z[:block]) {
			return errors.New("the IV is zero")
		}
	}
	return nil
}
