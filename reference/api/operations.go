package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/api/strict"
)

// OperationsParts is what the operations listener tells about.
type OperationsParts struct {
	Metrics http.Handler
	// Ready gives the state of every part that a call may need.
	Ready func(context.Context) []Check
	// Keys is the inventory: labels and versions, no values.
	Keys func(context.Context) ([]KeyInfo, error)
}

// Check is the state of one part. Why is for operators and holds no secret.
type Check struct {
	Name string `json:"name"` // "hsm", "store" …
	OK   bool   `json:"ok"`
	Why  string `json:"why,omitempty"`
}

// KeyInfo names a key of the EPS.
type KeyInfo struct {
	Label   string     `json:"label"`
	Version uint32     `json:"version,omitempty"` // 0: has none
	Lives   string     `json:"lives"`             // "hsm" or "database"
	Under   string     `json:"under,omitempty"`   // label of the master key that wraps it
	Created *time.Time `json:"created,omitempty"`
}

// Operations answers the operations listener.
func (s *Surface) Operations(p OperationsParts) http.Handler {
	return s.handler(Operations, calls{
		"GET /metrics": bare(p.metrics),
		"GET /ready":   bare(p.ready),
		"GET /v1/keys": bare(p.keys),
	})
}

// Readiness answers GET /ready of the operations listener and nothing else: all that an
// authentication server has of it.
func (s *Surface) Readiness(ready func(context.Context) []Check) http.Handler {
	p := OperationsParts{Ready: ready}
	only := slices.DeleteFunc(Routes(Operations), func(r Route) bool { return r.Path != "/ready" })
	return s.serving(Operations, only, calls{"GET /ready": bare(p.ready)})
}

// bare is a call that takes neither body nor query.
func bare(do call) call {
	return func(w http.ResponseWriter, r *http.Request, who pki.Caller) error {
		if r.URL.RawQuery != "" {
			return problem.Malformed().With("this call takes no query")
		}
		if err := strict.NoBody(w, r); err != nil {
			return err
		}
		return do(w, r, who)
	}
}

func (p OperationsParts) metrics(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	p.Metrics.ServeHTTP(w, r)
	return nil
}

func (p OperationsParts) ready(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	checks := p.Ready(r.Context())
	if err := notReady(checks); err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		Ready  bool    `json:"ready"`
		Checks []Check `json:"checks"`
	}{true, checks})
}

// notReady gives a problem that names the parts which do not answer.
func notReady(checks []Check) error {
	why := ""
	for _, c := range checks {
		if !c.OK {
			why += "; " + c.Name + ": " + c.Why
		}
	}
	if why == "" {
		return nil
	}
	return problem.Unavailable().With("%s", why[len("; "):])
}

func (p OperationsParts) keys(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	all, err := p.Keys(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, struct {
		Keys []KeyInfo `json:"keys"`
	}{all})
}
