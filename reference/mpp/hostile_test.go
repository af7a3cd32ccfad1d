package mpp_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"database/sql"
	"hash"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/enroll/enrolltest"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"

	_ "modernc.org/sqlite" // the attacker writes to the database directly
)

// sql runs a statement as somebody who can write to the database.
func (w *world) sql(t *testing.T, statement string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", w.DB+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	result, err := db.Exec(statement, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		t.Fatalf("%s changed %d rows, %v", statement, n, err)
	}
}

// transplant puts the sealed C of another user's token into the row.
func transplant(t *testing.T, w *world, r enroll.Result) {
	other := w.EnrolAs(t, enroll.Request{Service: enrolltest.Service, User: "grace"})
	w.sql(t, "UPDATE tokens SET sealed = (SELECT sealed FROM tokens WHERE id = ?), salt = (SELECT salt FROM tokens WHERE id = ?) WHERE id = ?",
		other.Token, other.Token, r.Token)
}

// remake takes a good request apart and puts it together with another header.
func remake(t *testing.T, body []byte, change func(*wire.RequestHeader)) []byte {
	t.Helper()
	q, h, err := wire.DecodeRequest(body)
	if err != nil {
		t.Fatal(err)
	}
	change(&h)
	if q.Header, err = cbor.Marshal(h); err != nil {
		t.Fatal(err)
	}
	b, err := cbor.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// spliced has the nonce of another request.
func spliced(t *testing.T, w *world, r enroll.Result) []byte {
	_, one := w.request(t, r.Code.Bytes())
	_, other := w.request(t, r.Code.Bytes())
	_, h, err := wire.DecodeRequest(other)
	if err != nil {
		t.Fatal(err)
	}
	return remake(t, one, func(g *wire.RequestHeader) { g.Nonce = h.Nonce })
}

// longS has an S of 33 bytes, which a token unwraps and cannot derive from.
func longS(t *testing.T, w *world, r enroll.Result) []byte {
	_, body := w.request(t, r.Code.Bytes())
	return remake(t, body, func(h *wire.RequestHeader) {
		hashes := map[uint64]hash.Hash{wire.SuiteSHA256: sha256.New(), wire.SuiteSHA1: sha1.New()}
		var err error
		if h.OAEP, err = rsa.EncryptOAEP(hashes[h.Suite], rand.Reader, w.Keys.MPPPublic(2), make([]byte, 33), nil); err != nil {
			t.Fatal(err)
		}
	})
}

// otherKey is a request to an EPS of the same name with another key.
func otherKey(t *testing.T, w *world, r enroll.Result) []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p, err := phone.NewPinned(w.config.EPS, uint64(w.HSM.Suites()[0]), &key.PublicKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := phone.BuildRequest(p, enrolltest.Service, r.Code.Bytes(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// otherSuite names the suite that is not the token's best, over the same block.
func otherSuite(t *testing.T, w *world, r enroll.Result) []byte {
	_, body := w.request(t, r.Code.Bytes())
	return remake(t, body, func(h *wire.RequestHeader) { h.Suite = wire.SuiteSHA1 + wire.SuiteSHA256 - h.Suite })
}
