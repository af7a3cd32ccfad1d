package hsm

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"fmt"
)

// probe asks a token things whose answers are known.
type probe struct {
	*Session
	mechanisms []uint
	test, peer *rsa.PrivateKey // known to everybody; nothing but these questions uses them
	pair       Key             // its private half in the token, or that of a new pair
	public     *rsa.PublicKey
}

//go:embed probe.pem
var testPair []byte

// peerPair is another: a token may let no key wrap to a pair that decrypts.
//
//go:embed probe_peer.pem
var peerPair []byte

func newProbe(s *Session) (*probe, error) {
	list, err := s.m.GetMechanismList(uint(s.h.slot.Load()))
	if err != nil {
		return nil, fmt.Errorf("C_GetMechanismList: %w", err)
	}
	p := &probe{Session: s}
	if p.test, err = readPair(testPair); err != nil {
		return nil, err
	}
	if p.peer, err = readPair(peerPair); err != nil {
		return nil, err
	}
	for _, m := range list {
		p.mechanisms = append(p.mechanisms, m.Mechanism)
	}
	return p, nil
}

func readPair(file []byte) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(file)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read a pair of the probe: %w", err)
	}
	return key.(*rsa.PrivateKey), nil
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
	key, err := p.ImportRSA(p.test, use)
	if err != nil {
		return p.GenerateRSA("", transportBits, use)
	}
	return key, &p.test.PublicKey, nil
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
