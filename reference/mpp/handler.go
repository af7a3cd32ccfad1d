package mpp

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/sleep"
)

// Quantum is the grid on which refusals leave (PROTOCOL.md §1).
const Quantum = 100 * time.Millisecond

// Waiter measures and spends real time. The domain's clock can be set by a test; a
// timer cannot run on that.
type Waiter interface {
	Now() time.Time
	// Sleep returns after d, or when ctx is done.
	Sleep(ctx context.Context, d time.Duration)
}

// SystemWaiter is the machine's monotonic clock.
type SystemWaiter struct{}

// Now implements Waiter.
func (SystemWaiter) Now() time.Time { return time.Now() }

// Sleep implements Waiter: it ends early with its context.
func (SystemWaiter) Sleep(ctx context.Context, d time.Duration) {
	if d > 0 {
		sleep.For(ctx, d)
	}
}

// judge answers the body of a request from a source address.
type judge func(ctx context.Context, source string, body []byte) (answer []byte, granted bool)

// Handlers serve POST at the path of each version, and where activation is on at its own.
// Every request within the size limit gets 200, the same headers and, at one path, as many
// bytes.
func (s *Server) Handlers() map[string]http.Handler {
	all := map[string]http.Handler{}
	for version, p := range s.protocols {
		all[p.path()] = s.handler(func(ctx context.Context, source string, body []byte) ([]byte, bool) {
			return s.Provision(ctx, version, source, body)
		})
	}
	if s.parts.Activator != nil {
		all[wire.ActivationPath] = s.handler(s.Activate)
	}
	return all
}

func (s *Server) handler(judge judge) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived := s.parts.Waiter.Now()
		body, err := read(w, r)
		if err != nil {
			problem.Write(w, r, problem.Of(err))
			return
		}
		answer, granted := judge(r.Context(), addressText(r.RemoteAddr), body)
		if !granted {
			s.parts.Waiter.Sleep(r.Context(), untilGrid(s.parts.Waiter.Now().Sub(arrived)))
		}
		write(w, answer)
	})
}

// untilGrid is the time from elapsed to the next multiple of Quantum.
func untilGrid(elapsed time.Duration) time.Duration {
	if past := elapsed % Quantum; past > 0 || elapsed == 0 {
		return Quantum - past
	}
	return 0
}

// read gives the body, or the problem of a request that is none of MPP's.
func read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.Method != http.MethodPost {
		return nil, problem.MethodNotAllowed(w, http.MethodPost)
	}
	if !isCBOR(r.Header) {
		return nil, problem.MediaType(wire.ContentType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxRequest))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, problem.TooLarge(wire.MaxRequest)
	}
	return body, nil // cut short it does not decode, and is refused like all others
}

func isCBOR(h http.Header) bool {
	if len(h.Values("Content-Type")) != 1 || h.Get("Content-Encoding") != "" {
		return false
	}
	media, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && media == wire.ContentType && len(parameters) == 0
}

func write(w http.ResponseWriter, answer []byte) {
	h := w.Header()
	h.Set("Content-Type", wire.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(answer)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	w.Write(answer) //nolint:errcheck // the phone has gone
}

// addressText is the address without its port, as the audit shows it.
func addressText(remote string) string {
	p, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	return p.Addr().Unmap().String()
}
