package markdown

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEscapeLeavesNothingThatMeansSomething: behind a backslash each special character is
// itself, and without the backslashes the text is what it was.
func TestEscapeLeavesNothingThatMeansSomething(t *testing.T) {
	const special = "\\*_`<>[]|"
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab \n"+special))).Draw(t, "text")
		var plain strings.Builder
		escaped := false
		for _, r := range Escape(text) {
			if !escaped && r == '\\' {
				escaped = true
				continue
			}
			if strings.ContainsRune(special, r) != escaped {
				t.Fatalf("%q became %q", text, Escape(text))
			}
			plain.WriteRune(r)
			escaped = false
		}
		if escaped || plain.String() != text {
			t.Fatalf("%q became %q", text, Escape(text))
		}
	})
}
