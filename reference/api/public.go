package api

import (
	"net/http"

	"github.com/epsbench/epsbench/reference/api/pki"
)

// Public answers the public listener: MPP, and activation where it is on, which have their
// own rules of refusal (PROTOCOL.md §1), each at its path.
func (s *Surface) Public(phones map[string]http.Handler) http.Handler {
	c := calls{}
	for path, h := range phones {
		c["POST "+path] = func(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
			h.ServeHTTP(w, r)
			return nil
		}
	}
	return s.handler(Public, c)
}
