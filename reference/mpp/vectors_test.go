package mpp_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"
)

var update = flag.Bool("update", false, "write vectors.json anew, with the RSA key that it has")

const vectorFile = "vectors.json"

// TestVectors reproduces every value of vectors.json from its inputs. The values
// are made by vectors_make_test.go with the standard library alone.
func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	have := readVectors(t)
	want := makeVectors(t, have.key(t))
	for i, e := range have.Exchanges {
		t.Run(e.Name, func(t *testing.T) {
			if !reflect.DeepEqual(e, want.Exchanges[i]) {
				t.Errorf("have %+v\nwant %+v", e, want.Exchanges[i])
			}
		})
	}
	if !reflect.DeepEqual(have, want) {
		t.Error("vectors.json differs from what its inputs give; look at the change, then run with -update")
	}
}

func TestAPhoneMakesTheRequestsOfTheVectors(t *testing.T) {
	v := readVectors(t)
	for _, e := range v.Exchanges {
		t.Run(e.Name, func(t *testing.T) {
			_, body := v.build(t, e)
			if got := hex.EncodeToString(body); got != e.Request.Body {
				t.Errorf("request body\nhave %s\nwant %s", got, e.Request.Body)
			}
		})
	}
}

func TestAPhoneAcceptsTheResponsesOfTheVectors(t *testing.T) {
	v := readVectors(t)
	for _, e := range v.Exchanges {
		t.Run(e.Name, func(t *testing.T) {
			session, _ := v.build(t, e)
			d, err := session.Accept(unhex(t, e.Response.Body), time.Unix(e.Grant.Time, 0))
			if err != nil {
				t.Fatal(err)
			}
			if hex.EncodeToString(d.C) != e.Token.C || string(d.Token) != e.Grant.Token {
				t.Errorf("device %+v", d)
			}
			for _, o := range e.OTPs {
				d.Counter = o.Counter
				otp, err := d.OTP([]byte(o.PIN), time.Unix(o.Time, 0), nowhere{})
				if err != nil || otp != o.OTP {
					t.Errorf("%+v: have %q, %v", o, otp, err)
				}
			}
		})
	}
}

func TestThePhoneRefusesTheRefusedResponsesOfTheVectors(t *testing.T) {
	v := readVectors(t)
	checks := map[string]phone.Check{
		"format": phone.CheckFormat, "key id": phone.CheckKeyID, "suite": phone.CheckSuite, "h1": phone.CheckRequest,
		"tag": phone.CheckTag, "eps": phone.CheckEPS, "service": phone.CheckService, "kdf": phone.CheckKDF,
		"time": phone.CheckTime, "w": phone.CheckTokenBytes,
	}
	for _, r := range v.RefusedResponses {
		t.Run(r.Name, func(t *testing.T) {
			e := v.Exchanges[r.Exchange]
			session, _ := v.build(t, e)
			want, known := checks[r.Check]
			if _, err := session.Accept(unhex(t, r.Body), time.Unix(r.Now, 0)); !known || !errors.Is(err, want) {
				t.Errorf("have %v, want %v", err, want)
			}
		})
	}
}

func TestTheFormatRefusesTheMalformedRequestsOfTheVectors(t *testing.T) {
	v := readVectors(t)
	for _, m := range v.MalformedRequests {
		t.Run(m.Name, func(t *testing.T) {
			if _, _, err := wire.DecodeRequest(unhex(t, m.Body)); !errors.Is(err, wire.ErrFormat) {
				t.Errorf("have %v, want a format error", err)
			}
		})
	}
}

// build makes the request of e again, from the random bytes that e says it used.
func (v vectors) build(t *testing.T, e exchange) (*phone.Session, []byte) {
	t.Helper()
	p, err := phone.NewPinned(e.Grant.EPS, e.Suite, &v.key(t).PublicKey, nil)
	if err != nil {
		t.Fatal(err)
	}
	p.MinVersion, p.MinIterations = e.Request.LowestVersion, 1000
	var random bytes.Buffer
	for _, field := range []string{e.Request.S, e.Request.Nonce, e.Request.EphemeralPrivate, e.Request.OAEPSeed} {
		random.Write(unhex(t, field))
	}
	rc := reference.JoinCode(e.Request.Locator, []byte(e.Request.Code))
	s, body, err := phone.BuildRequest(p, reference.Service(e.Request.Service), rc.Bytes(), &random)
	if err != nil {
		t.Fatal(err)
	}
	return s, body
}

// nowhere keeps no device.
type nowhere struct{}

func (nowhere) Keep(*phone.Device) error { return nil }

func (v vectors) key(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode([]byte(v.RSA.PrivateKeyPEM))
	if block == nil {
		t.Fatal("vectors.json: no RSA key")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
