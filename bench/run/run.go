package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/types"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

// Config is what the user asked for.
type Config struct {
	Target   string
	Options  Options // without Dir and Mutant
	Focus    string  // ginkgo label expression over claim ids and family names; empty: all
	Out      string  // directory; logs go to logs/ in it
	Version  string  // of epsbench
	Repeat   string  // the command that repeats this run
	Parallel int     // children at once; 0: more than cores, see atOnce
	Limit    time.Duration
	Command  func() *exec.Cmd // nil: this program again
}

// limits of one child.
var limits = map[conformance.Profile]time.Duration{
	conformance.Quick: 10 * time.Minute,
	conformance.Full:  4 * time.Hour,
}

// Run judges the target and gives the report. With *UnusableError it says that nothing was
// judged, and why. Any other error means that there is none: *UsageError, or that the output
// directory cannot be written.
func Run(ctx context.Context, r Registry, c Config, watch func(Event)) (report.Report, error) {
	started := time.Now().UTC()
	sel, err := r.selected(c.Focus)
	if err != nil {
		return report.Report{}, err
	}
	var jobs []Job
	kind := r.kind(c.Target)
	for _, s := range r.Suites {
		if n := r.count(sel.claims[s.Name], kind); n > 0 {
			jobs = append(jobs, Job{Name: s.Name, Family: s.Name, Filter: c.Focus, Claims: n, About: s.About, Long: s.Long})
		}
	}
	outcomes, err := r.execute(ctx, c, jobs, watch)
	var unusable *UnusableError
	if err != nil && !errors.As(err, &unusable) {
		return report.Report{}, err
	}
	in := report.Input{
		Run: report.Run{
			ID: runID(started, c.Options.Seed), Started: started.Truncate(time.Millisecond), Seed: c.Options.Seed,
			Profile: string(c.Options.Profile), Version: c.Version, Focus: c.Focus, Repeat: c.Repeat,
		},
		Catalogue: r.about(kind), Unselected: sel.outside, Mutants: r.MutantsByClaim(),
	}
	if kind == conformance.KindEPS {
		in.Findings = r.Findings // they are on the texts about an EPS
	}
	if unusable != nil {
		in.Identity, in.Unusable = c.asked(kind), strings.TrimSpace(unusable.What+"\n"+unusable.Mend)
	}
	for _, o := range outcomes {
		if in.Identity.Name == "" && o.Identity != nil {
			in.Identity = *o.Identity
		}
		in.Results = append(in.Results, o.Results...)
		in.Results = append(in.Results, o.lost(sel.claims[o.Job.Family])...)
		in.Families = append(in.Families, report.Ended{Family: o.Job.Family, About: o.Job.About, Seconds: o.Seconds, Error: o.trouble()})
	}
	if c.Focus != "" {
		sel.narrow(outcomes)
	}
	in.Run.Seconds = time.Since(started).Seconds()
	return report.Assemble(in), err
}

// asked is what is known of a target that was not opened. A DSN holds a password.
func (c Config) asked(kind conformance.Kind) conformance.Identity {
	store := c.Options.Store
	if strings.ContainsAny(store, "@:/") {
		store = "a server given by its DSN"
	}
	return conformance.Identity{Kind: kind, Name: c.Target, Store: map[string]string{"engine": store},
		HSM: map[string]string{"kind": c.Options.HSM, "personality": c.Options.Personality, "held against": c.Options.As, "fault": c.Options.Fault}}
}

// suiteOfFaults is the suite that plays Options.Fault.
const suiteOfFaults = "faults"

// kind is what a target is.
func (r Registry) kind(target string) conformance.Kind {
	t, _ := r.Target(target) // an unknown one is refused when it is prepared
	return cmp.Or(t.Kind, conformance.KindEPS)
}

