package oracle_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"hash"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// mppVectors is the part of reference/mpp/vectors.json that a phone can reproduce: what it
// chooses, what goes over the wire, and what comes of it.
type mppVectors struct {
	RSA struct {
		PrivateKey string `json:"private_key_pem"`
		KID        hexed
	}
	Exchanges []exchange
	Refused   []struct {
		Name     string
		Exchange int
		Now      int64
		Check    string
		Body     hexed
	} `json:"refused_responses"`
}

type exchange struct {
	Name    string
	Suite   int
	Request struct {
		Service, Locator, Code string
		S, Nonce, OAEP, Body   hexed
		EphemeralPrivate       hexed `json:"ephemeral_private"`
		LowestVersion          byte  `json:"lowest_version"`
		HighestVersion         byte  `json:"highest_version"`
	}
	Token struct {
		PIN         string
		KEK, C, TOK hexed
	}
	Grant struct {
		EPS, Service, Token, KDF, Suite string
		W, Salt, Ticket                 hexed
		Direction, Iterations           int
		TOKLength                       int `json:"tok_length"`
		CLength                         int `json:"c_length"`
		Counter                         uint64
		Time                            int64
		PINDigits                       int `json:"pin_digits"`
	}
	Response struct{ Body hexed }
	OTPs     []struct {
		PIN     string
		Counter uint64
		Time    int64
		OTP     string
	}
}

type hexed []byte

func (h *hexed) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func readVectors(t *testing.T) (v mppVectors, key *rsa.PrivateKey) {
	t.Helper()
	data, err := os.ReadFile("../../reference/mpp/vectors.json")
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(v.RSA.PrivateKey))
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return v, parsed.(*rsa.PrivateKey)
}

// session is the one of a phone that chose what the vector says.
func (x exchange) session(t *testing.T, v mppVectors, key *rsa.PrivateKey) *oracle.Session {
	t.Helper()
	ephemeral, err := ecdh.P256().NewPrivateKey(x.Request.EphemeralPrivate)
	if err != nil {
		t.Fatal(err)
	}
	pinned := conformance.Pinned{
		EPS: x.Grant.EPS, KeyID: v.RSA.KID, Key: &key.PublicKey, Suite: x.Suite, MinIterations: 1000,
	}
	s, err := oracle.Build(pinned, x.Request.Locator+"-"+x.Request.Code, x.Request.Service, func(r *oracle.Request) {
		r.S, r.Nonce, r.OAEP, r.Ephemeral = x.Request.S, x.Request.Nonce, x.Request.OAEP, ephemeral
		r.Lowest, r.Highest = x.Request.LowestVersion, x.Request.HighestVersion
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Both sides of the protocol were written from PROTOCOL.md by people who did not read each
// other: here their bytes meet.
func TestProtocolVectors(t *testing.T) {
	v, key := readVectors(t)
	for _, x := range v.Exchanges {
		t.Run(x.Name, func(t *testing.T) {
			s := x.session(t, v, key)
			if !bytes.Equal(s.Body, x.Request.Body) {
				t.Errorf("request\n%x, want\n%x", s.Body, []byte(x.Request.Body))
			}
			h := map[int]func() hash.Hash{1: sha256.New, 2: sha1.New}[x.Suite]
			if sent, err := rsa.DecryptOAEP(h(), nil, key, x.Request.OAEP, nil); err != nil || !bytes.Equal(sent, x.Request.S) {
				t.Errorf("S in the OAEP block: %v", err)
			}
			g, err := s.Open(x.Response.Body, time.Unix(x.Grant.Time, 0))
			if err != nil {
				t.Fatal(err)
			}
			compareGrant(t, x, g)
			compareToken(t, x, g)
		})
	}
}

func compareGrant(t *testing.T, x exchange, g oracle.Grant) {
	t.Helper()
	want := x.Grant
	if g.EPS != want.EPS || g.Service != want.Service || g.Token != want.Token || g.Direction != want.Direction ||
		g.TOKLength != want.TOKLength || g.CLength != want.CLength || g.KDF != want.KDF || g.Iterations != want.Iterations ||
		g.Suite != want.Suite || g.Counter != want.Counter || g.Time != want.Time || g.PINDigits != want.PINDigits ||
		!bytes.Equal(g.W, want.W) || !bytes.Equal(g.Salt, want.Salt) || !bytes.Equal(g.Ticket, want.Ticket) {
		t.Errorf("grant %+v, want %+v", g, want)
	}
}

func compareToken(t *testing.T, x exchange, g oracle.Grant) {
	t.Helper()
	in := g.Inner()
	kek, err := in.KEK(x.Token.PIN)
	if err != nil || !bytes.Equal(kek, x.Token.KEK) {
		t.Errorf("KEK %x, %v", kek, err)
	}
	tok, err := in.TOK(x.Token.PIN)
	if err != nil || !bytes.Equal(tok, x.Token.TOK) || !bytes.Equal(in.C, x.Token.C) {
		t.Errorf("C %x, TOK %x, %v", in.C, tok, err)
	}
	suite, err := oracle.ParseSuite(g.Suite)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range x.OTPs {
		moving := o.Counter
		if suite.Step != 0 {
			moving = suite.Moving(time.Unix(o.Time, 0))
		}
		if got, err := g.OTP(o.PIN, moving); err != nil || got != o.OTP {
			t.Errorf("OTP %s with PIN %s at %d, want %s, %v", got, o.PIN, moving, o.OTP, err)
		}
	}
}

// reasons are the words of the vectors for what a phone checks first.
var reasons = map[string][]oracle.Refusal{
	"format":  {oracle.BadShape, oracle.BadVersion},
	"suite":   {oracle.BadSuite},
	"key id":  {oracle.BadKeyID},
	"h1":      {oracle.BadEcho},
	"tag":     {oracle.BadTag},
	"eps":     {oracle.BadEPS},
	"service": {oracle.BadService},
	"kdf":     {oracle.BadKDF},
	"time":    {oracle.BadTime},
	"w":       {oracle.BadWrap},
}

func TestRefusedVectors(t *testing.T) {
	v, key := readVectors(t)
	for _, r := range v.Refused {
		t.Run(r.Name, func(t *testing.T) {
			s := v.Exchanges[r.Exchange].session(t, v, key)
			_, err := s.Open(r.Body, time.Unix(r.Now, 0))
			refusal, ok := err.(oracle.Refusal)
			if !ok || !slices.Contains(reasons[r.Check], refusal) {
				t.Errorf("%v, want %v", err, reasons[r.Check])
			}
		})
	}
}
