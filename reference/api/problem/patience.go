package problem

import (
	"context"
	"net/http"
	"time"
)

// Patience ends the context of a request after d, so that it does not wait for a part
// that does not answer. What waits without looking at the context has a limit of its own.
func Patience(d time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), d)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}
