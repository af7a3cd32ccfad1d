package outage_test

import (
	"testing"

	"github.com/epsbench/epsbench/bench/run"
	"github.com/epsbench/epsbench/bench/target"
	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/outage"
)

// always are the claims that apply to each store, served those to a database server that the
// bench has started. In a container it can suffer more.
var (
	always = []string{"OUT-HSM-gone", "OUT-HSM-session", "OUT-HSM-login", "OUT-HSM-silent", "OUT-DB-readonly", "OUT-DB-locked"}
	served = []string{"OUT-DB-stop", "OUT-DB-kill", "OUT-DB-silent"}
)

// The reference EPS passes every claim of the family that applies to it.
func TestReferencePasses(t *testing.T) {
	for store, claims := range map[string][]string{
		"sqlite":  append([]string{"OUT-DB-full"}, always...),
		"mariadb": append(served, always...),
	} {
		t.Run(store, func(t *testing.T) { passes(t, outage.Family(conformance.Quick), store, claims) })
	}
}

// It passes every scenario of an HSM that fails.
func TestReferencePassesFaults(t *testing.T) {
	passes(t, outage.Faults(conformance.Quick), "sqlite", []string{"FAULT-closed", "FAULT-recovers", "FAULT-whole"})
}

func passes(t *testing.T, family conformance.Family, store string, claims []string) {
	options, stop, err := target.Reference.Prepare(t.Context(), run.Options{HSM: "emulator", Store: store, Profile: conformance.Quick})
	if stop != nil {
		defer stop()
	}
	if err != nil {
		t.Fatal(err)
	}
	options.Dir = t.TempDir()
	on, err := target.Reference.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := on.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	judged := map[string]bool{}
	_, err = conformance.Run(family, on, "", 1, func(r conformance.Result) {
		judged[r.Claim] = judged[r.Claim] || r.Verdict == conformance.Pass
		if r.Verdict != conformance.Pass && r.Verdict != conformance.NotApplicable {
			t.Errorf("%s %s: %s", r.ID, r.Verdict, r.Observed)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range claims {
		if !judged[id] {
			t.Errorf("%s is not judged", id)
		}
	}
}
