package run

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
)

// Matrix is what the mutants prove: which claim kills which.
type Matrix struct {
	Kills []Kill   `json:"kills"` // one for each mutant and claim that must catch it
	Idle  []string `json:"idle"`  // automated claims that killed nothing
	// Elsewhere are claims that do not apply to this target: what they kill is to be seen
	// on another, as with another --store.
	Elsewhere []string `json:"elsewhere,omitempty"`
	Stopped   bool     `json:"stopped,omitempty"`
}

// Kill is one mutant against one claim.
type Kill struct {
	Mutant   string              `json:"mutant"`
	Claim    string              `json:"claim"`
	Family   string              `json:"family"`
	Twin     conformance.Verdict `json:"twin"`    // of the claim on the target without the mutant
	Verdict  conformance.Verdict `json:"verdict"` // on the target with it
	Case     string              `json:"case,omitempty"`
	Observed string              `json:"observed"`
	Killed   bool                `json:"killed"`
	Again    bool                `json:"again,omitempty"` // it was run a second time
	Why      string              `json:"why,omitempty"`   // of a survivor
}

// Survivors are the pairs where the claim did not catch the mutant.
func (m Matrix) Survivors() []Kill {
	return slices.DeleteFunc(slices.Clone(m.Kills), func(k Kill) bool { return k.Killed })
}

// Exit gives the exit code: 5 when the bench failed on the unbroken target, 1 for a
// survivor or an idle claim, 3 when it was stopped or had nothing to do.
func (m Matrix) Exit() int {
	for _, k := range m.Kills {
		if k.Twin == conformance.HarnessError && !m.Stopped {
			return report.ExitHarness
		}
	}
	switch {
	case m.Stopped || len(m.Kills) == 0:
		return report.ExitIncomplete
	case len(m.Survivors()) > 0 || len(m.Idle) > 0:
		return report.ExitFail
	}
	return report.ExitPass
}

// Selfcheck runs every mutant against the claims that must catch it, and each
// family once on the unbroken target in the same run. Claims that the profile only shows
// are judged too: a mutant's effect is large.
func Selfcheck(ctx context.Context, r Registry, c Config, watch func(Event)) (Matrix, error) {
	sel, err := r.selected(c.Focus)
	if err != nil {
		return Matrix{}, err
	}
	wanted := slices.Concat(slices.Collect(maps.Values(sel.claims))...)
	c.Options.Strict = true
	jobs := slices.Concat(r.twins(wanted), r.mutations(wanted))
	outcomes, err := r.execute(ctx, c, jobs, watch)
	if err != nil {
		return Matrix{}, err
	}
	m := r.matrix(wanted, outcomes)
	again := survived(outcomes, m)
	if len(again) == 0 || m.Stopped {
		return m, nil
	}
	second, err := r.execute(ctx, c, again, watch)
	if err != nil {
		return Matrix{}, err
	}
	for _, o := range second {
		i := slices.IndexFunc(outcomes, func(first Outcome) bool { return first.Job.Name == o.Job.Name })
		outcomes[i] = o
	}
	return r.matrix(wanted, outcomes), nil
}

// survived are the jobs of mutants that were not killed, to be run once more: some are a race
// that is not lost each time. What the claims say of the unbroken target is not asked again.
func survived(outcomes []Outcome, m Matrix) []Job {
	var again []Job
	for _, o := range outcomes {
		if slices.ContainsFunc(m.Survivors(), func(k Kill) bool {
			return k.Mutant == o.Job.Options.Mutant && k.Family == o.Job.Family && k.Twin == conformance.Pass
		}) {
			job := o.Job
			job.Again = true
			again = append(again, job)
		}
	}
	return again
}

// twins are the jobs without a mutant: one a family and target, for the claims that mutants
// of that target name.
func (r Registry) twins(wanted []string) []Job {
	var jobs []Job
	for _, target := range r.broken() {
		for _, s := range r.Suites {
			var ids []string
			for _, id := range r.claimsOf(s.Name, wanted) {
				if slices.ContainsFunc(r.Mutants, func(m Mutant) bool { return m.Target == target && slices.Contains(m.Claims, id) }) {
					ids = append(ids, id)
				}
			}
			if len(ids) > 0 {
				jobs = append(jobs, Job{Name: slug("twin-" + s.Name + " " + target), Family: s.Name, Target: target,
					Filter: strings.Join(ids, " || "), Claims: len(ids), Long: s.Long})
			}
		}
	}
	return jobs
}

