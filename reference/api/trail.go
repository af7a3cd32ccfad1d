package api

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/api/strict"
	"github.com/epsbench/epsbench/reference/store"
)

// Limits of an audit query, in records.
const (
	defaultRecords = 100
	maxRecords     = 1000
)

// record is one line of the audit as the bank sees it.
type record struct {
	Seq        uint64            `json:"seq"`
	Group      uint64            `json:"group"`
	Node       string            `json:"node"`
	At         time.Time         `json:"at"`
	Event      string            `json:"event"`
	Actor      string            `json:"actor"`
	Token      reference.TokenID `json:"token,omitempty"`
	Service    reference.Service `json:"service,omitempty"`
	RowVersion uint64            `json:"row_version,omitempty"`
	Detail     json.RawMessage   `json:"detail,omitempty"`
}

type records struct {
	Records []record `json:"records"`
	// Next is the value of after that continues the query; absent at the end.
	Next uint64 `json:"next,omitempty"`
}

// audit answers GET /v1/audit.
func (b BankParts) audit(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
	if err := strict.NoBody(w, r); err != nil {
		return err
	}
	query, err := auditQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	var found []store.AuditRecord
	err = b.Store.View(r.Context(), func(tx store.Reader) error {
		found, err = tx.AuditRecords(query)
		return err
	})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, page(found, query.Limit))
}

func page(found []store.AuditRecord, limit int) records {
	p := records{Records: make([]record, 0, len(found))}
	for _, f := range found {
		p.Records = append(p.Records, record{
			Seq: f.Seq, Group: f.Group, Node: f.Node, At: f.At.UTC(), Event: f.Event, Actor: f.Actor,
			Token: f.Token, Service: f.Service, RowVersion: f.RowVersion, Detail: detail(f.Detail),
		})
	}
	if len(found) == limit {
		p.Next = found[len(found)-1].Seq
	}
	return p
}

// detail is the object that a record holds, or nothing where it holds none.
func detail(text string) json.RawMessage {
	if !json.Valid([]byte(text)) {
		return nil
	}
	return json.RawMessage(text)
}

// auditQuery reads token, event, after and limit, each at most once.
func auditQuery(raw string) (store.AuditQuery, error) {
	q := store.AuditQuery{Limit: defaultRecords}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, problem.Malformed().With("the query cannot be read")
	}
	for name, v := range values {
		parse, known := auditParameters[name]
		if !known || len(v) != 1 {
			return q, problem.Malformed().With("the query takes token, event, after and limit, each at most once")
		}
		if !parse(&q, v[0]) {
			return q, problem.Malformed().With("%s: out of its bounds", name)
		}
	}
	return q, nil
}

var auditParameters = map[string]func(q *store.AuditQuery, v string) bool{
	"token": func(q *store.AuditQuery, v string) bool {
		q.Token = reference.TokenID(v)
		return q.Token.Check() == nil
	},
	"event": func(q *store.AuditQuery, v string) bool {
		q.Event = v
		return isEvent(v)
	},
	"after": func(q *store.AuditQuery, v string) (ok bool) {
		n, err := strconv.ParseUint(v, 10, 63)
		q.After = n
		return err == nil
	},
	"limit": func(q *store.AuditQuery, v string) (ok bool) {
		n, err := strconv.Atoi(v)
		q.Limit = n
		return err == nil && n >= 1 && n <= maxRecords
	},
}

// isEvent holds for 1 to 64 characters of a-z, - and space.
func isEvent(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && c != '-' && c != ' ' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}
