package oracle_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"hash"
	"sync"
	"testing"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

var epsKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func pinned(t testing.TB, suite int) conformance.Pinned {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&epsKey().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	kid := sha256.Sum256(der)
	return conformance.Pinned{EPS: "bank", KeyID: kid[:16], Key: &epsKey().PublicKey, Suite: suite, MinIterations: 1000}
}

func build(t testing.TB, knobs ...func(*oracle.Request)) *oracle.Session {
	t.Helper()
	s, err := oracle.Build(pinned(t, 1), "K7Q2M9XA-48392017364", "web.bank", knobs...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var now = time.Unix(1_700_000_000, 0)

func grant() oracle.Grant {
	return oracle.Grant{
		EPS: "bank", Service: "web.bank", Token: "token", Direction: oracle.Encrypts, TOKLength: 32, CLength: 32,
		Salt: bytes.Repeat([]byte{7}, 16), KDF: oracle.PBKDF2, Iterations: 1000, Suite: "HOTP-SHA256-6",
		Time: now.Unix(), PINDigits: 6,
	}
}

var c32 = bytes.Repeat([]byte{0xc5}, 32)

// An EPS that plays by the rules is accepted, and the OTP is the one of C under the PIN.
func TestExchange(t *testing.T) {
	s := build(t)
	answer, err := s.Answer(grant(), c32)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer) != oracle.ResponseSize {
		t.Errorf("%d bytes, the protocol says %d", len(answer), oracle.ResponseSize)
	}
	g, err := s.Open(answer, now)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g.Inner().C, c32) {
		t.Error("C did not come through")
	}
	tok, err := g.Inner().TOK("483920")
	if err != nil {
		t.Fatal(err)
	}
	suite, _ := oracle.ParseSuite(g.Suite)
	if otp, err := g.OTP("483920", 3); err != nil || otp != suite.OTP(tok, 3) {
		t.Errorf("%v", err)
	}
}

// S travels by OAEP with the hash of the suite, under an empty label.
func TestOAEP(t *testing.T) {
	for suite, h := range map[int]func() hash.Hash{1: sha256.New, 2: sha1.New} {
		s, err := oracle.Build(pinned(t, suite), "K7Q2M9XA-48392017364", "web.bank")
		if err != nil {
			t.Fatal(err)
		}
		block := s.Body[bytes.Index(s.Body, []byte{0x59, 0x01, 0x00})+3:][:256]
		if got, err := rsa.DecryptOAEP(h(), nil, epsKey(), block, nil); err != nil || !bytes.Equal(got, s.Request.S) {
			t.Errorf("suite %d: %v", suite, err)
		}
	}
}