// broken are the targets that mutants break: that of the run, "", and those they name.
func (r Registry) broken() []string {
	targets := []string{""}
	for _, m := range r.Mutants {
		if !slices.Contains(targets, m.Target) {
			targets = append(targets, m.Target)
		}
	}
	return targets
}

// mutations are the jobs with one: one a mutant and family.
func (r Registry) mutations(wanted []string) []Job {
	var jobs []Job
	for i, m := range r.Mutants {
		for _, s := range r.Suites {
			ids := slices.DeleteFunc(r.claimsOf(s.Name, m.Claims), func(id string) bool { return !slices.Contains(wanted, id) })
			if len(ids) == 0 {
				continue
			}
			jobs = append(jobs, Job{Name: fmt.Sprintf("mutant-%02d-%s-%s", i+1, slug(m.Name), s.Name), Family: s.Name, Target: m.Target,
				Filter: strings.Join(ids, " || "), Claims: len(ids), Long: s.Long, Options: Options{Mutant: m.Name}})
		}
	}
	return jobs
}

var notName = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes a name fit for a file.
func slug(s string) string {
	s = strings.Trim(notName.ReplaceAllString(strings.ToLower(s), "-"), "-")
	return s[:min(len(s), 40)]
}

// matrix judges the outcomes: a kill is the expected failure of the named claim,
// while the twin passes.
func (r Registry) matrix(wanted []string, outcomes []Outcome) Matrix {
	m := Matrix{Kills: []Kill{}, Idle: []string{}}
	twin := map[string]conformance.Verdict{}
	for _, o := range outcomes {
		m.Stopped = m.Stopped || o.Stopped
		if o.Job.Options.Mutant != "" {
			continue
		}
		ids := strings.Split(o.Job.Filter, " || ")
		results := append(o.Results, o.lost(ids)...)
		for _, id := range ids {
			row, _ := r.Claim(id)
			twin[o.Job.Target+" "+id] = conformance.Fold(row, results)
		}
	}
	busy, elsewhere := map[string]bool{}, map[string]bool{}
	for _, o := range outcomes {
		for _, mutant := range r.Mutants {
			if mutant.Name != o.Job.Options.Mutant {
				continue
			}
			for _, id := range strings.Split(o.Job.Filter, " || ") {
				row, _ := r.Claim(id)
				without := twin[o.Job.Target+" "+id]
				if without == conformance.NotApplicable {
					elsewhere[id] = true
					continue
				}
				k := judgeKill(mutant, row, without, o)
				busy[id] = busy[id] || k.Killed
				m.Kills = append(m.Kills, k)
			}
		}
	}
	for _, id := range wanted {
		switch {
		case busy[id]:
		case elsewhere[id]:
			m.Elsewhere = append(m.Elsewhere, id)
		default:
			m.Idle = append(m.Idle, id)
		}
	}
	slices.Sort(m.Idle)
	slices.Sort(m.Elsewhere)
	return m
}

// judgeKill tells whether the claim caught the mutant, by which case, and if not, why.
func judgeKill(m Mutant, row conformance.Claim, twin conformance.Verdict, o Outcome) Kill {
	k := Kill{Mutant: m.Name, Claim: row.ID, Family: row.Family, Twin: twin, Again: o.Job.Again}
	k.Verdict = conformance.Fold(row, append(o.Results, o.lost([]string{row.ID})...))
	wrong := ""
	for _, res := range o.Results {
		if res.Claim != row.ID || !failing(row, res.Verdict) {
			continue
		}
		if strings.Contains(res.Failed, m.Reason) {
			k.Case, k.Observed, k.Killed = res.ID, res.Observed, true
			break
		}
		wrong = res.Observed
	}
	switch {
	case k.Killed && twin != conformance.Pass && (twin != conformance.Warn || failing(row, twin)):
		k.Killed, k.Why = false, fmt.Sprintf("the target without the mutant gives %s too", twin)
	case k.Killed:
	case o.Unusable != nil:
		k.Why = "the mutant does not start: " + o.Unusable.Error
	case wrong != "":
		k.Why, k.Observed = fmt.Sprintf("it failed, but not for the reason %q", m.Reason), wrong
	case o.trouble() != "":
		k.Why = o.trouble()
	default:
		k.Why = fmt.Sprintf("the claim gives %s with the mutant", k.Verdict)
	}
	return k
}

// failing: a SHOULD can only warn, so for it a warning is a kill.
func failing(row conformance.Claim, v conformance.Verdict) bool {
	return v == conformance.Fail || row.Level == conformance.Should && v == conformance.Warn
}
