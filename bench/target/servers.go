package target

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/authserver"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/server"
)

// anyPort lets the system choose, so that targets can stand beside each other.
const anyPort = "127.0.0.1:0"

// address is where a listener is opened.
func (s *system) address(listener string) string { return cmp.Or(s.fixed[listener], anyPort) }

// guesses at codes of version 1, so many that suites are not held up; their life is
// short enough for some 50 codes at once.
var guesses = conformance.GuessingLimits{Rate: 20, Burst: 20, Validity: 12 * time.Hour}

// openHSM logs in to a token. Before it stand, from the token outwards: the personality, what sees
// its keys, what takes it away, the trace, and a mutant's layer.
func (s *system) openHSM(ctx context.Context, slot string, role hsm.Role) (*hsm.HSM, error) {
	behind, err := s.slots.module(slot)
	if err != nil {
		return nil, err
	}
	m, err := s.slots.personified(behind)
	if err != nil {
		return nil, err
	}
	m = s.sight.before(slot, m, behind)
	if s.breaks != nil {
		if m, err = s.breaks.before(slot, m); err != nil {
			return nil, err
		}
	}
	m = trace.New(slot, m, s.record)
	if s.seams.Module != nil {
		m = s.seams.Module(slot, m)
	}
	return s.login(ctx, slot, m, role)
}

// record keeps a call to an HSM, but for those of many enrolments.
func (s *system) record(r trace.Record) {
	if s.iterations.Load() == 0 {
		s.trace.Add(r)
	}
}

func (s *system) login(ctx context.Context, slot string, m cryptoki.Module, role hsm.Role) (*hsm.HSM, error) {
	c := hsm.Config{Label: s.slots.label(slot), PIN: reference.NewSecret([]byte(userPIN)), Patience: s.patience.hsm, Role: role}
	if s.seams.HSM != nil {
		s.seams.HSM(&c)
	}
	h, err := hsm.Open(ctx, m, c)
	if err != nil {
		return nil, fmt.Errorf("HSM %s: %w", slot, err)
	}
	return h, nil
}

// initialise makes the keys of both servers and pairs them, as `eps init`, `eps
// authserver init` and `eps authserver pair` do.
func (s *system) initialise(ctx context.Context) (err error) {
	ours, err := s.openHSM(ctx, "eps", server.Config{Profile: s.profile}.Role())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	theirs, err := s.openHSM(ctx, "authserver", hsm.AuthServer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.Close()) }()

	if err := keys.Init(ctx, ours, s.stores.eps, s.keyOptions()); err != nil {
		return err
	}
	if err := keys.InitAuthServer(ctx, theirs, keys.Options{RSABits: rsaBits[s.options.Profile]}); err != nil {
		return err
	}
	offer, err := keys.OfferOf(ctx, theirs, server.DefaultAuthServer().Name)
	if err != nil {
		return err
	}
	pack, err := keys.Pair(ctx, ours, s.stores.eps, offer)
	if err != nil {
		return err
	}
	return keys.Accept(ctx, theirs, s.stores.auth, pack)
}

// keyOptions are those of the profile. The literal one has MPP v1 in its keystore; the bench's
// phones speak v2.
func (s *system) keyOptions() keys.Options {
	o := keys.Options{RSABits: rsaBits[s.options.Profile], Profile: s.profile, MPP: s.versions()}
	if s.seams.Keys != nil {
		s.seams.Keys(&o)
	}
	return o
}

// versions of MPP that the EPS serves: both, so that both are judged. `eps init` turns on
// version 2 alone.
// Activation leaves out version 1.
func (s *system) versions() []int {
	if s.activation {
		return []int{2}
	}
	return []int{1, 2}
}

