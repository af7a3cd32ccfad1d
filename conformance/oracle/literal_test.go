package oracle_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"testing"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/oracle"
)

// literalVectors is the part of reference/mpp/vectors-1.json that a phone can reproduce.
type literalVectors struct {
	RSA struct {
		PrivateKey string `json:"private_key_pem"`
		KID        hexed
	}
	Exchanges []struct {
		Name    string
		Suite   int
		Request struct {
			Service, Code             string
			K1, K2, Nonce, OAEP, Body hexed
		}
		Token struct{ C hexed }
		Grant struct {
			EPS, Token string
			Time       int64
		}
		Response struct{ Body hexed }
	}
	Refused []struct {
		Name     string
		Exchange int
		Now      int64
		Check    string
		Body     hexed
	} `json:"refused_responses"`
}

// literalSession makes the request of an exchange again.
func (v literalVectors) literalSession(t *testing.T, i int) *oracle.LiteralSession {
	t.Helper()
	block, _ := pem.Decode([]byte(v.RSA.PrivateKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	e := v.Exchanges[i]
	p := conformance.Pinned{EPS: e.Grant.EPS, Suite: e.Suite, MinIterations: 1000, V1: &conformance.PinnedKey{KeyID: v.RSA.KID, Key: &key.(*rsa.PrivateKey).PublicKey}}
	s, err := oracle.BuildLiteral(p, e.Request.Code, e.Request.Service, func(r *oracle.LiteralRequest) {
		r.K1, r.K2, r.Nonce, r.OAEP = e.Request.K1, e.Request.K2, e.Request.Nonce, e.Request.OAEP
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLiteralVectors(t *testing.T) {
	data, err := os.ReadFile("../../reference/mpp/vectors-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var v literalVectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	for i, e := range v.Exchanges {
		t.Run(e.Name, func(t *testing.T) {
			s := v.literalSession(t, i)
			if !bytes.Equal(s.Body, e.Request.Body) {
				t.Errorf("request\nhave %x\nwant %x", s.Body, []byte(e.Request.Body))
			}
			g, err := s.Open(e.Response.Body, time.Unix(e.Grant.Time, 0))
			if err != nil || g.Token != e.Grant.Token || !bytes.Equal(g.Inner().C, e.Token.C) {
				t.Errorf("grant %+v, %v", g, err)
			}
		})
	}
	reasons := map[string]oracle.Refusal{
		"format": oracle.BadShape, "mac": oracle.BadMAC, "h": oracle.BadEcho, "eps": oracle.BadEPS,
		"service": oracle.BadService, "kdf": oracle.BadKDF, "time": oracle.BadTime, "w": oracle.BadWrap,
	}
	for _, r := range v.Refused {
		t.Run(r.Name, func(t *testing.T) {
			if _, err := v.literalSession(t, r.Exchange).Open(r.Body, time.Unix(r.Now, 0)); err != reasons[r.Check] {
				t.Errorf("have %v, want %v", err, reasons[r.Check])
			}
		})
	}
}

// An answer that the oracle makes is one that it opens, and that a rogue cannot make.
func TestLiteralAnswer(t *testing.T) {
	data, err := os.ReadFile("../../reference/mpp/vectors-1.json")
	if err != nil {
		t.Fatal(err)
	}
	var v literalVectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	s, now := v.literalSession(t, 0), time.Unix(v.Exchanges[0].Grant.Time, 0)
	g, err := s.Open(v.Exchanges[0].Response.Body, now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		by   *oracle.LiteralSession
		want error
	}{"who knows K1 and K2": {s, nil}, "who does not": {s.Rogue(), oracle.BadMAC}} {
		answer, err := c.by.Answer(g, g.Inner().C)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Open(answer, now); err != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
