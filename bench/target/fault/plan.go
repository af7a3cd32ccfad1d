// Package fault has a server of the reference EPS kill its own process at a named point.
//
// Start at Points, which lists them. A Plan knows the one that is armed; what comes there
// are the decorators of the other files, put around the real Parts by Plan.Into, through the
// same seams as mutants. The servers know nothing of it.
package fault

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/epsbench/epsbench/conformance/mutants"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/store"

	"net/http"
)

// Plan is the point where this process is to die, if any.
type Plan struct {
	// Kill ends the process; nil: SIGKILL to itself.
	Kill func()

	mu    sync.Mutex
	armed string
}

// Arm names the point; an empty name disarms.
func (p *Plan) Arm(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed = name
}

// at says whether a point is armed.
func (p *Plan) at(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return name == p.armed
}

// reach is called at a point. It does not come back from the one that is armed.
func (p *Plan) reach(name string) {
	p.mu.Lock()
	here := name == p.armed
	if here {
		p.armed = ""
	}
	p.mu.Unlock()
	switch {
	case !here:
	case p.Kill != nil:
		p.Kill()
	default:
		_ = unix.Kill(unix.Getpid(), unix.SIGKILL) // a process may always signal itself
		select {}
	}
}

// Into puts the points of a server, "eps" or "authserver", into seams. They come next to
// the real store, HSM and plug-in client, and outermost on the listeners: what a mutant does
// too early or too late happens on the wrong side of them.
func (p *Plan) Into(server string, s *mutants.Seams) {
	onStore, onAuthStore, onEnroll, onWrap, onModule := s.Store, s.AuthStore, s.Enroll, s.Wrap, s.Module
	s.Store = func(st store.EPS) store.EPS { return through(onStore, store.EPS(epsStore{st, p})) }
	s.AuthStore = func(st store.AuthServer) store.AuthServer {
		return through(onAuthStore, store.AuthServer(authStore{st, p}))
	}
	s.Enroll = func(parts *enroll.Parts) {
		parts.AuthServer = plugIn{parts.AuthServer, p}
		if onEnroll != nil {
			onEnroll(parts)
		}
	}
	s.Wrap = func(listener string, h http.Handler) http.Handler {
		if onWrap != nil {
			h = onWrap(listener, h)
		}
		return p.answers(listener, h)
	}
	s.Module = func(slot string, m cryptoki.Module) cryptoki.Module {
		m = p.calls(m)
		if onModule != nil {
			m = onModule(slot, m)
		}
		return m
	}
}

// through applies a seam that may be nil.
func through[T any](seam func(T) T, part T) T {
	if seam == nil {
		return part
	}
	return seam(part)
}
