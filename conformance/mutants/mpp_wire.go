package mutants

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"

	"github.com/fxamacker/cbor/v2"

	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
)

// provisioningWire are the mutants of what is on the wire, and of what is made of it.
var provisioningWire = []Mutant{
	{
		Name:   "a refusal is shorter than a grant",
		About:  "The random body of a refusal has 600 bytes.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "600 bytes",
		Break:  onRefusals(func(_ http.Header, body []byte) []byte { return body[:600] }),
	},
	{
		Name:   "refusals hang up",
		About:  "A refusal closes its connection, a grant does not.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "the connection is closed",
		Break:  onRefusals(func(h http.Header, body []byte) []byte { h.Set("Connection", "close"); return body }),
	},
	{
		Name:   "all refusals have one body",
		About:  "The body of a refusal is filled once, and sent every time.",
		Claims: []string{"ST-2.2.2-a"},
		Reason: "two refusals have the same body",
		Break: func(s *Seams) {
			var first atomic.Pointer[[]byte]
			onRefusals(func(_ http.Header, body []byte) []byte {
				first.CompareAndSwap(nil, &body)
				return *first.Load()
			})(s)
		},
	},
	{
		Name:   "another EPS's key id is told so",
		About:  "A request under the key of another EPS gets a 404 that says it.",
		Claims: []string{"ST-6.3-eps"},
		Reason: "a request under the key of another EPS",
		Break:  tellingKeyID,
	},
	{
		Name:   "the locator is left in a header",
		About:  "A header made for debugging names the locator that a request was about.",
		Claims: []string{"ST-6.5-M1"},
		Reason: "the locator of the code, in clear",
		Break:  leavingLocator,
	},
	{
		Name:   "requests are tidied before they are judged",
		About:  "The public listener reads CBOR of any spelling, and hands on the deterministic one.",
		Claims: []string{"ST-6.5-M2"},
		Reason: "spelt otherwise",
		Break:  func(s *Seams) { s.Wrap = tidying },
	},
	{
		Name:   "malformed JSON is answered with a stack",
		About:  "The bank's listener fails on a body that is no JSON, and shows where.",
		Claims: []string{"ST-6.5-M2"},
		Reason: "as a stack trace or an inner error would",
		Break:  func(s *Seams) { s.Wrap = showingStacks },
	},
}

// on puts a handler around one listener.
func on(name string, wrap func(http.Handler) http.Handler) func(string, http.Handler) http.Handler {
	return func(listener string, h http.Handler) http.Handler {
		if listener != name {
			return h
		}
		return wrap(h)
	}
}

// grants begin with an array of a header of 134 bytes (PROTOCOL.md §5), in v1 of a body of 552
// (PROTOCOL-1.md §5).
var grants = map[string][]byte{wire.Path: {0x82, 0x58, 0x86}, wire1.Path: {0x82, 0x59, 0x02, 0x28}}

// onRefusals changes header and body of each answer of MPP v2 that is no grant.
func onRefusals(change func(http.Header, []byte) []byte) func(*Seams) {
	return onRefusalsOf(wire.Path, change)
}

func onRefusalsOf(path string, change func(http.Header, []byte) []byte) func(*Seams) {
	return func(s *Seams) {
		s.Wrap = on("public", func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				kept := &keptAnswer{ResponseWriter: w}
				h.ServeHTTP(kept, r)
				body := kept.body.Bytes()
				if kept.status == http.StatusOK && r.URL.Path == path && !bytes.HasPrefix(body, grants[path]) {
					body = change(w.Header(), body)
				}
				w.Header().Set("Content-Length", strconv.Itoa(len(body)))
				w.WriteHeader(kept.status)
				_, _ = w.Write(body) // the caller has gone
			})
		})
	}
}

// bodyOf reads the body of a request, and leaves it as it was.
func bodyOf(r *http.Request) []byte {
	body, _ := io.ReadAll(r.Body) // what is cut short is refused behind
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body
}

func tellingKeyID(s *Seams) {
	var keys mpp.Keyring
	s.MPP = func(p *mpp.Parts) { keys = p.Keys }
	s.Wrap = on("public", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body := bodyOf(r); len(body) > 0 && !bytes.Contains(body, keys.KeyID(2)) {
				problem.Write(w, r, problem.NotFound())
				return
			}
			h.ServeHTTP(w, r)
		})
	})
}

func leavingLocator(s *Seams) {
	var newest atomic.Value
	s.MPP = func(p *mpp.Parts) {
		look := mpp.Rule{Name: "look", Broken: func(r mpp.Row) bool { newest.Store(r.Code.Locator); return false }}
		p.Rules = append([]mpp.Rule{look}, mpp.Rules()...)
	}
	s.Wrap = on("public", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			kept := &keptAnswer{ResponseWriter: w}
			h.ServeHTTP(kept, r)
			if locator, ok := newest.Load().(string); ok {
				w.Header().Set("X-Debug-Locator", locator)
			}
			w.WriteHeader(kept.status)
			_, _ = w.Write(kept.body.Bytes()) // the caller has gone
		})
	})
}

// tidying hands on the first two strings of bytes, whatever is behind them.
func tidying(listener string, h http.Handler) http.Handler {
	return on("public", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body := bodyOf(r)
			var message [2][]byte
			if _, err := cbor.UnmarshalFirst(body, &message); err == nil {
				if again, err := cbor.Marshal(message); err == nil {
					r.Body = io.NopCloser(bytes.NewReader(again))
				}
			}
			h.ServeHTTP(w, r)
		})
	})(listener, h)
}

func showingStacks(listener string, h http.Handler) http.Handler {
	return on("bank", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body := bodyOf(r); r.Method == http.MethodPost && len(body) > 0 && !json.Valid(body) {
				http.Error(w, string(debug.Stack()), http.StatusInternalServerError)
				return
			}
			h.ServeHTTP(w, r)
		})
	})(listener, h)
}
