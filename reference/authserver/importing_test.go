package authserver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/authserver/authclient"
	"github.com/epsbench/epsbench/reference/oath"
)

// TestImportedSeedsOfAllLengths: the zeros after a seed change no OTP.
func TestImportedSeedsOfAllLengths(t *testing.T) {
	n := theWorld(t).node(t)
	for _, suiteName := range []string{"HOTP-SHA1-6", "HOTP-SHA256-7", "HOTP-SHA512-8"} {
		for _, length := range []int{16, 17, 20, 23, 24, 32, 33, 63, 64} {
			p := phone{user: user(t), suite: must(oath.ParseSuite(suiteName))(t), tok: bytes.Repeat([]byte{0xa7}, length)}
			s := seed(p.user, suiteName, bytes.Clone(p.tok))
			s.Counter = 1000
			token := must(n.client("importer").Import(t.Context(), s))(t)
			if !n.accepts(t, p, p.otp(1000)) {
				t.Errorf("%s with %d bytes: refused", suiteName, length)
			}
			if c := n.row(t, token); !c.Imported || c.TOKLength != length || c.PINDigits != 0 {
				t.Errorf("%+v", c)
			}
		}
	}
}

// TestImportedTokensHaveNoPIN: their failures count against OTP guessing only.
func TestImportedTokensHaveNoPIN(t *testing.T) {
	n := theWorld(t).node(t, func(c *authserver.Config, _ *authserver.Parts) { c.Rules = authserver.Rules{Failures: 1} })
	p := phone{user: user(t), suite: must(oath.ParseSuite("HOTP-SHA1-6"))(t), tok: make([]byte, 20)}
	must(n.client("importer").Import(t.Context(), seed(p.user, "HOTP-SHA1-6", bytes.Clone(p.tok))))(t)
	q := n.enrol(t, "HOTP-SHA256-6")
	n.accepts(t, p, p.wrong())
	n.accepts(t, q, q.wrong())
	if !n.accepts(t, p, p.otp(0)) || n.accepts(t, q, q.otp(0)) {
		t.Error("the PIN limit is applied to the wrong one")
	}
}

// TestSeedsThatAreRefused: nothing comes in that was not wrapped whole.
func TestSeedsThatAreRefused(t *testing.T) {
	n := theWorld(t).node(t)
	key := n.importKey(t)
	for name, change := range map[string]func(*authserver.ImportRequest){
		"flipped import key":     func(r *authserver.ImportRequest) { r.Key[9] ^= 1 },
		"no import key":          func(r *authserver.ImportRequest) { r.Key = nil },
		"flipped seed":           func(r *authserver.ImportRequest) { r.Secret[9] ^= 1 },
		"length of another":      func(r *authserver.ImportRequest) { r.Length = 40 },
		"too short":              func(r *authserver.ImportRequest) { r.Length = 15 },
		"negative length":        func(r *authserver.ImportRequest) { r.Length = -20 },
		"unknown suite":          func(r *authserver.ImportRequest) { r.Suite = "HOTP-MD5-6" },
		"service with a capital": func(r *authserver.ImportRequest) { r.Service = "Bank" },
		"counter at the end":     func(r *authserver.ImportRequest) { r.Counter = 1 << 63 },
		"TOTP with a counter":    func(r *authserver.ImportRequest) { r.Suite, r.Counter = "TOTP-SHA1-6-30", 5 },
	} {
		t.Run(name, func(t *testing.T) {
			r := must(authclient.Wrap(key, seed(user(t), "HOTP-SHA1-6", make([]byte, 20))))(t)
			change(&r)
			body := must(json.Marshal(r))(t)
			answer := must(as("importer").Post(n.api.URL+"/v1/import", "application/json", bytes.NewReader(body)))(t)
			answer.Body.Close()
			if answer.StatusCode != http.StatusBadRequest {
				t.Errorf("status %s", answer.Status)
			}
		})
	}
}

func (n *node) importKey(t *testing.T) (key authserver.ImportKeyAnswer) {
	t.Helper()
	answer := must(as("importer").Get(n.api.URL + "/v1/import-key"))(t)
	defer answer.Body.Close()
	check(t, json.NewDecoder(answer.Body).Decode(&key))
	if !strings.HasPrefix(key.Key, "-----BEGIN PUBLIC KEY-----") {
		t.Fatal(key)
	}
	return key
}

func TestOneTokenAUser(t *testing.T) {
	n := theWorld(t).node(t)
	s := seed(user(t), "HOTP-SHA1-6", make([]byte, 20))
	must(n.client("importer").Import(t.Context(), s))(t)
	if _, err := n.client("importer").Import(t.Context(), s); !errors.Is(err, reference.ErrConflict) {
		t.Errorf("got %v", err)
	}
}

func TestPaddedLength(t *testing.T) {
	for _, c := range []struct {
		suite           string
		length, padding int
	}{{"HOTP-SHA1-6", 20, 24}, {"HOTP-SHA1-6", 16, 24}, {"HOTP-SHA256-6", 20, 32}, {"HOTP-SHA256-6", 33, 40}, {"HOTP-SHA512-6", 64, 64}} {
		if got := authserver.PaddedLength(must(oath.ParseSuite(c.suite))(t), c.length); got != c.padding {
			t.Errorf("%s, %d bytes: %d, want %d", c.suite, c.length, got, c.padding)
		}
	}
}
