package hsm

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/reference"
)

// The checks of the table operations: nil when the token does right.

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

// is reads a boolean attribute back.
func (p *probe) is(o pkcs11.ObjectHandle, typ uint, want bool) bool {
	got, err := p.m.GetAttributeValue(p.handle, o, []*pkcs11.Attribute{{Type: typ}})
	return err == nil && len(got) == 1 && len(got[0].Value) == 1 && (got[0].Value[0] != 0) == want
}

// letsOutOnly tries every hostile template of use on blob.
func (p *probe) letsOutOnly(use Usage, w unwrapping, blob []byte) error {
	var pin runtime.Pinner
	defer p.unpin(&pin)
	right := p.t.unwrapTemplate(&pin, use, "", w)
	for typ, value := range hostile(use.kind()) {
		o, err := p.m.UnwrapKey(p.handle, w.mechanism, w.under.handle, blob, altered(right, typ, value))
		if err == nil {
			p.made = append(p.made, o)
			if p.is(o, typ, !value) {
				continue // the token makes it right, whatever it is told
			}
			return fmt.Errorf("the unwrap template does not hold attribute 0x%X", typ)
		}
		if oneOf(err, sessionErrors) || errors.Is(err, ErrSilent) {
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
	blob, err := p.OAEPWrap(&p.peer.PublicKey, p.OAEPSuite(), key)
	if err != nil {
		return err
	}
	got, err := rsa.DecryptOAEP(p.OAEPSuite().hash(), nil, p.peer, blob, nil)
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
	if err := p.sessionHolds(request, ecb(value, k[:]), ecb(value, t[:]), c); err != nil {
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

// decryptsRequest goes the way of an MPP v1 request.
func (p *probe) decryptsRequest() error {
	pair, public, err := p.newPair(DecryptsV1)
	if err != nil {
		return err
	}
	k1, k2, c := numbered(keyBytes, 14), numbered(keyBytes, 15), numbered(keyBytes, 16)
	blob, err := encryptOAEP(public, p.OAEPSuite(), slices.Concat(k1, k2))
	if err != nil {
		return err
	}
	clear, err := p.DecryptRequest(pair, p.OAEPSuite(), blob)
	if err != nil {
		return err
	}
	if err := same("a decrypted request", clear, slices.Concat(k1, k2)); err != nil {
		return err
	}
	blob[len(blob)-1] ^= 1
	if _, err := p.DecryptRequest(pair, p.OAEPSuite(), blob); !errors.Is(err, reference.ErrRefused) {
		return fmt.Errorf("a changed request is not refused: %w", err)
	}
	request, err := p.ImportSession(k1, k2)
	if err != nil {
		return err
	}
	return p.sessionHolds(request, k1, k2, c)
}

// sessionHolds fails when K_c (K1) does not wrap, or K_t (K2) not sign, as their values do.
func (p *probe) sessionHolds(r Request, k1, k2, c []byte) error {
	if err := p.sameMAC("K_t", r.Kt, k2, crypto.SHA256); err != nil {
		return err
	}
	handle, err := p.ImportC(c)
	if err != nil {
		return err
	}
	got, err := p.Deliver(r.Kc, handle)
	if err != nil {
		return err
	}
	want, err := wrapOnHost(k1, c)
	if err != nil {
		return err
	}
	return same("C under K_c", got, want)
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

// sealsValues compares with AES-CBC on the host, and opens what the token has sealed.
func (p *probe) sealsValues() error {
	key, iv := numbered(keyBytes, 3), numbered(block, 4)
	dbk, err := p.known(key, CipherDBK)
	if err != nil {
		return err
	}
	c, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	for _, v := range []struct {
		shape         Shape
		value, padded []byte
	}{
		{WholeBlocks, numbered(2*block, 5), numbered(2*block, 5)},
		{Padded, numbered(block+1, 6), append(numbered(block+1, 6), bytes.Repeat([]byte{block - 1}, block-1)...)},
	} {
		sealed, err := p.sealValue(dbk, v.shape, iv, v.value)
		if err != nil {
			return err
		}
		cipher.NewCBCEncrypter(c, iv).CryptBlocks(v.padded, v.padded)
		if err := same("AES-CBC", sealed, append(iv[:block:block], v.padded...)); err != nil {
			return err
		}
		opened, err := p.OpenValue(dbk, v.shape, sealed)
		if err != nil {
			return err
		}
		if err := same("what AES-CBC decrypts", opened, v.value); err != nil {
			return err
		}
	}
	return nil
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
