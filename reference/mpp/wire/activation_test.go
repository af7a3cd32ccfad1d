package wire

import (
	"bytes"
	"errors"
	"testing"
)

const someToken = "0123456789ABCDEFGHJKMNPQRS"

func TestActivationsHaveOneSpelling(t *testing.T) {
	ticket := bytes.Repeat([]byte{9}, 16)
	good := NewActivation("bank", someToken, ticket, "123456")
	body, err := good.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := DecodeActivation(body); err != nil || back.OTP != "123456" || !bytes.Equal(back.Ticket, ticket) {
		t.Errorf("%+v, %v", back, err)
	}
	for name, change := range map[string]func(*Activation){
		"name": func(a *Activation) { a.Name = "epsbench-mpp" }, "version": func(a *Activation) { a.Version = 2 },
		"service": func(a *Activation) { a.Service = "Bank" }, "token": func(a *Activation) { a.Token = "short" },
		"ticket": func(a *Activation) { a.Ticket = ticket[:15] }, "long OTP": func(a *Activation) { a.OTP = "123456789" },
		"short OTP": func(a *Activation) { a.OTP = "12345" }, "letters": func(a *Activation) { a.OTP = "12345x" },
	} {
		a := good
		change(&a)
		bad, err := Encode(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeActivation(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string][]byte{"trailing": append(bytes.Clone(body), 0), "cut": body[:len(body)-1], "empty": nil, "large": make([]byte, MaxRequest+1)} {
		if _, err := DecodeActivation(bad); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAProofIsOfOneTicketAndBody(t *testing.T) {
	proof := ActivationProof([]byte("ticket"), []byte("body"))
	if len(proof) != ActivationSize || bytes.Equal(proof, ActivationProof([]byte("Ticket"), []byte("body"))) ||
		bytes.Equal(proof, ActivationProof([]byte("ticket"), []byte("Body"))) {
		t.Errorf("%x", proof)
	}
}

func FuzzActivation(f *testing.F) {
	body, err := NewActivation("bank", someToken, make([]byte, 16), "12345678").Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := DecodeActivation(b); err == nil {
			encoded(t, a, b)
		}
	})
}
