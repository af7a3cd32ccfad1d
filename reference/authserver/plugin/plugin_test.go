package plugin

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
)

const token = reference.TokenID("0123456789ABCDEFGHJKMNPQRS")

var registration = Registration{
	Key: "create-1", Service: "bank", User: "zoë", Token: token, Suite: "HOTP-SHA256-6",
	TRKVersion: 1, PINDigits: 6, TOKLength: 32, Blob: bytes.Repeat([]byte{0xb5}, 40),
}

// prepared is a token that waits for activation, and attempt an OTP of it.
var (
	prepared = func() Registration { r := registration; r.Key, r.Activation = "create-2", true; return r }()
	attempt  = Attempt{OTP: "123456", Blind: bytes.Repeat([]byte{0xb1}, reference.BlindSize)}
)

// hostKeys are a pairing's keys in memory; package authserver tests those in HSMs.
type hostKeys struct{ sign, verify string }

var (
	epsKeys  = hostKeys{"PLK", "PLK-R"}
	authKeys = hostKeys{"PLK-R", "PLK"}
)

func mac(key string, data []byte) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write(data)
	return h.Sum(nil)
}

func (k hostKeys) Sign(_ context.Context, data []byte) ([]byte, error) { return mac(k.sign, data), nil }
func (k hostKeys) Verify(_ context.Context, data, m []byte) error {
	if !hmac.Equal(mac(k.verify, data), m) {
		return ErrForged
	}
	return nil
}

// recorder is a Service that keeps what came and answers what it is told.
type recorder struct {
	came   []Message
	result Result
	err    error
}

func (r *recorder) Apply(_ context.Context, m Message, _ [sha256.Size]byte) (Result, error) {
	r.came = append(r.came, m)
	return r.result, r.err
}

