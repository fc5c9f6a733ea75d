package source

import (
	"bytes"
	"slices"
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
		pieces, ok := cut("p.hcl", content)
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
	pieces, ok := cut("p.hcl", content)
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

// checkPieces sees that the pieces are the content but for what stands in the
// plain lists, and that each says where it begins.
func checkPieces(t interface{ Fatalf(string, ...any) }, content []byte, pieces []piece) {
	at := 0
	for _, p := range pieces {
		before := content[:at]
		if line := 1 + bytes.Count(before, []byte("\n")); p.start.Line != line || p.start.Byte != at || p.start.Column != 1 {
			t.Fatalf("a piece that begins at line %d, byte %d says %+v", line, at, p.start)
		}
		inList := false
		for i, b := range p.content {
			if _, ok := p.lists[at+i]; ok {
				inList = true
			}
			inList = inList && b != ']'
			if b != content[at+i] && (!inList || b != ' ') {
				t.Fatalf("byte %d is %q, in the piece %q", at+i, content[at+i], b)
			}
		}
		at += len(p.content)
	}
	if at != len(content) {
		t.Fatalf("the pieces have %d of %d bytes", at, len(content))
	}
}

// What stands in plain lists is what the HCL parser finds in them, in the same
// places.
func TestPlainLists(t *testing.T) {
	part := rapid.SampledFrom([]string{
		"\"a\"", "\"b.c\"", "\"\"", ",", ",", " ", "\t", "\n", "\r\n", "# r [\"x\"],\n", "1", "[", "]", "true", "\"é\"", "\"\\n\"", "\"$\"", "\"%\"", "\"",
	})
	rapid.Check(t, func(rt *rapid.T) {
		content := []byte("x = [" + strings.Join(rapid.SliceOf(part).Draw(rt, "content"), "") + "]\n")
		pieces, ok := cut("p.hcl", content)
		if !ok {
			return
		}
		fast, slow := &findings{}, &findings{}
		got := texts(fast, pieces[0])
		want := texts(slow, piece{content: content, start: hcl.Pos{Line: 1, Column: 1}})
		if !slices.Equal(got, want) || fast.all.HasErrors() != slow.all.HasErrors() {
			rt.Fatalf("%q: got %v %s, want %v %s", content, got, fast.all, want, slow.all)
		}
	})
}

func texts(f *findings, p piece) []named {
	file, diags := hclsyntax.ParseConfig(p.content, "p.hcl", p.start)
	if f.hcl(diags) {
		return nil
	}
	f.plainLists = p.lists
	if a := file.Body.(*hclsyntax.Body).Attributes["x"]; a != nil {
		return f.texts(a.Expr, "x")
	}
	return nil
}
