package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

// configFlag names the configuration of an EPS.
type configFlag struct {
	Config string `help:"Configuration of the EPS." default:"eps.yaml" type:"path"`
}

// eps is an EPS that a command works on while its server may be running too.
type eps struct {
	config server.Config
	hsm    *hsm.HSM
	store  store.EPS
	keys   *keys.Ring
}

// openEPS opens HSM, store and keys, and the audit for records of this command.
func (p *Program) openEPS(ctx context.Context, path string) (*eps, error) {
	e, err := p.openParts(ctx, path)
	if err != nil {
		return nil, err
	}
	if e.keys, err = keys.Open(ctx, e.hsm, e.store); err != nil {
		return nil, unusable{errors.Join(fmt.Errorf("keys: %w", err), e.close())}
	}
	if err := server.SealAudit(ctx, e.config, e.hsm, e.keys, e.store, nil); err != nil {
		return nil, unusable{errors.Join(err, e.close())}
	}
	return e, nil
}

// openParts opens HSM and store.
func (p *Program) openParts(ctx context.Context, path string) (*eps, error) {
	c, err := server.Load(path, p.Environ)
	if err != nil {
		return nil, err
	}
	e := &eps{config: c}
	if e.hsm, err = server.OpenHSM(ctx, c.HSM, p.Modules, c.Role()); err != nil {
		return nil, unusable{err}
	}
	if e.store, err = server.OpenStore(ctx, c.Store); err != nil {
		return nil, unusable{errors.Join(fmt.Errorf("store: %w", err), e.hsm.Close())}
	}
	return e, nil
}

func (e *eps) close() error { return errors.Join(e.store.Close(), e.hsm.Close()) }

// record leaves a trace of an administrative command: who on this machine, and what.
func (e *eps) record(ctx context.Context, what string, token reference.TokenID, pairs ...any) error {
	pairs = append(pairs, "uid", os.Getuid())
	return server.Record(ctx, e.store, store.AuditRecord{
		At: reference.SystemClock{}.Now(), Event: what, Actor: "cli", Token: token, Detail: server.Detail(pairs...),
	})
}
