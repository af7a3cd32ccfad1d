package strict

import (
	"fmt"
	"strings"
)

// suggestion names the nearest of all, or all of them when none is near.
func suggestion(name string, all []string) string {
	best, least := "", len(name)/2+1
	for _, candidate := range all {
		if d := distance(name, candidate); d <= least {
			best, least = candidate, d-1
		}
	}
	if best == "" {
		return fmt.Sprintf("; known here: %s", strings.Join(all, ", "))
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is the number of single-letter edits between a and b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
