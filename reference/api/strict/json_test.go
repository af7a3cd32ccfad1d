package strict_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/api/strict"
)

type order struct {
	User   string `json:"user"`
	Digits int    `json:"digits"`
	Inner  struct {
		Name string `json:"name"`
	} `json:"inner"`
}

// refused are bodies that encoding/json by itself would mostly accept.
var refused = map[string]string{
	"empty":              ``,
	"null":               `null`,
	"array":              `[]`,
	"number":             `1`,
	"unknown field":      `{"user":"a","colour":1}`,
	"other case":         `{"User":"a"}`,
	"Kelvin sign":        "{\"inner\":{},\"\u212a\":1}",
	"empty name":         `{"":1}`,
	"twice":              `{"user":"a","user":"b"}`,
	"twice, escaped":     `{"user":"a","\u0075ser":"b"}`,
	"twice inside":       `{"inner":{"name":"a","name":"b"}}`,
	"null field":         `{"user":null}`,
	"wrong type":         `{"user":7}`,
	"fraction":           `{"digits":1.5}`,
	"overflow":           `{"digits":99999999999999999999}`,
	"trailing data":      `{"user":"a"} {}`,
	"trailing comma":     `{"user":"a",}`,
	"comment":            `{"user":"a"} // why`,
	"truncated":          `{"user":"a"`,
	"half a surrogate":   `{"user":"\ud800"}`,
	"not UTF-8":          "{\"user\":\"\xff\"}",
	"byte order mark":    "\ufeff{}",
	"control character":  "{\"user\":\"a\nb\"}",
	"deep":               strings.Repeat(`{"inner":`, 20) + `1` + strings.Repeat(`}`, 20),
	"deep array":         `{"user":` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `}`,
	"single quotes":      `{'user':'a'}`,
	"not a number":       `{"digits":NaN}`,
	"leading zero":       `{"digits":01}`,
	"unclosed string":    `{"user":"a}`,
	"null in an array":   `{"user":[null]}`,
	"replacement letter": "{\"user\":\"\ufffd\"}",
}

func TestJSONRefuses(t *testing.T) {
	for name, body := range refused {
		t.Run(name, func(t *testing.T) {
			var o order
			if err := strict.JSON([]byte(body), &o); err == nil {
				t.Errorf("%.60q was accepted as %+v", body, o)
			}
		})
	}
}

func TestJSONAccepts(t *testing.T) {
	var o order
	if err := strict.JSON([]byte(" {\"user\":\"Zoë \\ud83d\\ude00\",\"digits\":6,\"inner\":{\"name\":\"n\"}}\n"), &o); err != nil {
		t.Fatal(err)
	}
	if o.User != "Zoë 😀" || o.Digits != 6 || o.Inner.Name != "n" {
		t.Errorf("got %+v", o)
	}
}

func TestErrorsNeverQuoteData(t *testing.T) {
	for _, body := range []string{`{"digits":"hunter2"}`, `{"user":"a"} hunter2`, `{"user":hunter2}`} {
		if err := strict.JSON([]byte(body), new(order)); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestBody(t *testing.T) {
	for _, c := range []struct {
		name, contentType, encoding, body string
		status                            int
	}{
		{"good", "application/json", "", `{"user":"a"}`, 0},
		{"with charset", "application/json; charset=UTF-8", "", `{"user":"a"}`, 0},
		{"other charset", "application/json; charset=latin1", "", `{"user":"a"}`, 415},
		{"form", "application/x-www-form-urlencoded", "", `user=a`, 415},
		{"none", "", "", `{"user":"a"}`, 415},
		{"compressed", "application/json", "gzip", `{"user":"a"}`, 415},
		{"at the limit", "application/json", "", `{"user":"` + strings.Repeat("a", 53) + `"}`, 0},
		{"over the limit", "application/json", "", `{"user":"` + strings.Repeat("a", 54) + `"}`, 413},
		{"empty", "application/json", "", ``, 400},
		{"malformed", "application/json", "", `{`, 400},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(c.name, func(t *testing.T) {
				r := httptest.NewRequest("POST", "/", bytes.NewReader([]byte(c.body)))
				if chunked {
					r.ContentLength = -1
				}
				r.Header.Set("Content-Type", c.contentType)
				if c.encoding != "" {
					r.Header.Set("Content-Encoding", c.encoding)
				}
				err := strict.Body(httptest.NewRecorder(), r, 64, new(order))
				var p problem.Problem
				if errors.As(err, &p); p.Status != c.status {
					t.Errorf("got %v, want status %d", err, c.status)
				}
			})
		}
	}
}

// A body that ends before its declared length is none, however whole it looks.
func TestBodyCutShort(t *testing.T) {
	got := make(chan error, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- strict.Body(w, r, 64, new(order))
	}))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 40\r\n\r\n{\"user\":\"a\"}")
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var p problem.Problem
	if err := <-got; !errors.As(err, &p) || p.Status != http.StatusBadRequest {
		t.Errorf("got %v, want status 400", err)
	}
}

func TestNoBody(t *testing.T) {
	for body, good := range map[string]bool{"": true, "{}": false, " ": false} {
		err := strict.NoBody(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader(body)))
		if (err == nil) != good {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// FuzzJSON: whatever is accepted is a JSON object that says the same when written again.
func FuzzJSON(f *testing.F) {
	for _, body := range refused {
		if len(body) < 200 {
			f.Add([]byte(body))
		}
	}
	f.Add([]byte(`{"user":"a","digits":6,"inner":{"name":"n"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var o, again order
		if strict.JSON(data, &o) != nil {
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted invalid JSON %q", data)
		}
		written, _ := json.Marshal(o)
		if err := strict.JSON(written, &again); err != nil || again != o {
			t.Fatalf("%+v became %+v: %v", o, again, err)
		}
	})
}
