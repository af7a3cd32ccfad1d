package command

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/phone"
)

type phoneCommand struct {
	Provision provisionCommand `cmd:"" help:"Turn a registration code into a token. The code is read from standard input."`
	Activate  activateCommand  `cmd:"" help:"Prove the token by its first one-time password, where the EPS asks for it. The PIN is read from standard input."`
	OTP       otpCommand       `cmd:"" name:"otp" help:"Make the next one-time password. The PIN is read from standard input."`
	OCRA      ocraCommand      `cmd:"" name:"ocra" help:"Compute the response to a question. The PIN is read from standard input."`
}

// deviceFlag names what a phone keeps.
type deviceFlag struct {
	Device string `help:"File of the phone." default:"device.json" type:"path"`
}

type provisionCommand struct {
	deviceFlag
	Pinned  string `help:"What the application carries for its EPS." default:"phone.json" type:"path"`
	Service string `help:"Service that the code is for." required:""`
}

func (c *provisionCommand) Run(ctx context.Context, p *Program) error {
	if err := free("", c.Device); err != nil {
		return err
	}
	pinned, err := readPinned(c.Pinned)
	if err != nil {
		return err
	}
	client, err := pinned.Client()
	if err != nil {
		return unusable{err}
	}
	rc, err := p.ask("Registration code: ", true)
	if err != nil {
		return err
	}
	defer clear(rc)
	device, err := phone.Provision(ctx, client, pinned, reference.Service(c.Service), rc, rand.Reader, reference.SystemClock{})
	if err != nil {
		return provisionError(err)
	}
	if err := phone.File(c.Device).Create(device); err != nil {
		return err
	}
	p.say("token %s at %q is on this phone: %s", device.Token, device.Service, c.Device)
	if len(device.Ticket) > 0 {
		p.say("next: %s phone activate", p.Name)
	}
	return nil
}

// provisionError: the EPS refuses without a reason, so the hint lists what it may be.
func provisionError(err error) error {
	var check phone.Check
	switch {
	case errors.Is(err, phone.ErrTransport):
		return unusable{&reference.Hint{Err: err, Text: "is the EPS running, and is url in phone.json its public listener?"}}
	case errors.As(err, &check):
		return &reference.Hint{Err: err, Text: "a refusal looks like this too: is the code right, unused, not expired, and for this service?"}
	}
	return err
}

type activateCommand struct {
	deviceFlag
	Pinned string `help:"What the application carries for its EPS." default:"phone.json" type:"path"`
}

func (c *activateCommand) Run(ctx context.Context, p *Program) error {
	pinned, err := readPinned(c.Pinned)
	if err != nil {
		return err
	}
	client, err := pinned.Client()
	if err != nil {
		return unusable{err}
	}
	return c.use(p, func(d *phone.Device, pin []byte) (string, error) {
		err := d.Activate(ctx, client, pinned, pin, reference.SystemClock{}.Now(), phone.File(c.Device))
		if errors.Is(err, phone.ErrNotActivated) {
			err = &reference.Hint{Err: err, Text: "is the PIN right, and the token neither locked nor too old to be activated? the next try makes the next OTP"}
		}
		if errors.Is(err, phone.ErrDevice) {
			err = &reference.Hint{Err: err, Text: "where it is active or needs no activation, go on with: eps phone otp"}
		}
		if err != nil {
			return "", provisionError(err)
		}
		return fmt.Sprintf("token %s is active", d.Token), nil
	})
}

type otpCommand struct{ deviceFlag }

func (c *otpCommand) Run(p *Program) error {
	return c.use(p, func(d *phone.Device, pin []byte) (string, error) {
		return d.OTP(pin, reference.SystemClock{}.Now(), phone.File(c.Device))
	})
}

type ocraCommand struct {
	deviceFlag
	Question string `help:"What the bank asks." required:""`
	Session  string `help:"Session information, for suites that have it."`
}

func (c *ocraCommand) Run(p *Program) error {
	return c.use(p, func(d *phone.Device, pin []byte) (string, error) {
		return d.Respond(pin, phone.Question{Text: c.Question, Session: c.Session}, reference.SystemClock{}.Now(), phone.File(c.Device))
	})
}

// isPIN says whether an answer looks like one. A wrong PIN makes an OTP that costs a try;
// what is none, such as an empty line, is a slip and need not.
func isPIN(answer []byte) bool {
	return len(answer) >= reference.MinPINDigits && len(answer) <= reference.MaxPINDigits && len(bytes.Trim(answer, "0123456789")) == 0
}

// use asks for the PIN and says what is computed with it.
func (f deviceFlag) use(p *Program, compute func(d *phone.Device, pin []byte) (string, error)) error {
	device, err := phone.File(f.Device).Load()
	if err != nil {
		return unusable{&reference.Hint{Err: err, Text: "a phone gets its file by: eps phone provision"}}
	}
	pin, err := p.ask("PIN: ", true)
	if err != nil {
		return err
	}
	defer clear(pin)
	if !isPIN(pin) {
		return usageError{errors.New("a PIN of 4 to 12 digits is wanted on standard input")}
	}
	text, err := compute(device, pin)
	var hint *reference.Hint
	if errors.Is(err, phone.ErrDevice) && !errors.As(err, &hint) {
		err = &reference.Hint{Err: err, Text: "suites of OCRA answer questions, by: eps phone ocra; others make OTPs, by: eps phone otp"}
	}
	if err != nil {
		return err
	}
	p.say("%s", text)
	return nil
}
