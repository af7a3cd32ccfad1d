package problem_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/problem"
)

// answer runs h behind Handler and gives the response, its document and the log.
func answer(t *testing.T, h http.HandlerFunc) (*http.Response, problem.Problem, string) {
	t.Helper()
	var log bytes.Buffer
	w := httptest.NewRecorder()
	problem.Handler(problem.Traced(slog.New(slog.NewJSONHandler(&log, nil))), h).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	var p problem.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("not a problem document: %q", w.Body)
	}
	return w.Result(), p, log.String()
}

func TestEveryErrorOfTheDomainHasItsProblem(t *testing.T) {
	inner := "row 17 of a table that callers need not know"
	for _, c := range []struct {
		err    error
		status int
		name   string
	}{
		{reference.ErrNotFound, 404, "not-found"},
		{reference.ErrExists, 409, "exists"},
		{reference.ErrConflict, 409, "conflict"},
		{reference.ErrUnavailable, 503, "unavailable"},
		{reference.ErrRefused, 403, "refused"},
		{problem.Malformed().With("user: too long"), 400, "malformed"},
		{errors.New("disk"), 500, "internal"},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, p, _ := answer(t, func(w http.ResponseWriter, r *http.Request) {
				problem.Write(w, r, problem.Of(fmt.Errorf("%s: %w", inner, c.err)))
			})
			if resp.StatusCode != c.status || p.Status != c.status || p.Name() != c.name {
				t.Errorf("got %d, %+v", resp.StatusCode, p)
			}
			if strings.Contains(fmt.Sprint(p), "row 17") {
				t.Errorf("the inner error leaks: %+v", p)
			}
			if resp.Header.Get("Content-Type") != problem.ContentType || len(p.TraceID) != 32 {
				t.Errorf("content type %q, trace id %q", resp.Header.Get("Content-Type"), p.TraceID)
			}
		})
	}
}

func TestAPanicIsAProblemAndItsStackIsOnlyInTheLog(t *testing.T) {
	resp, p, log := answer(t, func(http.ResponseWriter, *http.Request) { panic("secret of the process") })
	if resp.StatusCode != 500 || strings.Contains(fmt.Sprint(p), "secret") {
		t.Errorf("got %d, %+v", resp.StatusCode, p)
	}
	if !strings.Contains(log, p.TraceID) || !strings.Contains(log, "problem_test.go") {
		t.Errorf("the log does not lead to the panic: %s", log)
	}
	if strings.Contains(log, "secret of the process") {
		t.Error("the panic's value is in the log; it can hold anything")
	}
}

func TestAnAnswerThatHasBegunIsCutOff(t *testing.T) {
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("want http.ErrAbortHandler")
		}
	}()
	h := problem.Handler(slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "half")
		panic("then")
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
}

// Of what could not be asked, nothing else is known: a store that is away has not said that
// a token does not exist.
func TestUnavailableOutranksWhatIsBehindIt(t *testing.T) {
	for _, behind := range []error{reference.ErrNotFound, reference.ErrInvalid, reference.ErrConflict, reference.ErrRefused} {
		if p := problem.Of(fmt.Errorf("%w: %w", reference.ErrUnavailable, behind)); p.Status != http.StatusServiceUnavailable {
			t.Errorf("unavailable, for %v: %d", behind, p.Status)
		}
	}
}

func TestPatienceEndsTheContextOfACall(t *testing.T) {
	h := problem.Patience(time.Millisecond, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		problem.Write(w, r, problem.Of(r.Context().Err()))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d", w.Code)
	}
}

func TestTraceIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		_, p, _ := answer(t, func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, problem.NotFound()) })
		if seen[p.TraceID] {
			t.Fatal("repeated trace id")
		}
		seen[p.TraceID] = true
	}
}
