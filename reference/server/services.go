package server

import (
	"context"
	"fmt"

	"golang.org/x/time/rate"

	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/authserver/plugin"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/row"
)

// pluginClient speaks to the authentication server under the keys of its pairing.
func (s *Server) pluginClient() (*plugin.Client, error) {
	peer := s.config.AuthServer
	client, err := pki.Client(peer.CA, peer.Certificate, peer.Key)
	if err != nil {
		return nil, err
	}
	s.opened.add(func() error { client.CloseIdleConnections(); return nil }) // the other side waits for them when it ends
	plk := func(ctx context.Context) (hsm.Key, error) { return s.keys.PLK(ctx, peer.Name) }
	plkr := func(ctx context.Context) (hsm.Key, error) { return s.keys.PLKR(ctx, peer.Name) }
	return plugin.NewClient(peer.URL, client, plugin.HSMKeys(s.parts.HSM, plk, plkr), peer.Timeout), nil
}

func (s *Server) newEnroll() (*enroll.Service, error) {
	p := enroll.Parts{
		Store: s.parts.Store, HSM: s.parts.HSM, Keys: s.keys, AuthServer: s.parts.AuthServer,
		Clock: s.parts.Clock, Random: s.parts.Random, Rows: row.Of(s.config.Profile, s.keys),
	}
	s.parts.Enroll(&p)
	return enroll.New(enroll.Config{
		AuthServer: s.config.AuthServer.Name, Suite: s.config.Token.Suite, PINDigits: s.config.Token.PINDigits,
		CodeDigits: s.config.Code.Digits, CodeTries: s.config.Code.Failures, Validity: s.config.Code.Validity,
		Iterations: s.config.KDF.Iterations, CreateTimeout: s.config.AuthServer.Timeout, Patience: s.config.Limits.Patience,
		Versions: s.config.MPP.Versions, Guessing: s.config.guessing(),
		Activation: s.config.Activation.Required, ActivationTries: s.config.Activation.Tries,
	}, p)
}

func (s *Server) newMPP(ctx context.Context) (*mpp.Server, error) {
	p := mpp.Parts{
		Store: s.parts.Store, HSM: s.parts.HSM, Keys: s.keys, Clock: s.parts.Clock, Random: s.parts.Random,
		Rows: row.Of(s.config.Profile, s.keys), Rejects: rejecter{s.rejects}, Log: s.log,
	}
	if s.config.Activation.Required {
		if err := s.parts.HSM.Do(ctx, func(*hsm.Session) error { _, err := s.keys.Ticket(ctx); return err }); err != nil {
			return nil, fmt.Errorf("activation: %w", err)
		}
		p.Activator = s.enroll
	}
	s.parts.MPP(&p)
	return mpp.New(ctx, mpp.Config{
		EPS: s.config.Name, Versions: s.config.MPP.Versions, CodeTries: s.config.Code.Failures,
		Rate: rate.Limit(s.config.Limits.SourceRate), Burst: s.config.Limits.SourceBurst, Waiting: s.config.Limits.Queue,
		Patience:  s.config.Limits.Patience,
		TotalRate: rate.Limit(s.config.Limits.V1Rate), TotalBurst: s.config.Limits.V1Burst,
		TicketValidity: s.config.Activation.Validity,
	}, p)
}

// rejecter counts what package mpp turns away at the door.
type rejecter struct{ *audit.Aggregator }

func (r rejecter) Note(source string) { r.Count(source) }
