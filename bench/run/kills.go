package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/epsbench/epsbench/bench/report"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/crash"
)

// Kills is what many kills have left, over all points and stores.
type Kills struct {
	Seed    int64       `json:"seed"`
	Wanted  int         `json:"wanted"`
	Seconds float64     `json:"seconds"`
	Total   crash.Row   `json:"total"`
	Rows    []StoreRow  `json:"rows"`
	Found   []Violation `json:"violations"`
	Trouble []string    `json:"trouble"` // of the bench: nothing is known of these trials
}

// StoreRow is a row on one store.
type StoreRow struct {
	Store string `json:"store"`
	crash.Row
}

// Violation is a case that did not pass.
type Violation struct {
	Store    string `json:"store"`
	Case     string `json:"case"`
	Observed string `json:"observed"`
}

// suiteOfKills is the suite whose cases are kills.
const suiteOfKills = "crash"

// Crash kills servers of the target on each of the stores, at least wanted times in all.
// perJob is how many kills one run of the suite makes. Everything else is as of Run.
func Crash(ctx context.Context, r Registry, c Config, stores []string, wanted, perJob int, watch func(Event)) (Kills, error) {
	k := Kills{Seed: c.Options.Seed, Wanted: wanted, Rows: []StoreRow{}, Found: []Violation{}, Trouble: []string{}}
	jobs := (wanted + perJob*len(stores) - 1) / (perJob * len(stores)) // on each store
	for i, store := range stores {
		on := c
		on.Options.Store = store
		outcomes, err := r.execute(ctx, on, r.killing(store, jobs, c.Options.Seed+int64(i*jobs)), watch)
		if err != nil {
			return k, err
		}
		for _, o := range outcomes {
			k.take(store, o)
		}
	}
	return k, nil
}

// killing are runs of the suite with seeds of their own.
func (r Registry) killing(store string, n int, seed int64) []Job {
	var jobs []Job
	for i := range n {
		jobs = append(jobs, Job{Name: fmt.Sprintf("crash-%s-%d", store, i+1), Family: suiteOfKills, Claims: r.Automated(suiteOfKills), Options: Options{Seed: seed + int64(i)}})
	}
	return jobs
}

// take adds what one run of the suite has left. A spec that judges two claims gives its
// results once for each.
func (k *Kills) take(store string, o Outcome) {
	if trouble := o.trouble(); trouble != "" {
		k.Trouble = append(k.Trouble, o.Job.Name+": "+trouble)
	}
	seen := map[string]bool{}
	for _, res := range o.Results {
		if seen[res.ID] {
			continue
		}
		seen[res.ID] = true
		switch res.Verdict {
		case conformance.Pass:
		case conformance.Fail:
			k.Found = append(k.Found, Violation{store, res.ID, res.Observed})
		default:
			k.Trouble = append(k.Trouble, res.ID+": "+res.Observed)
		}
		if res.Table == nil {
			continue
		}
		rows, err := crash.Rows(*res.Table)
		if err != nil {
			k.Trouble = append(k.Trouble, res.ID+": "+err.Error())
		}
		for _, row := range rows {
			k.add(StoreRow{store, row})
		}
	}
}

func (k *Kills) add(row StoreRow) {
	k.Total.Add(row.Row)
	i := slices.IndexFunc(k.Rows, func(r StoreRow) bool {
		return r.Store == row.Store && r.Operation == row.Operation && r.Server == row.Server && r.Point == row.Point
	})
	if i < 0 {
		k.Rows = append(k.Rows, row)
		return
	}
	k.Rows[i].Add(row.Row)
}

// Exit gives the exit code: 1 for a violation, 5 where the bench failed, 3 for too few kills.
func (k Kills) Exit() int {
	switch {
	case len(k.Found) > 0 || k.Total.Violations > 0:
		return report.ExitFail
	case len(k.Trouble) > 0:
		return report.ExitHarness
	case k.Total.Kills < k.Wanted:
		return report.ExitIncomplete
	}
	return report.ExitPass
}
