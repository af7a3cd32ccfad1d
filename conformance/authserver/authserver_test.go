package authserver_test

import (
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/authserver"
	"github.com/epsbench/epsbench/conformance/catalogue"
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
	if _, err := conformance.Run(authserver.Family(conformance.Quick), on, "", 1, func(r conformance.Result) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	return results
}

// The reference passes every claim of the family. `epsbench run` does the same on SoftHSM.
func TestReferencePasses(t *testing.T) {
	results := judge(t, run.Options{HSM: "emulator", Store: "sqlite"})
	for _, claim := range catalogue.ByFamily("authserver") {
		if claim.Status != conformance.Automated {
			continue
		}
		if v := conformance.Fold(claim, results); v != conformance.Pass {
			t.Errorf("%s: %s", claim.ID, v)
		}
	}
	for _, r := range results {
		t.Logf("%5.2f s %s %s %s: %s", r.Seconds, r.Verdict, r.Claim, r.ID, r.Observed)
	}
}
