package config

import (
	"fmt"
	"os"
	"slices"

	"github.com/epsbench/epsbench/emulator/control"
	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/needle"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/emulator/token"
)

// Open builds what the file describes: the backend, and the layers in their order. It is
// not initialised yet, and listens to a bench from C_Initialize to C_Finalize. The variables
// that the file names are asked of getenv.
func (c *Config) Open(getenv func(name string) (string, bool)) (cryptoki.Extended, error) {
	as := new(personality.Personality)
	if c.Personality != "" {
		var err error
		if as, err = personality.Load(c.Personality); err != nil {
			return nil, err
		}
	}
	m, err := c.backend(getenv, as.Permits())
	if err != nil {
		return nil, err
	}
	var server *control.Server
	if c.Control.Socket != "" && c.Control.UnsafeNeedles {
		// Nearest to the token, which alone knows its keys.
		m = needle.New(m, c.Needle.chosen(func(n needle.Needle) { server.Needle(n) }))
	}
	if c.Personality != "" {
		if m, err = personality.New(m, as, personality.Options{Rates: c.Rates}); err != nil {
			return nil, err
		}
	}
	if c.Fault.Scenario != "" || c.Control.Socket != "" {
		l, err := failing(m, c.Fault)
		if err != nil {
			return nil, fmt.Errorf("fault: %w", err)
		}
		m, server = l.Module(), control.New(control.Options{
			Socket: c.Control.Path(), UIDs: c.Control.UIDs, UnsafeNeedles: c.Control.UnsafeNeedles,
		}, l)
	}
	if m, err = c.traced(m, server); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if c.Control.Socket != "" {
		m = server.Module(m)
	}
	return m, nil
}

func (c *Config) backend(getenv func(string) (string, bool), permit []string) (cryptoki.Extended, error) {
	if c.Backend.Module != "" {
		m, err := cryptoki.Open(c.Backend.Module)
		if err != nil {
			return nil, fmt.Errorf("backend: %w", err)
		}
		return m, nil
	}
	t := token.Config{Legacy: c.Legacy, Permit: permit}
	if c.Backend.Token != Memory {
		t.Dir = c.Backend.Token
	}
	for _, s := range c.Slots {
		slot := token.Slot{ID: s.ID, Label: s.Label}
		if s.Label != "" {
			for name, pin := range map[string]struct {
				to   *string
				from PIN
			}{"so_pin": {&slot.SOPIN, s.SOPIN}, "pin": {&slot.UserPIN, s.PIN}} {
				value, err := pin.from.read(getenv)
				if err != nil {
					return nil, fmt.Errorf("slot %d: %s: %w", s.ID, name, err)
				}
				*pin.to = value
			}
		}
		t.Fixed = append(t.Fixed, slot)
	}
	m, err := token.New(t)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// failing gives the layer that fails, which waits for a plan where there is no scenario.
func failing(m cryptoki.Module, f Fault) (*fault.Layer, error) {
	if f.Scenario == "" {
		return fault.New(m, nil, fault.Options{Seed: f.Seed})
	}
	s, err := fault.Load(f.Scenario)
	if err != nil {
		return nil, err
	}
	return fault.New(m, s, fault.Options{Seed: f.Seed})
}

// traced appends a line a call to a file, and tells the bench of it.
func (c *Config) traced(m cryptoki.Extended, server *control.Server) (cryptoki.Extended, error) {
	o := trace.Options{Labels: c.Trace.Labels}
	switch {
	case c.Trace.File != "":
		f, err := os.OpenFile(c.Trace.File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		write := trace.Writer(f)
		if c.Control.Socket == "" {
			return trace.With(m, o, write), nil
		}
		return trace.With(m, o, func(r trace.Record) { write(r); server.Record(r) }), nil
	case c.Control.Socket != "":
		o.Wanted = server.Wanted
		return trace.With(m, o, server.Record), nil
	}
	return m, nil
}

// chosen gives sink the needles that the file wants, and clears the others.
func (n Needle) chosen(sink func(needle.Needle)) func(needle.Needle) {
	return func(one needle.Needle) {
		if len(one.Value()) < n.Shortest || len(n.Functions) > 0 && !slices.Contains(n.Functions, one.From) {
			one.Clear()
			return
		}
		sink(one)
	}
}
