package command

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/server"
	"github.com/epsbench/epsbench/reference/store"
)

type authserverCommand struct {
	Init  authInitCommand  `cmd:"" help:"Make an authentication server: configuration and keys in its HSM."`
	Pair  pairCommand      `cmd:"" help:"Share keys between an EPS and its authentication server."`
	Serve authServeCommand `cmd:"" help:"Run the authentication server until it is interrupted."`
	Ready authReadyCommand `cmd:"" help:"Ask the running authentication server whether every part of it answers."`
}

// authConfigFlag names the configuration of an authentication server.
type authConfigFlag struct {
	Authserver string `help:"Configuration of the authentication server." default:"authserver.yaml" type:"path"`
}

type authServeCommand struct {
	authConfigFlag
	logFlags
}

func (c *authServeCommand) Run(ctx context.Context, p *Program) error {
	config, err := server.LoadAuthServer(c.Authserver, p.Environ)
	if err != nil {
		return err
	}
	s, err := server.NewAuthServer(ctx, config, server.AuthServerParts{Log: c.logger(p), Modules: p.Modules})
	if err != nil {
		return unusable{err}
	}
	return p.runServer(ctx, s, "plugin", "auth", "operations")
}

type authInitCommand struct {
	tokenFlags
	storeFlags
	Name   string `help:"Name of the authentication server in the pairing." default:"authserver"`
	Plugin string `help:"Address of the plug-in listener, for the EPS." default:"127.0.0.1:7443"`
	Auth   string `help:"Address of the listener for banks and operators." default:"127.0.0.1:6443"`
}

//go:embed authserver.yaml.tmpl
var authTemplate string

// Run follows the order of initCommand.Run. The certificates are those of the EPS's
// development PKI, in the same directory or copied there.
func (c *authInitCommand) Run(ctx context.Context, p *Program) error {
	section, err := c.hsm(p)
	if err != nil {
		return err
	}
	config := server.DefaultAuthServer()
	config.Name, config.HSM = c.Name, section
	config.Listeners.Plugin.Address, config.Listeners.Auth.Address = c.Plugin, c.Auth
	if err := c.storeFlags.apply(&config.Store); err != nil {
		return err
	}
	if err := free(c.Dir, "authserver.yaml", "authserver.db"); err != nil {
		return err
	}
	config.Resolve(c.Dir)
	if _, err := os.Stat(config.Listeners.Auth.Certificate); err != nil {
		return unusable{&reference.Hint{Err: err, Text: "run `eps init` in this directory first, or copy its pki directory here"}}
	}
	a, err := p.openAuth(ctx, config)
	if err != nil {
		return err
	}
	offer, err := a.create(ctx, c)
	if err := errors.Join(err, a.close()); err != nil {
		return unusable{errors.Join(err, discard(config.Store))}
	}
	if err := write(filepath.Join(c.Dir, "authserver.yaml"), authTemplate, config); err != nil {
		return err
	}
	p.say("authentication server %q is ready in %s", c.Name, c.Dir)
	p.say("fingerprint of its pairing key:\n  %s", offer.Fingerprint())
	p.say("next: %s authserver pair", p.Name)
	return nil
}

// auth is an authentication server that a command works on.
type auth struct {
	config server.AuthServerConfig
	hsm    *hsm.HSM
	store  store.AuthServer
}

func (p *Program) openAuth(ctx context.Context, c server.AuthServerConfig) (*auth, error) {
	a := &auth{config: c}
	var err error
	if a.hsm, err = server.OpenHSM(ctx, c.HSM, p.Modules, hsm.AuthServer); err != nil {
		return nil, unusable{err}
	}
	if a.store, err = server.OpenAuthServerStore(ctx, c.Store); err != nil {
		return nil, unusable{errors.Join(fmt.Errorf("store: %w", err), a.hsm.Close())}
	}
	return a, nil
}

func (p *Program) loadAuth(ctx context.Context, path string) (*auth, error) {
	c, err := server.LoadAuthServer(path, p.Environ)
	if err != nil {
		return nil, err
	}
	return p.openAuth(ctx, c)
}

func (a *auth) close() error { return errors.Join(a.store.Close(), a.hsm.Close()) }

func (a *auth) create(ctx context.Context, c *authInitCommand) (keys.Offer, error) {
	if err := keys.InitAuthServer(ctx, a.hsm, keys.Options{RSABits: c.RSABits}); err != nil {
		return keys.Offer{}, fmt.Errorf("keys: %w", err)
	}
	return keys.OfferOf(ctx, a.hsm, c.Name)
}
