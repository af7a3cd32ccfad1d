package conformance

import (
	"context"
	"time"
)

// Challenger has the authentication server ask users' tokens (OCRA, RFC 6287), and hands
// it their responses. A call that the target turns down gives a *Refused.
type Challenger interface {
	Challenge(ctx context.Context, a Ask) (Challenge, error)
	Respond(ctx context.Context, r Reply) (Validation, error)
}

// Ask is what a challenge is asked for with; zero fields leave the choice to the target.
type Ask struct {
	Service, User  string
	Question       string // registered by the bank; empty: drawn by the target
	ClientQuestion string // of the mutual modes
	Session        string // what the response is bound to, beside the user
	Validity       time.Duration
}

// Challenge is a question that waits for its response.
type Challenge struct {
	ID, Question   string
	ServerResponse string // where there was a client's question
	Expires        time.Time
}

// Reply is a response to a challenge.
type Reply struct {
	Challenge, Service, User, Session, Response string
}
