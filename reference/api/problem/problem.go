// Package problem answers a refused HTTP call: an RFC 9457 problem document with
// a trace id that finds the call in the log, and never more than the caller may
// know. What went wrong inside is for the log alone.
//
// Start at Write for a problem that is known, at Of for an error from below, and
// at Handler, which gives every request its trace id and survives a panic.
package problem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// ContentType is that of every problem document (RFC 9457 §3).
const ContentType = "application/problem+json"

// typePrefix begins every problem type. The types name what is documented in the
// OpenAPI files; they are no addresses.
const typePrefix = "urn:epsbench:problem:"

// Problem is a problem document (RFC 9457 §3.1), and the error of the same meaning.
// Detail is text of this project only: never an inner error, never what the
// caller sent.
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail,omitempty"`
	TraceID string `json:"traceid,omitempty"` // given by Write
}

// Error says title and detail.
func (p Problem) Error() string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// Name is the last word of the type: "not-found", "conflict" …
func (p Problem) Name() string {
	if len(p.Type) < len(typePrefix) {
		return p.Type
	}
	return p.Type[len(typePrefix):]
}

// With gives the same problem with another detail.
func (p Problem) With(format string, args ...any) Problem {
	p.Detail = fmt.Sprintf(format, args...)
	return p
}

// Write answers r with p, under the trace id of the request.
func Write(w http.ResponseWriter, r *http.Request, p Problem) {
	p.TraceID = TraceID(r.Context())
	body, err := json.Marshal(p)
	if err != nil { // strings and a number: cannot happen
		body = []byte(`{}`)
	}
	h := w.Header()
	h.Set("Content-Type", ContentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		w.Write(body) //nolint:errcheck // the caller has gone
	}
}
