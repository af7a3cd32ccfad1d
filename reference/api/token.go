package api

import (
	"net/http"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
)

// token is a token as the bank sees it: nothing of its key, salt or row.
type token struct {
	Token      reference.TokenID `json:"token"`
	Service    reference.Service `json:"service"`
	User       reference.User    `json:"user"`
	State      reference.State   `json:"state"`
	Suite      string            `json:"suite"`
	PINDigits  int               `json:"pin_digits"`
	AuthServer string            `json:"authserver"`
	Created    time.Time         `json:"created"`
	Updated    time.Time         `json:"updated"`
	Code       *code             `json:"code,omitempty"`
}

type code struct {
	State    reference.CodeState `json:"state"`
	Failures int                 `json:"failures"`
	Expires  time.Time           `json:"expires"`
}

func (b BankParts) status(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	id, err := pathToken(r)
	if err != nil {
		return err
	}
	t, c, err := b.Enroll.Status(r.Context(), id)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, seen(t, c))
}

func seen(t reference.Token, c reference.RegistrationCode) token {
	v := token{
		Token: t.ID, Service: t.Service, User: t.User, State: t.State, Suite: t.Suite, PINDigits: t.PINDigits,
		AuthServer: t.AuthServer, Created: t.Created.UTC(), Updated: t.Updated.UTC(),
	}
	if c.State != "" {
		v.Code = &code{c.State, c.Failures, c.Expires.UTC()}
	}
	return v
}
