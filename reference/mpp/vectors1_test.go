package mpp_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/phone"
)

const vectorFileV1 = "vectors-1.json"

// vectorsV1 is vectors-1.json, in the manner of vectors.json and with its RSA key.
type vectorsV1 struct {
	About            []string          `json:"about"`
	RSA              rsaKey            `json:"rsa"`
	Exchanges        []exchangeV1      `json:"exchanges"`
	RefusedResponses []refusedResponse `json:"refused_responses"`
}

type exchangeV1 struct {
	Name     string     `json:"name"`
	Suite    uint64     `json:"suite"`
	Request  requestV1  `json:"request"`
	Token    token      `json:"token"`
	Grant    grant      `json:"grant"`
	Response responseV1 `json:"response"`
}

type requestV1 struct {
	Service  string `json:"service"`
	K1       string `json:"k1"`
	K2       string `json:"k2"`
	Nonce    string `json:"nonce"`
	Code     string `json:"code"`
	Plain    string `json:"plain"`
	OAEPSeed string `json:"oaep_seed"`
	OAEP     string `json:"oaep"`
	Body     string `json:"body"`
	H        string `json:"h"`
}

type responseV1 struct {
	CBOR  string `json:"cbor"`
	Plain string `json:"plain"`
	MAC   string `json:"mac"`
	Body  string `json:"body"`
}

var aboutV1 = []string{
	"Test vectors of MPP v1 (PROTOCOL-1.md beside this file). The RSA key is that of vectors.json, and for tests only.",
	"Each exchange lists its inputs and every value on the way: request (sections 2 and 3; plain is K1 || K2 || RC), token, grant (PROTOCOL.md section 5) and response (section 5; plain is the body that mac covers).",
	"The random bytes of a request are, in this order: k1, k2, nonce, oaep_seed. Names, texts and hexadecimal strings are as in vectors.json.",
	"refused_responses: what the phone of exchange number 'exchange' (from 0) refuses at the time 'now', and the first check of section 7 that fails.",
}

func makeVectorsV1(t *testing.T, key *rsa.PrivateKey) vectorsV1 {
	t.Helper()
	v := vectorsV1{About: aboutV1, RSA: describe(t, key)}
	for _, p := range plans {
		p.name = "v1: " + p.name
		v.Exchanges = append(v.Exchanges, makeExchangeV1(t, key, v.RSA.KeyID, p))
	}
	first, second := v.Exchanges[0], v.Exchanges[3]
	refuse := func(name, check string, now int64, body []byte) {
		v.RefusedResponses = append(v.RefusedResponses, refusedResponse{Name: name, Now: now, Check: check, Body: x(body)})
	}
	good := unhex(t, first.Response.Body)
	refuse("random bytes", "format", first.Grant.Time, slices.Concat(draw("v1", "refusal", 64), make([]byte, len(good)-64)))
	refuse("a bit of the MAC changed", "mac", first.Grant.Time, changed(good, len(good)-1))
	refuse("a bit of the padding changed", "mac", first.Grant.Time, changed(good, len(good)-40))
	refuse("answer of another session", "mac", first.Grant.Time, unhex(t, second.Response.Body))
	refuse("an hour late", "time", first.Grant.Time+3600, good)
	for _, c := range []struct {
		name, check string
		change      func(*exchangeV1)
	}{
		{"answer to another request", "h", func(e *exchangeV1) { e.Request.H = x(make([]byte, 32)) }},
		{"another EPS", "eps", func(e *exchangeV1) { e.Grant.EPS = "other.example" }},
		{"another service", "service", func(e *exchangeV1) { e.Grant.Service = "shop.example" }},
		{"999 iterations", "kdf", func(e *exchangeV1) { e.Grant.Iterations = 999 }},
		{"W that does not unwrap", "w", func(e *exchangeV1) { e.Grant.W = x(make([]byte, 40)) }},
	} {
		e := first
		c.change(&e)
		e.Grant.CBOR = x(e.Grant.encode(t))
		refuse(c.name, c.check, first.Grant.Time, unhex(t, makeResponseV1(t, e.Suite, v.RSA.KeyID, e.Request, e.Grant).Body))
	}
	return v
}