func (s *system) startAuthServer(ctx context.Context) error {
	h, err := s.openHSM(ctx, "authserver", hsm.AuthServer)
	if err != nil {
		return err
	}
	s.opened = append(s.opened, h.Close)
	c := server.DefaultAuthServer()
	c.Listeners.Plugin.Address, c.Listeners.Auth.Address = s.address("plugin"), s.address("auth")
	if s.breaks != nil {
		c.Listeners.Operations = c.Listeners.Plugin
		c.Listeners.Operations.Address = s.address("auth operations")
		c.Patience, c.Validation.Patience = s.patience.call, s.patience.call
	}
	c.Resolve(s.dir)
	if s.hasty {
		hastenAuthServer(&c)
	}
	if s.rules, err = c.Validation.Rules.Complete(); err != nil {
		return err
	}
	if s.seams.AuthConfig != nil {
		s.seams.AuthConfig(&c)
	}
	st := s.stores.auth
	if s.seams.AuthStore != nil {
		st = s.seams.AuthStore(st)
	}
	s.auth, err = server.NewAuthServer(ctx, c, server.AuthServerParts{
		Store: st, HSM: h, Clock: s.clock, Log: s.logger().With("server", "authserver"), Wrap: s.wrap, TLS: s.seams.TLS,
		AuthServer: func(p *authserver.Parts) {
			if s.seams.Validation != nil {
				s.seams.Validation(p)
			}
		},
	})
	return err
}

func (s *system) startEPS(ctx context.Context) error {
	c := s.config()
	h, err := s.openHSM(ctx, "eps", c.Role())
	if err != nil {
		return err
	}
	s.opened = append(s.opened, h.Close)
	s.hsm = h
	st := s.stores.eps
	if s.seams.Store != nil {
		st = s.seams.Store(st)
	}
	s.eps, err = server.New(ctx, c, server.Parts{
		Store: st, HSM: h, Clock: s.clock, Log: s.logger().With("server", "eps"), Wrap: s.wrap, TLS: s.seams.TLS,
		Enroll: func(p *enroll.Parts) {
			if s.seams.Enroll != nil {
				s.seams.Enroll(p)
			}
		},
		MPP: func(p *mpp.Parts) {
			if s.seams.MPP != nil {
				s.seams.MPP(p)
			}
		},
	})
	return err
}

// config is what the EPS starts with.
func (s *system) config() server.Config {
	c := s.settings()
	if s.seams.Config != nil {
		s.seams.Config(&c)
	}
	return c
}

// settings are those of the EPS without a mutant.
func (s *system) settings() server.Config {
	c := server.Default()
	c.Name, c.Profile, c.MPP.Versions = s.name, s.profile, s.versions()
	c.Activation.Required = s.activation
	if s.node != "" {
		c.Node = s.node
	}
	c.Limits.V1Rate, c.Limits.V1Burst, c.Code.V1Validity = guesses.Rate, guesses.Burst, guesses.Validity
	c.Listeners.Bank.Address, c.Listeners.Public.Address = s.address("bank"), s.address("public")
	operations := &c.Listeners.Operations
	operations.Address = s.address("operations")
	operations.Certificate, operations.Key, operations.Clients = c.Listeners.Bank.Certificate, c.Listeners.Bank.Key, c.Listeners.Bank.Clients
	c.AuthServer.URL = s.url("plugin")
	if n := cmp.Or(int(s.iterations.Load()), iterations[s.options.Profile]); n > 0 {
		c.KDF.Iterations = n
	}
	if s.hasty {
		hasten(&c)
	}
	if s.breaks != nil {
		c.Limits.Patience, c.AuthServer.Timeout = s.patience.call, s.patience.call
	}
	c.Resolve(s.dir)
	return c
}

// Pinned is what a phone's application would carry for this EPS.
func (s *system) Pinned() conformance.Pinned {
	ring := s.eps.Keys()
	p := conformance.Pinned{EPS: s.name, KeyID: ring.KeyID(2), Key: ring.MPPPublic(2), Suite: int(s.hsm.Suites()[0]), MinIterations: 1_000}
	if key := ring.MPPPublic(1); key != nil {
		p.V1 = &conformance.PinnedKey{KeyID: ring.KeyID(1), Key: key}
	}
	return p
}
