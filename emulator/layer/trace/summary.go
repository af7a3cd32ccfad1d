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

// Sums sums up calls as they come; the zero Sums is ready. It keeps eight bytes of each.
type Sums struct {
	took   map[string][]time.Duration
	failed map[string]int
}

// Add counts a call.
func (s *Sums) Add(r Record) {
	if s.took == nil {
		s.took, s.failed = map[string][]time.Duration{}, map[string]int{}
	}
	s.took[r.Function] = append(s.took[r.Function], r.Took)
	if r.Failed() {
		s.failed[r.Function]++
	}
}

// List gives a Sum for each function called, the most called first.
func (s *Sums) List() []Sum {
	var out []Sum
	for f, t := range s.took {
		slices.Sort(t)
		out = append(out, Sum{f, len(t), s.failed[f], percentile(t, 50), percentile(t, 99)})
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