// about gives the rows of the report: all of an EPS, which is the whole, and of a part those
// that are about such a part.
func (r Registry) about(kind conformance.Kind) []conformance.Claim {
	if kind == conformance.KindEPS {
		return r.Claims
	}
	var claims []conformance.Claim
	for _, c := range r.Claims {
		if c.About(kind) {
			claims = append(claims, c)
		}
	}
	return claims
}

// count is the number of claims that are about a kind of target.
func (r Registry) count(ids []string, kind conformance.Kind) int {
	n := 0
	for _, id := range ids {
		if c, ok := r.Claim(id); ok && c.About(kind) {
			n++
		}
	}
	return n
}

// Accepts says whether a command line names what there is: nothing is opened or written.
func (r Registry) Accepts(c Config) error {
	if _, err := r.Target(c.Target); err != nil {
		return err
	}
	sel, err := r.selected(c.Focus)
	if err == nil && c.Options.Fault != "" && len(sel.claims[suiteOfFaults]) == 0 {
		return &UsageError{fmt.Sprintf("--focus %s leaves out the family faults, and no other plays --fault %s", c.Focus, c.Options.Fault), "leave out one of the two"}
	}
	return err
}

// execute prepares the targets and runs the jobs, each on its own or else on the run's.
// Mutant and seed may be a job's own too.
func (r Registry) execute(ctx context.Context, c Config, jobs []Job, watch func(Event)) ([]Outcome, error) {
	if _, err := r.Target(c.Target); err != nil {
		return nil, err
	}
	logs := filepath.Join(c.Out, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return nil, &UsageError{err.Error(), "choose another directory with --out"}
	}
	pool := Pool{Parallel: c.Parallel, Logs: logs, Limit: c.Limit, Command: c.Command}
	ready := map[string]Options{}
	for i := range jobs {
		name := cmp.Or(jobs[i].Target, c.Target)
		if _, is := ready[name]; !is {
			prepared, stop, err := r.prepare(ctx, name, c.Options)
			defer stop()
			if err != nil {
				return nil, err
			}
			ready[name] = prepared
		}
		own := jobs[i].Options
		jobs[i].Target, jobs[i].Options = name, ready[name]
		jobs[i].Options.Mutant = own.Mutant
		if own.Seed != 0 {
			jobs[i].Options.Seed = own.Seed
		}
		if ready[name].Alone {
			pool.Parallel = 1
		}
	}
	if pool.Parallel == 0 {
		pool.Parallel = atOnce(c.Options)
	}
	if pool.Limit == 0 {
		pool.Limit = limits[c.Options.Profile]
	}
	outcomes := pool.Run(ctx, jobs, watch)
	for _, o := range outcomes {
		if o.Unusable != nil && o.Job.Options.Mutant == "" {
			return nil, &UnusableError{o.Unusable.Error, o.Unusable.Hint}
		}
	}
	return outcomes, nil
}

// atOnce is how many children run beside each other: more than cores, as refusals wait for
// their grid and outages for their end. A database server and a real HSM have work of their own,
// and claims that have a time limit must not wait for it.
func atOnce(o Options) int {
	if o.HSM == "emulator" && o.Store == "sqlite" {
		return 2*runtime.GOMAXPROCS(0) + 1
	}
	return runtime.GOMAXPROCS(0) + 1
}

// prepare has a target find or start what its children share. stop ends it.
func (r Registry) prepare(ctx context.Context, name string, o Options) (ready Options, stop func(), err error) {
	stop = func() {}
	target, err := r.Target(name)
	if err != nil || target.Prepare == nil {
		return o, stop, err
	}
	ready, started, err := target.Prepare(ctx, o)
	if started != nil {
		stop = started
	}
	if err != nil {
		return o, stop, unusable(err)
	}
	return ready, stop, nil
}

// selection is what a focus leaves.
type selection struct {
	claims  map[string][]string // automated claims by family, in the order of the catalogue
	outside map[string]string   // other automated claims, and why they are out
}

