// Package server puts an EPS together: keys, store, audit, enrolment, provisioning
// and the three listeners. An authentication server too (authserver.go): the two are
// processes of their own, with an HSM slot and a database each.
//
// Start at New. What a test or a mutant wants otherwise it gives as a Part; nothing
// here asks whether it is being tested.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
)

// Version of the reference EPS and authentication server.
const Version = "0.1"

// flushEvery is how often messages that wait for the authentication server are sent again.
const flushEvery = 2 * time.Second

// Server is an EPS with its listeners open.
type Server struct {
	node
	config  Config
	parts   Parts
	keys    *keys.Ring
	enroll  *enroll.Service
	mpp     *mpp.Server
	rejects *audit.Aggregator
	denials *api.Denials
	metrics *metrics
}

// New makes an EPS and opens its listeners, which answer once Serve is called. It
// refuses a configuration that would be unsafe, an HSM that cannot do what is needed,
// and a database that is behind its audit anchor.
func New(ctx context.Context, c Config, p Parts) (*Server, error) {
	p.complete()
	if err := c.Check(); err != nil {
		return nil, err
	}
	s := &Server{config: c, parts: p}
	s.log, s.tls = p.Log, p.TLS
	s.patience, s.shutdown = c.Limits.Patience, c.Limits.Shutdown
	s.life, s.end = context.WithCancel(context.Background())
	for _, step := range []func(context.Context) error{s.openParts, s.openAudit, s.openServices, s.listen, s.recordStart} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close(ctx))
		}
	}
	return s, nil
}

// openParts opens what the Parts did not bring.
func (s *Server) openParts(ctx context.Context) error {
	if s.parts.HSM == nil {
		h, err := OpenHSM(ctx, s.config.HSM, s.parts.Modules, s.config.Role())
		if err != nil {
			return err
		}
		s.parts.HSM = h
		s.opened.add(h.Close)
	}
	if s.parts.Random == nil {
		s.parts.Random = s.parts.HSM.Random()
	}
	if s.parts.Store == nil {
		st, err := OpenStore(ctx, s.config.Store)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		s.parts.Store = st
		s.opened.add(st.Close)
	}
	for _, c := range s.parts.HSM.Choices() {
		s.log.DebugContext(ctx, "HSM strategy", "operation", c.Operation, "strategy", c.Strategy, "why", c.Why)
	}
	return nil
}

// openAudit finds the keys and chains the audit to them.
func (s *Server) openAudit(ctx context.Context) (err error) {
	if s.keys, err = keys.Open(ctx, s.parts.HSM, s.parts.Store); err != nil {
		return noKeys(err)
	}
	if err := s.checkProfile(ctx); err != nil {
		return err
	}
	return SealAudit(ctx, s.config, s.parts.HSM, s.keys, s.parts.Store, s.parts.Anchor)
}

// checkProfile refuses keys of another profile, and warns of the literal one.
func (s *Server) checkProfile(ctx context.Context) error {
	if made := s.keys.Profile(); made != s.config.Profile {
		return &reference.Hint{
			Err:  fmt.Errorf("%w: profile: %s, but the keys were made for %s", ErrConfig, s.config.Profile, made),
			Text: "an EPS keeps the profile that eps init gave it",
		}
	}
	if s.config.Profile == reference.Literal {
		s.log.WarnContext(ctx, "the profile st-2.6.1 is for judging and migration: rows have no integrity, and C and the MPP key pass through the host")
	}
	return nil
}

func noKeys(err error) error {
	if errors.Is(err, reference.ErrNotFound) {
		return &reference.Hint{Err: fmt.Errorf("keys: %w", err), Text: "make them with: eps init, or eps authserver init"}
	}
	return fmt.Errorf("keys: %w", err)
}

// openServices makes enrolment and provisioning, and gives up what a crash left half done.
func (s *Server) openServices(ctx context.Context) (err error) {
	if s.parts.AuthServer == nil {
		if s.parts.AuthServer, err = s.pluginClient(); err != nil {
			return fmt.Errorf("authentication server: %w", err)
		}
	}
	s.rejects = audit.NewAggregator(s.parts.Store, s.parts.Clock)
	s.opened.add(func() error { return s.rejects.Close(context.Background()) })
	if s.enroll, err = s.newEnroll(); err != nil {
		return err
	}
	if s.mpp, err = s.newMPP(ctx); err != nil {
		return err
	}
	return s.enroll.Recover(ctx)
}

