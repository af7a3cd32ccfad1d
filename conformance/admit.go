package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/onsi/ginkgo/v2"
)

// Admit tells whether a claim can be judged on t: an empty verdict when it can,
// else NotApplicable or Blocked with the reason.
func (c Claim) Admit(t Target) (Verdict, string) {
	id := t.Identity()
	if !c.About(id.Kind) {
		return NotApplicable, fmt.Sprintf("the claim is about kind %s, the target is of kind %s", c.Target, id.Kind)
	}
	if c.Only != nil && !c.Only(id) {
		return NotApplicable, c.Why
	}
	if unmet := c.unmet(t.Capabilities()); len(unmet) > 0 {
		return Blocked, "the target does not offer " + strings.Join(unmet, ", ")
	}
	return "", ""
}

// parts: an EPS has an HSM and an authentication server, so it is judged by the claims on
// those too, as far as it gives access to them.
var parts = map[Kind][]Kind{KindEPS: {KindAuthServer, KindModule}}

// About tells whether a target of this kind is judged by the claim.
func (c Claim) About(kind Kind) bool {
	return c.Target == "" || c.Target == kind || slices.Contains(parts[kind], c.Target)
}

func (c Claim) unmet(offered Capabilities) []string {
	var unmet []string
	for _, need := range c.Needs {
		if !offered[need] {
			unmet = append(unmet, string(need))
		}
	}
	return unmet
}

// admit runs before each spec. A spec runs when none of its claims is blocked and at
// least one applies.
func (r *running) admit() {
	claims, err := r.claims(ginkgo.CurrentSpecReport())
	if err != nil {
		panic(err) // check has seen every spec
	}
	applies, why := false, ""
	for _, c := range claims {
		switch verdict, reason := c.Admit(r.target); verdict {
		case Blocked:
			Block("%s", reason)
		case NotApplicable:
			why = reason
		default:
			applies = true
		}
	}
	if !applies {
		rule(NotApplicable, why)
	}
}
