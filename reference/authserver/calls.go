package authserver

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/api/strict"
	"github.com/epsbench/epsbench/reference/hsm"
)

// The bodies of the calls, as authserver.yaml describes them.
type (
	// ValidateRequest asks whether an OTP is a user's.
	ValidateRequest struct {
		Service reference.Service `json:"service"`
		User    reference.User    `json:"user"`
		OTP     string            `json:"otp"`
	}
	// ValidateAnswer is the one answer, whatever the reason.
	ValidateAnswer struct {
		Accepted bool `json:"accepted"`
	}
	// ResynchroniseRequest asks whether OTPs are a user's, one after the other. The answer
	// is a ValidateAnswer.
	ResynchroniseRequest struct {
		Service reference.Service `json:"service"`
		User    reference.User    `json:"user"`
		OTPs    []string          `json:"otps"`
	}
	// ImportKeyAnswer tells how to wrap an import key.
	ImportKeyAnswer struct {
		Key  string `json:"key"`  // PEM, SubjectPublicKeyInfo
		OAEP string `json:"oaep"` // hash of OAEP and MGF1: "sha256" or "sha1"
	}
	// ImportRequest carries a Seed.
	ImportRequest struct {
		Service reference.Service `json:"service"`
		User    reference.User    `json:"user"`
		Suite   string            `json:"suite"`
		Counter uint64            `json:"counter"`
		Length  int               `json:"length"`
		Key     []byte            `json:"key"`    // base64
		Secret  []byte            `json:"secret"` // base64

		PINHash   []byte `json:"pin_hash,omitempty"` // base64
		PINDigits int    `json:"pin_digits,omitempty"`
	}
	// ImportAnswer names the new token.
	ImportAnswer struct {
		Token reference.TokenID `json:"token"`
	}
	// TokenAnswer is what operators see of a token.
	TokenAnswer struct {
		Token      reference.TokenID `json:"token"`
		Service    reference.Service `json:"service"`
		User       reference.User    `json:"user"`
		State      string            `json:"state"`
		Suite      string            `json:"suite"`
		Imported   bool              `json:"imported"`
		Failures   int               `json:"failures"`
		FailedEver int               `json:"failed_ever"`
		Candidates int               `json:"candidates"`
		Created    time.Time         `json:"created"`
		Updated    time.Time         `json:"updated"`
	}
	// UnlockRequest names the token to unlock.
	UnlockRequest struct {
		Token reference.TokenID `json:"token"`
	}
	// UnlockAnswer is a request that waits for another operator.
	UnlockAnswer struct {
		Unlock      string            `json:"unlock"`
		Token       reference.TokenID `json:"token"`
		RequestedBy string            `json:"requested_by"`
		Expires     time.Time         `json:"expires"`
	}
	// ConfirmAnswer is the token's state after an unlock.
	ConfirmAnswer struct {
		Token reference.TokenID `json:"token"`
		State string            `json:"state"`
	}
	// HealthAnswer says that OTPs can be judged.
	HealthAnswer struct {
		Status string `json:"status"`
	}
)

// maxOTP is far above every OTP; what is longer is not looked at.
const maxOTP = 64

func isOTP(text string) bool { return text != "" && len(text) <= maxOTP }

func (s *Server) serveValidate(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	start := time.Now()
	var in ValidateRequest
	if err := strict.Body(w, r, maxBody, &in); err != nil {
		return err
	}
	if in.Service == "" || in.User == "" || !isOTP(in.OTP) {
		return problem.Malformed().With("service, user and otp are required, otp with at most %d bytes", maxOTP)
	}
	accepted, err := s.Validate(r.Context(), in.Service, in.User, in.OTP)
	return s.judged(w, r, start, accepted, err)
}

// How many OTPs in a row resynchronise (RFC 4226 §7.4: "say 2 or 3").
const minOTPs, maxOTPs = 2, 3