func changed(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

func makeExchangeV1(t *testing.T, key *rsa.PrivateKey, kid string, p plan) exchangeV1 {
	k1, k2, nonce := draw(p.name, "K1", 32), draw(p.name, "K2", 32), draw(p.name, "nonce", 32)
	seed, plain := draw(p.name, "OAEP", oaep(p.suite).Size()), slices.Concat(k1, k2, []byte(p.code))
	block, err := rsa.EncryptOAEP(oaep(p.suite), bytes.NewReader(seed), &key.PublicKey, plain, nil)
	must(t, err)
	body := array(text("epsbench-mpp"), number(1), number(p.suite), str(unhex(t, kid)), text(p.service), str(nonce), str(block))
	h := sha256.Sum256(body)
	q := requestV1{
		Service: p.service, K1: x(k1), K2: x(k2), Nonce: x(nonce), Code: p.code, Plain: x(plain),
		OAEPSeed: x(seed), OAEP: x(block), Body: x(body), H: x(h[:]),
	}
	tok, g := makeToken(t, p, k1)
	return exchangeV1{Name: p.name, Suite: p.suite, Request: q, Token: tok, Grant: g, Response: makeResponseV1(t, p.suite, kid, q, g)}
}

func makeResponseV1(t *testing.T, suite uint64, kid string, q requestV1, g grant) responseV1 {
	answer := array(text("epsbench-mpp"), number(1), number(suite), str(unhex(t, kid)), str(unhex(t, q.H)), unhex(t, g.CBOR))
	plain := make([]byte, 552)
	binary.BigEndian.PutUint16(plain, uint16(len(answer)))
	copy(plain[2:], answer)
	mac := hmacOf(sha256.New, unhex(t, q.K2), plain)
	return responseV1{CBOR: x(answer), Plain: x(plain), MAC: x(mac), Body: x(array(str(plain), str(mac)))}
}

func readVectorsV1(t testing.TB) vectorsV1 {
	t.Helper()
	data, err := os.ReadFile(vectorFileV1)
	if err != nil {
		t.Fatal(err)
	}
	var v vectorsV1
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectorsV1 reproduces every value of vectors-1.json from its inputs, with the standard
// library alone.
func TestVectorsV1(t *testing.T) {
	want := makeVectorsV1(t, readVectors(t).key(t))
	if *update {
		data, err := json.MarshalIndent(want, "", " ")
		must(t, err)
		must(t, os.WriteFile(vectorFileV1, append(data, '\n'), 0o644))
	}
	if have := readVectorsV1(t); !reflect.DeepEqual(have, want) {
		t.Error("vectors-1.json differs from what its inputs give; look at the change, then run with -update")
	}
}

// phoneOf is the phone of an exchange: its session, and the request that it makes from the
// random bytes of the vectors.
func phoneOf(t *testing.T, key *rsa.PrivateKey, e exchangeV1) (*phone.SessionV1, []byte) {
	t.Helper()
	p, err := phone.NewPinned(e.Grant.EPS, e.Suite, nil, &key.PublicKey)
	must(t, err)
	p.MinIterations = 1000
	var random bytes.Buffer
	for _, field := range []string{e.Request.K1, e.Request.K2, e.Request.Nonce, e.Request.OAEPSeed} {
		random.Write(unhex(t, field))
	}
	s, body, err := phone.BuildRequestV1(p, reference.Service(e.Request.Service), []byte(e.Request.Code), &random)
	must(t, err)
	return s, body
}

func TestALiteralPhoneKeepsToTheVectors(t *testing.T) {
	v, key := readVectorsV1(t), readVectors(t).key(t)
	for _, e := range v.Exchanges {
		t.Run(e.Name, func(t *testing.T) {
			s, body := phoneOf(t, key, e)
			if x(body) != e.Request.Body {
				t.Errorf("request\nhave %x\nwant %s", body, e.Request.Body)
			}
			d, err := s.Accept(unhex(t, e.Response.Body), time.Unix(e.Grant.Time, 0))
			if err != nil || x(d.C) != e.Token.C || string(d.Token) != e.Grant.Token {
				t.Errorf("device %+v, %v", d, err)
			}
		})
	}
	checks := map[string]phone.Check{
		"format": phone.CheckFormat, "mac": phone.CheckMAC, "h": phone.CheckRequest, "eps": phone.CheckEPS,
		"service": phone.CheckService, "kdf": phone.CheckKDF, "time": phone.CheckTime, "w": phone.CheckTokenBytes,
	}
	for _, r := range v.RefusedResponses {
		t.Run(r.Name, func(t *testing.T) {
			s, _ := phoneOf(t, key, v.Exchanges[r.Exchange])
			want, known := checks[r.Check]
			if _, err := s.Accept(unhex(t, r.Body), time.Unix(r.Now, 0)); !known || !errors.Is(err, want) {
				t.Errorf("have %v, want %v", err, want)
			}
		})
	}
}

// A phone that pins version 2 as its lowest never speaks version 1.
func TestAPhoneDoesNotFallBelowItsMinimum(t *testing.T) {
	key := &readVectors(t).key(t).PublicKey
	p, err := phone.NewPinned("eps.example", 1, key, key)
	must(t, err)
	p.MinVersion = 2
	if _, _, err := phone.BuildRequestV1(p, "bank.example", []byte("12345678901"), bytes.NewReader(make([]byte, 1<<10))); !errors.Is(err, phone.ErrPinned) {
		t.Errorf("have %v", err)
	}
	if _, _, err := phone.BuildRequest(p, "bank.example", []byte("12345678901"), bytes.NewReader(make([]byte, 1<<10))); err == nil {
		t.Error("a code without a locator goes into a request of version 2")
	}
}
