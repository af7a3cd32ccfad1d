package target

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/authserver/authclient"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
)

// Limits of a call that the bench makes.
const (
	callTime  = 30 * time.Second
	maxAnswer = 4 << 20 // bytes
)

// clients are the callers of the target, by the name of their certificate; "" has none.
type clients struct {
	mu     sync.Mutex
	byName map[string]*http.Client
	phones map[string]*http.Client // by source address
	pki    string
}

func (c *clients) open(s *system) error {
	c.pki = s.path("pki")
	c.byName, c.phones = map[string]*http.Client{}, map[string]*http.Client{}
	for _, name := range []string{"", "bank-issuer", "bank-auditor", "admin", "custodian", "bank-validator", "bank-importer", "eps-plugin", "operator-a", "operator-b"} {
		certificate, key := "", ""
		if name != "" {
			certificate, key = filepath.Join(c.pki, name+".pem"), filepath.Join(c.pki, name+".key")
		}
		h, err := pki.Client(filepath.Join(c.pki, "ca.pem"), certificate, key)
		if err != nil {
			return err
		}
		h.Timeout = callTime
		c.byName[name] = h
	}
	return nil
}

func (c *clients) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, set := range []map[string]*http.Client{c.byName, c.phones} {
		for _, h := range set {
			h.CloseIdleConnections()
		}
	}
}

// phone gives a client without a certificate that calls from a loopback address.
func (c *clients) phone(from string) (*http.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.phones[from]; h != nil {
		return h, nil
	}
	roots, err := pki.LoadCA(filepath.Join(c.pki, "ca.pem"))
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{}
	if from != "" {
		ip := net.ParseIP(from)
		if ip == nil {
			return nil, fmt.Errorf("source %q is no address", from)
		}
		dialer.LocalAddr = &net.TCPAddr{IP: ip}
	}
	c.phones[from] = &http.Client{Timeout: callTime, Transport: &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: 256,
	}}
	return c.phones[from], nil
}

// Provision posts body as it is.
func (s *system) Provision(ctx context.Context, from string, body []byte) (conformance.Answer, error) {
	return s.provision(ctx, from, wire.Path, body)
}

// ProvisionV1 does the same for MPP v1.
func (s *system) ProvisionV1(ctx context.Context, from string, body []byte) (conformance.Answer, error) {
	return s.provision(ctx, from, wire1.Path, body)
}

func (s *system) provision(ctx context.Context, from, path string, body []byte) (conformance.Answer, error) {
	h, err := s.clients.phone(from)
	if err != nil {
		return conformance.Answer{}, err
	}
	return exchange(ctx, h, http.MethodPost, s.url("public")+path, wire.ContentType, body)
}

func (s *system) url(listener string) string {
	address := s.fixed[listener]
	switch {
	case address != "":
	case listener == "plugin" || listener == "auth":
		address = s.auth.Addr(listener)
	default:
		address = s.eps.Addr(listener)
	}
	return "https://" + address
}

// exchange makes one HTTP call and reads the whole answer.
func exchange(ctx context.Context, h *http.Client, method, url, contentType string, body []byte) (a conformance.Answer, err error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return a, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	start := time.Now()
	resp, err := h.Do(r)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	a = conformance.Answer{Status: resp.StatusCode, Header: resp.Header}
	a.Body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	a.Took = time.Since(start)
	return a, err
}

// call makes a JSON call as name and decodes the answer of a call that succeeds. Its
// error tells status and title of the problem document, never a body.
func (s *system) call(ctx context.Context, name, method, url string, in, out any) error {
	var body []byte
	contentType := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		contentType = "application/json"
	}
	a, err := exchange(ctx, s.clients.byName[name], method, url, contentType, body)
	if err != nil {
		return err
	}
	if a.Status >= 300 {
		var p struct{ Title string }
		_ = json.Unmarshal(a.Body, &p) // the status says enough
		return &conformance.Refused{Status: a.Status, Title: p.Title}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(a.Body, out)
}

