package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/store"
)

// Denied is the audit event of a known caller's call that was refused.
const Denied = "denied"

// auditPatience is how long a refusal waits for its record.
const auditPatience = 5 * time.Second

// Counter counts refused strangers by source address; audit.Aggregator is one.
type Counter interface{ Count(source string) }

// Denials leaves every refused call in the audit: a known caller's at once, before
// the answer leaves; those of strangers, which cost them nothing, counted by source
// and second.
type Denials struct {
	Store     store.EPS
	Strangers Counter
	Clock     reference.Clock
	Log       *slog.Logger
}

// Note takes a call; it looks at those that ended with a status of 400 or more.
func (d *Denials) Note(r *http.Request, c Call) {
	switch {
	case c.Status < http.StatusBadRequest:
	case c.Status == http.StatusServiceUnavailable: // nobody was refused; the log has it
	case c.Who.Name == "":
		d.Strangers.Count(source(r))
	default:
		d.write(r, c)
	}
}

// write goes on when the caller has left. Without a store there is the log.
func (d *Denials) write(r *http.Request, c Call) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), auditPatience)
	defer cancel()
	record := store.AuditRecord{
		At: d.Clock.Now(), Event: Denied, Actor: c.Who.Name, Token: tokenOf(r),
		Detail: detailOf(r, c),
	}
	if err := d.Store.Update(ctx, func(tx store.Tx) error { return tx.Audit(record) }); err != nil {
		d.Log.ErrorContext(ctx, "a refused call is missing in the audit", "err", err)
	}
}

// detailOf is what a record says of a call: nothing that the caller made up.
func detailOf(r *http.Request, c Call) string {
	b, err := json.Marshal(struct {
		Listener Listener `json:"listener"`
		Method   string   `json:"method"`
		Route    string   `json:"route"`
		Status   int      `json:"status"`
		TraceID  string   `json:"traceid"`
	}{c.Listener, method(r.Method), c.Route, c.Status, problem.TraceID(r.Context())})
	if err != nil { // texts and a number: cannot happen
		return "{}"
	}
	return string(b)
}

// tokenOf is the token that the path names, if it is one.
func tokenOf(r *http.Request) reference.TokenID {
	id := reference.TokenID(r.PathValue("token"))
	if id.Check() != nil {
		return ""
	}
	return id
}

// source is the caller's address without the port.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "local"
	}
	return host
}

// method is one of HTTP's, or "other".
func method(m string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, m) {
		return m
	}
	return "other"
}
