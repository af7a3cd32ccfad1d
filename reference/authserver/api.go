package authserver

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/sleep"
)

// OpenAPI is the description of the REST side, authserver.yaml.
//
//go:embed authserver.yaml
var OpenAPI []byte

// maxBody is the largest request body, in bytes.
const maxBody = 4096

// roles are those of which a caller needs one.
type roles []pki.Role

// route is one call of the REST side: what authserver.yaml says, and who may.
type route struct {
	method, path string
	roles        roles
	serve        func(w http.ResponseWriter, r *http.Request, who pki.Caller) error
}

func (s *Server) routes() []route {
	return []route{
		{http.MethodPost, "/v1/validate", roles{pki.Validator}, s.serveValidate},
		{http.MethodPost, "/v1/resynchronise", roles{pki.Validator}, s.serveResynchronise},
		{http.MethodPost, "/v1/challenges", roles{pki.Validator}, s.serveChallenge},
		{http.MethodPost, "/v1/challenges/{challenge}/respond", roles{pki.Validator}, s.serveRespond},
		{http.MethodGet, "/v1/import-key", roles{pki.Importer}, s.serveImportKey},
		{http.MethodPost, "/v1/import", roles{pki.Importer}, s.serveImport},
		{http.MethodGet, "/v1/tokens/{token}", roles{pki.Operator}, s.serveToken},
		{http.MethodPost, "/v1/unlocks", roles{pki.Operator}, s.serveRequestUnlock},
		{http.MethodPost, "/v1/unlocks/{unlock}/confirm", roles{pki.Operator}, s.serveConfirmUnlock},
		{http.MethodGet, "/v1/health", roles{pki.Validator, pki.Importer, pki.Operator}, s.serveHealth},
	}
}

// API serves the REST side.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	allowed := map[string][]string{}
	for _, r := range s.routes() {
		mux.Handle(r.method+" "+r.path, s.handler(r))
		allowed[r.path] = append(allowed[r.path], r.method)
	}
	for path, methods := range allowed {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, r, problem.MethodNotAllowed(w, strings.Join(methods, ", ")))
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, problem.NotFound()) })
	return s.wrap("auth", problem.Handler(s.log, asSpelt(mux)))
}

// asSpelt answers paths in another spelling, which the mux would redirect to its own, as
// unknown.
func asSpelt(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path {
			problem.Write(w, r, problem.NotFound())
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// handler checks the caller's role before anything of the request is read.
func (s *Server) handler(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		who := s.identify(r)
		if err := permitted(who, rt.roles); err != nil {
			s.fail(w, r, err)
			return
		}
		if r.URL.RawQuery != "" {
			s.fail(w, r, problem.Malformed().With("this call takes no query"))
			return
		}
		if err := rt.serve(w, r, who); err != nil {
			s.fail(w, r, err)
		}
	})
}

func permitted(who pki.Caller, any roles) error {
	switch {
	case who.Name != "" && who.Is(any...):
		return nil
	case who.Name == "":
		return problem.Unauthenticated()
	}
	return problem.Forbidden()
}

// fail answers with a problem document, and logs what only an operator may know.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		s.log.ErrorContext(r.Context(), "call failed", "path", r.URL.Path, "err", err)
	}
	problem.Write(w, r, p)
}

func problemOf(err error) problem.Problem {
	switch {
	case errors.Is(err, ErrSeed):
		return problem.Malformed().With("%v", ErrSeed)
	case errors.Is(err, ErrAsk):
		return problem.Malformed().With("%v", ErrAsk)
	case errors.Is(err, ErrAsked):
		return problem.Conflict().With("%v", ErrAsked)
	case errors.Is(err, ErrSameOperator):
		return problem.Forbidden().With("%v", ErrSameOperator)
	}
	return problem.Of(err)
}

// settle waits for the next tick since start, so that the time of a refused OTP does
// not tell an unknown user from a wrong OTP. It does not outlast the caller.
func (s *Server) settle(ctx context.Context, start time.Time) {
	sleep.For(ctx, s.grid-time.Since(start)%s.grid)
}
