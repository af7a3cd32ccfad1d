package problem

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
)

type traceKey struct{}

// WithTrace gives ctx a fresh trace id: 32 hexadecimal digits, as in W3C Trace
// Context. An id sent by a caller is not taken over; it could be made to look
// like another's in the log.
func WithTrace(ctx context.Context) context.Context {
	var id [16]byte
	rand.Read(id[:]) //nolint:errcheck // never fails
	return context.WithValue(ctx, traceKey{}, hex.EncodeToString(id[:]))
}

// TraceID is the trace id of ctx, or empty.
func TraceID(ctx context.Context) string {
	id, _ := ctx.Value(traceKey{}).(string)
	return id
}

// Handler gives every request a trace id and turns a panic of next into a 500
// problem. The stack goes to log only. An answer that had begun is cut off
// instead, so that half of it cannot pass for the whole.
func Handler(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = r.WithContext(WithTrace(r.Context()))
		begun := &watched{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			log.ErrorContext(r.Context(), "panic", "traceid", TraceID(r.Context()), "cause", describe(cause), "stack", string(debug.Stack()))
			if begun.header {
				panic(http.ErrAbortHandler)
			}
			Write(w, r, Internal())
		}()
		next.ServeHTTP(begun, r)
	})
}

// describe gives the text of a runtime error. Of anything else that was thrown it
// gives the type alone: the value may hold a secret.
func describe(cause any) string {
	if err, ok := cause.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", cause)
}

// watched remembers whether an answer has begun.
type watched struct {
	http.ResponseWriter
	header bool
}

func (w *watched) WriteHeader(status int) {
	w.header = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	w.header = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }
