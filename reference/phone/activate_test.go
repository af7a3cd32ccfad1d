package phone_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"
)

// saved keeps what a device was when it was kept last.
type saved struct{ ticket []byte }

func (s *saved) Keep(d *phone.Device) error {
	s.ticket = bytes.Clone(d.Ticket)
	return nil
}

// waiting is a device with a ticket.
func waiting() *phone.Device {
	return &phone.Device{
		Format: "epsbench.device/1", EPS: "eps", Service: "shop", Token: "0123456789ABCDEFGHJKMNPQRS", C: make([]byte, 32), Direction: 1,
		TOKLength: 32, Salt: make([]byte, 16), KDF: wire.KDFName, Iterations: 1, Suite: "HOTP-SHA256-6", PINDigits: 6,
		Ticket: bytes.Repeat([]byte{3}, 16),
	}
}

// answering is an EPS that loses so many answers, and then gives one.
func answering(t *testing.T, lost int, answer func(body []byte) []byte) (*http.Client, phone.Pinned, *[][]byte) {
	t.Helper()
	bodies := [][]byte{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != wire.ActivationPath {
			t.Errorf("%s, %v", r.URL.Path, err)
		}
		if bodies = append(bodies, body); len(bodies) <= lost {
			panic(http.ErrAbortHandler)
		}
		_, _ = w.Write(answer(body))
	}))
	t.Cleanup(s.Close)
	return s.Client(), phone.Pinned{URL: s.URL + wire.Path}, &bodies
}

func TestAnActivationWithoutAnAnswerIsSentAgain(t *testing.T) {
	d, kept := waiting(), &saved{}
	ticket := bytes.Clone(d.Ticket)
	client, pinned, bodies := answering(t, 2, func(body []byte) []byte { return wire.ActivationProof(ticket, body) })
	if err := d.Activate(t.Context(), client, pinned, []byte("123456"), time.Now(), kept); err != nil {
		t.Fatal(err)
	}
	if n := len(*bodies); n != 3 || !bytes.Equal((*bodies)[0], (*bodies)[2]) {
		t.Errorf("%d requests, or different ones", n)
	}
	if len(d.Ticket) != 0 || len(kept.ticket) != 0 || d.Counter != 1 {
		t.Errorf("a ticket is left, or %d OTPs were made", d.Counter)
	}
	if err := d.Activate(t.Context(), client, pinned, []byte("123456"), time.Now(), kept); !errors.Is(err, phone.ErrDevice) {
		t.Errorf("without a ticket: %v", err)
	}
}

func TestARefusedActivationLeavesTheTicket(t *testing.T) {
	d, kept := waiting(), &saved{}
	client, pinned, _ := answering(t, 0, func([]byte) []byte { return make([]byte, wire.ActivationSize) })
	for range 2 {
		if err := d.Activate(t.Context(), client, pinned, []byte("123456"), time.Now(), kept); !errors.Is(err, phone.ErrNotActivated) {
			t.Errorf("got %v", err)
		}
	}
	if len(kept.ticket) != 16 || d.Counter != 2 {
		t.Errorf("a ticket of %d bytes and %d OTPs", len(kept.ticket), d.Counter)
	}
	gone, pinnedToo, bodies := answering(t, 9, nil)
	if err := d.Activate(t.Context(), gone, pinnedToo, []byte("123456"), time.Now(), kept); !errors.Is(err, phone.ErrTransport) || len(*bodies) == 0 {
		t.Errorf("without an answer: %v", err)
	}
	pinned.URL = "http://plain" + wire.Path
	if err := d.Activate(t.Context(), client, pinned, []byte("123456"), time.Now(), kept); !errors.Is(err, phone.ErrPinned) {
		t.Errorf("without TLS: %v", err)
	}
}
