package phone_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"
)

// vectors is what these tests take from the vectors of the protocol.
type vectors struct {
	RSA struct {
		PublicKeyPEM string `json:"public_key_pem"`
		KeyID        string `json:"kid"`
	}
	Exchanges []struct {
		Suite   uint64
		Request struct {
			Service, S, Nonce, Locator, Code string
			EphemeralPrivate                 string `json:"ephemeral_private"`
			OAEPSeed                         string `json:"oaep_seed"`
		}
		Grant struct {
			EPS  string
			Time int64
		}
		Response struct{ Body string }
	}
}

func read(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile("../mpp/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
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

// session is the first exchange of the vectors, up to its answer.
func session(t testing.TB) (s *phone.Session, answer []byte, now time.Time) {
	t.Helper()
	v := read(t)
	e := v.Exchanges[0]
	p := phone.Pinned{
		EPS: e.Grant.EPS, Key: v.RSA.PublicKeyPEM, KeyID: unhex(t, v.RSA.KeyID), Suite: e.Suite, MinVersion: 2, MinIterations: 1000,
	}
	var random bytes.Buffer
	for _, field := range []string{e.Request.S, e.Request.Nonce, e.Request.EphemeralPrivate, e.Request.OAEPSeed} {
		random.Write(unhex(t, field))
	}
	s, _, err := phone.BuildRequest(p, reference.Service(e.Request.Service), []byte(e.Request.Locator+"-"+e.Request.Code), &random)
	if err != nil {
		t.Fatal(err)
	}
	return s, unhex(t, e.Response.Body), time.Unix(e.Grant.Time, 0)
}

func device(t testing.TB) *phone.Device {
	t.Helper()
	s, answer, now := session(t)
	d, err := s.Accept(answer, now)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAnyFlippedBitIsRefused(t *testing.T) {
	s, answer, now := session(t)
	for i := range answer {
		for bit := range 8 {
			bad := bytes.Clone(answer)
			bad[i] ^= 1 << bit
			var check phone.Check
			if d, err := s.Accept(bad, now); d != nil || !errors.As(err, &check) {
				t.Fatalf("byte %d, bit %d: %v", i, bit, err)
			}
		}
	}
}

func TestTheClocksMayDifferByTenMinutes(t *testing.T) {
	s, answer, now := session(t)
	for skew, want := range map[time.Duration]error{
		0: nil, 10 * time.Minute: nil, -10 * time.Minute: nil,
		10*time.Minute + time.Second: phone.CheckTime, -10*time.Minute - time.Second: phone.CheckTime, -time.Hour * 24 * 365 * 200: phone.CheckTime,
	} {
		if _, err := s.Accept(answer, now.Add(skew)); !errors.Is(err, want) {
			t.Errorf("%v: have %v, want %v", skew, err, want)
		}
	}
}

func TestEveryTryIsFresh(t *testing.T) {
	v := read(t)
	p := phone.Pinned{EPS: "eps", Key: v.RSA.PublicKeyPEM, KeyID: unhex(t, v.RSA.KeyID), Suite: 1, MinVersion: 2, MinIterations: 1000}
	var headers []wire.RequestHeader
	for range 2 {
		_, body, err := phone.BuildRequest(p, "bank", []byte("0123ABCD-123456"), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		_, h, err := wire.DecodeRequest(body)
		if err != nil {
			t.Fatal(err)
		}
		headers = append(headers, h)
	}
	a, b := headers[0], headers[1]
	if bytes.Equal(a.Nonce, b.Nonce) || bytes.Equal(a.EC, b.EC) || bytes.Equal(a.OAEP, b.OAEP) {
		t.Error("something was used twice")
	}
}

// TestNoPINIsRefused is seed 000 §6.1 on the phone: whatever is typed, the result has
// the same form, and nothing is an error.
func TestNoPINIsRefused(t *testing.T) {
	d := device(t)
	d.Iterations = 1
	rapid.Check(t, func(t *rapid.T) {
		pin := []byte(rapid.OneOf(rapid.StringMatching(`[0-9]{4,12}`), rapid.String()).Draw(t, "PIN"))
		otp, err := d.OTP(pin, time.Time{}, memory{})
		if err != nil || len(otp) != 6 || strings.Trim(otp, "0123456789") != "" {
			t.Fatalf("%q, %v", otp, err)
		}
	})
}

func TestDifferentPINsGiveDifferentOTPs(t *testing.T) {
	d := device(t)
	d.Iterations = 1
	seen := map[string]bool{}
	for pin := range 200 {
		d.Counter = 0
		otp, err := d.OTP(fmt.Appendf(nil, "%04d", pin), time.Time{}, memory{})
		if err != nil {
			t.Fatal(err)
		}
		seen[otp] = true
	}
	if len(seen) < 195 {
		t.Errorf("200 PINs give %d OTPs", len(seen))
	}
}

type memory struct{}

func (memory) Keep(*phone.Device) error { return nil }

func TestTheCounterIsKeptBeforeTheOTPIsShown(t *testing.T) {
	f := phone.File(filepath.Join(t.TempDir(), "token.json"))
	d := device(t)
	if err := f.Create(d); err != nil {
		t.Fatal(err)
	}
	first, err := d.OTP([]byte("493817"), time.Time{}, f)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Load()
	if err != nil || again.Counter != 1 {
		t.Fatalf("the file has counter %d, %v", again.Counter, err)
	}
	second, err := again.OTP([]byte("493817"), time.Time{}, f)
	if err != nil || second == first {
		t.Errorf("after a restart: %s after %s, %v", second, first, err)
	}
	full := errors.New("disk full")
	if otp, err := d.OTP([]byte("493817"), time.Time{}, failing{full}); !errors.Is(err, full) || otp != "" {
		t.Errorf("shown although it could not be kept: %q, %v", otp, err)
	}
}

type failing struct{ err error }

func (f failing) Keep(*phone.Device) error { return f.err }

func TestTheFileIsItsOwnersAndIsNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token.json")
	d := device(t)
	if err := phone.File(path).Create(d); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := phone.File(path).Create(d); !errors.Is(err, fs.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".device-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestTheFileHoldsNoSecretButC: a field that is not known to be harmless fails here
// first. Anything made from PIN or TOK would let a thief test PINs.
func TestTheFileHoldsNoSecretButC(t *testing.T) {
	b, err := device(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	have := slices.Sorted(maps.Keys(fields))
	want := []string{
		"c", "counter", "direction", "eps", "format", "iterations", "kdf",
		"pin_digits", "salt", "service", "suite", "ticket", "tok_length", "token",
	}
	if !slices.Equal(have, want) {
		t.Errorf("fields %v, want %v", have, want)
	}
}

func TestProvisionTellsWhatWentWrong(t *testing.T) {
	v := read(t)
	plain := phone.Pinned{EPS: "eps", Key: v.RSA.PublicKeyPEM, KeyID: unhex(t, v.RSA.KeyID), Suite: 1, MinVersion: 2, MinIterations: 1000}
	answers := map[string]http.HandlerFunc{
		"refusal":  func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, wire.ResponseSize)) },
		"too long": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1<<20)) },
		"error":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	}
	for name, want := range map[string]error{
		"refusal": phone.CheckFormat, "too long": phone.CheckFormat, "error": phone.ErrTransport, "redirect": phone.ErrTransport,
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewTLSServer(answers[name])
			defer server.Close()
			p := plain
			p.URL = server.URL + wire.Path
			client := server.Client()
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if _, err := phone.Provision(t.Context(), client, p, "bank", []byte("0123ABCD-123456"), rand.Reader, reference.SystemClock{}); !errors.Is(err, want) {
				t.Errorf("have %v, want %v", err, want)
			}
		})
	}
	for name, c := range map[string]struct {
		url, rc string
		want    error
	}{
		"no TLS": {"http://127.0.0.1/mpp/v2", "0123ABCD-123456", phone.ErrPinned}, "no URL": {"", "0123ABCD-123456", phone.ErrPinned},
		"no code": {"https://127.0.0.1:1/mpp/v2", "", reference.ErrInvalid}, "nobody there": {"https://127.0.0.1:1/mpp/v2", "0123ABCD-123456", phone.ErrTransport},
	} {
		t.Run(name, func(t *testing.T) {
			p := plain
			p.URL = c.url
			if _, err := phone.Provision(t.Context(), http.DefaultClient, p, "bank", []byte(c.rc), rand.Reader, reference.SystemClock{}); !errors.Is(err, c.want) {
				t.Errorf("have %v, want %v", err, c.want)
			}
		})
	}
}

