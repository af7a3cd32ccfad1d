package authserver

import (
	"net/http"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/api/strict"
)

// The bodies of the calls for challenges, as authserver.yaml describes them.
type (
	// ChallengeRequest asks for a challenge: an Ask.
	ChallengeRequest struct {
		Service         reference.Service `json:"service"`
		User            reference.User    `json:"user"`
		Question        string            `json:"question,omitempty"`
		ClientQuestion  string            `json:"client_question,omitempty"`
		Session         string            `json:"session,omitempty"`
		ValiditySeconds int               `json:"validity_seconds,omitempty"`
	}
	// ChallengeAnswer is a Challenge.
	ChallengeAnswer struct {
		Challenge      string    `json:"challenge"`
		Question       string    `json:"question"`
		ServerResponse string    `json:"server_response,omitempty"`
		Expires        time.Time `json:"expires"`
	}
	// RespondRequest is a Reply; the path names its challenge.
	RespondRequest struct {
		Service  reference.Service `json:"service"`
		User     reference.User    `json:"user"`
		Session  string            `json:"session,omitempty"`
		Response string            `json:"response"`
	}
)

// maxResponse is that of a suite that does not truncate, in hexadecimal digits.
const maxResponse = 128

func (s *Server) serveChallenge(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	var in ChallengeRequest
	if err := strict.Body(w, r, maxBody, &in); err != nil {
		return err
	}
	longest := int(s.asking.validity / time.Second)
	if in.Service == "" || in.User == "" || in.ValiditySeconds < 0 || in.ValiditySeconds > longest {
		return problem.Malformed().With("service and user are required, validity_seconds is at most %d", longest)
	}
	c, err := s.Challenge(r.Context(), Ask{
		Service: in.Service, User: in.User, Question: in.Question, Client: in.ClientQuestion,
		Session: in.Session, Validity: time.Duration(in.ValiditySeconds) * time.Second,
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, ChallengeAnswer{Challenge: c.ID, Question: c.Question, ServerResponse: c.ServerResponse, Expires: c.Expires})
}

func (s *Server) serveRespond(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	start := time.Now()
	var in RespondRequest
	if err := strict.Body(w, r, maxBody, &in); err != nil {
		return err
	}
	if in.Service == "" || in.User == "" || in.Response == "" || len(in.Response) > maxResponse {
		return problem.Malformed().With("service, user and response are required, response with at most %d bytes", maxResponse)
	}
	accepted, err := s.Respond(r.Context(), Reply{
		Challenge: r.PathValue("challenge"), Service: in.Service, User: in.User, Session: in.Session, Response: in.Response,
	})
	return s.judged(w, r, start, accepted, err)
}
