package target

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/epsbench/epsbench/conformance"
)

// Challenge asks for a question to a user's token.
func (s *system) Challenge(ctx context.Context, a conformance.Ask) (conformance.Challenge, error) {
	in := map[string]any{"service": a.Service, "user": a.User}
	for name, v := range map[string]any{
		"question": a.Question, "client_question": a.ClientQuestion, "session": a.Session,
		"validity_seconds": int(a.Validity / time.Second),
	} {
		if v != "" && v != 0 {
			in[name] = v
		}
	}
	var out struct {
		Challenge, Question string
		ServerResponse      string `json:"server_response"`
		Expires             time.Time
	}
	err := s.call(ctx, "bank-validator", http.MethodPost, s.url("auth")+"/v1/challenges", in, &out)
	return conformance.Challenge{ID: out.Challenge, Question: out.Question, ServerResponse: out.ServerResponse, Expires: out.Expires}, err
}

// Respond hands a response in.
func (s *system) Respond(ctx context.Context, r conformance.Reply) (conformance.Validation, error) {
	in := map[string]string{"service": r.Service, "user": r.User, "response": r.Response}
	if r.Session != "" {
		in["session"] = r.Session
	}
	return s.judged(ctx, "/v1/challenges/"+url.PathEscape(r.Challenge)+"/respond", in)
}

// judged makes a call that is answered by whether something was accepted.
func (s *system) judged(ctx context.Context, path string, in any) (conformance.Validation, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return conformance.Validation{}, err
	}
	a, err := exchange(ctx, s.clients.byName["bank-validator"], http.MethodPost, s.url("auth")+path, "application/json", body)
	if err != nil {
		return conformance.Validation{}, err
	}
	var out struct{ Accepted bool }
	_ = json.Unmarshal(a.Body, &out) // a refusal of another shape is in Raw
	return conformance.Validation{Accepted: a.Status == http.StatusOK && out.Accepted, Status: a.Status, Header: a.Header, Raw: a.Body}, nil
}
