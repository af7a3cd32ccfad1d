package fault

import (
	"bytes"
	"context"
	"net/http"
	"strconv"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/enroll"
)

// Where in a message to the authentication server.
const (
	beforeMessage = ": before the message is sent"
	afterMessage  = ": after its answer"
)

// plugIn has the points of the EPS's messages.
type plugIn struct {
	enroll.AuthServer
	plan *Plan
}

func (a plugIn) Create(ctx context.Context, r plugin.Registration) error {
	return a.around(string(plugin.Create), func() error { return a.AuthServer.Create(ctx, r) })
}

func (a plugIn) Cancel(ctx context.Context, key string, token reference.TokenID) error {
	return a.around(string(plugin.Cancel), func() error { return a.AuthServer.Cancel(ctx, key, token) })
}

func (a plugIn) SetState(ctx context.Context, key string, token reference.TokenID, op string) error {
	return a.around(op, func() error { return a.AuthServer.SetState(ctx, key, token, op) })
}

func (a plugIn) Activate(ctx context.Context, key string, token reference.TokenID, attempt plugin.Attempt) error {
	return a.around(string(plugin.Activate), func() error { return a.AuthServer.Activate(ctx, key, token, attempt) })
}

func (a plugIn) around(op string, send func() error) error {
	a.plan.reach(op + beforeMessage)
	err := send()
	if err == nil {
		a.plan.reach(op + afterMessage)
	}
	return err
}

// Where in a call to a listener: the answer is complete, or with the caller.
const (
	beforeAnswer = ": before the answer leaves"
	afterAnswer  = ": after the answer has left"
)

// answers has the points of a listener. An answer is kept back until it is whole, and
// then sent in one piece.
func (p *Plan) answers(listener string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Who has an answer may arm the point before the handler of that answer comes to it.
		toCome := p.at(listener + afterAnswer)
		whole := &kept{header: w.Header(), status: http.StatusOK}
		h.ServeHTTP(whole, r)
		p.reach(listener + beforeAnswer)
		w.Header().Set("Content-Length", strconv.Itoa(whole.body.Len()))
		w.WriteHeader(whole.status)
		_, _ = w.Write(whole.body.Bytes()) // the caller has gone
		_ = http.NewResponseController(w).Flush()
		if toCome {
			p.reach(listener + afterAnswer)
		}
	})
}

// kept is an answer that has not left.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }

// inHSM is the point behind a call of PKCS#11.
const inHSM = " has returned"

// calls has the points of the HSM's work.
func (p *Plan) calls(m cryptoki.Module) cryptoki.Module {
	return cryptoki.Around(m, func(c *cryptoki.Call) error {
		err := c.Next()
		if err == nil {
			p.reach(c.Function.String() + inHSM)
		}
		return err
	})
}
