package config

import (
	"fmt"
	"os"

	"github.com/epsbench/epsbench/emulator/cryptoki"
	"github.com/epsbench/epsbench/emulator/layer/fault"
	"github.com/epsbench/epsbench/emulator/layer/personality"
	"github.com/epsbench/epsbench/emulator/layer/trace"
	"github.com/epsbench/epsbench/emulator/token"
)

// Open builds what the file describes: the backend, and the layers in their order. It is
// not initialised yet. The variables that the file names are asked of getenv.
func (c *Config) Open(getenv func(name string) (string, bool)) (cryptoki.Extended, error) {
	m, err := c.backend(getenv)
	if err != nil {
		return nil, err
	}
	if c.Personality != "" {
		p, err := personality.Load(c.Personality)
		if err != nil {
			return nil, err
		}
		if m, err = personality.New(m, p); err != nil {
			return nil, fmt.Errorf("personality %s: %w", p.Name, err)
		}
	}
	if c.Fault.Scenario != "" {
		if m, err = failing(m, c.Fault); err != nil {
			return nil, fmt.Errorf("fault: %w", err)
		}
	}
	if c.Trace.File != "" {
		if m, err = traced(m, c.Trace.File); err != nil {
			return nil, fmt.Errorf("trace: %w", err)
		}
	}
	return m, nil
}

func (c *Config) backend(getenv func(string) (string, bool)) (cryptoki.Extended, error) {
	if c.Backend.Module != "" {
		m, err := cryptoki.Open(c.Backend.Module)
		if err != nil {
			return nil, fmt.Errorf("backend: %w", err)
		}
		return m, nil
	}
	t := token.Config{Legacy: c.Legacy}
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

func failing(m cryptoki.Extended, f Fault) (cryptoki.Extended, error) {
	s, err := fault.Load(f.Scenario)
	if err != nil {
		return nil, err
	}
	l, err := fault.New(m, s, fault.Options{Seed: f.Seed})
	if err != nil {
		return nil, err
	}
	return l.Module(), nil
}

// traced appends a line a call to a file.
func traced(m cryptoki.Extended, path string) (cryptoki.Extended, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return cryptoki.Extend(trace.New("", m, trace.Writer(f))), nil
}
