// Package runtest is a small world for tests of the bench: a target that can be
// healthy, missing or broken, and suites that pass, fail, warn, crash, hang and
// talk nonsense. Registry gives all of it.
package runtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/onsi/ginkgo/v2"
	"github.com/onsi/gomega"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/reference"
)

// What a toy target does is chosen by its --hsm.
const (
	Healthy = "emulator" // every claim of suite good holds
	Missing = "missing"  // cannot be opened, with a hint
	Broken  = "broken"   // T-1 and T-3 do not hold
	Open    = "open"     // has no door, so T-2 does not apply
)

// The mutants: one that T-1 catches, one that nothing catches, one that is caught
// for another reason, one that cannot start, and one that T-1 catches when it runs again.
const (
	Caught     = "answers with the wrong number"
	Survivor   = "changes nothing"
	OtherCause = "fails for another reason"
	Dead       = "does not start"
	Late       = "is a race that is lost the second time"
)

// Marker is the variable that names the file by which the mutant Late knows that it has run.
const Marker = "TOY_MARKER"

// Claims is the catalogue: T-1 and T-2 are binding, T-3 is a recommendation, T-4 is
// for people, T-5 waits, T-6 needs a clock that the toy does not have.
func Claims() []conformance.Claim {
	row := func(id, title string, c conformance.Claim) conformance.Claim {
		c.ID, c.Title, c.Source = id, title, "toy §"+id[2:]
		if c.Level == "" {
			c.Level = conformance.Must
		}
		if c.Family == "" {
			c.Family = "good"
		}
		if c.Status == "" {
			c.Status = conformance.Automated
		}
		return c
	}
	return []conformance.Claim{
		row("T-1", "The answer is forty-two", conformance.Claim{Method: "ask for the number"}),
		row("T-2", "The door is shut", conformance.Claim{
			Only: func(id conformance.Identity) bool { return id.HSM["kind"] != Open }, Why: "there is no door",
		}),
		row("T-3", "The answer is polite", conformance.Claim{Level: conformance.Should}),
		row("T-4", "The staff are kind", conformance.Claim{Status: conformance.Organisation, Collect: "a letter from a visitor", Family: "people"}),
		row("T-5", "The roof is tight", conformance.Claim{Status: conformance.NotAutomated, Method: "pour water on it", Family: "house"}),
	}
}

// Registry is a healthy world with one suite. For each name of also, a suite of that
// name with one claim ("T-<name>") that dies in its own way is added: exit, signal,
// panic, hang, nonsense, malformed; or one that is blocked: clock.
func Registry(also ...string) run.Registry {
	r := run.Registry{
		Claims: Claims(),
		Targets: []run.Target{{Name: "reference", About: "a toy",
			Prepare: func(_ context.Context, o run.Options) (run.Options, func(), error) { return o, nil, nil },
			Open:    open}},
		Mutants: []run.Mutant{{Name: Caught, About: "it says 41", Claims: []string{"T-1"}, Reason: "not forty-two"}},
	}
	for _, name := range also {
		c := conformance.Claim{ID: "T-" + name, Title: "The process survives " + name, Source: "toy §process",
			Level: conformance.Must, Family: name, Status: conformance.Automated}
		if name == "clock" {
			c.Needs = []conformance.Capability{conformance.CanSetClock}
		}
		r.Claims = append(r.Claims, c)
	}
	claims := r.Claims
	suite := func(name string, specs func(*target)) run.Suite {
		return run.Suite{Name: name, About: "a toy suite", Family: func(p conformance.Profile) conformance.Family {
			return conformance.Family{Name: name, Claims: claims, Profile: p,
				Specs: func(t conformance.Target) { specs(t.(*target)) }}
		}}
	}
	r.Suites = append(r.Suites, suite("good", good))
	for _, name := range also {
		r.Suites = append(r.Suites, suite(name, func(*target) {
			ginkgo.It("goes its way", conformance.Claims("T-"+name), deaths[name])
		}))
	}
	return r
}

// Idle adds an automated claim that no mutant tests, and mutants that are not caught.
func Idle(r run.Registry) run.Registry {
	r.Mutants = append(r.Mutants,
		run.Mutant{Name: Survivor, About: "nothing", Claims: []string{"T-2"}, Reason: "open"},
		run.Mutant{Name: OtherCause, About: "the door is gone", Claims: []string{"T-2"}, Reason: "open"},
		run.Mutant{Name: Dead, About: "no power", Claims: []string{"T-2"}, Reason: "open"})
	return r
}

// Racing adds a mutant that is caught at its second run.
func Racing(r run.Registry) run.Registry {
	r.Mutants = append(r.Mutants, run.Mutant{Name: Late, About: "it says 41, the second time", Claims: []string{"T-1"}, Reason: "not forty-two"})
	return r
}

func good(t *target) {
	ginkgo.It("answers forty-two", conformance.Claims("T-1"), func() {
		for i := range 3 {
			conformance.Case(fmt.Sprintf("good/answer/%d", i), func() {
				conformance.Observe("asked %d times", i+1)
				gomega.Expect(t.right()).To(gomega.BeTrue(), "the answer is not forty-two")
			})
		}
	})
	ginkgo.It("shuts the door", conformance.Claims("T-2"), func() {
		gomega.Expect(t.options.Mutant).NotTo(gomega.Equal(OtherCause))
		conformance.Observe("shut")
	})
	ginkgo.It("is polite", conformance.Claims("T-3"), func() {
		gomega.Expect(t.options.HSM).NotTo(gomega.Equal(Broken))
	})
}

// deaths are the ways in which a suite's process can go.
var deaths = map[string]func(){
	"exit":   func() { os.Exit(0) },
	"signal": func() { _ = syscall.Kill(os.Getpid(), syscall.SIGSEGV); select {} },
	"panic": func() {
		go panic("a stray goroutine")
		select {}
	},
	"hang":     func() { select {} },
	"nonsense": func() { _, _ = os.NewFile(3, "records").WriteString("{\"end\":{}}{\n") },
	"clock":    func() {},
}

// target is the toy.
type target struct {
	options run.Options
	late    bool
}

func open(_ context.Context, o run.Options) (conformance.Target, error) {
	if o.HSM == Missing {
		return nil, &reference.Hint{Err: errors.New("open missing: no such module"), Text: "is it installed?"}
	}
	if o.Mutant == Dead {
		return nil, errors.New("no power")
	}
	return &target{options: o, late: o.Mutant == Late && again()}, nil
}

// again holds from its second call on.
func again() bool {
	f, err := os.OpenFile(os.Getenv(Marker), os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Is(err, os.ErrExist)
	}
	f.Close()
	return false
}

func (t *target) right() bool {
	return t.options.Mutant != Caught && t.options.HSM != Broken && !t.late
}

func (t *target) Identity() conformance.Identity {
	return conformance.Identity{Kind: conformance.KindEPS, Name: "toy EPS", Version: "1.0",
		HSM: map[string]string{"kind": t.options.HSM}, Store: map[string]string{"engine": t.options.Store}}
}

func (t *target) Capabilities() conformance.Capabilities { return conformance.Capabilities{} }

func (t *target) Close() error { return nil }
