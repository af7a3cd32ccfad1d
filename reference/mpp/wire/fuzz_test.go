package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// vector is what the fuzz targets take from vectors.json as seeds.
type vector struct {
	Request struct {
		Header, Body string
		BoxPlain     string `json:"box_plain"`
	}
	Response struct {
		Header, Body string
		BoxPlain     string `json:"box_plain"`
	}
}

func seeds(f *testing.F, take func(vector) string) {
	f.Helper()
	data, err := os.ReadFile("../vectors.json")
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
	again, err := Encode(v)
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("%x was read, and is written as %x, %v", b, again, err)
	}
}

func FuzzRequest(f *testing.F) {
	seeds(f, func(v vector) string { return v.Request.Body })
	f.Fuzz(func(t *testing.T, b []byte) {
		q, h, err := DecodeRequest(b)
		if err != nil {
			return
		}
		encoded(t, q, b)
		encoded(t, h, q.Header)
	})
}

func FuzzRequestHeader(f *testing.F) {
	seeds(f, func(v vector) string { return v.Request.Header })
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := Encode(Request{Header: b, Box: make([]byte, RequestBox)})
		if err != nil {
			t.Fatal(err)
		}
		if _, h, err := DecodeRequest(body); err == nil {
			encoded(t, h, b)
		}
	})
}

func FuzzRequestBox(f *testing.F) {
	seeds(f, func(v vector) string { return v.Request.BoxPlain })
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAsk(b)
		if err != nil {
			return
		}
		if again, err := a.layout(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read, and is written as %x, %v", b, again, err)
		}
	})
}

func FuzzResponse(f *testing.F) {
	seeds(f, func(v vector) string { return v.Response.Body })
	f.Fuzz(func(t *testing.T, b []byte) {
		p, h, err := DecodeResponse(b)
		if err != nil {
			return
		}
		encoded(t, p, b)
		encoded(t, h, p.Header)
	})
}

func FuzzGrant(f *testing.F) {
	seeds(f, func(v vector) string { return v.Response.BoxPlain })
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := parseGrant(b)
		if err != nil {
			return
		}
		if again, err := g.layout(); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%x was read, and is written as %x, %v", b, again, err)
		}
	})
}
