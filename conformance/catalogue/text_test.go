package catalogue_test

import (
	"slices"
	"testing"

	"github.com/epsbench/epsbench/conformance"
	"github.com/epsbench/epsbench/conformance/catalogue"
)

func TestFindingsOnTheTextAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range catalogue.Text() {
		if f.ID == "" || seen[f.ID] || len(f.Sources) == 0 || f.Says == "" || f.Against == "" || f.Did == "" || len(f.Claims) == 0 {
			t.Errorf("finding %q leaves something out, or comes twice", f.ID)
		}
		seen[f.ID] = true
		for _, id := range f.Claims {
			if _, ok := catalogue.Find(id); !ok {
				t.Errorf("finding %s names %s, which is no claim", f.ID, id)
			}
		}
	}
}

// What only the literal profile stores is judged there, and elsewhere said not to apply.
func TestTheKeystoreIsJudgedWhereThereIsOne(t *testing.T) {
	c, _ := catalogue.Find("ST-6.2-1d")
	for profile, applies := range map[string]bool{"st-2.6.1": true, "default": false, "": false} {
		if c.Only(conformance.Identity{Profile: profile}) != applies || c.Why == "" {
			t.Errorf("profile %q: applies is not %t", profile, applies)
		}
	}
	if !slices.Contains(c.Needs, conformance.CanTwin) {
		t.Error("it needs a second EPS")
	}
}
