package conformance

// weights orders the verdicts of cases: the first that occurs is the claim's.
var weights = []Verdict{Fail, HarnessError, Blocked, Excluded, Inconclusive, Warn, Pass, NotImplemented, NotApplicable}

// Fold gives the verdict of a claim from the results of its cases; those of other claims
// in results are left out. A claim that nobody judges is MANUAL or NOT-AUTOMATED by its
// status; one that nothing selected is EXCLUDED.
func Fold(c Claim, results []Result) Verdict {
	seen := map[Verdict]bool{}
	for _, r := range results {
		if r.Claim == c.ID {
			seen[r.Verdict] = true
		}
	}
	for _, v := range weights {
		if seen[v] {
			return v
		}
	}
	switch c.Status {
	case Organisation:
		return Manual
	case NotAutomated:
		return Unautomated
	}
	return Excluded
}
