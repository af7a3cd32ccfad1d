package phone_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference/phone"
)

// FuzzAccept looks for an answer that a phone takes although the EPS did not make it.
func FuzzAccept(f *testing.F) {
	s, answer, now := session(f)
	f.Add(answer)
	f.Add(make([]byte, len(answer)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := s.Accept(b, now); err == nil && !bytes.Equal(b, answer) {
			t.Errorf("%x gives %+v", b, d)
		}
	})
}

func FuzzDevice(f *testing.F) {
	good, err := device(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"epsbench.device/1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := phone.DecodeDevice(b)
		if err != nil {
			return
		}
		d.Iterations = 1
		if _, err := d.OTP([]byte("1234"), time.Unix(0, 0), memory{}); err != nil && d.Counter != 1<<64-1 {
			t.Errorf("a device that was read gives no OTP: %v", err)
		}
		again, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := phone.DecodeDevice(again); err != nil {
			t.Errorf("what was written cannot be read: %v", err)
		}
	})
}

func FuzzPinned(f *testing.F) {
	v := read(f)
	good, err := json.Marshal(phone.Pinned{EPS: "eps", Key: v.RSA.PublicKeyPEM, KeyID: unhex(f, v.RSA.KeyID), Suite: 1, MinVersion: 2, MinIterations: 1000})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"eps":"a","eps":"b"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := phone.DecodePinned(b)
		if err != nil {
			return
		}
		if _, _, err := phone.BuildRequest(p, "bank", []byte("0123ABCD-12"), bytes.NewReader(make([]byte, 1<<10))); err == nil {
			t.Error("a request with an ephemeral key of zero")
		}
	})
}
