package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/api/problem"
)

func TestEnrolTellsPINAndCodeOnce(t *testing.T) {
	s := newStand(t)
	resp := s.call(t, api.Bank, "issuer", "POST", "/v1/tokens",
		`{"service":"shop","user":"alice","suite":"TOTP-SHA256-6-30","pin_digits":8,"code_digits":9,"validity_seconds":60}`)
	var told struct{ Token, PIN, Registration_Code, Expires string }
	if err := json.Unmarshal([]byte(text(t, resp)), &told); err != nil {
		t.Fatal(err)
	}
	if told.PIN != "824193" || told.Registration_Code != "ABCDEFGH-01234567890" || told.Token != string(known) || told.Expires != "2027-01-15T08:00:00Z" {
		t.Errorf("told %+v", told)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Location") != "/v1/tokens/"+string(known) {
		t.Errorf("headers %v", resp.Header)
	}
	got := s.desk.got
	if got.Service != "shop" || got.Suite != "TOTP-SHA256-6-30" || got.PINDigits != 8 || got.CodeDigits != 9 || got.Validity != time.Minute || got.Actor != "bank" {
		t.Errorf("asked for %+v", got)
	}
}

func TestSecretsAreClearedWhenTheyHaveLeft(t *testing.T) {
	s := newStand(t)
	s.call(t, api.Bank, "issuer", "POST", "/v1/tokens", enrolment)
	for _, secret := range []reference.Secret{s.desk.made.PIN, s.desk.made.Code} {
		if strings.Trim(string(secret.Bytes()), "\x00") != "" {
			t.Error("a secret is still in its buffer")
		}
	}
	if strings.Contains(s.log.String(), "824193") {
		t.Error("the PIN is in the log")
	}
}

func TestAnUnpairedEPSIsUnavailable(t *testing.T) {
	s := newStand(t)
	s.desk.err = fmt.Errorf("TRK: %w", reference.ErrNotFound)
	if resp := s.call(t, api.Bank, "issuer", "POST", "/v1/tokens", enrolment); resp.StatusCode != 503 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestATokenTellsNothingOfItsRow(t *testing.T) {
	body := text(t, newStand(t).call(t, api.Bank, "auditor", "GET", "/v1/tokens/"+string(known), ""))
	for _, inner := range []string{"salt", "sealed", "index", "iterations"} {
		if strings.Contains(strings.ToLower(body), inner) {
			t.Errorf("%s in %s", inner, body)
		}
	}
}

func TestErrorsFromBelowBecomeProblems(t *testing.T) {
	s := newStand(t)
	for _, c := range []struct {
		err    error
		status int
	}{
		{reference.ErrInvalid, 400},
		{reference.ErrExists, 409},
		{reference.ErrConflict, 409},
		{reference.ErrUnavailable, 503},
		{reference.ErrRefused, 403},
		{errors.New("a table is missing"), 500},
	} {
		s.desk.err = c.err
		for _, e := range []exchange{
			{api.Bank, "issuer", "POST", "/v1/tokens", enrolment, 0},
			{api.Bank, "issuer", "POST", "/v1/tokens/" + string(known) + "/suspend", "", 0},
		} {
			resp := s.exchange(t, e)
			if body := text(t, resp); resp.StatusCode != c.status || strings.Contains(body, "table") || strings.Contains(body, "824193") {
				t.Errorf("%v: %d %s", c.err, resp.StatusCode, body)
			}
		}
	}
}

// TestBadCalls: each gets a problem document, and a record in the audit.
func TestBadCalls(t *testing.T) {
	path := "/v1/tokens/" + string(known)
	for _, c := range []struct {
		name, method, target, contentType, body string
		status                                  int
	}{
		{"no such route", "GET", "/v2/tokens", "", "", 404},
		{"no such token", "GET", "/v1/tokens/" + string(unknown), "", "", 404},
		{"not a token", "GET", "/v1/tokens/alice", "", "", 404},
		{"escaped path", "GET", "/v1/tokens/%2e%2e/audit", "", "", 404},
		{"doubled slash", "GET", "/v1//info", "", "", 404},
		{"slash at the end", "GET", "/v1/info/", "", "", 404},
		{"dots", "GET", "/v1/tokens/../info", "", "", 404},
		{"other method", "DELETE", path, "", "", 405},
		{"HEAD", "HEAD", path, "", "", 405},
		{"method of its own", "BREW", path, "", "", 405},
		{"body where none is", "POST", path + "/revoke", "application/json", "{}", 400},
		{"query where none is", "GET", path + "?x=1", "", "", 400},
		{"query at enrol", "POST", "/v1/tokens?x=1", "application/json", enrolment, 400},
		{"no body", "POST", "/v1/tokens", "application/json", "", 400},
		{"other type", "POST", "/v1/tokens", "text/plain", enrolment, 415},
		{"too large", "POST", "/v1/tokens", "application/json", `{"user":"` + strings.Repeat("a", 2000) + `"}`, 413},
		{"unknown field", "POST", "/v1/tokens", "application/json", `{"service":"shop","user":"a","pin":"1234"}`, 400},
		{"field twice", "POST", "/v1/tokens", "application/json", `{"service":"shop","user":"a","user":"b"}`, 400},
		{"huge validity", "POST", "/v1/tokens", "application/json", `{"service":"shop","user":"a","validity_seconds":1000000000}`, 400},
		{"unknown parameter", "GET", "/v1/audit?tokn=1", "", "", 400},
		{"parameter twice", "GET", "/v1/audit?limit=1&limit=2", "", "", 400},
		{"limit out of bounds", "GET", "/v1/audit?limit=1001", "", "", 400},
		{"after not a number", "GET", "/v1/audit?after=-1", "", "", 400},
		{"broken query", "GET", "/v1/audit?token=%zz", "", "", 400},
		{"event in capitals", "GET", "/v1/audit?event=A", "", "", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStand(t)
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Caller", "issuer auditor")
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			resp := s.do(api.Bank, r)
			isProblem(t, resp, c.method, c.status)
			if s.desk.got.User != "" {
				t.Error("the call was made")
			}
			if n := len(s.records(t, api.Denied)); n != 1 {
				t.Errorf("%d records in the audit", n)
			}
		})
	}
}

