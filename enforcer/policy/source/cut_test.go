package source

import (
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"pgregory.net/rapid"
)

// What cut takes, the tokens would have let through too; its pieces are the
// content, each with its right place.
func TestCutIsStricter(t *testing.T) {
	part := rapid.SampledFrom([]string{
		"{", "}", "[", "]", "\"", "\\", "\n", "\r\n", "#", "//", "/*", "*/", "a", "b1", "42", "-", ".", "${", "%{", "$${", "=", ",", " ", "(", "!", "<<EOT\n",
		"\"text\"", "\"\\\"\"", "x = [\"y\"]\n", "b \"l\" {\n", "}\n", "é", "\xff", "# [[[\n", "\"[[[\"", "'",
	})
	rapid.Check(t, func(rt *rapid.T) {
		content := []byte(strings.Join(rapid.SliceOf(part).Draw(rt, "content"), ""))
		pieces, ok := cut(content)
		if !ok {
			return
		}
		checkPieces(rt, content, pieces)
		tokens, diags := hclsyntax.LexConfig(content, "p.hcl", hcl.Pos{Line: 1, Column: 1})
		if f := (&findings{}); !diags.HasErrors() && !f.plain(tokens) {
			rt.Fatalf("%q is not plain: %s", content, f.all)
		}
	})
}

func TestCutLong(t *testing.T) {
	block := "# a comment with [ and \"\nblock \"l [\" {\n  a = [\"x\",\n    \"y }\"]\n}\n"
	content := []byte(strings.Repeat(block, 3*pieceSize/len(block)))
	pieces, ok := cut(content)
	if !ok || len(pieces) < 3 {
		t.Fatalf("%d pieces, %v", len(pieces), ok)
	}
	checkPieces(t, content, pieces)
	for _, p := range pieces {
		if _, diags := hclsyntax.ParseConfig(p.content, "p.hcl", p.start); diags.HasErrors() {
			t.Fatal(diags)
		}
	}
}

func checkPieces(t interface{ Fatalf(string, ...any) }, content []byte, pieces []piece) {
	all := ""
	for _, p := range pieces {
		if line := 1 + strings.Count(all, "\n"); p.start.Line != line || p.start.Byte != len(all) || p.start.Column != 1 {
			t.Fatalf("a piece that begins at line %d, byte %d says %+v", line, len(all), p.start)
		}
		all += string(p.content)
	}
	if all != string(content) {
		t.Fatalf("the pieces are not the content")
	}
}
