// Package run judges a target: it starts one child process for each family of
// specs (and for each mutant), collects what they report, and folds it.
//
// Start at Run. The parent is in pool.go and process.go, the child in child.go,
// what passes between them in wire.go. A child that dies is a finding, not the
// end of the run.
package run

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/epsbench/epsbench/conformance"
)

// Registry is everything that the bench can run. The command fills one; a child
// process looks its job up in the same.
type Registry struct {
	Claims  []conformance.Claim // the catalogue
	Suites  []Suite             // in the order of the report
	Targets []Target            // the first is the default
	Mutants []Mutant
	// Findings are those on the texts of the claims; they go to every report.
	Findings []conformance.Finding
}

// Suite is a family of specs by name.
type Suite struct {
	Name  string
	About string // one line for `epsbench list suites`
	Long  int    // about how many seconds quick takes: who takes longest begins first
	// Family gives the specs for a profile.
	Family func(conformance.Profile) conformance.Family
}

// Target is a kind of thing that can be judged.
type Target struct {
	Name  string
	About string // one line
	// Kind is what the target is; empty: an EPS. Suites without a claim on it are not run.
	Kind conformance.Kind
	// Prepare runs once, in the parent: it finds or starts what all children share (a
	// database server, a module file) and says so in the options that it returns. What
	// is missing is an error, if possible a *reference.Hint. stop ends what was
	// started; it may be nil. A nil Prepare leaves the options as they are.
	Prepare func(context.Context, Options) (o Options, stop func(), err error)
	// Open starts the target in the child: fresh keys and an empty store below
	// Options.Dir. When Options.Mutant is set, the mutant of that name is applied.
	Open func(context.Context, Options) (conformance.Target, error)
}

// Options says how to open a target.
type Options struct {
	Profile     conformance.Profile `json:"profile"`
	HSM         string              `json:"hsm"`                   // emulator, softhsm, or the path of a PKCS#11 module
	Store       string              `json:"store"`                 // sqlite, mariadb, or a DSN
	Personality string              `json:"personality,omitempty"` // of the HSMs of both servers; empty: their own
	As          string              `json:"as,omitempty"`          // the personality that a module is held against, without having it from the bench
	Token       string              `json:"token,omitempty"`       // label of a module's token; empty: one is made
	Slot        *uint               `json:"slot,omitempty"`        // in the place of the label
	PINEnv      string              `json:"pin_env,omitempty"`     // the variable with that token's user PIN
	Fault       string              `json:"fault,omitempty"`       // the one scenario of family faults; empty: all of them
	Mutant      string              `json:"mutant,omitempty"`      // a name of Registry.Mutants; empty: none
	Dir         string              `json:"dir"`                   // the child's own, empty, removed afterwards
	Seed        int64               `json:"seed"`
	Strict      bool                `json:"strict,omitempty"` // judge also what the profile only shows: for mutants
	TellKeys    bool                `json:"-"`                // a claim of the family asks what the keys of the HSMs are
	Alone       bool                `json:"-"`                // Prepare's word to the parent: one child at a time
}

// Mutant is a target broken on purpose.
type Mutant struct {
	Name   string
	About  string   // what is broken, one sentence
	Claims []string // that must catch it, each
	// Reason is a part of what the killing case observes or expects: a claim that fails
	// for another reason has not caught the mutant.
	Reason string
	Target string // that it breaks; empty: the one of the run
}

func (r Registry) suite(name string) (Suite, error) {
	if i := slices.IndexFunc(r.Suites, func(s Suite) bool { return s.Name == name }); i >= 0 {
		return r.Suites[i], nil
	}
	return Suite{}, fmt.Errorf("no suite is called %q", name)
}

// Target finds a target by name; an unknown one is a usage error that lists all.
func (r Registry) Target(name string) (Target, error) {
	var names []string
	for _, t := range r.Targets {
		if t.Name == name {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Target{}, &UsageError{fmt.Sprintf("no target is called %q", name), "there is: " + strings.Join(names, ", ")}
}

// Claim finds a row of the catalogue.
func (r Registry) Claim(id string) (conformance.Claim, bool) {
	i := slices.IndexFunc(r.Claims, func(c conformance.Claim) bool { return c.ID == id })
	if i < 0 {
		return conformance.Claim{}, false
	}
	return r.Claims[i], true
}

// Automated is the number of automated claims of a suite.
func (r Registry) Automated(suite string) int {
	n := 0
	for _, c := range r.Claims {
		if c.Family == suite && c.Status == conformance.Automated {
			n++
		}
	}
	return n
}

// Check tells what does not fit together: it is for a test of the filled registry.
func (r Registry) Check() error {
	caught := map[string]bool{}
	for _, m := range r.Mutants {
		if m.Reason == "" || len(m.Claims) == 0 {
			return fmt.Errorf("mutant %q names no claim or no reason", m.Name)
		}
		if _, err := r.Target(m.Target); m.Target != "" && err != nil {
			return fmt.Errorf("mutant %q: %w", m.Name, err)
		}
		for _, id := range m.Claims {
			c, ok := r.Claim(id)
			if !ok || c.Status != conformance.Automated {
				return fmt.Errorf("mutant %q names %s, which is no automated claim", m.Name, id)
			}
			caught[id] = true
		}
	}
	for _, c := range r.Claims {
		if c.Status != conformance.Automated {
			continue
		}
		if _, err := r.suite(c.Family); err != nil {
			return fmt.Errorf("claim %s: %w", c.ID, err)
		}
		if !caught[c.ID] {
			return fmt.Errorf("claim %s is automated and names no mutant", c.ID)
		}
	}
	return nil
}
