package api

import (
	"net/http"

	"github.com/epsbench/epsbench/reference/api/pki"
)

// Public answers the public listener: MPP alone, which has its own rules of refusal
// (PROTOCOL.md §1), at the path of each version that is on.
func (s *Surface) Public(mpp map[string]http.Handler) http.Handler {
	c := calls{}
	for path, h := range mpp {
		c["POST "+path] = func(w http.ResponseWriter, r *http.Request, _ pki.Caller) error {
			h.ServeHTTP(w, r)
			return nil
		}
	}
	return s.handler(Public, c)
}
