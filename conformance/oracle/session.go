package oracle

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"

	"github.com/epsbench/epsbench/conformance"
)

// Sizes and names of PROTOCOL.md.
const (
	protocol      = "epsbench-mpp"
	version       = 2
	plainRequest  = 32
	plainResponse = 480
	// ResponseSize is the length of every answer, §5.
	ResponseSize = 636
)

// Request is a phone's request before it is sealed. Build fills in all that an honest
// phone sends; a knob changes what it wants to be dishonest about.
type Request struct {
	Protocol  string
	Version   int
	Suite     int
	KeyID     []byte
	Service   string
	Nonce     []byte
	Ephemeral *ecdh.PrivateKey
	Point     []byte // nil: of Ephemeral
	S         []byte
	OAEP      []byte // nil: S under the pinned key

	Locator, Code   string
	Lowest, Highest byte // versions

	// These change bytes on their way: the header before it is hashed and sealed with, the
	// plain box of 32 bytes, the whole body. nil: as it is.
	RewriteHeader, RewritePlain, RewriteBody func([]byte) []byte
}

// Session is a request ready to send, with the keys that open its answer.
type Session struct {
	Request Request
	Body    []byte // what to POST

	pinned conformance.Pinned
	h1     [32]byte
	keys   keys
}

// keys are K_t and K_c of PROTOCOL.md §3.
type keys struct{ t, c []byte }

// Keys gives K_t and K_c, for suites that look for them where they must not be.
func (s *Session) Keys() (kt, kc []byte) { return s.keys.t, s.keys.c }

// Sent is what is to be posted.
func (s *Session) Sent() []byte { return s.Body }

// Build makes the request of a phone that pins p, for a registration code
// ("LOCATOR-DIGITS") of a service. S, the nonce and the ephemeral pair are new each time
// unless a knob reuses old ones.
func Build(p conformance.Pinned, registrationCode, service string, knobs ...func(*Request)) (*Session, error) {
	locator, code, ok := strings.Cut(registrationCode, "-")
	if !ok {
		return nil, fmt.Errorf("a registration code has the form LOCATOR-DIGITS")
	}
	ephemeral, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	r := Request{
		Protocol: protocol, Version: version, Suite: p.Suite, KeyID: p.KeyID, Service: service,
		Nonce: fresh(32), S: fresh(32), Ephemeral: ephemeral,
		Locator: locator, Code: code, Lowest: version, Highest: version,
	}
	for _, knob := range knobs {
		knob(&r)
	}
	return r.seal(p)
}

func fresh(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}

type requestHeader struct {
	_        struct{} `cbor:",toarray"`
	Protocol string
	Version  int
	Suite    int
	KeyID    []byte
	Service  string
	Nonce    []byte
	Point    []byte
	OAEP     []byte
}

type message struct {
	_      struct{} `cbor:",toarray"`
	Header []byte
	Box    []byte
}

func (r Request) seal(p conformance.Pinned) (*Session, error) {
	header, err := r.header(p)
	if err != nil {
		return nil, err
	}
	s := &Session{Request: r, pinned: p, h1: sha256.Sum256(header), keys: derive(r.S)}
	k, err := hkdf.Key(sha256.New, s.keys.mac("req", s.h1), nil, "epsbench-mpp/2 request", 32)
	if err != nil {
		return nil, err
	}
	box, err := gcm(k)
	if err != nil {
		return nil, err
	}
	sealed := box.Seal(nil, make([]byte, box.NonceSize()), rewrite(r.RewritePlain, r.plain()), s.h1[:])
	body, err := encoder.Marshal(message{Header: header, Box: sealed})
	s.Body = rewrite(r.RewriteBody, body)
	return s, err
}

func rewrite(f func([]byte) []byte, b []byte) []byte {
	if f == nil {
		return b
	}
	return f(b)
}

func (r Request) header(p conformance.Pinned) ([]byte, error) {
	point, oaep := r.Point, r.OAEP
	if point == nil {
		point = r.Ephemeral.PublicKey().Bytes()
	}
	if oaep == nil {
		var err error
		if oaep, err = encryptOAEP(p.Key, r.Suite, r.S); err != nil {
			return nil, err
		}
	}
	header, err := encoder.Marshal(requestHeader{
		Protocol: r.Protocol, Version: r.Version, Suite: r.Suite, KeyID: r.KeyID,
		Service: r.Service, Nonce: r.Nonce, Point: point, OAEP: oaep,
	})
	return rewrite(r.RewriteHeader, header), err
}

// encryptOAEP uses the hash of the suite for MGF1 too; a suite that does not exist is
// encrypted as suite 1, for the EPS to refuse.
func encryptOAEP(key *rsa.PublicKey, suite int, s []byte) ([]byte, error) {
	h := map[int]func() hash.Hash{2: sha1.New}[suite]
	if h == nil {
		h = sha256.New
	}
	return rsa.EncryptOAEP(h(), rand.Reader, key, s, nil)
}

// plain is the table of PROTOCOL.md §4.
func (r Request) plain() []byte {
	plain := make([]byte, plainRequest)
	copy(plain[:8], r.Locator)
	plain[8] = byte(len(r.Code))
	copy(plain[9:20], r.Code)
	plain[20], plain[21] = r.Lowest, r.Highest
	return plain
}

// derive gives K_t and K_c. An S that is no AES key has none in the EPS either: what the
// phone uses instead does not matter.
func derive(s []byte) keys {
	block, err := aes.NewCipher(s)
	if err != nil {
		return keys{fresh(32), fresh(32)}
	}
	return keys{label(block, "epsbench-mpp/2 K_t"), label(block, "epsbench-mpp/2 K_c")}
}

func label(block cipher.Block, text string) []byte {
	data := sha256.Sum256([]byte(text))
	block.Encrypt(data[:16], data[:16])
	block.Encrypt(data[16:], data[16:])
	return data[:]
}

// mac is HMAC-SHA-256(K_t, direction ‖ digest).
func (k keys) mac(direction string, digest [32]byte) []byte {
	h := hmac.New(sha256.New, k.t)
	h.Write([]byte(direction))
	h.Write(digest[:])
	return h.Sum(nil)
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
