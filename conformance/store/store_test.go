package store_test

import (
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
	"github.com/epsbench/epsbench/conformance/store"
)

// judge gives the family's results on the reference target, and what that was.
func judge(t *testing.T, o run.Options) ([]conformance.Result, conformance.Identity) {
	t.Helper()
	o.Dir, o.Profile, o.TellKeys = t.TempDir(), conformance.Quick, true
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
	_, err = conformance.Run(store.Family(conformance.Quick), on, "", 1, func(r conformance.Result) {
		results = append(results, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	return results, on.Identity()
}

// The reference EPS passes every claim of the family, and every claim that the catalogue
// gives to the family is judged, but for what only the literal profile stores. `epsbench
// run` does the same on SoftHSM.
func TestReferencePasses(t *testing.T) {
	o := run.Options{HSM: "emulator", Store: "sqlite"}
	results, id := judge(t, o)
	for _, c := range catalogue.ByFamily("store") {
		due := conformance.Pass
		if c.Only != nil && !c.Only(id) {
			due = conformance.NotApplicable
		}
		if v := conformance.Fold(c, results); c.Status == conformance.Automated && v != due {
			t.Errorf("%s: %s", c.ID, v)
		}
	}
	for _, r := range results {
		if r.Verdict != conformance.Pass && r.Verdict != conformance.NotApplicable {
			t.Errorf("%s %s: %s", r.ID, r.Verdict, r.Observed)
		}
	}
}
