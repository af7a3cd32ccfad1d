package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/api/strict"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/store"
)

// Enroller is what the bank listener needs of package enroll.
type Enroller interface {
	Enrol(context.Context, enroll.Request) (enroll.Result, error)
	Revoke(ctx context.Context, token reference.TokenID, actor string) error
	Suspend(ctx context.Context, token reference.TokenID, actor string) error
	Resume(ctx context.Context, token reference.TokenID, actor string) error
	Reissue(ctx context.Context, token reference.TokenID, actor string) (enroll.Result, error)
	Status(ctx context.Context, token reference.TokenID) (reference.Token, reference.RegistrationCode, error)
}

// BankParts is what the bank listener works on.
type BankParts struct {
	Enroll Enroller
	Store  store.EPS // for the audit
	Ready  func(context.Context) []Check
	Info   Info
	Limit  int64 // of a body, in bytes
}

// Info says who answers.
type Info struct {
	Name    string `json:"name"` // as phones know it
	Node    string `json:"node"`
	Version string `json:"version"`
	MPP     []int  `json:"mpp"` // versions of the provisioning protocol
}

// Bank answers the bank listener.
func (s *Surface) Bank(p BankParts) http.Handler {
	return s.handler(Bank, calls{
		"POST /v1/tokens":                 p.enrol,
		"GET /v1/tokens/{token}":          bare(p.status),
		"POST /v1/tokens/{token}/revoke":  bare(p.change(p.Enroll.Revoke)),
		"POST /v1/tokens/{token}/suspend": bare(p.change(p.Enroll.Suspend)),
		"POST /v1/tokens/{token}/resume":  bare(p.change(p.Enroll.Resume)),
		"POST /v1/tokens/{token}/reissue": bare(p.reissue),
		"GET /v1/audit":                   p.audit,
		"GET /v1/health":                  bare(p.health),
		"GET /v1/info":                    bare(p.info),
	})
}

// enrolment is the body of POST /v1/tokens. Fields left out take the EPS's defaults.
type enrolment struct {
	Service         reference.Service `json:"service"`
	User            reference.User    `json:"user"`
	Suite           string            `json:"suite"`
	PINDigits       int               `json:"pin_digits"`
	CodeDigits      int               `json:"code_digits"`
	ValiditySeconds int               `json:"validity_seconds"`
	MPP             int               `json:"mpp"`
}

// maxValidity keeps seconds from overflowing a duration; package enroll has the limit.
const maxValidity = 365 * 24 * 60 * 60

func (b BankParts) enrol(w http.ResponseWriter, r *http.Request, who pki.Caller) error {
	if r.URL.RawQuery != "" {
		return problem.Malformed().With("this call takes no query")
	}
	var e enrolment
	if err := strict.Body(w, r, b.Limit, &e); err != nil {
		return err
	}
	if e.ValiditySeconds < 0 || e.ValiditySeconds > maxValidity {
		return problem.Malformed().With("validity_seconds: out of its bounds")
	}
	made, err := b.Enroll.Enrol(r.Context(), enroll.Request{
		Service: e.Service, User: e.User, Suite: e.Suite, PINDigits: e.PINDigits, CodeDigits: e.CodeDigits,
		Validity: time.Duration(e.ValiditySeconds) * time.Second, MPP: e.MPP, Actor: who.Name,
	})
	if err != nil {
		return enrolProblem(err)
	}
	w.Header().Set("Location", "/v1/tokens/"+string(made.Token))
	return disclose(w, made)
}

// enrolProblem: an invalid request is told which field and what is wanted. What is
// not found is no token here, but a key: the EPS is not paired.
func enrolProblem(err error) error {
	switch {
	case errors.Is(err, reference.ErrInvalid):
		return problem.Malformed().With("%v", err)
	case errors.Is(err, reference.ErrNotFound):
		return fmt.Errorf("%w: %w", problem.Unavailable().With("the EPS lacks a key that it shares with its authentication server"), err)
	}
	return err
}

func (b BankParts) reissue(w http.ResponseWriter, r *http.Request, who pki.Caller) error {
	id, err := pathToken(r)
	if err != nil {
		return err
	}
	made, err := b.Enroll.Reissue(r.Context(), id, who.Name)
	if err != nil {
		return err
	}
	return disclose(w, made)
}

// disclose writes PIN and registration code, once. The body is put together by hand
// in one buffer, which is cleared: encoding/json would leave copies in its pools.
// What net/http and TLS keep is out of reach.
func disclose(w http.ResponseWriter, made enroll.Result) error {
	defer made.Clear()
	body := make([]byte, 0, 256)
	body = append(body, `{"token":"`...)
	body = append(body, made.Token...)
	if made.PIN.Len() > 0 {
		body = append(body, `","pin":"`...)
		body = append(body, made.PIN.Bytes()...)
	}
	body = append(body, `","registration_code":"`...)
	body = append(body, made.Code.Bytes()...)
	body = append(body, `","expires":"`...)
	body = made.Expires.UTC().AppendFormat(body, time.RFC3339)
	body = append(body, `"}`...)
	defer clear(body)
	return send(w, http.StatusCreated, body)
}

// change makes the call for revoke, suspend and resume, whose answer is the token
// as it then stands.
func (b BankParts) change(do func(context.Context, reference.TokenID, string) error) call {
	return func(w http.ResponseWriter, r *http.Request, who pki.Caller) error {
		id, err := pathToken(r)
		if err != nil {
			return err
		}
		if err := do(r.Context(), id, who.Name); err != nil {
			return err
		}
		return b.status(w, r, who)
	}
}

func (b BankParts) health(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	if err := notReady(b.Ready(r.Context())); err != nil {
		return problem.Unavailable() // which part fails is for operators
	}
	return reply(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"ok"})
}

func (b BankParts) info(w http.ResponseWriter, _ *http.Request, _ pki.Caller) error {
	return reply(w, http.StatusOK, b.Info)
}

// pathToken is the token of the path. What is no token id cannot be found.
func pathToken(r *http.Request) (reference.TokenID, error) {
	id := reference.TokenID(r.PathValue("token"))
	if id.Check() != nil {
		return "", problem.NotFound()
	}
	return id, nil
}
