package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/keys"
)

// pairCommand joins the two servers. Where both are on this machine it does all;
// elsewhere each side does its steps and two files travel between them. Whoever can
// swap a file gets the tokens, so people compare fingerprints.
type pairCommand struct {
	configFlag
	authConfigFlag
	Step           string `help:"all here; or, on two machines: offer (authentication server), wrap (EPS), accept (authentication server)." enum:"all,offer,wrap,accept" default:"all"`
	Offer          string `help:"File that goes from the authentication server to the EPS." default:"offer.json" type:"path"`
	Package        string `help:"File that goes back." default:"package.json" type:"path"`
	YesFingerprint string `help:"The fingerprint that the other side shows: go on without asking if it is the same." name:"yes-fingerprint" placeholder:"FP"`
}

// Run picks the step.
func (c *pairCommand) Run(ctx context.Context, p *Program) error {
	return map[string]func(context.Context, *Program) error{
		"all": c.all, "offer": c.offer, "wrap": c.wrap, "accept": c.accept,
	}[c.Step](ctx, p)
}

// all pairs two servers on this machine.
func (c *pairCommand) all(ctx context.Context, p *Program) error {
	a, err := p.loadAuth(ctx, c.Authserver)
	if err != nil {
		return err
	}
	return errors.Join(c.bothHere(ctx, p, a), a.close())
}

func (c *pairCommand) bothHere(ctx context.Context, p *Program, a *auth) error {
	offer, err := keys.OfferOf(ctx, a.hsm, a.config.Name)
	if err != nil {
		return err
	}
	parcel, err := c.wrapped(ctx, p, offer)
	if err != nil {
		return err
	}
	if err := keys.Accept(ctx, a.hsm, a.store, parcel); err != nil {
		return err
	}
	p.say("package:     %s\npaired with %q, version %d of the keys", parcel.Fingerprint(), offer.Name, parcel.Version)
	return nil
}

// offer writes what the EPS needs.
func (c *pairCommand) offer(ctx context.Context, p *Program) error {
	a, err := p.loadAuth(ctx, c.Authserver)
	if err != nil {
		return err
	}
	offer, err := keys.OfferOf(ctx, a.hsm, a.config.Name)
	if err := errors.Join(err, a.close()); err != nil {
		return err
	}
	if err := create(c.Offer, offer.Encode()); err != nil {
		return err
	}
	p.say("pairing key: %s\nwritten to %s; next, at the EPS: %s authserver pair --step wrap", offer.Fingerprint(), c.Offer, p.Name)
	return nil
}

// wrap makes the shared keys at the EPS.
func (c *pairCommand) wrap(ctx context.Context, p *Program) error {
	data, err := os.ReadFile(c.Offer)
	if err != nil {
		return unusable{err}
	}
	offer, err := keys.DecodeOffer(data)
	if err != nil {
		return unusable{fmt.Errorf("%s: %w", c.Offer, err)}
	}
	parcel, err := c.wrapped(ctx, p, offer)
	if err != nil {
		return err
	}
	if err := create(c.Package, parcel.Encode()); err != nil {
		return err
	}
	p.say("package:     %s\nwritten to %s; next, at the authentication server: %s authserver pair --step accept", parcel.Fingerprint(), c.Package, p.Name)
	return nil
}

// wrapped has the operator confirm the offer, and pairs.
func (c *pairCommand) wrapped(ctx context.Context, p *Program, offer keys.Offer) (keys.Package, error) {
	e, err := p.openEPS(ctx, c.Config)
	if err != nil {
		return keys.Package{}, err
	}
	parcel, err := c.pairAt(ctx, p, e, offer)
	return parcel, errors.Join(err, e.close())
}

func (c *pairCommand) pairAt(ctx context.Context, p *Program, e *eps, offer keys.Offer) (keys.Package, error) {
	if err := p.confirm("pairing key", offer.Fingerprint(), c.YesFingerprint); err != nil {
		return keys.Package{}, err
	}
	parcel, err := keys.Pair(ctx, e.hsm, e.store, offer)
	if err != nil {
		return keys.Package{}, err
	}
	return parcel, e.record(ctx, "paired", "", "authserver", offer.Name, "version", parcel.Version,
		"pairing_key", offer.Fingerprint(), "package", parcel.Fingerprint())
}

// accept takes the shared keys over at the authentication server.
func (c *pairCommand) accept(ctx context.Context, p *Program) error {
	data, err := os.ReadFile(c.Package)
	if err != nil {
		return unusable{err}
	}
	parcel, err := keys.DecodePackage(data)
	if err != nil {
		return unusable{fmt.Errorf("%s: %w", c.Package, err)}
	}
	a, err := p.loadAuth(ctx, c.Authserver)
	if err != nil {
		return err
	}
	if err = p.confirm("package", parcel.Fingerprint(), c.YesFingerprint); err == nil {
		err = keys.Accept(ctx, a.hsm, a.store, parcel)
	}
	if err := errors.Join(err, a.close()); err != nil {
		return err
	}
	p.say("paired, version %d of the keys", parcel.Version)
	return nil
}

// confirm shows a fingerprint and asks whether the other side shows the same, unless
// the caller has brought it.
func (p *Program) confirm(what, fingerprint, brought string) error {
	p.say("%-12s %s", what+":", fingerprint)
	if brought != "" {
		return p.same(what, plain(fingerprint), plain(brought))
	}
	answer, err := p.ask("Does the other side show the same? [yes/no] ", false)
	if err != nil {
		return err
	}
	if string(answer) != "yes" {
		return errors.New("not confirmed; nothing was changed")
	}
	return nil
}

func (p *Program) same(what, shown, brought string) error {
	if shown != brought {
		return &reference.Hint{
			Err:  fmt.Errorf("the fingerprint of the %s is another one", what),
			Text: "nothing was changed; was the file swapped on its way?",
		}
	}
	return nil
}

// plain is a fingerprint without its layout.
func plain(fingerprint string) string {
	return strings.ToLower(strings.NewReplacer(" ", "", ":", "").Replace(fingerprint))
}