func TestAnAuthorityThatIsNotPinnedIsNotTrusted(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	v := read(t)
	p := phone.Pinned{EPS: "eps", Key: v.RSA.PublicKeyPEM, KeyID: unhex(t, v.RSA.KeyID), Suite: 1, MinVersion: 2, MinIterations: 1, URL: server.URL + wire.Path}
	if _, err := p.Client(); !errors.Is(err, phone.ErrPinned) {
		t.Errorf("no authority: %v", err)
	}
	p.CA = otherAuthority
	client, err := p.Client()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := phone.Provision(t.Context(), client, p, "bank", []byte("0123ABCD-123456"), rand.Reader, reference.SystemClock{}); !errors.Is(err, phone.ErrTransport) {
		t.Errorf("have %v", err)
	}
}

func TestAPinnedConfigurationMustHoldTogether(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*phone.Pinned){
		"key id": func(p *phone.Pinned) { p.KeyID = make([]byte, 16) }, "no key id": func(p *phone.Pinned) { p.KeyID = nil },
		"suite": func(p *phone.Pinned) { p.Suite = 3 }, "no name": func(p *phone.Pinned) { p.EPS = "" },
		"version": func(p *phone.Pinned) { p.MinVersion = 3 }, "iterations": func(p *phone.Pinned) { p.MinIterations = 0 },
		"no key": func(p *phone.Pinned) { p.Key = "" }, "key and more": func(p *phone.Pinned) { p.Key += p.Key },
	} {
		t.Run(name, func(t *testing.T) {
			p, err := phone.NewPinned("eps", 2, &key.PublicKey, nil)
			if err != nil {
				t.Fatal(err)
			}
			change(&p)
			data, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := phone.DecodePinned(data); !errors.Is(err, phone.ErrPinned) {
				t.Errorf("have %v", err)
			}
		})
	}
}
