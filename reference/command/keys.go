package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/keys"
	"github.com/epsbench/epsbench/reference/mpp/wire"
	"github.com/epsbench/epsbench/reference/mpp/wire1"
	"github.com/epsbench/epsbench/reference/phone"
)

type keysCommand struct {
	MPP    keysMPPCommand    `cmd:"" name:"mpp" help:"Make the key of a version of the provisioning protocol that the EPS was made without."`
	Ticket keysTicketCommand `cmd:"" help:"Make the key of activation tickets, where the EPS was made without it."`
}

// keysTicketCommand is what goes before activation at an EPS of an earlier version.
type keysTicketCommand struct{ configFlag }

func (c *keysTicketCommand) Run(ctx context.Context, p *Program) error {
	e, err := p.openEPS(ctx, c.Config)
	if err != nil {
		return err
	}
	return errors.Join(c.add(ctx, p, e), e.close())
}

func (c *keysTicketCommand) add(ctx context.Context, p *Program, e *eps) error {
	if err := keys.AddTicket(ctx, e.hsm); err != nil {
		return unusable{there(err)}
	}
	if err := e.record(ctx, "key made", "", "key", "TKT"); err != nil {
		return err
	}
	p.say("the key of activation tickets is made")
	p.say("next: activation.required in %s, and start the EPS again", c.Config)
	return nil
}

// there says of a key that exists that it need not be made.
func there(err error) error {
	if errors.Is(err, reference.ErrExists) {
		return &reference.Hint{Err: err, Text: "nothing was changed: the key is made once, and the configuration says whether it is used"}
	}
	return err
}

// keysMPPCommand is what goes before another version in mpp.versions.
type keysMPPCommand struct {
	configFlag
	Version int    `arg:"" enum:"1,2" help:"1 or 2."`
	RSABits int    `help:"Length of the RSA key." name:"rsa-bits" default:"3072" enum:"2048,3072,4096"`
	Pinned  string `help:"What applications carry so far." default:"phone.json" type:"path"`
	To      string `help:"New file for what they carry with both keys." default:"phone-both.json" type:"path"`
}

func (c *keysMPPCommand) Run(ctx context.Context, p *Program) error {
	if err := free("", c.To); err != nil {
		return err
	}
	pinned, err := readPinned(c.Pinned)
	if err != nil {
		return err
	}
	e, err := p.openEPS(ctx, c.Config)
	if err != nil {
		return err
	}
	return errors.Join(c.add(ctx, p, e, pinned), e.close())
}

func (c *keysMPPCommand) add(ctx context.Context, p *Program, e *eps, old phone.Pinned) (err error) {
	if err := keys.AddMPP(ctx, e.hsm, c.Version, keys.Options{RSABits: c.RSABits}); err != nil {
		return unusable{there(err)}
	}
	if e.keys, err = keys.Open(ctx, e.hsm, e.store); err != nil {
		return unusable{err}
	}
	both, err := e.pinned(old.EPS, e.config.Listeners.Public.Address)
	if err != nil {
		return err
	}
	both.CA, both.MinIterations = old.CA, old.MinIterations
	if err := writePinned(c.To, both); err != nil {
		return err
	}
	if err := e.record(ctx, "key made", "", "key", fmt.Sprintf("MPP/%d", c.Version)); err != nil {
		return err
	}
	p.say("the key of MPP version %d is made; applications carry it in %s", c.Version, c.To)
	p.say("next: mpp.versions in %s, and start the EPS again", c.Config)
	return nil
}

// pinned is what a phone of an EPS carries, for the versions that there are keys of.
func (e *eps) pinned(name, public string) (phone.Pinned, error) {
	p, err := phone.NewPinned(name, uint64(e.hsm.Suites()[0]), e.keys.MPPPublic(2), e.keys.MPPPublic(1))
	if err != nil {
		return p, err
	}
	if p.Key != "" {
		p.URL = "https://" + public + wire.Path
	}
	if p.V1 != nil {
		p.V1.URL = "https://" + public + wire1.Path
	}
	return p, nil
}

func readPinned(path string) (phone.Pinned, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return phone.Pinned{}, unusable{&reference.Hint{Err: err, Text: "phone.json is made by: eps init"}}
	}
	p, err := phone.DecodePinned(data)
	if err != nil {
		return p, unusable{fmt.Errorf("%s: %w", path, err)}
	}
	return p, nil
}

func writePinned(path string, p phone.Pinned) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return create(path, append(data, '\n'))
}
