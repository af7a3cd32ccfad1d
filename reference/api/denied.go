package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/store"
)

// Denied is the audit event of a call that was refused.
const Denied = "denied"

const (
	// maxSources bounds what strangers can make this process remember in a second.
	maxSources = 1024
	// auditPatience is how long a refusal waits for its record.
	auditPatience = 5 * time.Second
)

// Denials writes every refused call to the audit: a known caller's at once, before
// the answer leaves; those of strangers, who cost nothing to make, as one record
// for each source and second.
type Denials struct {
	store store.EPS
	clock reference.Clock
	log   *slog.Logger

	mu        sync.Mutex
	strangers map[stranger]int
}

// stranger is what a refused call without a name is counted by.
type stranger struct {
	listener Listener
	source   string
	status   int
}

// NewDenials writes to st. Run must run beside it.
func NewDenials(st store.EPS, clock reference.Clock, log *slog.Logger) *Denials {
	return &Denials{store: st, clock: clock, log: log, strangers: map[stranger]int{}}
}

// Note takes a call that ended with a status of 400 or more.
func (d *Denials) Note(r *http.Request, c Call) {
	if c.Status < http.StatusBadRequest {
		return
	}
	if c.Who.Name == "" {
		d.count(stranger{c.Listener, source(r), c.Status})
		return
	}
	record := store.AuditRecord{
		Event: Denied, Actor: c.Who.Name, Token: tokenOf(r),
		Detail: object("listener", c.Listener, "method", method(r.Method), "route", c.Route,
			"status", c.Status, "traceid", problem.TraceID(r.Context())),
	}
	d.write(r.Context(), []store.AuditRecord{record})
}

func (d *Denials) count(s stranger) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.strangers[s]; !known && len(d.strangers) >= maxSources {
		s.source = "others"
	}
	d.strangers[s]++
}

// Run writes what strangers were refused once a second, and what is left when ctx ends.
func (d *Denials) Run(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			d.Flush(ctx)
		case <-ctx.Done():
			d.Flush(ctx)
			return
		}
	}
}

// Flush writes what strangers were refused since the last time.
func (d *Denials) Flush(ctx context.Context) {
	d.mu.Lock()
	counts := d.strangers
	d.strangers = map[stranger]int{}
	d.mu.Unlock()
	var all []store.AuditRecord
	for s, n := range counts {
		all = append(all, store.AuditRecord{
			Event: Denied, Actor: "stranger",
			Detail: object("count", n, "listener", s.listener, "source", s.source, "status", s.status),
		})
	}
	slices.SortFunc(all, func(a, b store.AuditRecord) int { return strings.Compare(a.Detail, b.Detail) })
	if len(all) > 0 {
		d.write(ctx, all)
	}
}

// write keeps going when the caller has gone. Without a store there is the log.
func (d *Denials) write(ctx context.Context, all []store.AuditRecord) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditPatience)
	defer cancel()
	for i := range all {
		all[i].At = d.clock.Now()
	}
	err := d.store.Update(ctx, func(tx store.Tx) error {
		for _, record := range all {
			if err := tx.Audit(record); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		d.log.ErrorContext(ctx, "refused calls are missing in the audit", "records", len(all), "err", err)
	}
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

// method keeps a caller's own inventions out of records and metrics.
func method(m string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, m) {
		return m
	}
	return "other"
}

// object is a JSON object with sorted names.
func object(pairs ...any) string {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	b, err := json.Marshal(m)
	if err != nil { // strings and numbers: cannot happen
		return "{}"
	}
	return string(b)
}
