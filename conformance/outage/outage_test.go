package outage_test

import (
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/outage"
)

// The reference EPS passes every claim of the family that applies to it.
func TestReferencePasses(t *testing.T) {
	on, err := target.Reference.Open(t.Context(), run.Options{HSM: "emulator", Store: "sqlite", Dir: t.TempDir(), Profile: conformance.Quick})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := on.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	judged := map[string]bool{}
	_, err = conformance.Run(outage.Family(conformance.Quick), on, "", 1, func(r conformance.Result) {
		judged[r.Claim] = judged[r.Claim] || r.Verdict == conformance.Pass
		if r.Verdict != conformance.Pass && r.Verdict != conformance.NotApplicable {
			t.Errorf("%s %s: %s", r.ID, r.Verdict, r.Observed)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"OUT-HSM-gone", "OUT-HSM-session", "OUT-HSM-login", "OUT-HSM-silent", "OUT-DB-readonly", "OUT-DB-full", "OUT-DB-locked"} {
		if !judged[id] {
			t.Errorf("%s is not judged", id)
		}
	}
}
