package problem_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/epsbench/epsbench/reference/api/problem"
)

const (
	theirs = "4bf92f3577b34da6a3ce929d0e0e4736" // of the example in W3C Trace Context §3.2.3
	parent = "00-" + theirs + "-00f067aa0ba902b7-01"
)

// lines runs a call that logs through a traced logger, and gives the members of its line.
func lines(t *testing.T, known bool, header ...string) map[string]any {
	t.Helper()
	var text bytes.Buffer
	log := problem.Traced(slog.New(slog.NewJSONHandler(&text, nil)))
	h := problem.Continuing(func(*http.Request) bool { return known }, log, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		log.With("of", "call").InfoContext(r.Context(), "said")
	}))
	r := httptest.NewRequest("POST", "/", nil)
	r.Header["Traceparent"] = header
	h.ServeHTTP(httptest.NewRecorder(), r)
	var line map[string]any
	if err := json.Unmarshal(text.Bytes(), &line); err != nil {
		t.Fatalf("not one line: %q", &text)
	}
	return line
}

func TestTheTraceIDOfAKnownCallerGoesOn(t *testing.T) {
	line := lines(t, true, parent)
	if line["traceid"] != theirs || line["of"] != "call" {
		t.Errorf("got %v", line)
	}
}

func TestWhatIsNoTraceIDIsNotTakenOver(t *testing.T) {
	for name, header := range map[string][]string{
		"absent": nil, "empty": {""}, "twice": {parent, parent}, "another version": {"01" + parent[2:]},
		"zeros": {"00-00000000000000000000000000000000-00f067aa0ba902b7-01"}, "capitals": {strings.ToUpper(parent)},
		"short": {parent[:len(parent)-1]}, "long": {parent + "-00"}, "a line more": {parent + "\n"}, "text": {"00-" + strings.Repeat("x", 32) + "-00f067aa0ba902b7-01"},
	} {
		t.Run(name, func(t *testing.T) {
			id, _ := lines(t, true, header...)["traceid"].(string)
			if len(id) != 32 || id == theirs || strings.Trim(id, "0123456789abcdef") != "" {
				t.Errorf("trace id %q", id)
			}
		})
	}
}

func TestAStrangersTraceIDIsNotTakenOver(t *testing.T) {
	if line := lines(t, false, parent); line["traceid"] == theirs {
		t.Errorf("got %v", line)
	}
}

func TestATraceIDTravelsWithItsContext(t *testing.T) {
	ctx := problem.WithTrace(t.Context())
	h := http.Header{}
	problem.Propagate(ctx, h)
	if id := lines(t, true, h.Values("Traceparent")...)["traceid"]; id != problem.TraceID(ctx) {
		t.Errorf("sent %q, arrived %q", problem.TraceID(ctx), id)
	}
	problem.Propagate(t.Context(), h) // has none to tell
	if got := len(h.Values("Traceparent")); got != 1 {
		t.Errorf("%d headers", got)
	}
}
