package api_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
)

var listeners = []api.Listener{api.Bank, api.Public, api.Operations}

// document loads the OpenAPI file of a listener and checks that it is one.
func document(t testing.TB, l api.Listener) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Document(l))
	if err != nil {
		t.Fatalf("%s.yaml: %v", l, err)
	}
	doc.Servers = nil // callers of these tests have no host
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatalf("%s.yaml: %v", l, err)
	}
	return doc
}

func TestTheRouteTableIsTheOpenAPIFile(t *testing.T) {
	for _, l := range listeners {
		inFile := map[string]string{}
		for path, item := range document(t, l).Paths.Map() {
			for method, operation := range item.Operations() {
				inFile[method+" "+path] = rolesOf(operation)
			}
		}
		inCode := map[string]string{}
		for _, r := range api.Routes(l) {
			inCode[r.Method+" "+r.Path] = fmt.Sprint(r.Roles)
		}
		if fmt.Sprint(inFile) != fmt.Sprint(inCode) {
			t.Errorf("%s:\nfile %v\ncode %v", l, inFile, inCode)
		}
	}
}

func rolesOf(o *openapi3.Operation) string {
	var all []pki.Role
	list, _ := o.Extensions["x-roles"].([]any)
	for _, r := range list {
		all = append(all, pki.Role(r.(string)))
	}
	return fmt.Sprint(all)
}

// exchange is a good call of a route.
type exchange struct {
	listener                     api.Listener
	caller, method, target, body string
	status                       int
}

const enrolment = `{"service":"shop","user":"alice"}`

// good has one exchange for each route; a test makes sure that none is missing.
var good = []exchange{
	{api.Bank, "issuer", "POST", "/v1/tokens", enrolment, 201},
	{api.Bank, "issuer", "GET", "/v1/tokens/" + string(known), "", 200},
	{api.Bank, "issuer", "POST", "/v1/tokens/" + string(known) + "/revoke", "", 200},
	{api.Bank, "issuer", "POST", "/v1/tokens/" + string(known) + "/suspend", "", 200},
	{api.Bank, "issuer", "POST", "/v1/tokens/" + string(known) + "/resume", "", 200},
	{api.Bank, "issuer", "POST", "/v1/tokens/" + string(known) + "/reissue", "", 201},
	{api.Bank, "auditor", "GET", "/v1/audit?event=denied&limit=10&after=0&token=" + string(known), "", 200},
	{api.Bank, "auditor", "GET", "/v1/health", "", 200},
	{api.Bank, "issuer", "GET", "/v1/info", "", 200},
	{api.Public, "", "POST", "/mpp/v1", "", 200},
	{api.Public, "", "POST", "/mpp/v2", "", 200},
	{api.Public, "", "POST", "/v1/activate", "", 200},
	{api.Operations, "admin", "GET", "/metrics", "", 200},
	{api.Operations, "key-custodian", "GET", "/ready", "", 200},
	{api.Operations, "key-custodian", "GET", "/v1/keys", "", 200},
}

func TestEveryGoodExchangeKeepsToItsDocument(t *testing.T) {
	s := newStand(t)
	s.call(t, api.Bank, "auditor", "POST", "/v1/tokens/"+string(known)+"/revoke", "") // a record to be found
	routes := 0
	for _, l := range listeners {
		routes += len(api.Routes(l))
	}
	if len(good) != routes {
		t.Errorf("%d exchanges for %d routes", len(good), routes)
	}
	for _, e := range good {
		t.Run(e.method+" "+e.target, func(t *testing.T) {
			resp := s.exchange(t, e)
			if resp.StatusCode != e.status {
				t.Errorf("status %d: %s", resp.StatusCode, text(t, resp))
			}
		})
	}
}

// exchange makes the call and holds request and answer against the document.
func (s *stand) exchange(t testing.TB, e exchange) *http.Response {
	t.Helper()
	r := httptest.NewRequest(e.method, e.target, strings.NewReader(e.body))
	r.Header.Set("Caller", e.caller)
	r.Header.Set("Content-Type", "application/json")
	if e.listener == api.Public {
		r.Header.Set("Content-Type", "application/cbor")
	}
	route, parameters, err := router(t, e.listener).FindRoute(r)
	if err != nil {
		t.Fatalf("%s %s: %v", e.method, e.target, err)
	}
	input := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: parameters, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if e.listener != api.Public {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("the request breaks the document: %v", err)
		}
		r.Body = io.NopCloser(strings.NewReader(e.body))
	}
	resp := s.do(e.listener, r)
	answersAsDocumented(t, input, resp)
	return resp
}

func answersAsDocumented(t testing.TB, input *openapi3filter.RequestValidationInput, resp *http.Response) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: input.Options,
	})
	if err != nil {
		t.Errorf("the answer breaks the document: %v\n%s", err, body)
	}
}

func router(t testing.TB, l api.Listener) routers.Router {
	t.Helper()
	openapi3filter.RegisterBodyDecoder(problem.ContentType, openapi3filter.JSONBodyDecoder)
	r, err := gorillamux.NewRouter(document(t, l))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestNothingAnswersOnTheWrongListener(t *testing.T) {
	s := newStand(t)
	all := "issuer auditor admin key-custodian"
	for _, e := range good {
		for _, l := range listeners {
			if l == e.listener {
				continue
			}
			if resp := s.call(t, l, all, e.method, e.target, e.body); resp.StatusCode != 404 {
				t.Errorf("%s answers %s %s with %d", l, e.method, e.target, resp.StatusCode)
			}
		}
	}
}

func TestRolesOpenTheirRoutesAndNoOthers(t *testing.T) {
	s := newStand(t)
	for _, e := range good {
		if e.listener == api.Public {
			continue
		}
		may := mayCall(e)
		for _, role := range []string{"issuer", "auditor", "admin", "key-custodian", "eps", "validator", "importer", "operator"} {
			resp := s.call(t, e.listener, role, e.method, e.target, e.body)
			if want := slices.Contains(may, pki.Role(role)); (resp.StatusCode == e.status) != want || !want && resp.StatusCode != 403 {
				t.Errorf("%s gets %d from %s %s", role, resp.StatusCode, e.method, e.target)
			}
		}
		if resp := s.call(t, e.listener, "none", e.method, e.target, e.body); resp.StatusCode != 403 {
			t.Errorf("a certificate without a role gets %d from %s %s", resp.StatusCode, e.method, e.target)
		}
		if resp := s.call(t, e.listener, "", e.method, e.target, e.body); resp.StatusCode != 401 {
			t.Errorf("a stranger gets %d from %s %s", resp.StatusCode, e.method, e.target)
		}
	}
}

func mayCall(e exchange) []pki.Role {
	path, _, _ := strings.Cut(strings.Replace(e.target, string(known), "{token}", 1), "?")
	for _, r := range api.Routes(e.listener) {
		if r.Method == e.method && r.Path == path {
			return r.Roles
		}
	}
	return nil
}
