package source

import (
	"fmt"
	"strings"
)

// maxSuggestions bounds the search for similar names, which compares with all
// of them. A file with more unknown names than this is wrong in another way.
const maxSuggestions = 200

// suggester finds what may have been meant.
type suggester struct{ asked int }

// hint gives `did you mean "x"?` for the name that is most like the given one,
// or nothing where none is.
func (s *suggester) hint(given string, known []string) string {
	if s.asked++; s.asked > maxSuggestions {
		return ""
	}
	if best := Closest(given, known); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// Closest gives the known name most like the given one: spelt almost the same,
// or, for dotted keys, with the same last words. Of equals the first wins; empty: none is like it.
func Closest(given string, known []string) string {
	lower := strings.ToLower(strings.TrimSpace(given))
	if lower == "" || len(lower) > 200 {
		return ""
	}
	best, least := "", max(2, len(lower)/4)+1
	for _, k := range known {
		folded := strings.ToLower(k)
		if d := len(folded) - len(lower); d >= least || -d >= least {
			continue
		}
		if d := distance(lower, folded); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return best
	}
	last := lower[strings.LastIndexByte(lower, '.')+1:]
	for _, ending := range []string{"." + lower, "." + last} {
		for _, k := range known {
			if strings.HasSuffix(k, ending) {
				return k
			}
		}
	}
	return ""
}

// distance is the number of single-byte insertions, deletions, replacements
// and swaps of neighbours that make b of a.
func distance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
