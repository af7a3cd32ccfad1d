package api

import (
	"net/http"

	"github.com/epsbench/epsbench/reference/api/pki"
)

// Public answers the public listener: mpp alone, which has its own rules of refusal
// (PROTOCOL.md §1).
func (s *Surface) Public(mpp http.Handler) http.Handler {
	return s.handler(Public, calls{
		"POST /mpp/v2": func(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
			mpp.ServeHTTP(w, r)
			return nil
		},
	})
}
