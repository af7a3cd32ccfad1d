package strictyaml

import (
	"fmt"
	"strings"
)

// farthest is how many letters a word that was meant may be away.
const farthest = 2

// Meant asks whether the known word that is nearest to an unknown one was meant: `: did you
// mean "trees"?`, or nothing where none is near. An error about the unknown word ends with it.
func Meant(word string, known []string) string {
	if found := Nearest(word, known); found != "" {
		return fmt.Sprintf(": did you mean %q?", found)
	}
	return ""
}

// Nearest is the word that somebody may have meant who wrote one that is not known, or "":
// the word that it begins, or one that is a letter away, or two after the same first letter.
func Nearest(word string, known []string) string {
	best, found := farthest+1, ""
	for _, k := range known {
		d := distance(word, k)
		if len(word) > farthest && strings.HasPrefix(k, word) {
			d = 1
		}
		if d < best && d < len(k) && (d < farthest || word[:1] == k[:1]) {
			best, found = d, k
		}
	}
	return found
}

// distance counts the letters to put in, leave out or change (Levenshtein). What is much
// longer is farther than anything.
func distance(a, b string) int {
	if len(a) > len(b)+farthest {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, corner+1, row[j]+1)
		}
	}
	return row[len(b)]
}