func isProblem(t *testing.T, resp *http.Response, method string, status int) {
	t.Helper()
	if resp.StatusCode != status || resp.Header.Get("Content-Type") != problem.ContentType {
		t.Fatalf("got %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	if method == "HEAD" {
		return
	}
	var p problem.Problem
	if err := json.Unmarshal([]byte(text(t, resp)), &p); err != nil || p.Status != status || len(p.TraceID) != 32 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestMethodNotAllowedNamesTheOthers(t *testing.T) {
	resp := newStand(t).call(t, api.Bank, "issuer", "PUT", "/v1/tokens", "")
	if resp.Header.Get("Allow") != "POST" {
		t.Errorf("Allow: %s", resp.Header.Get("Allow"))
	}
}

func TestDenialsNameTheCallerAndTheToken(t *testing.T) {
	s := newStand(t)
	s.call(t, api.Bank, "auditor", "POST", "/v1/tokens/"+string(known)+"/revoke", "")
	r := s.records(t, api.Denied)[0]
	if r.Actor != "bank" || r.Token != known || !strings.Contains(r.Detail, `"status":403`) || !strings.Contains(r.Detail, `"route":"/v1/tokens/{token}/revoke"`) {
		t.Errorf("%+v", r)
	}
}

// A call that the EPS could not carry out was denied to nobody, and its record would have to
// wait for the store that is away.
func TestWhatIsUnavailableIsNoDenial(t *testing.T) {
	s := newStand(t)
	s.down = true
	if resp := s.call(t, api.Bank, "issuer", "GET", "/v1/health", ""); resp.StatusCode != http.StatusServiceUnavailable {
		t.Fatal(resp.Status)
	}
	if r := s.records(t, api.Denied); len(r) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestStrangersAreCountedBySourceAndSecond(t *testing.T) {
	s := newStand(t)
	const calls = 500
	for range calls {
		s.call(t, api.Bank, "", "GET", "/v1/info", "")
	}
	if err := s.rejects.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	counted := 0
	for _, r := range s.records(t, "rejected") {
		var detail struct{ Count int }
		if err := json.Unmarshal([]byte(r.Detail), &detail); err != nil || r.Actor != "stranger" {
			t.Errorf("%+v, %v", r, err)
		}
		counted += detail.Count
	}
	if n := len(s.records(t, "rejected")); counted != calls || n > 5 {
		t.Errorf("%d calls counted in %d records", counted, n)
	}
}

func TestReadinessNamesTheFailedPartToOperatorsOnly(t *testing.T) {
	s := newStand(t)
	s.down = true
	ready := s.exchange(t, exchange{api.Operations, "admin", "GET", "/ready", "", 503})
	if body := text(t, ready); ready.StatusCode != 503 || !strings.Contains(body, "store: no answer") {
		t.Errorf("%d %s", ready.StatusCode, body)
	}
	health := s.exchange(t, exchange{api.Bank, "issuer", "GET", "/v1/health", "", 503})
	if body := text(t, health); health.StatusCode != 503 || strings.Contains(body, "store:") {
		t.Errorf("%d %s", health.StatusCode, body)
	}
}

func TestAuditPages(t *testing.T) {
	s := newStand(t)
	for range 5 {
		s.call(t, api.Bank, "auditor", "GET", "/v1/nothing", "")
	}
	var p struct {
		Records []struct {
			Seq    uint64
			Detail map[string]any
		}
		Next uint64
	}
	resp := s.call(t, api.Bank, "auditor", "GET", "/v1/audit?after=1&limit=2", "")
	if err := json.Unmarshal([]byte(text(t, resp)), &p); err != nil || len(p.Records) != 2 || p.Records[0].Seq != 2 || p.Next != 3 || p.Records[0].Detail["listener"] != "bank" {
		t.Errorf("%+v, %v", p, err)
	}
}

// FuzzEnrol: whatever the bank sends, the answer is 201 or a problem, never a panic.
func FuzzEnrol(f *testing.F) {
	for _, body := range []string{enrolment, `{`, `{"service":"shop","user":"a","pin_digits":1e3}`, "{\"user\":\"\u0000\"}", `[]`} {
		f.Add([]byte(body))
	}
	s := newStand(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		resp := s.call(t, api.Bank, "issuer", "POST", "/v1/tokens", string(body)+" ")
		if resp.StatusCode == 500 || resp.StatusCode != 201 && resp.Header.Get("Content-Type") != problem.ContentType {
			t.Fatalf("%q: %d %s", body, resp.StatusCode, text(t, resp))
		}
	})
}

// FuzzAuditQuery: a query gets records or a problem.
func FuzzAuditQuery(f *testing.F) {
	for _, q := range []string{"token=" + string(known), "limit=0", "after=18446744073709551615", "a=%", "event=denied;limit=1"} {
		f.Add(q)
	}
	s := newStand(f)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest("GET", "/v1/audit", nil)
		r.URL.RawQuery = query
		r.Header.Set("Caller", "auditor")
		if resp := s.do(api.Bank, r); resp.StatusCode != 200 && resp.StatusCode != 400 {
			t.Fatalf("%q: %d", query, resp.StatusCode)
		}
	})
}
