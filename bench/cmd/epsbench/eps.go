package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/epsbench/epsbench/emulator/token"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/command"
	"github.com/epsbench/epsbench/reference/hsm"
	"github.com/epsbench/epsbench/reference/server"
)

// epsCommand is the command line of the EPS, with the emulator built in: where it
// asks for a PKCS#11 library, the word emulator will do.
type epsCommand struct {
	Args []string `arg:"" optional:"" help:"As of the program eps."`
}

// Run is called by kong.
func (c *epsCommand) Run(a *app) error {
	if err := command.Harden(); err != nil {
		return err
	}
	p := command.Program{Name: "epsbench eps", Modules: server.Modules{"emulator": openEmulator},
		Stdin: os.Stdin, Stdout: a.out, Stderr: os.Stderr, Environ: os.Environ()}
	a.exit = p.Run(a.ctx, c.Args)
	return nil
}

// emulatorPIN is the variable with the PINs of a token that does not exist yet.
const emulatorPIN = "EPSBENCH_PIN"

// defaultLabel is that of a token that nobody has named.
const defaultLabel = "epsbench"

// openEmulator opens the token in the directory emulator-LABEL beside the configuration
// file. The first time it makes it, as softhsm2-util does for SoftHSM.
func openEmulator(dir, label string) (hsm.PKCS11, error) {
	label = cmp.Or(label, defaultLabel)
	if !filepath.IsLocal(label) || filepath.Base(label) != label {
		return nil, fmt.Errorf("the label %q cannot name a directory", label)
	}
	c := token.Config{Dir: filepath.Join(dir, "emulator-"+label)}
	if _, err := os.Stat(c.Dir); errors.Is(err, os.ErrNotExist) {
		pin := os.Getenv(emulatorPIN)
		if pin == "" {
			return nil, &reference.Hint{Err: errors.New("the emulator has no token in " + c.Dir),
				Text: "set " + emulatorPIN + " to the PIN that it is to get, and use --pin-env " + emulatorPIN}
		}
		c.Label, c.SOPIN, c.UserPIN = label, rand.Text(), pin // nobody needs to be its security officer
	}
	return token.New(c)
}