// pair starts an authentication server that answers by r, behind change.
func pair(t *testing.T, r *recorder, change func(http.Handler) http.Handler) *Client {
	t.Helper()
	var h http.Handler = &Handler{Keys: authKeys, Service: r, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		h = change(h)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return NewClient(s.URL, s.Client(), epsKeys, 5*time.Second)
}

func TestMessagesArriveAsTheyWereSent(t *testing.T) {
	r := &recorder{result: Done}
	c := pair(t, r, nil)
	ctx := t.Context()
	err := errors.Join(c.Create(ctx, registration), c.Cancel(ctx, "k2", token), c.SetState(ctx, "k3", token, "suspend"),
		c.Create(ctx, prepared), c.Activate(ctx, "k4", token, attempt), c.Settle(ctx, "k4", token))
	if err != nil {
		t.Fatal(err)
	}
	blob, err := attempt.encode()
	if err != nil {
		t.Fatal(err)
	}
	want := []Message{
		registration.message(), {Op: Cancel, Key: "k2", Token: token}, {Op: Suspend, Key: "k3", Token: token},
		prepared.message(), {Op: Activate, Key: "k4", Token: token, Blob: blob}, {Op: Settle, Key: "k4", Token: token},
	}
	if len(r.came) != len(want) || want[3].Op != Prepare {
		t.Fatalf("%d messages came", len(r.came))
	}
	for i, m := range r.came {
		if !m.equal(&want[i]) || !bytes.Equal(m.Blob, want[i].Blob) {
			t.Errorf("sent %+v, came %+v", want[i], m)
		}
	}
}

func TestARefusalIsFinalAndTroubleIsNot(t *testing.T) {
	refusing := pair(t, &recorder{result: Refused}, nil)
	if err := refusing.Create(t.Context(), registration); !errors.Is(err, reference.ErrRefused) || errors.Is(err, reference.ErrUnavailable) {
		t.Errorf("refused: %v", err)
	}
	troubled := pair(t, &recorder{err: reference.ErrUnavailable}, nil)
	if err := troubled.Create(t.Context(), registration); !errors.Is(err, reference.ErrUnavailable) || errors.Is(err, reference.ErrRefused) {
		t.Errorf("troubled: %v", err)
	}
}

// TestAnswersThatProveNothing: without a right MAC under PLK-R over this very request,
// nothing is known, whatever the status line says.
func TestAnswersThatProveNothing(t *testing.T) {
	answer := func(status int, body []byte) func(http.Handler) http.Handler {
		return func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status); w.Write(body) })
		}
	}
	forge := func(key string, request []byte, r Result) []byte {
		body, _ := encodeReply(request, r)
		b, _ := seal(body, mac(key, body))
		return b
	}
	own, _ := signed(t.Context(), epsKeys, registration.message())
	other, _ := signed(t.Context(), epsKeys, Message{Op: Revoke, Key: "k", Token: token})
	for name, change := range map[string]func(http.Handler) http.Handler{
		"empty":                 answer(200, nil),
		"text":                  answer(200, []byte("done")),
		"under PLK":             answer(200, forge("PLK", own, Done)),
		"of another request":    answer(200, forge("PLK-R", other, Done)),
		"unknown result":        answer(200, forge("PLK-R", own, "perhaps")),
		"trailing byte":         answer(200, append(forge("PLK-R", own, Done), 0)),
		"right, but status 403": answer(403, forge("PLK-R", own, Refused)),
		"endless":               answer(200, make([]byte, 1<<20)),
	} {
		t.Run(name, func(t *testing.T) {
			err := pair(t, &recorder{}, change).Create(t.Context(), registration)
			if !errors.Is(err, reference.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTimeOut(t *testing.T) {
	release := make(chan struct{})
	c := pair(t, &recorder{}, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release })
	})
	t.Cleanup(func() { close(release) }) // before the server, which waits for its handlers
	c.timeout = 20 * time.Millisecond
	if err := c.Create(t.Context(), registration); !errors.Is(err, reference.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
}

// TestEveryFlippedBitIsRefused: of the whole envelope, before the service sees anything.
func TestEveryFlippedBitIsRefused(t *testing.T) {
	r := &recorder{result: Done}
	h := &Handler{Keys: authKeys, Service: r, Log: slog.New(slog.DiscardHandler)}
	good, err := signed(t.Context(), epsKeys, registration.message())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(good) {
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		if w := post(h, bad); w.Code != 400 && w.Code != 403 {
			t.Errorf("bit %d: status %d", i, w.Code)
		}
	}
	if len(r.came) != 0 {
		t.Errorf("%d messages came through", len(r.came))
	}
}

func post(h http.Handler, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", Path, bytes.NewReader(body))
	r.Header.Set("Content-Type", mediaType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhatIsNoMessageGetsAProblem(t *testing.T) {
	h := &Handler{Keys: authKeys, Service: &recorder{}, Log: slog.New(slog.DiscardHandler)}
	for _, c := range []struct {
		what, method, contentType string
		body                      []byte
		status                    int
	}{
		{"GET", "GET", mediaType, nil, 405},
		{"JSON", "POST", "application/json", []byte("{}"), 415},
		{"large", "POST", mediaType, make([]byte, MaxMessage+1), 413},
		{"empty", "POST", mediaType, nil, 400},
		{"indefinite array", "POST", mediaType, []byte{0x9f, 0xff}, 400},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := httptest.NewRequest(c.method, Path, bytes.NewReader(c.body))
			r.Header.Set("Content-Type", c.contentType)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.status || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("got %d %s", w.Code, w.Header().Get("Content-Type"))
			}
		})
	}
}

// TestAuthenticAndMalformed: the EPS hears of its own mistake under a MAC, so that it
// does not ask for ever.
func TestAuthenticAndMalformed(t *testing.T) {
	h := &Handler{Keys: authKeys, Service: &recorder{}, Log: slog.New(slog.DiscardHandler)}
	body, err := encoder.Marshal(&Message{Op: "destroy", Key: "k", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	request, _ := seal(body, mac("PLK", body))
	w := post(h, request)
	answer, _ := io.ReadAll(w.Body)
	reply, m, err := open(answer)
	if err != nil || !hmac.Equal(m, mac("PLK-R", reply)) {
		t.Fatalf("no authentic reply: %d, %v", w.Code, err)
	}
	if result, err := decodeReply(reply, request); result != Refused || err != nil {
		t.Errorf("got %q, %v", result, err)
	}
}

func TestAnAttemptIsAnOTPAndItsBlind(t *testing.T) {
	for name, a := range map[string]Attempt{
		"letters": {OTP: "12345x", Blind: attempt.Blind}, "short": {OTP: "12345", Blind: attempt.Blind}, "long": {OTP: "123456789", Blind: attempt.Blind},
		"no blind": {OTP: "123456"}, "a longer blind": {OTP: "123456", Blind: make([]byte, reference.BlindSize+1)},
	} {
		c := NewClient("https://nowhere", http.DefaultClient, epsKeys, time.Second)
		if err := c.Activate(t.Context(), "k", token, a); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyACreateHasContent(t *testing.T) {
	for name, change := range map[string]func(*Message){
		"suspend with a blob":   func(m *Message) { m.Op = Suspend },
		"settle with a blob":    func(m *Message) { *m = Message{Op: Settle, Key: "k", Token: token, Blob: m.Blob} },
		"activate without one":  func(m *Message) { *m = Message{Op: Activate, Key: "k", Token: token} },
		"activate with a TOK":   func(m *Message) { *m = Message{Op: Activate, Key: "k", Token: token, Blob: m.Blob} },
		"activate with a user":  func(m *Message) { m.Op = Activate },
		"no key":                func(m *Message) { m.Key = "" },
		"key with a newline":    func(m *Message) { m.Key = "a\nb" },
		"token in small":        func(m *Message) { m.Token = "0123456789abcdefghjkmnpqrs" },
		"service with a space":  func(m *Message) { m.Service = "b ank" },
		"user ends in a space":  func(m *Message) { m.User = "zoë " },
		"user not UTF-8":        func(m *Message) { m.User = "\xff" },
		"TRK version 0":         func(m *Message) { m.TRKVersion = 0 },
		"PIN of 3 digits":       func(m *Message) { m.PINDigits = 3 },
		"TOK of 16 bytes":       func(m *Message) { m.TOKLength, m.Blob = 16, m.Blob[:24] },
		"blob of another size":  func(m *Message) { m.Blob = m.Blob[:32] },
		"user of 129 bytes":     func(m *Message) { m.User = reference.User(bytes.Repeat([]byte{'u'}, 129)) },
		"service of 65 letters": func(m *Message) { m.Service = reference.Service(bytes.Repeat([]byte{'s'}, 65)) },
	} {
		t.Run(name, func(t *testing.T) {
			m := registration.message()
			change(&m)
			if _, err := Encode(m); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzMessage: what is accepted as an envelope or a message is its one encoding.
func FuzzMessage(f *testing.F) {
	create, _ := Encode(registration.message())
	revoke, _ := Encode(Message{Op: Revoke, Key: "k", Token: token})
	blob, _ := attempt.encode()
	activate, _ := Encode(Message{Op: Activate, Key: "k", Token: token, Blob: blob})
	envelope, _ := seal(create, mac("PLK", create))
	for _, seed := range [][]byte{create, revoke, activate, envelope, {0x80}, {0x9f, 0xff}, {0x82, 0x40, 0x40}, {0xf6}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := Decode(data); err == nil {
			again, err := Encode(m)
			if err != nil || !bytes.Equal(again, data) {
				t.Errorf("%x is not what %+v encodes to: %v", data, m, err)
			}
		}
		if body, m, err := open(data); err == nil {
			if again, _ := seal(body, m); !bytes.Equal(again, data) {
				t.Errorf("%x is another encoding of an envelope", data)
			}
		}
	})
}

// FuzzReply: no bytes are taken for the answer to a request they do not name.
func FuzzReply(f *testing.F) {
	request := []byte("request")
	done, _ := encodeReply(request, Done)
	f.Add(done)
	f.Add([]byte{0x82, 0x40, 0x60})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeReply(data, request)
		if err != nil {
			return
		}
		if again, _ := encodeReply(request, r); !bytes.Equal(again, data) {
			t.Errorf("%x is another encoding of %q", data, r)
		}
	})
}
