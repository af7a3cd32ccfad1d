package conformance

// Verdicts lists every verdict, the gravest first: of the cases of a claim the first that
// occurs is the claim's. Nobody's case ends MANUAL or NOT-AUTOMATED.
func Verdicts() []Verdict {
	return []Verdict{Fail, HarnessError, Blocked, Excluded, Inconclusive, Warn, Pass, NotImplemented, NotApplicable, Manual, Unautomated}
}

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
	for _, v := range Verdicts() {
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
