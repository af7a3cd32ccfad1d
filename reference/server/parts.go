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
	"github.com/epsbench/epsbench/reference/api/problem"
	"github.com/epsbench/epsbench/reference/audit"
	"github.com/epsbench/epsbench/reference/enroll"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/mpp"
	"github.com/epsbench/epsbench/reference/store"
	"github.com/epsbench/epsbench/reference/store/mariadb"
	"github.com/epsbench/epsbench/reference/store/sqlite"
)

// Modules opens a built-in PKCS#11 module by the name that hsm.module gives; dir is
// that of the configuration file, label the token's. Other names are paths of libraries.
type Modules map[string]func(dir, label string) (hsm.PKCS11, error)

// Parts is what an EPS is made of. Those left nil are made from Config and closed
// with the server; those given stay the giver's.
type Parts struct {
	Store      store.EPS
	HSM        *hsm.HSM
	Clock      reference.Clock
	Random     io.Reader
	AuthServer enroll.AuthServer
	Anchor     audit.Anchor
	Log        *slog.Logger
	Modules    Modules
	// Wrap goes around the whole handler of a listener: "bank", "public", "operations".
	Wrap func(listener string, h http.Handler) http.Handler
	// TLS may change how a listener speaks TLS; one on a Unix socket speaks none.
	TLS func(listener string, c *tls.Config)
	// Enroll and MPP may change the parts of those packages before they are put together.
	Enroll func(*enroll.Parts)
	MPP    func(*mpp.Parts)
}

// complete fills in the parts that need no configuration.
func (p *Parts) complete() {
	if p.Clock == nil {
		p.Clock = reference.SystemClock{}
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	p.Log = problem.Traced(p.Log)
	if p.Wrap == nil {
		p.Wrap = func(_ string, h http.Handler) http.Handler { return h }
	}
	if p.TLS == nil {
		p.TLS = func(string, *tls.Config) {}
	}
	if p.Enroll == nil {
		p.Enroll = func(*enroll.Parts) {}
	}
	if p.MPP == nil {
		p.MPP = func(*mpp.Parts) {}
	}
}

// closers are what a server has opened, closed in the reverse order.
type closers []func() error

func (c *closers) add(f func() error) { *c = append(*c, f) }

func (c closers) close() error {
	var err error
	for i := range c {
		err = errors.Join(err, c[len(c)-1-i]())
	}
	return err
}

// OpenHSM logs in to the token of c, for a role.
func OpenHSM(ctx context.Context, c HSM, modules Modules, role hsm.Role) (*hsm.HSM, error) {
	pin, err := secret("HSM PIN", c.PINFile, c.PINEnv)
	if err != nil {
		return nil, err
	}
	m, err := module(c, modules)
	if err != nil {
		pin.Clear()
		return nil, err
	}
	h, err := hsm.Open(ctx, m, hsm.Config{Label: c.Label, Slot: c.Slot, PIN: pin, Sessions: c.Sessions, Patience: c.Patience, Role: role})
	if err != nil {
		pin.Clear()
		return nil, fmt.Errorf("HSM %s: %w", c.Module, err)
	}
	return h, nil // which needs the PIN when the token loses the login
}

func module(c HSM, modules Modules) (hsm.PKCS11, error) {
	if open, builtIn := modules[c.Module]; builtIn {
		return open(c.dir, c.Label)
	}
	if c.Module == "" {
		return nil, &reference.Hint{Err: fmt.Errorf("%w: hsm.module: must be set", ErrConfig), Text: "name the PKCS#11 library of the HSM, for example /usr/lib/softhsm/libsofthsm2.so"}
	}
	return hsm.Load(c.Module)
}

// OpenStore opens the database of an EPS.
func OpenStore(ctx context.Context, c Store) (store.EPS, error) {
	if c.Engine == "sqlite" {
		return sqlite.OpenEPS(ctx, c.Path)
	}
	dsn, err := c.dsn()
	if err != nil {
		return nil, err
	}
	return mariadb.OpenEPS(ctx, dsn)
}

// OpenAuthServerStore opens the database of an authentication server.
func OpenAuthServerStore(ctx context.Context, c Store) (store.AuthServer, error) {
	if c.Engine == "sqlite" {
		return sqlite.OpenAuthServer(ctx, c.Path)
	}
	dsn, err := c.dsn()
	if err != nil {
		return nil, err
	}
	return mariadb.OpenAuthServer(ctx, dsn)
}
