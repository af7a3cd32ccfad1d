package wire1

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/epsbench/epsbench/reference/mpp/wire"
)

// vector is what the fuzz targets take from vectors-1.json as seeds.
type vector struct {
	Request  struct{ Plain, Body string }
	Response struct{ Body, Plain string }
}

func seeds(f *testing.F, take func(vector) string) {
	f.Helper()
	data, err := os.ReadFile("../vectors-1.json")
	if err != nil {
		f.Fatal(err)
	}
	var file struct{ Exchanges []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		f.Fatal(err)
	}
	for _, v := range file.Exchanges {
		b, err := hex.DecodeString(take(v))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{})
}

// encoded checks that what was decoded has one encoding.
func encoded(t *testing.T, v any, b []byte) {
	t.Helper()
	again, err := wire.Encode(v)
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x was read, and is written as %x, %v", b, again, err)
	}
}

func FuzzRequest(f *testing.F) {
	seeds(f, func(v vector) string { return v.Request.Body })
	f.Fuzz(func(t *testing.T, b []byte) {
		if q, err := DecodeRequest(b); err == nil {
			encoded(t, q, b)
		}
	})
}

func FuzzSecrets(f *testing.F) {
	seeds(f, func(v vector) string { return v.Request.Plain })
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSecrets(b)
		if err != nil {
			return
		}
		if again, err := s.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read, and is written as %x, %v", b, again, err)
		}
		if bytes.Equal(s.K1, s.K2) || len(bytes.Trim(s.K1, "\x00")) == 0 || len(bytes.Trim(s.K2, "\x00")) == 0 {
			t.Errorf("keys of %x are taken", b)
		}
	})
}

func FuzzResponse(f *testing.F) {
	seeds(f, func(v vector) string { return v.Response.Body })
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := DecodeResponse(b)
		if err != nil {
			return
		}
		encoded(t, p, b)
	})
}

func FuzzAnswer(f *testing.F) {
	seeds(f, func(v vector) string { return v.Response.Plain })
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := Response{Body: b}.Answer()
		if err != nil {
			return
		}
		if again, err := a.Body(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read, and is written as %x, %v", b, again, err)
		}
	})
}