// Enrol asks for a token as the bank.
func (s *system) Enrol(ctx context.Context, e conformance.EnrolRequest) (conformance.Enrolled, error) {
	in := map[string]any{"service": e.Service, "user": e.User}
	for name, v := range map[string]any{"suite": e.Suite, "pin_digits": e.PINDigits, "validity_seconds": int(e.Validity / time.Second), "mpp": e.MPP} {
		if v != "" && v != 0 {
			in[name] = v
		}
	}
	var out issued
	err := s.call(ctx, "bank-issuer", http.MethodPost, s.url("bank")+"/v1/tokens", in, &out)
	return conformance.Enrolled{Token: out.Token, PIN: out.PIN, RegistrationCode: out.Code, Expires: out.Expires}, err
}

// issued is the answer to an enrolment and to a reissue.
type issued struct {
	Token   string    `json:"token"`
	PIN     string    `json:"pin"`
	Code    string    `json:"registration_code"`
	Expires time.Time `json:"expires"`
}

// Status asks for the state of a token.
func (s *system) Status(ctx context.Context, token string) (string, error) {
	var out struct{ State string }
	err := s.call(ctx, "bank-issuer", http.MethodGet, s.tokenURL(token, ""), nil, &out)
	return out.State, err
}

func (s *system) tokenURL(token, operation string) string {
	u := s.url("bank") + "/v1/tokens/" + url.PathEscape(token)
	if operation != "" {
		u += "/" + operation
	}
	return u
}

// Change revokes, suspends or resumes a token.
func (s *system) Change(ctx context.Context, token, operation string) error {
	return s.call(ctx, "bank-issuer", http.MethodPost, s.tokenURL(token, operation), nil, nil)
}

// Reissue asks for a new registration code.
func (s *system) Reissue(ctx context.Context, token string) (string, error) {
	var out issued
	err := s.call(ctx, "bank-issuer", http.MethodPost, s.tokenURL(token, "reissue"), nil, &out)
	return out.Code, err
}

// Validate asks the authentication server about an OTP.
func (s *system) Validate(ctx context.Context, service, user, otp string) (conformance.Validation, error) {
	return s.judged(ctx, "/v1/validate", map[string]string{"service": service, "user": user, "otp": otp})
}

// operators are the two who unlock tokens together.
var operators = [...]string{"operator-a", "operator-b"}

// RequestUnlock asks in an operator's name for a token to be unlocked.
func (s *system) RequestUnlock(ctx context.Context, operator int, token string) (string, error) {
	var out struct{ Unlock string }
	err := s.call(ctx, operators[operator], http.MethodPost, s.url("auth")+"/v1/unlocks", map[string]string{"token": token}, &out)
	return out.Unlock, err
}

// ConfirmUnlock confirms such a request in an operator's name.
func (s *system) ConfirmUnlock(ctx context.Context, operator int, unlock string) error {
	return s.call(ctx, operators[operator], http.MethodPost, s.url("auth")+"/v1/unlocks/"+url.PathEscape(unlock)+"/confirm", nil, nil)
}

// ImportSeed hands a seed to the authentication server, wrapped as an importer does.
func (s *system) ImportSeed(ctx context.Context, seed conformance.Seed) (string, error) {
	c := authclient.Client{Base: s.url("auth"), HTTP: s.clients.byName["bank-importer"]}
	id, err := c.Import(ctx, authclient.Seed{
		Service: reference.Service(seed.Service), User: reference.User(seed.User), Suite: seed.Suite,
		Counter: seed.Counter, Secret: reference.NewSecret(bytes.Clone(seed.Secret)),
		PINHash: seed.PINHash, PINDigits: seed.PINDigits,
	})
	return string(id), refused(err)
}

// refused gives what the authentication server turned down as the suites know it.
func refused(err error) error {
	var p problem.Problem
	if errors.As(err, &p) {
		return &conformance.Refused{Status: p.Status, Title: p.Title}
	}
	return err
}
