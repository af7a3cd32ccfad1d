package control_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/epsbench/epsbench/emulator/control"
)

// removed is a plan under which no random number comes.
var removed = control.Plan{YAML: "name: x\nabout: y\nrules: [{when: {function: [C_GenerateRandom]}, then: {return: CKR_DEVICE_REMOVED}}]\n"}

// random is what a program gets that asks for a random number.
func (e *emulator) random(s pkcs11.SessionHandle) error {
	_, err := e.GenerateRandom(s, 8)
	return err
}

func hold(t *testing.T, e *emulator, p control.Plan) *control.Held {
	t.Helper()
	h, err := e.dial().Hold(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ends(t *testing.T, h *control.Held, want int) {
	t.Helper()
	if struck, err := h.End(t.Context()); struck != want || err != nil {
		t.Errorf("struck %d, %v; want %d", struck, err, want)
	}
}

func TestAPlanThatIsHeld(t *testing.T) {
	gone := pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED)
	for name, check := range map[string]func(*testing.T, *emulator, pkcs11.SessionHandle){
		"ends when the bench says so": func(t *testing.T, e *emulator, s pkcs11.SessionHandle) {
			h := hold(t, e, removed)
			if err := errors.Join(e.random(s), e.random(s)); !errors.Is(err, gone) {
				t.Errorf("got %v", err)
			}
			ends(t, h, 2)
			if err := e.random(s); err != nil {
				t.Error(err)
			}
		},
		"ends with the bench": func(t *testing.T, e *emulator, s pkcs11.SessionHandle) {
			ctx, die := context.WithCancel(t.Context())
			if _, err := e.dial().Hold(ctx, removed); err != nil {
				t.Fatal(err)
			}
			if err := e.random(s); !errors.Is(err, gone) {
				t.Errorf("got %v", err)
			}
			die()
			for e.random(s) != nil && t.Context().Err() == nil { // until the emulator has seen it
			}
		},
		"ends with the emulator": func(t *testing.T, e *emulator, s pkcs11.SessionHandle) {
			h := hold(t, e, removed)
			e.random(s)
			if err := e.Finalize(); err != nil {
				t.Error(err)
			}
			ends(t, h, 1)
		},
		"and not that of another": func(t *testing.T, e *emulator, s pkcs11.SessionHandle) {
			first, second := hold(t, e, removed), hold(t, e, removed)
			ends(t, first, 0)
			if err := e.random(s); !errors.Is(err, gone) {
				t.Errorf("got %v", err)
			}
			ends(t, second, 1)
		},
		"has a seed of its own": func(t *testing.T, e *emulator, s pkcs11.SessionHandle) {
			plan := control.Plan{YAML: "name: x\nabout: y\nrules: [{when: {function: [C_GenerateRandom], chance: 0.5}, then: {return: CKR_DEVICE_REMOVED}}]\n"}
			seen := map[string]uint64{}
			for _, seed := range []uint64{1, 2, 1} {
				plan.Seed = seed
				h, pattern := hold(t, e, plan), []byte{}
				for range 64 {
					if e.random(s) == nil {
						pattern = append(pattern, '.')
					} else {
						pattern = append(pattern, 'x')
					}
				}
				if _, err := h.End(t.Context()); err != nil {
					t.Error(err)
				}
				if by, ok := seen[string(pattern)]; ok != (len(seen) == 2) || ok && by != seed {
					t.Errorf("seed %d gives %s, after %v", seed, pattern, seen)
				}
				seen[string(pattern)] = seed
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := start(t, control.Options{})
			check(t, e, e.session())
		})
	}
}

// A second plan on one connection would leave nobody to end the first.
func TestAConnectionHoldsOnePlan(t *testing.T) {
	r := start(t, control.Options{}).raw()
	r.say(hello + `{"do":"hold","scenario":"failover"}` + "\n")
	if got := r.line(); got != `{"done":"hold"}` {
		t.Fatal(got)
	}
	r.say(`{"do":"hold","scenario":"link-down"}` + "\n")
	if got := r.line(); !strings.Contains(got, "holds a plan already") {
		t.Errorf("answered %s", got)
	}
}

// A bench that does not wait for the answer gets an error, not a number.
func TestAPlanWhoseEndIsNotAwaited(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	h := hold(t, start(t, control.Options{}), removed)
	cancel()
	if _, err := h.End(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
