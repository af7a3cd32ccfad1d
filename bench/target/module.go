package target

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/mutants"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/reference"
	"github.com/epsbench/epsbench/reference/hsm"
)

// Module is a PKCS#11 module by itself: the emulator, SoftHSM, or a library with a token
// that is there already.
var Module = run.Target{
	Name: "module", Kind: conformance.KindModule,
	About:   "a PKCS#11 module by itself, as epsbench hsm judges it",
	Prepare: prepare,
	Open:    func(_ context.Context, o run.Options) (conformance.Target, error) { return openModule(o) },
}

// ModuleNamed is the emulator as a certain HSM, on which the claim of the personalities is
// proven.
var ModuleNamed = run.Target{
	Name: "module:luna-7", Kind: conformance.KindModule,
	About: "the emulator as a Luna 7, by itself",
	Open: func(_ context.Context, o run.Options) (conformance.Target, error) {
		o.HSM, o.Personality = "emulator", "luna-7"
		return openModule(o)
	},
}

// alone is a module that is judged by itself.
type alone struct {
	slots    *slots
	slot     conformance.Slot
	serial   string                   // of the token: a slot's number may change
	as       *personality.Personality // what it is said to be; nil: what it is
	all      bool                     // every rule of it can hold: the module is its own, or a token of ours
	identity conformance.Identity
}

func openModule(o run.Options) (conformance.Target, error) {
	var seams mutants.Seams
	if o.Mutant != "" {
		m, ok := mutants.Find(o.Mutant)
		if !ok {
			return nil, fmt.Errorf("no mutant is called %q", o.Mutant)
		}
		m.Break(&seams)
	}
	a := &alone{}
	if err := a.open(o, seams); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, a.identify(o)
}

func (a *alone) open(o run.Options, seams mutants.Seams) (err error) {
	if o.Token != "" || o.Slot != nil {
		err = a.found(o)
	} else {
		err = a.made(o, seams)
	}
	if err != nil {
		return err
	}
	info, err := a.slot.Module.GetTokenInfo(a.slot.ID)
	if err != nil {
		return fmt.Errorf("C_GetTokenInfo: %w", err)
	}
	a.serial = info.SerialNumber
	if a.slot.Module, err = a.slots.personified(a.slot.Module); err != nil {
		return err
	}
	if seams.Module != nil {
		a.slot.Module = seams.Module("suite", a.slot.Module)
	}
	if a.as = a.slots.as; o.As != "" {
		a.as, err = personality.Load(o.As)
	}
	return err
}

// made takes a token that is made for the bench.
func (a *alone) made(o run.Options, seams mutants.Seams) (err error) {
	if a.slots, err = loadSlots(o.HSM, o.Dir, o.Personality); err != nil {
		return err
	}
	if a.slots.whole != nil {
		if err := a.slots.initialise(a.slots.whole, "suite"); err != nil {
			return err
		}
	}
	a.slots.permit = seams.Permit
	m, err := a.slots.module("suite")
	if err != nil {
		return err
	}
	a.all = a.slots.whole == nil || o.As != ""
	a.slot = conformance.Slot{Module: m, ID: a.slots.ids["suite"], PIN: userPIN, SOPIN: soPIN}
	return initialised(m)
}

// found takes a token that is there, by its slot or its label.
func (a *alone) found(o run.Options) (err error) {
	if a.slots, err = loadSlots(o.HSM, o.Dir, o.Personality); err != nil {
		return err
	}
	if a.slots.whole == nil {
		return &reference.Hint{Err: errors.New("the emulator has no token of that label"), Text: "--token-label is of a library that has its tokens"}
	}
	pin, ok := os.LookupEnv(o.PINEnv)
	if !ok {
		return &reference.Hint{Err: fmt.Errorf("the variable %s, which should hold the user's PIN, is not set", o.PINEnv), Text: "name one that is with --pin-env"}
	}
	if err := initialised(a.slots.whole); err != nil {
		return err
	}
	a.all, a.slot = o.As != "", conformance.Slot{Module: a.slots.whole, PIN: pin}
	if a.slot.ID, err = chosen(a.slots.whole, o); err != nil {
		return &reference.Hint{Err: err, Text: tokensOf(a.slots.whole)}
	}
	return a.stayIn()
}

// chosen is the slot that is named, by its number or by the label of its token.
func chosen(m cryptoki.Module, o run.Options) (uint, error) {
	if o.Slot == nil {
		return slotOf(m, o.Token)
	}
	if _, err := m.GetTokenInfo(*o.Slot); err != nil {
		return 0, fmt.Errorf("slot %d: C_GetTokenInfo: %w", *o.Slot, err)
	}
	return *o.Slot, nil
}