// selected applies a focus to the catalogue. Specs carry the ids of their claims
// and the name of their family as labels; so does a claim here.
func (r Registry) selected(focus string) (selection, error) {
	filter, err := types.ParseLabelFilter(focus)
	if err != nil {
		return selection{}, &UsageError{fmt.Sprintf("--focus %q is no label expression", focus),
			"labels are claim ids and suites, joined by || && !; see: epsbench list claims"}
	}
	if err := r.knows(focus); err != nil {
		return selection{}, err
	}
	s := selection{claims: map[string][]string{}, outside: map[string]string{}}
	for _, c := range r.Claims {
		switch {
		case c.Status != conformance.Automated:
		case filter([]string{c.ID, c.Family}):
			s.claims[c.Family] = append(s.claims[c.Family], c.ID)
		default:
			s.outside[c.ID] = "outside --focus " + focus
		}
	}
	if len(s.claims) == 0 {
		return selection{}, &UsageError{fmt.Sprintf("--focus %q selects no automated claim", focus), "see: epsbench list claims"}
	}
	return s, nil
}

// knows refuses a focus with a word in it that is no label: a typing error must not
// select less than was meant. Regular expressions are left to ginkgo.
func (r Registry) knows(focus string) error {
	if strings.ContainsAny(focus, "/:") {
		return nil
	}
	for _, word := range strings.FieldsFunc(focus, func(c rune) bool { return strings.ContainsRune(" \t,()!&|", c) }) {
		_, claim := r.Claim(word)
		family := slices.ContainsFunc(r.Claims, func(c conformance.Claim) bool { return c.Family == word })
		if !claim && !family {
			return &UsageError{fmt.Sprintf("--focus names %q, which is neither a claim nor a suite", word), "see: epsbench list claims, epsbench list suites"}
		}
	}
	return nil
}

// narrow takes out the claims that have no spec of their own in the focus.
func (s selection) narrow(outcomes []Outcome) {
	for _, o := range outcomes {
		if o.trouble() != "" {
			continue
		}
		for _, id := range s.claims[o.Job.Family] {
			if !slices.ContainsFunc(o.Results, func(r conformance.Result) bool { return r.Claim == id }) {
				s.outside[id] = "each of its specs judges a claim outside --focus too"
			}
		}
	}
}

// lost gives a result to each claim that a child did not bring to its end: without
// an end record, what it reported may not be all of it.
func (o Outcome) lost(claims []string) []conformance.Result {
	trouble := o.trouble()
	if trouble == "" {
		return nil
	}
	verdict := conformance.HarnessError
	if o.Stopped {
		verdict = conformance.Excluded
	}
	var results []conformance.Result
	for _, id := range claims {
		results = append(results, conformance.Result{Claim: id, ID: o.Job.Family + "/process", Verdict: verdict, Observed: trouble})
	}
	return results
}

// trouble says why the family was not run to its end; empty when it was.
func (o Outcome) trouble() string {
	if o.End != nil && o.Death == "" {
		return o.End.Error
	}
	return o.Death
}

// MutantsByClaim gives the mutants that each claim must catch.
func (r Registry) MutantsByClaim() map[string][]report.Mutant {
	by := map[string][]report.Mutant{}
	for _, m := range r.Mutants {
		for _, id := range m.Claims {
			by[id] = append(by[id], report.Mutant{Name: m.Name, About: m.About})
		}
	}
	return by
}

// runID names a run: two with the same id started in the same second with the same seed.
func runID(t time.Time, seed int64) string {
	return fmt.Sprintf("%s-%x", t.Format("20060102T150405Z"), seed)
}

// claimsOf gives the family's claims among ids.
func (r Registry) claimsOf(family string, ids []string) []string {
	var own []string
	for _, c := range r.Claims {
		if c.Family == family && slices.Contains(ids, c.ID) {
			own = append(own, c.ID)
		}
	}
	return own
}
