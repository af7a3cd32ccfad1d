package mpp

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"hash"

	. "github.com/onsi/ginkgo/v2"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
	"github.com/epsbench/epsbench/conformance/people"
)

func block(t conformance.Target) {
	It("takes keys only in OAEP under its own public key", conformance.Claims("ST-6.3-3"), func(ctx SpecContext) {
		e := open(t)
		c := e.enrol(ctx)
		tries := e.padded(c)
		e.expectRefused(ctx, tries...)
		e.expectDelivered(ctx, c, "the same code in the right block")
		conformance.Observe("PKCS#1 v1.5, the other OAEP hash, a label, no padding, blocks of another length, another key and another key id: %d requests got the uniform refusal; then the code still worked", len(tries))
	})
}

// padded are requests whose S is right and whose RSA block is not.
func (e eps) padded(c people.User) []try {
	GinkgoHelper()
	p := e.Pinned()
	size := p.Key.Size()
	var tries []try
	for what, encrypt := range map[string]func(s []byte) ([]byte, error){
		"PKCS#1 v1.5": func(s []byte) ([]byte, error) {
			//lint:ignore SA1019 an EPS has to refuse it
			return rsa.EncryptPKCS1v15(rand.Reader, p.Key, s)
		},
		"the other OAEP hash": func(s []byte) ([]byte, error) { return oaep(p.Key, 3-p.Suite, s, nil) },
		"an OAEP label":       func(s []byte) ([]byte, error) { return oaep(p.Key, p.Suite, s, []byte("label")) },
		"no padding":          func(s []byte) ([]byte, error) { return append(make([]byte, size-len(s)), s...), nil },
		"a block of zeros":    func([]byte) ([]byte, error) { return make([]byte, size), nil },
		"a block one byte longer": func(s []byte) ([]byte, error) {
			block, err := oaep(p.Key, p.Suite, s, nil)
			return append([]byte{0}, block...), err
		},
		"a block of another key": func([]byte) ([]byte, error) { // which is random to this one
			block := make([]byte, size)
			rand.Read(block[1:])
			return block, nil
		},
	} {
		s := e.request(c, func(r *oracle.Request) {
			var err error
			if r.OAEP, err = encrypt(r.S); err != nil {
				conformance.Broken("%s: %v", what, err)
			}
		})
		tries = append(tries, try{"a secret in " + what, s.Body})
	}
	unknown := e.request(c, func(r *oracle.Request) { r.KeyID = flip(r.KeyID, 0) })
	return append(tries, try{"an unknown key id", unknown.Body})
}

// hashes of the suites (PROTOCOL.md §2).
var hashes = map[int]func() hash.Hash{1: sha256.New, 2: sha1.New}

func oaep(key *rsa.PublicKey, suite int, s, label []byte) ([]byte, error) {
	return rsa.EncryptOAEP(hashes[suite](), rand.Reader, key, s, label)
}
