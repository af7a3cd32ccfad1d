package mpp_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"
	"time"

	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/phone"
	"github.com/epsbench/epsbench/reference/store"
)

func TestOnlyThreeRequestsGetAProblem(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		method, contentType, encoding string
		body                          io.Reader
		status                        int
	}{
		"GET":                     {http.MethodGet, wire.ContentType, "", nil, 405},
		"PUT":                     {http.MethodPut, wire.ContentType, "", nil, 405},
		"4,097 bytes":             {http.MethodPost, wire.ContentType, "", bytes.NewReader(make([]byte, 4097)), 413},
		"unknown length":          {http.MethodPost, wire.ContentType, "", io.LimitReader(endless{}, 1<<20), 413},
		"JSON":                    {http.MethodPost, "application/json", "", bytes.NewReader(nil), 415},
		"no content type":         {http.MethodPost, "", "", bytes.NewReader(nil), 415},
		"parameter":               {http.MethodPost, "application/cbor; v=1", "", bytes.NewReader(nil), 415},
		"compressed":              {http.MethodPost, wire.ContentType, "gzip", bytes.NewReader(nil), 415},
		"empty":                   {http.MethodPost, wire.ContentType, "", bytes.NewReader(nil), 200},
		"4,096 bytes":             {http.MethodPost, wire.ContentType, "", bytes.NewReader(make([]byte, 4096)), 200},
		"connection breaks early": {http.MethodPost, wire.ContentType, "", iotest.ErrReader(io.ErrUnexpectedEOF), 200},
	} {
		t.Run(name, func(t *testing.T) {
			q := httptest.NewRequest(c.method, wire.Path, c.body)
			if c.contentType != "" {
				q.Header.Set("Content-Type", c.contentType)
			}
			if c.encoding != "" {
				q.Header.Set("Content-Encoding", c.encoding)
			}
			rec := httptest.NewRecorder()
			w.mpp.Handlers()[wire.Path].ServeHTTP(rec, q)
			if rec.Code != c.status {
				t.Fatalf("have %d, want %d", rec.Code, c.status)
			}
			if want := map[bool]string{true: wire.ContentType, false: problem.ContentType}[c.status == 200]; rec.Header().Get("Content-Type") != want {
				t.Errorf("content type %s", rec.Header().Get("Content-Type"))
			}
			if c.status == 200 && rec.Body.Len() != wire.ResponseSize {
				t.Errorf("%d bytes", rec.Body.Len())
			}
		})
	}
	if n := len(w.Records(t, store.AuditQuery{})); n != 0 {
		t.Errorf("%d records", n)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestAFailingAddressWaitsBeforeItsNextRequest(t *testing.T) {
	w := newWorld(t)
	w.config.Burst, w.config.Rate = 2, 10
	w.renew(t)
	for i, want := range []time.Duration{100, 100, 100, 200} {
		before := w.waiter.slept
		w.post(t, nil)
		if waited := w.waiter.slept - before; i < 2 && waited != want*time.Millisecond || i >= 2 && waited < 100*time.Millisecond {
			t.Errorf("request %d took %v", i, waited)
		}
	}
}

func TestOverTLSWithThePinnedAuthority(t *testing.T) {
	w := newWorld(t)
	w.parts.Waiter = nil // the system's
	w.renew(t)
	server := httptest.NewTLSServer(w.mpp.Handlers()[wire.Path])
	defer server.Close()
	r := w.Enrol(t)
	p := w.pinned(t)
	p.URL, p.CA = server.URL+wire.Path, certificate(server)
	client, err := p.Client()
	if err != nil {
		t.Fatal(err)
	}
	d, err := phone.Provision(ctx, client, p, "bank.example", r.Code.Bytes(), w.HSM.Random(), w.Clock)
	if err != nil {
		t.Fatal(err)
	}
	if otp, err := d.OTP(r.PIN.Bytes(), w.Clock.Now(), nowhere{}); err != nil || otp != w.Server.OTP(t, r.Token, 0) {
		t.Errorf("%s, %v", otp, err)
	}
	began := time.Now()
	if _, err := phone.Provision(ctx, client, p, "bank.example", r.Code.Bytes(), w.HSM.Random(), w.Clock); err == nil {
		t.Error("the second use was granted")
	}
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("the refusal left after %v", took)
	}
}