// stayIn logs in once, in a session that stays: a wrong PIN is tried no second time, and a
// login may cost a module much.
func (a *alone) stayIn() error {
	sh, err := a.slot.Module.OpenSession(a.slot.ID, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	if err != nil {
		return fmt.Errorf("C_OpenSession: %w", err)
	}
	if err := a.slot.Module.Login(sh, pkcs11.CKU_USER, a.slot.PIN); err != nil {
		return &reference.Hint{Err: fmt.Errorf("C_Login to slot %d: %w", a.slot.ID, err), Text: "nothing else was tried; is it the user's PIN?"}
	}
	return nil
}

func (a *alone) identify(o run.Options) error {
	library, err := a.slot.Module.GetInfo()
	if err != nil {
		return fmt.Errorf("C_GetInfo: %w", err)
	}
	token, err := a.slot.Module.GetTokenInfo(a.slot.ID)
	if err != nil {
		return fmt.Errorf("C_GetTokenInfo: %w", err)
	}
	a.identity = conformance.Identity{
		Kind: conformance.KindModule, Name: library.LibraryDescription,
		Version: fmt.Sprintf("%d.%d", library.LibraryVersion.Major, library.LibraryVersion.Minor),
		HSM: map[string]string{
			"kind": o.HSM, "library": library.LibraryDescription, "manufacturer": token.ManufacturerID, "model": token.Model,
			"firmware": fmt.Sprintf("%d.%d", token.FirmwareVersion.Major, token.FirmwareVersion.Minor),
		},
		Store: map[string]string{},
	}
	if a.as != nil {
		if o.As != "" {
			a.identity.HSM["held against"] = a.as.Name
		} else {
			a.identity.HSM["personality"] = a.as.Name
		}
	}
	return nil
}

func (a *alone) Identity() conformance.Identity { return a.identity }

func (a *alone) Capabilities() conformance.Capabilities {
	return conformance.Capabilities{conformance.CanCallModule: true, conformance.CanPromise: true, conformance.CanTellStrategies: true}
}

// Close ends the module, and with it the sessions on it.
func (a *alone) Close() error {
	if a.slots == nil {
		return nil
	}
	return a.slots.release()
}

// Slot is the module's token, also where it has another number since a C_Initialize.
func (a *alone) Slot(context.Context) (conformance.Slot, error) {
	if info, err := a.slot.Module.GetTokenInfo(a.slot.ID); err == nil && info.SerialNumber == a.serial {
		return a.slot, nil
	}
	ids, err := a.slot.Module.GetSlotList(true)
	if err != nil {
		return a.slot, fmt.Errorf("C_GetSlotList: %w", err)
	}
	for _, id := range ids {
		if info, err := a.slot.Module.GetTokenInfo(id); err == nil && info.SerialNumber == a.serial {
			a.slot.ID = id
			return a.slot, nil
		}
	}
	return a.slot, errors.New("the token that is judged has gone")
}

func (a *alone) Promises() ([]conformance.Promise, error) {
	if a.as == nil {
		return nil, nil
	}
	return promises(a.as, a.all), nil
}

// Strategies tries the operations of both servers.
func (a *alone) Strategies(ctx context.Context) ([]conformance.Strategy, error) {
	slot, err := a.Slot(ctx)
	if err != nil {
		return nil, err
	}
	h, err := hsm.Open(ctx, slot.Module, hsm.Config{Slot: &slot.ID, PIN: reference.NewSecret([]byte(a.slot.PIN)), Role: hsm.Both})
	var missing *hsm.MissingError
	switch {
	case errors.As(err, &missing):
		return told(missing.Works, missing.Rows), nil
	case err != nil:
		return nil, err
	}
	return told(h.Choices(), nil), h.Close()
}

// told puts what works before what does not.
func told(works []hsm.Choice, missing []hsm.Missing) []conformance.Strategy {
	var out []conformance.Strategy
	for _, c := range works {
		out = append(out, conformance.Strategy{Operation: c.Operation, Strategy: c.Strategy})
	}
	for _, m := range missing {
		why := strings.TrimPrefix(m.Strategy+": "+m.Why, ": ")
		if last := len(out) - 1; last >= 0 && out[last].Operation == m.Operation {
			out[last].Missing += "; " + why
			continue
		}
		out = append(out, conformance.Strategy{Operation: m.Operation, Missing: why})
	}
	return out
}
