package command

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/api/pki"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/server"
)

// tokenFlags say which HSM token, and where its PIN is.
type tokenFlags struct {
	Dir     string `help:"Directory of the new files." default:"." type:"path"`
	Module  string `help:"PKCS#11 library." required:"" placeholder:"FILE.so"`
	Label   string `help:"Label of the initialised token; the only one where left out."`
	PINEnv  string `help:"Environment variable with the user PIN of the token." name:"pin-env" xor:"pin"`
	PINFile string `help:"File with the user PIN of the token." name:"pin-file" type:"path" xor:"pin"`
	RSABits int    `help:"Length of RSA keys." name:"rsa-bits" default:"3072" enum:"2048,3072,4096"`
}

// hsm is the section of the configuration. A relative path of a library would hang
// on the directory that the server starts in.
func (f tokenFlags) hsm(p *Program) (server.HSM, error) {
	if _, builtIn := p.Modules[f.Module]; !builtIn {
		path, err := filepath.Abs(f.Module)
		if err != nil {
			return server.HSM{}, err
		}
		f.Module = path
	}
	if f.PINEnv == "" && f.PINFile == "" {
		return server.HSM{}, usageError{errors.New("the PIN of the token is wanted: --pin-env or --pin-file")}
	}
	return server.HSM{Module: f.Module, Label: f.Label, PINEnv: f.PINEnv, PINFile: f.PINFile}, nil
}

// storeFlags say which database: SQLite beside the configuration, or a MariaDB.
type storeFlags struct {
	DSN          string `help:"MariaDB instead of SQLite, without a password: eps@tcp(127.0.0.1:3306)/eps." name:"dsn" placeholder:"DSN"`
	PasswordFile string `help:"File with the password of the MariaDB user." name:"password-file" type:"path"`
}

// apply changes the section of the configuration.
func (f storeFlags) apply(s *server.Store) error {
	switch {
	case f.DSN != "":
		*s = server.Store{Engine: "mariadb", DSN: f.DSN, PasswordFile: f.PasswordFile}
	case f.PasswordFile != "":
		return usageError{errors.New("--password-file is for a MariaDB: name it by --dsn")}
	}
	return nil
}

type initCommand struct {
	tokenFlags
	storeFlags
	Name       string            `help:"Name of the EPS: phones pin it." default:"eps"`
	Profile    reference.Profile `help:"What the EPS stores: default, or st-2.6.1 (seed 000 §6.2 to the letter, for judging and migration only)." default:"default" enum:"default,st-2.6.1"`
	Bank       string            `help:"Address of the bank listener." default:"127.0.0.1:8443"`
	Public     string            `help:"Address of the public listener." default:"127.0.0.1:9443"`
	Phones     string            `help:"Address that phones use, where it is not that of the public listener." placeholder:"HOST:PORT"`
	MPP        []int             `help:"Versions of the provisioning protocol: 2, 1, or 1,2; by default 2, and 1 in the profile st-2.6.1." name:"mpp"`
	Authserver string            `help:"URL of the authentication server's plug-in listener." default:"https://127.0.0.1:7443"`
	Host       []string          `help:"Further name of the servers, for the certificates of the development PKI." placeholder:"NAME"`
}

//go:embed eps.yaml.tmpl
var epsTemplate string

// Run makes everything in the order in which it can fail: nothing is written before
// the HSM has let us in, and the configuration comes last, so that a second try after
// a failure is told from a second EPS.
func (c *initCommand) Run(ctx context.Context, p *Program) error {
	section, err := c.hsm(p)
	if err != nil {
		return err
	}
	config := server.Default()
	config.Name, config.Profile, config.HSM = c.Name, c.Profile, section
	config.Listeners.Bank.Address, config.Listeners.Public.Address = c.Bank, c.Public
	if len(c.MPP) == 0 {
		c.MPP = c.Profile.MPP()
	}
	config.AuthServer.URL, config.MPP.Versions = c.Authserver, c.MPP
	if err := c.storeFlags.apply(&config.Store); err != nil {
		return err
	}
	if err := config.Check(); err != nil {
		return usageError{err}
	}
	if err := free(c.Dir, "eps.yaml", "eps.db", "audit.anchor", "phone.json", "pki"); err != nil {
		return err
	}
	config.Resolve(c.Dir)
	if err := p.makeEPS(ctx, c, config); err != nil {
		return err
	}
	if err := write(filepath.Join(c.Dir, "eps.yaml"), epsTemplate, config); err != nil {
		return err
	}
	p.say("EPS %q is ready in %s", c.Name, c.Dir)
	p.say("next: %[1]s authserver init, %[1]s authserver pair, %[1]s serve", p.Name)
	return nil
}

// makeEPS makes keys, store, PKI and phone.json.
func (p *Program) makeEPS(ctx context.Context, c *initCommand, config server.Config) error {
	h, err := server.OpenHSM(ctx, config.HSM, p.Modules, config.Role())
	if err != nil {
		return unusable{err}
	}
	e := &eps{config: config, hsm: h}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return errors.Join(err, h.Close())
	}
	if e.store, err = server.OpenStore(ctx, config.Store); err != nil {
		return unusable{errors.Join(fmt.Errorf("store: %w", err), h.Close())}
	}
	if err := keys.Init(ctx, h, e.store, keys.Options{RSABits: c.RSABits, MPP: c.MPP, Profile: c.Profile}); err != nil {
		return unusable{errors.Join(fmt.Errorf("keys: %w", err), e.close(), discard(config.Store))}
	}
	return errors.Join(e.create(ctx, c), e.close())
}

// discard takes away the new database of what did not come about: the next try finds
// the directory as it was.
func discard(s server.Store) (err error) {
	if s.Engine != "sqlite" {
		return nil
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if failed := os.Remove(s.Path + suffix); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return err
}

func (e *eps) create(ctx context.Context, c *initCommand) (err error) {
	if e.keys, err = keys.Open(ctx, e.hsm, e.store); err != nil {
		return unusable{fmt.Errorf("keys: %w", err)}
	}
	if err := server.SealAudit(ctx, e.config, e.hsm, e.keys, e.store, nil); err != nil {
		return unusable{err}
	}
	if err := pki.Create(filepath.Join(c.Dir, "pki"), time.Now(), c.Host...); err != nil {
		return err
	}
	if err := e.writePinned(c); err != nil {
		return err
	}
	return e.record(ctx, "initialised", "", "name", c.Name, "rsa_bits", c.RSABits, "profile", string(c.Profile))
}

// writePinned writes what a phone of this EPS carries.
func (e *eps) writePinned(c *initCommand) error {
	pinned, err := e.pinned(c.Name, cmp.Or(c.Phones, c.Public))
	if err != nil {
		return err
	}
	ca, err := os.ReadFile(filepath.Join(c.Dir, "pki", "ca.pem"))
	if err != nil {
		return err
	}
	pinned.CA, pinned.MinIterations = string(ca), e.config.KDF.Iterations
	return writePinned(filepath.Join(c.Dir, "phone.json"), pinned)
}

// free makes sure that nothing of an earlier init is there: an EPS is made once.
func free(dir string, names ...string) error {
	for _, name := range names {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return &reference.Hint{
				Err:  fmt.Errorf("%s: %w", path, reference.ErrExists),
				Text: "nothing was changed; choose another place, or remove what is there",
			}
		}
	}
	return nil
}

// write renders a configuration into a new file.
func write(path, text string, config any) error {
	t, err := template.New(filepath.Base(path)).Parse(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, config); err != nil {
		return err
	}
	return create(path, []byte(b.String()))
}

// create writes a new file for the owner only.
func create(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
