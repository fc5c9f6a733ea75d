package source

import (
	"bytes"
	"fmt"
	"iter"
	"maps"
	"math/big"
	"runtime"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Bounds of one file. Nothing in a policy nests deeper than a list in an
// exception in a work group.
const (
	maxFile   = 64 << 20
	maxNest   = 8
	maxNumber = 20 // digits
)

// notText finds that a file is something else altogether, a bundle or a journal:
// what each byte of that is to HCL nobody wants to read.
func (f *findings) notText(name string, content []byte) bool {
	if bytes.IndexByte(content, 0) < 0 {
		return false
	}
	f.errorf(CodeSyntax, Pos{File: name, Line: 1, Column: 1}, "name .hcl files, or a folder of them", "the file is not text, so it is no source of a policy")
	return true
}

func posOf(r hcl.Range) Pos { return Pos{File: r.Filename, Line: r.Start.Line, Column: r.Start.Column} }

// parseFile reads one file's syntax and hands it on piece by piece, so that no
// more than a piece of it is held at once. It reports whether all was read.
func (f *findings) parseFile(name string, content []byte, each func(*hclsyntax.Body, lists)) bool {
	start := hcl.Pos{Line: 1, Column: 1}
	if len(content) > maxFile {
		f.errorf(CodeTooMany, Pos{File: name, Line: 1, Column: 1}, "spread it over several files", "the file is larger than %d MiB", maxFile>>20)
		return false
	}
	if f.notText(name, content) {
		return false
	}
	pieces, ok := cut(name, content)
	if !ok {
		tokens, diags := hclsyntax.LexConfig(content, name, start)
		if f.hcl(diags) || !f.plain(tokens) {
			return false
		}
		pieces = []piece{{content: content, start: start}}
	}
	whole := true
	for file := range parseAll(name, pieces) {
		if f.hcl(file.diags) {
			whole = false
		} else if body, ok := file.Body.(*hclsyntax.Body); ok {
			each(body, file.lists)
		}
	}
	return whole
}

// parsed is what the HCL parser made of a piece.
type parsed struct {
	*hcl.File
	diags hcl.Diagnostics
	lists lists
}

// parseAll parses pieces side by side and yields them in their order, a few
// ahead of the reader at most.
func parseAll(name string, pieces []piece) iter.Seq[parsed] {
	return func(yield func(parsed) bool) {
		ahead := runtime.GOMAXPROCS(0)
		results := make([]chan parsed, len(pieces))
		begin := func(i int) {
			if i >= len(pieces) {
				return
			}
			results[i] = make(chan parsed, 1)
			go func() {
				file, diags := hclsyntax.ParseConfig(pieces[i].content, name, pieces[i].start)
				results[i] <- parsed{file, diags, pieces[i].lists}
			}()
		}
		for i := range ahead {
			begin(i)
		}
		for i := range pieces {
			p := <-results[i]
			begin(i + ahead)
			if !yield(p) {
				return // what was begun ends by itself
			}
		}
	}
}

// plain reports whether the tokens are those of names, texts, numbers, lists
// and blocks. All else that HCL has (templates, operators, calls) is refused
// here, so that the parser behind it never recurses deeply.
func (f *findings) plain(tokens hclsyntax.Tokens) bool {
	nest := 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack:
			if nest++; nest > maxNest {
				f.errorf(CodeSyntax, posOf(t.Range), "", "this is nested too deeply")
				return false
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack:
			nest--
		case hclsyntax.TokenNumberLit:
			if len(t.Bytes) > maxNumber {
				f.errorf(CodeSyntax, posOf(t.Range), "", "this number is too long")
				return false
			}
		case hclsyntax.TokenIdent, hclsyntax.TokenNewline, hclsyntax.TokenComment, hclsyntax.TokenEqual,
			hclsyntax.TokenComma, hclsyntax.TokenOQuote, hclsyntax.TokenCQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenEOF:
		default:
			what, hint := notPlain(t)
			f.errorf(CodeSyntax, posOf(t.Range), hint, "%s", what)
			return false
		}
	}
	return true
}

func notPlain(t hclsyntax.Token) (what, hint string) {
	switch t.Type {
	case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return "a policy has no templates and no variables", "write the text out; for a literal ${ write $${"
	case hclsyntax.TokenOParen:
		return "a policy has no functions to call", "write the value out"
	case hclsyntax.TokenDot:
		return "a name with dots stands here without quotes", `put function keys in double quotes: "pos.sale"`
	case hclsyntax.TokenOHeredoc:
		return "a policy has no texts over several lines", "put the text in double quotes"
	case hclsyntax.TokenColon:
		return `":" is not understood here`, "write name = value"
	}
	return fmt.Sprintf("%q is not understood here", t.Bytes), ""
}