// What a phone refuses, and why.
func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*oracle.Grant)
		want   oracle.Refusal
	}{
		"another EPS":         {func(g *oracle.Grant) { g.EPS = "other" }, oracle.BadEPS},
		"another service":     {func(g *oracle.Grant) { g.Service = "other" }, oracle.BadService},
		"another KDF":         {func(g *oracle.Grant) { g.KDF = "none" }, oracle.BadKDF},
		"a weaker KDF":        {func(g *oracle.Grant) { g.Iterations = 999 }, oracle.BadKDF},
		"the past":            {func(g *oracle.Grant) { g.Time -= 601 }, oracle.BadTime},
		"the future":          {func(g *oracle.Grant) { g.Time += 601 }, oracle.BadTime},
		"an unknown suite":    {func(g *oracle.Grant) { g.Suite = "HOTP-MD5-6" }, oracle.BadGrant},
		"a short salt":        {func(g *oracle.Grant) { g.Salt = g.Salt[:8] }, oracle.BadGrant},
		"a length of its own": {func(g *oracle.Grant) { g.TOKLength = 31 }, oracle.BadGrant},
		"another direction":   {func(g *oracle.Grant) { g.Direction = 3 }, oracle.BadGrant},
		"a PIN of 3 digits":   {func(g *oracle.Grant) { g.PINDigits = 3 }, oracle.BadGrant},
	} {
		t.Run(name, func(t *testing.T) {
			s, g := build(t), grant()
			c.change(&g)
			answer, err := s.Answer(g, c32)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Open(answer, now); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// The answer to another request, one of an EPS without the key, random bytes.
func TestForeignAnswers(t *testing.T) {
	s, other := build(t), build(t)
	foreign, err := other.Answer(grant(), c32)
	if err != nil {
		t.Fatal(err)
	}
	rogue, err := s.Rogue().Answer(grant(), c32)
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, oracle.ResponseSize)
	rand.Read(random)
	for want, answer := range map[oracle.Refusal][]byte{
		oracle.BadEcho: foreign, oracle.BadTag: rogue, oracle.BadShape: random,
	} {
		if _, err := s.Open(answer, now); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// Seed 000 §6.3 step 8: no changed byte is accepted.
func TestEveryByteCounts(t *testing.T) {
	s := build(t)
	answer, err := s.Answer(grant(), c32)
	if err != nil {
		t.Fatal(err)
	}
	for i := range answer {
		changed := bytes.Clone(answer)
		changed[i] ^= 1 << (i % 8)
		if _, err := s.Open(changed, now); err == nil {
			t.Errorf("byte %d changed and accepted", i)
		}
	}
}

// Every try draws its own S, nonce and ephemeral pair; a knob reuses them.
func TestFreshness(t *testing.T) {
	a, b := build(t), build(t)
	if bytes.Equal(a.Request.S, b.Request.S) || bytes.Equal(a.Request.Nonce, b.Request.Nonce) ||
		a.Request.Ephemeral.Equal(b.Request.Ephemeral) {
		t.Error("two tries share what should be new")
	}
	again := build(t, func(r *oracle.Request) { r.S, r.Nonce, r.Ephemeral = a.Request.S, a.Request.Nonce, a.Request.Ephemeral })
	if !bytes.Equal(again.Request.S, a.Request.S) {
		t.Error("the knob did nothing")
	}
}

// Knobs reach the bytes at each stage.
func TestKnobs(t *testing.T) {
	flip := func(b []byte) []byte { b = bytes.Clone(b); b[0] ^= 1; return b }
	point := build(t).Request.Ephemeral.PublicKey().Bytes()
	for name, knob := range map[string]func(*oracle.Request){
		"S of 16 bytes": func(r *oracle.Request) { r.S = r.S[:16] },
		"S of 5 bytes":  func(r *oracle.Request) { r.S = r.S[:5] },
		"no OAEP":       func(r *oracle.Request) { r.OAEP = make([]byte, 256) },
		"suite 7":       func(r *oracle.Request) { r.Suite = 7 },
		"other point":   func(r *oracle.Request) { r.Point = point },
		"header":        func(r *oracle.Request) { r.RewriteHeader = flip },
		"box":           func(r *oracle.Request) { r.RewritePlain = flip },
		"body":          func(r *oracle.Request) { r.RewriteBody = flip },
	} {
		if s := build(t, knob); len(s.Body) == 0 {
			t.Errorf("%s: no body", name)
		}
	}
	if _, err := oracle.Build(pinned(t, 1), "no code", "web.bank"); err == nil {
		t.Error("a registration code without its parts is accepted")
	}
}

// Whatever comes from the network, Open answers with a Refusal or a grant.
func FuzzOpen(f *testing.F) {
	s := build(f)
	answer, err := s.Answer(grant(), c32)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer)
	f.Add(make([]byte, oracle.ResponseSize))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := s.Open(data, now)
		var refusal oracle.Refusal
		if err != nil && !errors.As(err, &refusal) {
			t.Errorf("%v is no refusal", err)
		}
		if err == nil && !bytes.Equal(data, answer) {
			t.Error("another answer is accepted")
		}
	})
}
