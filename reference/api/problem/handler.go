package problem

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
)

// Handler gives every request a fresh trace id and turns a panic of next into a 500
// problem. The stack goes to log only. An answer that had begun is cut off
// instead, so that half of it cannot pass for the whole.
func Handler(log *slog.Logger, next http.Handler) http.Handler {
	return Continuing(func(*http.Request) bool { return false }, log, next)
}

// Continuing is Handler where some callers are known as parts of the same system: the
// trace id of a request that known holds for is the caller's, if it brings one.
func Continuing(known func(*http.Request) bool, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := WithTrace(r.Context())
		if known(r) {
			ctx = continued(ctx, r.Header)
		}
		r = r.WithContext(ctx)
		begun := &watched{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			log.ErrorContext(ctx, "panic", "cause", describe(cause), "stack", string(debug.Stack()))
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
