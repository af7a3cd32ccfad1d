package hsm_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/epsbench/epsbench/reference/hsm"
)

// What the host computes with keys that the tests know: the second opinion.

func ecb(key, data []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(data))
	for i := 0; i < len(data); i += 16 {
		c.Encrypt(out[i:], data[i:])
	}
	return out
}

func ecbDecrypt(key, data []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(data))
	for i := 0; i < len(data); i += 16 {
		c.Decrypt(out[i:], data[i:])
	}
	return out
}

func mac(hash crypto.Hash, key, data []byte) []byte {
	h := hmac.New(hash.New, key)
	h.Write(data)
	return h.Sum(nil)
}

var rfc3394IV = bytes.Repeat([]byte{0xa6}, 8)

// wrap is RFC 3394 §2.2.1 as the text has it: A and R[1..n].
func wrap(kek, key []byte) []byte {
	a := bytes.Clone(rfc3394IV)
	r := bytes.Clone(key)
	for j := range 6 {
		for i := range len(r) / 8 {
			b := ecb(kek, append(bytes.Clone(a), r[8*i:8*i+8]...))
			t := uint64(len(r)/8*j + i + 1)
			binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(b)^t)
			copy(r[8*i:], b[8:])
		}
	}
	return append(a, r...)
}

// unwrap is RFC 3394 §2.2.2.
func unwrap(kek, blob []byte) ([]byte, error) {
	a, r := bytes.Clone(blob[:8]), bytes.Clone(blob[8:])
	for j := 5; j >= 0; j-- {
		for i := len(r)/8 - 1; i >= 0; i-- {
			t := uint64(len(r)/8*j + i + 1)
			binary.BigEndian.PutUint64(a, binary.BigEndian.Uint64(a)^t)
			b := ecbDecrypt(kek, append(bytes.Clone(a), r[8*i:8*i+8]...))
			copy(a, b[:8])
			copy(r[8*i:], b[8:])
		}
	}
	if !bytes.Equal(a, rfc3394IV) {
		return nil, errors.New("the check value is wrong")
	}
	return r, nil
}

// encrypt is what a phone or a peer does: RSA-OAEP without a label.
func encrypt(t testing.TB, public *rsa.PublicKey, suite hsm.Suite, data []byte) []byte {
	t.Helper()
	h := sha256.New()
	if suite == hsm.OAEPSHA1 {
		h = sha1.New()
	}
	return get(rsa.EncryptOAEP(h, rand.Reader, public, data, nil))(t)
}

// peer brings keys that the test knows into a token, as an authentication server does:
// by OAEP under a pair of its own.
type peer struct {
	private hsm.Key
	public  *rsa.PublicKey
}

func newPeer(t testing.TB, s *hsm.Session) peer {
	t.Helper()
	private, public, err := s.GenerateRSA("", 2048, hsm.UnwrapKeys)
	must(t, err)
	return peer{private, public}
}

func (p peer) bring(t testing.TB, s *hsm.Session, key []byte, use hsm.Usage) hsm.Key {
	t.Helper()
	blob := encrypt(t, p.public, s.OAEPSuite(), key)
	return get(s.OAEPUnwrap(p.private, s.OAEPSuite(), blob, use, ""))(t)
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}
