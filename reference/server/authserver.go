package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/store"
)

// AuthServerParts is what an authentication server is made of; see Parts.
type AuthServerParts struct {
	Store   store.AuthServer
	HSM     *hsm.HSM
	Clock   reference.Clock
	Random  io.Reader
	Log     *slog.Logger
	Modules Modules
	// Wrap goes around the handler of a listener: "plugin", "auth".
	Wrap func(listener string, h http.Handler) http.Handler
	// TLS may change how a listener speaks TLS.
	TLS func(listener string, c *tls.Config)
	// AuthServer may change the parts of that package before they are put together.
	AuthServer func(*authserver.Parts)
}

// AuthServer is an authentication server with its listeners open.
type AuthServer struct {
	node
	config AuthServerConfig
	parts  AuthServerParts
	roles  *pki.Roles
	keys   *keys.AuthRing
	server *authserver.Server
}

// NewAuthServer makes an authentication server and opens its listeners, which answer
// once Serve is called.
func NewAuthServer(ctx context.Context, c AuthServerConfig, p AuthServerParts) (*AuthServer, error) {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	p.Log = problem.Traced(p.Log)
	if p.TLS == nil {
		p.TLS = func(string, *tls.Config) {}
	}
	if p.AuthServer == nil {
		p.AuthServer = func(*authserver.Parts) {}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &AuthServer{config: c, parts: p}
	s.log, s.tls = p.Log, p.TLS
	s.patience, s.shutdown = c.Patience, c.Shutdown
	s.life, s.end = context.WithCancel(context.Background())
	for _, step := range []func(context.Context) error{s.openParts, s.openServer, s.listen} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, s.Close(ctx))
		}
	}
	return s, nil
}

func (s *AuthServer) openParts(ctx context.Context) error {
	if s.parts.HSM == nil {
		h, err := OpenHSM(ctx, s.config.HSM, s.parts.Modules, hsm.AuthServer)
		if err != nil {
			return err
		}
		s.parts.HSM = h
		s.opened.add(h.Close)
	}
	if s.parts.Store == nil {
		st, err := OpenAuthServerStore(ctx, s.config.Store)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		s.parts.Store = st
		s.opened.add(st.Close)
	}
	return nil
}

func (s *AuthServer) openServer(ctx context.Context) (err error) {
	if s.keys, err = keys.OpenAuth(ctx, s.parts.HSM, s.parts.Store); err != nil {
		return noKeys(err)
	}
	if s.roles, err = pki.LoadRoles(s.config.Roles); err != nil {
		return err
	}
	rules, err := s.config.Validation.Rules.Complete()
	if err != nil {
		return fmt.Errorf("%w: validation: %w", ErrConfig, err)
	}
	p := authserver.Parts{
		Store: s.parts.Store, HSM: s.parts.HSM, Keys: s.keys, Clock: s.parts.Clock, Random: s.parts.Random,
		Log: s.log, Policy: rules, Identify: identify(s.roles), Wrap: s.parts.Wrap,
	}
	s.parts.AuthServer(&p)
	if s.server, err = authserver.New(s.config.Validation, p); err != nil {
		return err
	}
	s.opened.add(func() error { s.server.Close(); return nil })
	return nil
}

func (s *AuthServer) listen(context.Context) error {
	if err := s.open("plugin", s.config.Listeners.Plugin, s.server.Plugin()); err != nil {
		return err
	}
	if err := s.open("auth", s.config.Listeners.Auth, s.server.API()); err != nil {
		return err
	}
	if s.config.Listeners.Operations.Address == "" {
		return nil
	}
	surface := &api.Surface{
		Identify: identify(s.roles), Log: s.log,
		Done: func(r *http.Request, c api.Call) { logCall(s.log, r, c) },
	}
	return s.open("operations", s.config.Listeners.Operations, surface.Readiness(s.ready))
}

// ready asks every part that a call needs.
func (s *AuthServer) ready(ctx context.Context) []api.Check {
	return s.checks(ctx, []check{
		{"hsm", s.parts.HSM.Healthy},
		{"store", func(ctx context.Context) error {
			err := s.parts.Store.View(ctx, func(tx store.AuthReader) error {
				_, err := tx.Credentials("", 1)
				return err
			})
			return errors.Join(err, s.parts.Store.Writable(ctx))
		}},
		{"pairing", func(ctx context.Context) error {
			return s.parts.HSM.Do(ctx, func(*hsm.Session) error {
				_, err := s.keys.PLK(ctx)
				return err
			})
		}},
	})
}

// Serve answers until ctx ends or Close is called, then lets calls under way finish.
func (s *AuthServer) Serve(ctx context.Context) error {
	return s.serve(ctx, func(context.Context) {}) // a call leaves nothing behind it
}

// Server is the authentication server itself, for those who run one in their own process.
func (s *AuthServer) Server() *authserver.Server { return s.server }
