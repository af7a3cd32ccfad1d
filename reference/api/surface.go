package api

import (
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
)

// call does what a route is for. A returned error becomes a problem document;
// nothing has been written then.
type call func(w http.ResponseWriter, r *http.Request, who pki.Caller) error

// calls has one entry for each route of a listener: "POST /v1/tokens".
type calls map[string]call

// Surface is what the listeners have in common.
type Surface struct {
	// Identify tells who is calling, from the certificate or the socket.
	Identify func(*http.Request) pki.Caller
	// Done is told of every call that has been answered, before the answer leaves.
	Done func(*http.Request, Call)
	Log  *slog.Logger
}

// Call is how a call went.
type Call struct {
	Listener Listener
	Route    string // path of the table, or "" where there is none
	Who      pki.Caller
	Status   int
	Took     time.Duration
}

// handler serves the routes of l by calls.
func (s *Surface) handler(l Listener, c calls) http.Handler { return s.serving(l, Routes(l), c) }

// serving serves routes by calls, those by configuration where there is one. It panics
// when the two differ otherwise, which a process notices before it listens.
func (s *Surface) serving(l Listener, routes []Route, c calls) http.Handler {
	g := &gate{surface: s, listener: l, mux: http.NewServeMux(), methods: map[string]map[string]guarded{}}
	added := 0
	for _, route := range routes {
		do, found := c[route.Method+" "+route.Path]
		if !found && route.Optional {
			continue
		}
		if !found {
			panic(fmt.Sprintf("%s: no call for %s %s", l, route.Method, route.Path))
		}
		g.add(route, do)
		added++
	}
	if len(c) != added {
		panic(fmt.Sprintf("%s: a call without a route", l))
	}
	return problem.Handler(s.Log, g)
}

// gate decides whether a call takes place.
type gate struct {
	surface  *Surface
	listener Listener
	mux      *http.ServeMux
	methods  map[string]map[string]guarded // path → method
}

type guarded struct {
	route Route
	do    call
}

func (g *gate) add(route Route, do call) {
	if g.methods[route.Path] == nil {
		g.methods[route.Path] = map[string]guarded{}
		g.mux.HandleFunc(route.Path, func(w http.ResponseWriter, r *http.Request) { g.answer(w, r, route.Path) })
	}
	g.methods[route.Path][route.Method] = guarded{route, do}
}

// ServeHTTP sends a path that is in the table, spelled as there, to answer. The
// mux alone would redirect other spellings.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if _, pattern := g.mux.Handler(r); pattern != "" && path.Clean(r.URL.Path) == r.URL.Path {
		g.mux.ServeHTTP(w, r)
		return
	}
	g.answer(w, r, "")
}

// answer makes the call, or says why not, and reports it either way.
func (g *gate) answer(w http.ResponseWriter, r *http.Request, pattern string) {
	start, who := time.Now(), g.surface.Identify(r)
	seen := &recorded{ResponseWriter: w}
	defer func() {
		if seen.status == 0 { // a panic is passing by
			seen.status = http.StatusInternalServerError
		}
		g.surface.Done(r, Call{Listener: g.listener, Route: pattern, Who: who, Status: seen.status, Took: time.Since(start)})
	}()
	if err := g.pass(seen, r, pattern, who); err != nil {
		p := problem.Of(err)
		g.surface.Log.InfoContext(r.Context(), "denied", "problem", p.Name(), "why", err.Error())
		problem.Write(seen, r, p)
	}
}

// pass: a stranger does not learn which routes there are; a caller without the role
// learns nothing of what they would have found.
func (g *gate) pass(w http.ResponseWriter, r *http.Request, pattern string, who pki.Caller) error {
	if g.listener != Public && who.Name == "" {
		return problem.Unauthenticated()
	}
	if g.listener != Public && len(who.Roles) == 0 {
		return problem.Forbidden()
	}
	methods := g.methods[pattern]
	if methods == nil {
		return problem.NotFound()
	}
	guarded, found := methods[r.Method]
	if !found {
		return problem.MethodNotAllowed(w, allowed(methods))
	}
	if len(guarded.route.Roles) > 0 && !who.Is(guarded.route.Roles...) {
		return problem.Forbidden()
	}
	return guarded.do(w, r, who)
}

func allowed(methods map[string]guarded) string {
	var all []string
	for m := range methods {
		all = append(all, m)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// recorded remembers the status of an answer.
type recorded struct {
	http.ResponseWriter
	status int
}

func (w *recorded) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorded) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *recorded) Unwrap() http.ResponseWriter { return w.ResponseWriter }
