package pin_test

import (
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
	"github.com/epsbench/epsbench/conformance/pin"
)

// judge gives the family's results on the reference target.
func judge(t *testing.T, o run.Options, filter string) []conformance.Result {
	t.Helper()
	o.Dir, o.Profile = t.TempDir(), conformance.Quick
	on, err := target.Reference.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := on.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	family := pin.Family(conformance.Quick)
	family.Strict = true
	var results []conformance.Result
	if _, err := conformance.Run(family, on, filter, 1, func(r conformance.Result) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	return results
}

// The reference EPS passes every claim of the family on both tokens, those too that are
// judged in profile full only: by numbers that find large effects. The solver is for one
// of them: it looks at what the phone has, and takes long under the race detector.
func TestReferencePasses(t *testing.T) {
	const solved = "ST-6.1-d"
	for _, c := range []struct {
		hsm, filter string
		solver      bool
	}{{"emulator", "", true}, {"softhsm", "!" + solved, false}} {
		t.Run(c.hsm, func(t *testing.T) {
			results := judge(t, run.Options{HSM: c.hsm, Store: "sqlite"}, c.filter)
			for _, claim := range catalogue.ByFamily("pin") {
				if claim.Status != conformance.Automated || claim.ID == solved && !c.solver {
					continue
				}
				if v := conformance.Fold(claim, results); v != conformance.Pass {
					t.Errorf("%s: %s", claim.ID, v)
				}
			}
			for _, r := range results {
				t.Logf("%5.2f s %s %s %s: %s", r.Seconds, r.Verdict, r.Claim, r.ID, r.Observed)
			}
		})
	}
}
