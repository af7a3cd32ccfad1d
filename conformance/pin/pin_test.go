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
func judge(t *testing.T, o run.Options) []conformance.Result {
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
	var results []conformance.Result
	if _, err := conformance.Run(pin.Family(conformance.Quick), on, "", 1, func(r conformance.Result) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	return results
}

// The reference EPS passes every claim of the family on both tokens.
func TestReferencePasses(t *testing.T) {
	for name, o := range map[string]run.Options{
		"emulator": {HSM: "emulator", Store: "sqlite"},
		"softhsm":  {HSM: "softhsm", Store: "sqlite"},
	} {
		t.Run(name, func(t *testing.T) {
			results := judge(t, o)
			for _, c := range catalogue.ByFamily("pin") {
				if c.Status != conformance.Automated {
					continue
				}
				if v := conformance.Fold(c, results); v != conformance.Pass {
					t.Errorf("%s: %s", c.ID, v)
				}
			}
			for _, r := range results {
				if r.Verdict != conformance.Pass {
					t.Errorf("%s %s: %s", r.ID, r.Verdict, r.Observed)
				}
				t.Logf("%5.2f s %s %s: %s", r.Seconds, r.Claim, r.ID, r.Observed)
			}
		})
	}
}
