package trace

import (
	"cmp"
	"slices"
	"time"
)

// Failed tells whether the call returned anything but CKR_OK.
func (r Record) Failed() bool { return r.Return != "CKR_OK" }

// Sum is what the calls of one function have in common.
type Sum struct {
	Function string
	Calls    int
	Failed   int
	Half     time.Duration // half of the calls took no longer: p50
	Most     time.Duration // 99 of 100 calls took no longer: p99
}

// Summary gives a Sum for each function called, the most called first.
func Summary(records []Record) []Sum {
	took := map[string][]time.Duration{}
	failed := map[string]int{}
	for _, r := range records {
		took[r.Function] = append(took[r.Function], r.Took)
		if r.Failed() {
			failed[r.Function]++
		}
	}
	var out []Sum
	for f, t := range took {
		slices.Sort(t)
		out = append(out, Sum{f, len(t), failed[f], percentile(t, 50), percentile(t, 99)})
	}
	slices.SortFunc(out, func(a, b Sum) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Function, b.Function))
	})
	return out
}

// percentile is the nearest rank of sorted values, of which there is at least one.
func percentile(sorted []time.Duration, p int) time.Duration {
	return sorted[(len(sorted)*p+99)/100-1]
}
