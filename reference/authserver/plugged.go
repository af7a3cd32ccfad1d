package authserver

import (
	"net/http"

	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
)

// Plugin serves the plug-in contract to callers with the role of an EPS. The role
// opens the door; what a message may do rests on its MAC alone.
func (s *Server) Plugin() http.Handler {
	messages := &plugin.Handler{
		Keys:    plugin.HSMKeys(s.hsm, s.keys.PLKR, s.keys.PLK),
		Service: s,
		Log:     s.log,
	}
	mux := http.NewServeMux()
	mux.HandleFunc(plugin.Path, func(w http.ResponseWriter, r *http.Request) {
		if err := permitted(s.identify(r), roles{pki.EPSNode}); err != nil {
			s.fail(w, r, err)
			return
		}
		messages.ServeHTTP(w, r)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { problem.Write(w, r, problem.NotFound()) })
	fromEPS := func(r *http.Request) bool { return permitted(s.identify(r), roles{pki.EPSNode}) == nil }
	return s.wrap("plugin", problem.Continuing(fromEPS, s.log, asSpelt(mux)))
}