func (s *Server) serveResynchronise(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	start := time.Now()
	var in ResynchroniseRequest
	if err := strict.Body(w, r, maxBody, &in); err != nil {
		return err
	}
	if in.Service == "" || in.User == "" || len(in.OTPs) < minOTPs || len(in.OTPs) > maxOTPs || !all(in.OTPs, isOTP) {
		return problem.Malformed().With("service, user and %d or %d otps are required, each with at most %d bytes", minOTPs, maxOTPs, maxOTP)
	}
	accepted, err := s.Resynchronise(r.Context(), in.Service, in.User, in.OTPs)
	return s.judged(w, r, start, accepted, err)
}

func all(texts []string, good func(string) bool) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !good(text) })
}

// judged answers to OTPs. What could not be judged leaves on the grid too: where counts
// cannot be written the right OTP, which takes less work, would be told by the time, and
// wrong ones be tried without end.
func (s *Server) judged(w http.ResponseWriter, r *http.Request, start time.Time, accepted bool, err error) error {
	if err != nil || !accepted {
		s.settle(r.Context(), start)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, ValidateAnswer{accepted})
}

func (s *Server) serveImportKey(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	if err := strict.NoBody(w, r); err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(s.keys.ImportPublic())
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	return answer(w, http.StatusOK, ImportKeyAnswer{Key: string(text), OAEP: oaepNames[s.hsm.Suites()[0]]})
}

var oaepNames = map[hsm.Suite]string{hsm.OAEPSHA256: "sha256", hsm.OAEPSHA1: "sha1"}

func (s *Server) serveImport(w http.ResponseWriter, r *http.Request, who pki.Caller) error {
	var in ImportRequest
	if err := strict.Body(w, r, maxBody, &in); err != nil {
		return err
	}
	token, err := s.Import(r.Context(), Seed(in))
	clear(in.PINHash)
	if err != nil {
		return err
	}
	s.log.InfoContext(r.Context(), "seed imported", "event", "imported", "token", token, "actor", who.Name)
	return answer(w, http.StatusCreated, ImportAnswer{token})
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	if err := strict.NoBody(w, r); err != nil {
		return err
	}
	c, err := s.credential(r.Context(), reference.TokenID(r.PathValue("token")))
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, TokenAnswer{
		Token: c.Token, Service: c.Service, User: c.User, State: c.State, Suite: c.Suite, Imported: c.Imported,
		Failures: c.Failures, FailedEver: c.FailedEver, Candidates: c.Candidates, Created: c.Created, Updated: c.Updated,
	})
}

func (s *Server) serveRequestUnlock(w http.ResponseWriter, r *http.Request, who pki.Caller) error {
	var in UnlockRequest
	if err := strict.Body(w, r, maxBody, &in); err != nil {
		return err
	}
	if in.Token == "" {
		return problem.Malformed().With("token is required")
	}
	u, err := s.RequestUnlock(r.Context(), in.Token, who.Name)
	if err != nil {
		return err
	}
	return answer(w, http.StatusCreated, UnlockAnswer{Unlock: u.ID, Token: u.Token, RequestedBy: u.Operator, Expires: u.Expires})
}

func (s *Server) serveConfirmUnlock(w http.ResponseWriter, r *http.Request, who pki.Caller) error {
	if err := strict.NoBody(w, r); err != nil {
		return err
	}
	c, err := s.ConfirmUnlock(r.Context(), r.PathValue("unlock"), who.Name)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, ConfirmAnswer{Token: c.Token, State: c.State})
}

func (s *Server) serveHealth(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	if err := strict.NoBody(w, r); err != nil {
		return err
	}
	if err := s.Healthy(r.Context()); err != nil {
		s.log.WarnContext(r.Context(), "not healthy", "err", err)
		return problem.Unavailable()
	}
	return answer(w, http.StatusOK, HealthAnswer{"ok"})
}

func answer(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller has gone
	return nil
}