// hcl takes over what the HCL parser found wrong, and reports whether there is
// any error.
func (f *findings) hcl(diags hcl.Diagnostics) bool {
	for _, d := range diags {
		var at Pos
		if d.Subject != nil {
			at = posOf(*d.Subject)
		}
		detail, hint, _ := strings.Cut(d.Detail, "Did you mean ")
		if hint != "" {
			hint = "did you mean " + hint
		}
		message := lowerFirst(d.Summary)
		if detail = strings.TrimSuffix(strings.TrimSpace(detail), "."); detail != "" {
			message += ": " + lowerFirst(detail)
		}
		if d.Severity == hcl.DiagError {
			f.errorf(CodeSyntax, at, hint, "%s", oneLine(message))
		}
	}
	return diags.HasErrors()
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// text reads a plain text.
func (f *findings) text(e hclsyntax.Expression, what string) (string, bool) {
	if t, ok := e.(*hclsyntax.TemplateExpr); ok {
		if v, diags := t.Value(nil); !diags.HasErrors() && v.Type() == cty.String && v.IsKnown() && !v.IsNull() {
			return v.AsString(), true
		}
	}
	f.errorf(CodeValue, posOf(e.Range()), "put it in double quotes", "%s must be a text", what)
	return "", false
}

// number reads a whole number that fits 32 bits.
func (f *findings) number(e hclsyntax.Expression, what string) (uint32, bool) {
	if l, ok := e.(*hclsyntax.LiteralValueExpr); ok && l.Val.Type() == cty.Number && !l.Val.IsNull() {
		n, accuracy := l.Val.AsBigFloat().Uint64()
		if accuracy == big.Exact && n <= 1<<32-1 {
			return uint32(n), true
		}
	}
	f.notANumber(posOf(e.Range()), what)
	return 0, false
}

func (f *findings) notANumber(at Pos, what string) {
	f.errorf(CodeValue, at, "", "%s must be a whole number, at most %d", what, uint32(1<<32-1))
}

// yesNo reads true or false.
func (f *findings) yesNo(e hclsyntax.Expression, what string) (yes, ok bool) {
	if l, isLiteral := e.(*hclsyntax.LiteralValueExpr); isLiteral && l.Val.Type() == cty.Bool && !l.Val.IsNull() {
		return l.Val.True(), true
	}
	f.errorf(CodeValue, posOf(e.Range()), "", "%s must be true or false", what)
	return false, false
}

// named is a text with its place.
type named struct {
	text string
	at   Pos
}

// texts reads a list of plain texts.
func (f *findings) texts(e hclsyntax.Expression, what string) []named {
	list, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		f.errorf(CodeValue, posOf(e.Range()), `put it in brackets: ["…"]`, "%s must be a list", what)
		return nil
	}
	if plain, ok := f.plainLists[list.OpenRange.Start.Byte]; ok {
		return plain
	}
	all := make([]named, 0, len(list.Exprs))
	for _, item := range list.Exprs {
		if s, ok := f.text(item, "each of "+what); ok {
			all = append(all, named{s, posOf(item.Range())})
		}
	}
	return all
}

// numbers reads a list of whole numbers.
func (f *findings) numbers(e hclsyntax.Expression, what, hint string) (all []uint32) {
	list, ok := e.(*hclsyntax.TupleConsExpr)
	if !ok {
		f.errorf(CodeValue, posOf(e.Range()), hint, "%s must be a list of numbers", what)
		return nil
	}
	for _, text := range f.plainLists[list.OpenRange.Start.Byte] {
		f.notANumber(text.at, "each of "+what)
	}
	for _, item := range list.Exprs {
		if n, ok := f.number(item, "each of "+what); ok {
			all = append(all, n)
		}
	}
	return all
}

// field is an attribute that a block may have.
type field struct {
	name string
	read func(e hclsyntax.Expression)
	must bool
}

// block reads a block's attributes and hands its inner blocks on. Whatever is
// not in fields is reported, with what may have been meant.
func (f *findings) block(body *hclsyntax.Body, at Pos, what string, fields []field, synonyms map[string]string) {
	known := make([]string, len(fields))
	for i, fd := range fields {
		known[i] = fd.name
		a, ok := body.Attributes[fd.name]
		if ok {
			fd.read(a.Expr)
		} else if fd.must {
			f.errorf(CodeMissing, at, "", "%s has no %q", what, fd.name)
		}
	}
	if len(body.Attributes) == 0 {
		return
	}
	var s suggester
	for _, name := range slices.Sorted(maps.Keys(body.Attributes)) {
		a := body.Attributes[name]
		switch {
		case slices.Contains(known, name):
		case synonyms[name] != "":
			f.errorf(CodeWrongMark, posOf(a.NameRange), synonyms[name], "%q is no mark here", name)
		default:
			f.errorf(CodeUnknownAttribute, posOf(a.NameRange), s.hint(name, known), "%s has no attribute %q", what, name)
		}
	}
}

// noBlocks reports blocks where there can be none.
func (f *findings) noBlocks(body *hclsyntax.Body, what string) {
	for _, b := range body.Blocks {
		f.errorf(CodeUnknownBlock, posOf(b.TypeRange), "", "%s has no block %q", what, b.Type)
	}
}

// label reads a block's only label.
func (f *findings) label(b *hclsyntax.Block, what string) (string, bool) {
	if len(b.Labels) != 1 {
		f.errorf(CodeSyntax, posOf(b.TypeRange), fmt.Sprintf("write %s %q { … }", b.Type, what), "%s takes one name", b.Type)
		return "", false
	}
	return b.Labels[0], true
}

// choice reads a text that must be one of a few words.
func choice[T any](f *findings, e hclsyntax.Expression, what string, parse func(string) (T, bool), words []string) T {
	var zero T
	s, ok := f.text(e, what)
	if !ok {
		return zero
	}
	v, ok := parse(s)
	if !ok {
		var sg suggester
		hint := sg.hint(s, words)
		if hint == "" {
			hint = "one of " + quoted(words)
		}
		f.errorf(CodeValue, posOf(e.Range()), hint, "%q is no %s", s, what)
		return zero
	}
	return v
}

func quoted(words []string) string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = fmt.Sprintf("%q", w)
	}
	return strings.Join(q, ", ")
}