// listen opens the three addresses.
func (s *Server) listen(context.Context) error {
	roles, err := pki.LoadRoles(s.config.Roles)
	if err != nil {
		return err
	}
	s.metrics = newMetrics(s.parts.HSM)
	s.denials = &api.Denials{Store: s.parts.Store, Strangers: s.rejects, Clock: s.parts.Clock, Log: s.log}
	surface := &api.Surface{Identify: identify(roles), Done: s.done, Log: s.log}
	for _, l := range []struct {
		name    api.Listener
		config  Listener
		handler http.Handler
	}{
		{api.Bank, s.config.Listeners.Bank, surface.Bank(s.bank())},
		{api.Public, s.config.Listeners.Public, surface.Public(s.mpp.Handlers())},
		{api.Operations, s.config.Listeners.Operations, surface.Operations(s.operations())},
	} {
		if err := s.open(string(l.name), l.config, s.parts.Wrap(string(l.name), l.handler)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) bank() api.BankParts {
	return api.BankParts{
		Enroll: s.enroll, Store: s.parts.Store, Ready: s.ready, Limit: s.config.Limits.BankBody,
		Info: api.Info{Name: s.config.Name, Node: s.config.Node, Version: Version, MPP: s.config.MPP.Versions},
	}
}

func (s *Server) operations() api.OperationsParts {
	return api.OperationsParts{Metrics: s.metrics.handler(), Ready: s.ready, Keys: s.inventory}
}

// done is told of every answered call.
func (s *Server) done(r *http.Request, c api.Call) {
	s.metrics.count(c)
	s.denials.Note(r, c)
	logCall(s.log, r, c)
}

// logCall leaves a line of every answered call; those of operators, who may ask every
// other second, at debug level.
func logCall(log *slog.Logger, r *http.Request, c api.Call) {
	level := slog.LevelInfo
	if c.Listener == api.Operations {
		level = slog.LevelDebug
	}
	log.Log(r.Context(), level, "call", "listener", c.Listener, "route", c.Route, "status", c.Status,
		"actor", c.Who.Name, "seconds", c.Took.Seconds())
}

// Serve answers until ctx ends or Close is called, then lets calls under way finish,
// and hands on what they have left for the authentication server.
func (s *Server) Serve(ctx context.Context) error {
	return s.serve(ctx, s.lastFlush,
		every(flushEvery, "messages wait for the authentication server", s.log, s.enroll.Flush),
		every(time.Second, "refusals wait for the audit", s.log, s.rejects.Flush))
}

// lastFlush sends what waits for the authentication server once more. What it does not
// take stays in the store for the next process.
func (s *Server) lastFlush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(problem.WithTrace(ctx), s.config.AuthServer.Timeout)
	defer cancel()
	if err := s.enroll.Flush(ctx); err != nil {
		s.log.WarnContext(ctx, "messages wait for the authentication server", "err", err)
	}
}

// every repeats do until its context ends. What fails is tried again the next time.
func every(d time.Duration, failed string, log *slog.Logger, do func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				ctx := problem.WithTrace(ctx)
				if err := do(ctx); err != nil && ctx.Err() == nil {
					log.WarnContext(ctx, failed, "err", err)
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// recordStart leaves a record of what begins to serve.
func (s *Server) recordStart(ctx context.Context) error {
	info, err := s.parts.Store.Info(ctx)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	token := s.parts.HSM.Info()
	return Record(ctx, s.parts.Store, store.AuditRecord{
		At: s.parts.Clock.Now(), Event: "started", Actor: "system",
		Detail: Detail("version", Version, "store", info.Engine+" "+info.Version, "hsm", token.Library, "token", token.Label),
	})
}

// Enroll is the enrolment half, for those who run an EPS in their own process.
func (s *Server) Enroll() *enroll.Service { return s.enroll }

// MPP is the provisioning half.
func (s *Server) MPP() *mpp.Server { return s.mpp }

// Keys are those that the EPS runs on.
func (s *Server) Keys() *keys.Ring { return s.keys }
