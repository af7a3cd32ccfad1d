package authserver_test

import (
	"bytes"
	"context"
	"errors"
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

	"github.com/epsbench/epsbench/reference/authserver"
)

func document(t testing.TB) *openapi3.T {
	t.Helper()
	doc := must(openapi3.NewLoader().LoadFromData(authserver.OpenAPI))(t)
	check(t, doc.Validate(context.Background()))
	return doc
}

func TestTheRouteTableIsTheOpenAPIFile(t *testing.T) {
	var inFile, inCode []string
	for path, item := range document(t).Paths.Map() {
		for method, operation := range item.Operations() {
			roles := fmt.Sprint(operation.Extensions["x-roles"])
			inFile = append(inFile, fmt.Sprint(method, " ", path, " ", roles))
		}
	}
	for _, r := range authserver.RouteTable() {
		inCode = append(inCode, strings.Join(r[:], " "))
	}
	slices.Sort(inFile)
	slices.Sort(inCode)
	if !slices.Equal(inFile, inCode) {
		t.Errorf("file:\n%s\ncode:\n%s", strings.Join(inFile, "\n"), strings.Join(inCode, "\n"))
	}
}

// documented holds every exchange of every test against the OpenAPI file: the answer is
// as described, and what the file forbids is not done.
func documented(t testing.TB, next http.Handler) http.Handler {
	router := must(gorillamux.NewRouter(document(t)))(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		if err := compare(router, r, body, answer); err != nil {
			t.Errorf("%s %s %s: %v", r.Method, r.URL.Path, body, err)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		w.Write(answer.Body.Bytes())
	})
}

func compare(router routers.Router, r *http.Request, body []byte, answer *httptest.ResponseRecorder) error {
	route, params, err := router.FindRoute(r)
	if err != nil {
		return expect(err, answer.Code, http.StatusNotFound, http.StatusMethodNotAllowed)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route}
	if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil && answer.Code < 400 {
		return fmt.Errorf("done, though %w", err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: answer.Code, Header: answer.Header()}
	out.SetBodyBytes(answer.Body.Bytes())
	return openapi3filter.ValidateResponse(r.Context(), out)
}

func expect(cause error, got int, want ...int) error {
	if slices.Contains(want, got) {
		return nil
	}
	return fmt.Errorf("status %d for a call that is not in the file: %w", got, cause)
}

// TestEveryCallOnce makes each call of the file in its good form.
func TestEveryCallOnce(t *testing.T) {
	n := theWorld(t).node(t)
	p := n.enrol(t, "HOTP-SHA256-6")
	alice, bob := n.client("alice"), n.client("bob")
	_, err := alice.Token(t.Context(), p.token)
	asked, err2 := alice.RequestUnlock(t.Context(), p.token)
	_, err3 := bob.ConfirmUnlock(t.Context(), asked.Unlock)
	_, err4 := n.client("importer").Import(t.Context(), seed(user(t), "TOTP-SHA512-8-60", make([]byte, 64)))
	check(t, errors.Join(err, err2, err3, err4, n.client("bank").Health(t.Context())))
	if !n.accepts(t, p, p.otp(0)) {
		t.Error("refused")
	}
}

// TestHealthNeedsARole: a certificate of the same authority without one is not enough.
func TestHealthNeedsARole(t *testing.T) {
	n := theWorld(t).node(t)
	for name, want := range map[string]int{"bank": 200, "importer": 200, "alice": 200, "eps": 403, "": 401} {
		got := must(as(name).Get(n.api.URL + "/v1/health"))(t)
		check(t, got.Body.Close())
		if got.StatusCode != want {
			t.Errorf("%q gets %d, want %d", name, got.StatusCode, want)
		}
	}
}
