package problem

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"regexp"
)

type traceKey struct{}

// WithTrace gives ctx a fresh trace id: 32 hexadecimal digits, as in W3C Trace
// Context. An id sent by a caller is not taken over; it could be made to look
// like another's in the log. Continuing has the exception.
func WithTrace(ctx context.Context) context.Context {
	return context.WithValue(ctx, traceKey{}, random(16))
}

// TraceID is the trace id of ctx, or empty.
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// random gives n random bytes as hexadecimal digits.
func random(n int) string {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails
	return hex.EncodeToString(b)
}

// header carries a trace id from one server to the next (W3C Trace Context §3.2).
const header = "Traceparent"

// Propagate tells the next server the trace id of ctx, if there is one.
func Propagate(ctx context.Context, h http.Header) {
	if id := TraceID(ctx); id != "" {
		h.Set(header, "00-"+id+"-"+random(8)+"-01")
	}
}

// parent is version 00 of the header. All zeros are no id (§3.2.2.3).
var parent = regexp.MustCompile(`^00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$`)

const noID = "00000000000000000000000000000000"

// continued gives ctx the trace id that h brings; what is none changes nothing.
func continued(ctx context.Context, h http.Header) context.Context {
	values := h.Values(header)
	if len(values) != 1 {
		return ctx
	}
	found := parent.FindStringSubmatch(values[0])
	if found == nil || found[1] == noID {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, found[1])
}

// Traced gives the log with the trace id of its context on every line that has one:
// the only place that writes it.
func Traced(log *slog.Logger) *slog.Logger { return slog.New(traced{log.Handler()}) }

type traced struct{ slog.Handler }

func (t traced) Handle(ctx context.Context, r slog.Record) error {
	if id := TraceID(ctx); id != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("traceid", id))
	}
	return t.Handler.Handle(ctx, r)
}

func (t traced) WithAttrs(attrs []slog.Attr) slog.Handler { return traced{t.Handler.WithAttrs(attrs)} }

func (t traced) WithGroup(name string) slog.Handler { return traced{t.Handler.WithGroup(name)} }
