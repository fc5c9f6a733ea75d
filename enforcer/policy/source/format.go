package source

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// lineWidth is how long Format lets a list's line become. The function keys are
// long, and reviewed side by side with others.
const lineWidth = 110

// Format gives a file in the one canonical form: indented by two, values
// aligned as other HCL tools align them, one blank line around each block and
// never two, long lists broken between items, a comma after the last item of a
// list over several lines. Comments stay where they are, and so does the order of
// everything, and the lines that a list was written in: that is the author's.
//
// It never changes what the file says: should that happen, it is an error of
// Format, is found out, and the file is left as it is. What is not plain HCL is
// returned as findings.
func Format(name string, content []byte) ([]byte, Diagnostics) {
	var f findings
	if f.notText(name, content) {
		return nil, f.sorted()
	}
	start := hcl.Pos{Line: 1, Column: 1}
	tokens, diags := hclsyntax.LexConfig(content, name, start)
	if f.hcl(diags) || !f.plain(tokens) {
		return nil, f.sorted()
	}
	if _, diags := hclsyntax.ParseConfig(content, name, start); f.hcl(diags) {
		return nil, f.sorted()
	}
	out := content
	p := layoutReader{tokens: tokens}
	if body, ok := p.body(); ok && p.is(hclsyntax.TokenEOF) {
		var w layoutWriter
		w.body(body, 0)
		out = w.b.Bytes()
	}
	// What the layout does not know (a remark in the middle of a line, an object)
	// is at least spaced and indented.
	for bytes.Contains(out, []byte("\r\n")) { // also \r\r\n
		out = bytes.ReplaceAll(out, []byte("\r\n"), []byte("\n"))
	}
	out = append([]byte{}, hclwrite.Format(out)...) // never nil, however empty
	if at, same := sameTokens(tokens, out, name); !same {
		f.errorf(CodeSyntax, posOf(at), "", "this file cannot be formatted without changing it")
		return nil, f.sorted()
	}
	return out, nil
}

// sameTokens reports whether a text says the same as these tokens, line breaks
// and commas before a closing bracket aside, and where it begins not to.
func sameTokens(tokens hclsyntax.Tokens, text []byte, name string) (hcl.Range, bool) {
	again, diags := hclsyntax.LexConfig(text, name, hcl.Pos{Line: 1, Column: 1})
	if diags.HasErrors() {
		return hcl.Range{Filename: name, Start: hcl.Pos{Line: 1, Column: 1}}, false
	}
	a, b := meaning(tokens), meaning(again)
	for i := range a {
		if i >= len(b) || a[i].Type != b[i].Type || !bytes.Equal(a[i].Bytes, b[i].Bytes) {
			return a[i].Range, false
		}
	}
	return hcl.Range{}, len(a) == len(b)
}

// meaning leaves out of tokens what only lays them out.
func meaning(tokens hclsyntax.Tokens) hclsyntax.Tokens {
	var out hclsyntax.Tokens
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenNewline:
			continue
		case hclsyntax.TokenComma:
			continue // lists have no empty items, so that their items tell them
		case hclsyntax.TokenComment:
			var lines []string
			for line := range strings.Lines(string(t.Bytes)) {
				lines = append(lines, strings.TrimSpace(line))
			}
			t.Bytes = []byte(strings.Join(lines, "\n"))
		}
		out = append(out, t)
	}
	return out
}

// layout is a piece of a body: a comment, an attribute or a block.
type layout struct {
	blank   bool     // a blank line stands before it
	comment []string // the lines of a comment that stands alone

	name     string     // of an attribute
	value    string     // if it is no list
	list     []listLine // if it is one
	isList   bool
	overMany bool // the list was written over several lines

	head     string   // of a block: its type and labels
	opening  string   // the comment behind its opening brace
	inner    []layout // its body
	trailing string   // the comment behind it
}

// listLine is a line of a list.
type listLine struct {
	blank   bool
	items   []string
	comment string
}

// layoutReader reads tokens into layouts. It knows what policies are written
// in, and gives up at anything else.
type layoutReader struct {
	tokens hclsyntax.Tokens
	at     int
}

func (p *layoutReader) is(t hclsyntax.TokenType) bool { return p.tokens[p.at].Type == t }

func (p *layoutReader) take() hclsyntax.Token {
	t := p.tokens[p.at]
	if p.at < len(p.tokens)-1 {
		p.at++
	}
	return t
}

// ofLine reports whether a comment ends its line.
func ofLine(t hclsyntax.Token) bool { return bytes.HasSuffix(t.Bytes, []byte("\n")) }

// body reads up to a closing brace or the end.
func (p *layoutReader) body() (all []layout, ok bool) {
	blank := false
	for {
		switch t := p.tokens[p.at]; t.Type {
		case hclsyntax.TokenNewline:
			p.take()
			blank = true
			continue
		case hclsyntax.TokenComment:
			p.take()
			c := layout{blank: blank, comment: commentLines(t.Bytes)}
			if !ofLine(t) && !p.endOfLine() {
				return nil, false
			}
			all = append(all, c)
		case hclsyntax.TokenIdent:
			item, ok := p.item()
			if !ok {
				return nil, false
			}
			item.blank = blank
			all = append(all, item)
		case hclsyntax.TokenCBrace, hclsyntax.TokenEOF:
			return all, true
		default:
			return nil, false
		}
		blank = false
	}
}

// endOfLine takes the end of a line, which may also be that of the body.
func (p *layoutReader) endOfLine() bool {
	if p.is(hclsyntax.TokenNewline) {
		p.take()
		return true
	}
	return p.is(hclsyntax.TokenCBrace) || p.is(hclsyntax.TokenEOF)
}

// behind takes a comment at the end of a line, and the end of the line.
func (p *layoutReader) behind() (comment string, ok bool) {
	if !p.is(hclsyntax.TokenComment) {
		return "", p.endOfLine()
	}
	t := p.take()
	lines := commentLines(t.Bytes)
	if len(lines) != 1 {
		return "", false
	}
	return lines[0], ofLine(t) || p.endOfLine()
}

func commentLines(b []byte) []string {
	var lines []string
	for line := range strings.Lines(string(b)) {
		lines = append(lines, strings.TrimRight(line, " \t\r\n"))
	}
	for i := 1; i < len(lines); i++ {
		lines[i] = strings.TrimLeft(lines[i], " \t")
	}
	return lines
}

// item reads an attribute or a block.
func (p *layoutReader) item() (l layout, ok bool) {
	l.name = string(p.take().Bytes)
	if p.is(hclsyntax.TokenEqual) {
		p.take()
		if p.is(hclsyntax.TokenOBrack) {
			l.isList = true
			if l.list, l.overMany, ok = p.list(); !ok {
				return l, false
			}
		} else if l.value, ok = p.scalar(); !ok {
			return l, false
		}
		l.trailing, ok = p.behind()
		return l, ok
	}
	l.head, l.name = l.name, ""
	for !p.is(hclsyntax.TokenOBrace) {
		label, ok := p.scalar()
		if !ok {
			return l, false
		}
		l.head += " " + label
	}
	p.take()
	if p.is(hclsyntax.TokenComment) {
		if l.opening, ok = p.behind(); !ok {
			return l, false
		}
	} else if p.is(hclsyntax.TokenNewline) {
		p.take()
	}
	if l.inner, ok = p.body(); !ok || !p.is(hclsyntax.TokenCBrace) {
		return l, false
	}
	p.take()
	l.trailing, ok = p.behind()
	return l, ok
}

// scalar reads a text, a number or a word.
func (p *layoutReader) scalar() (string, bool) {
	switch t := p.take(); t.Type {
	case hclsyntax.TokenIdent, hclsyntax.TokenNumberLit:
		return string(t.Bytes), true
	case hclsyntax.TokenOQuote:
		s := string(t.Bytes)
		for {
			switch t := p.take(); t.Type {
			case hclsyntax.TokenQuotedLit:
				s += string(t.Bytes)
			case hclsyntax.TokenCQuote:
				return s + string(t.Bytes), true
			default:
				return "", false
			}
		}
	}
	return "", false
}

// list reads a list, line by line.
func (p *layoutReader) list() (lines []listLine, overMany, ok bool) {
	p.take()
	var line listLine
	begun, blank := true, false // the bracket's own line is no line of the list
	end := func() {
		if len(line.items) > 0 || line.comment != "" {
			line.blank = blank && len(lines) > 0
			lines = append(lines, line)
			blank = false
		} else if !begun {
			blank = true
		}
		line, begun, overMany = listLine{}, false, true
	}
	for {
		switch {
		case p.is(hclsyntax.TokenCBrack):
			p.take()
			if len(line.items) > 0 {
				line.blank = blank && len(lines) > 0
				lines = append(lines, line)
			}
			return lines, overMany, true
		case p.is(hclsyntax.TokenComma):
			p.take()
		case p.is(hclsyntax.TokenNewline):
			p.take()
			end()
		case p.is(hclsyntax.TokenComment):
			t := p.take()
			c := commentLines(t.Bytes)
			if len(c) != 1 || !ofLine(t) {
				return nil, false, false
			}
			line.comment = c[0]
			end()
		default:
			item, ok := p.scalar()
			if !ok {
				return nil, false, false
			}
			line.items = append(line.items, item)
		}
	}
}

// layoutWriter writes layouts. Alignment is left to hclwrite.
type layoutWriter struct{ b bytes.Buffer }

func (w *layoutWriter) line(depth int, parts ...string) {
	if s := strings.TrimRight(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " "), " "); s != "" {
		w.b.WriteString(strings.Repeat("  ", depth) + s)
	}
	w.b.WriteByte('\n')
}

func (w *layoutWriter) body(all []layout, depth int) {
	for i := range all {
		l := &all[i]
		if i > 0 && (l.blank || all[i-1].head != "" || w.leads(all[i-1:])) {
			w.line(0)
		}
		switch {
		case l.comment != nil:
			for _, c := range l.comment {
				w.line(depth, c)
			}
		case l.head != "" && len(l.inner) == 0 && l.opening == "":
			w.line(depth, l.head, "{", "")
			w.line(depth, "}", l.trailing)
		case l.head != "":
			w.line(depth, l.head, "{", l.opening)
			w.body(l.inner, depth+1)
			w.line(depth, "}", l.trailing)
		case l.isList:
			w.list(l, depth)
		default:
			w.line(depth, l.name, "=", l.value, l.trailing)
		}
	}
}

// leads reports whether what follows the first piece is a block, or the comment
// right above one, so that a blank line belongs before it. A comment on top of
// the first piece's own lines is not parted from it.
func (w *layoutWriter) leads(all []layout) bool {
	if all[0].comment != nil {
		return false // one comment, or a comment and its block
	}
	for i := 1; i < len(all); i++ {
		if i > 1 && all[i].blank {
			return false
		}
		if all[i].comment == nil {
			return all[i].head != ""
		}
	}
	return false
}

func (w *layoutWriter) list(l *layout, depth int) {
	if !l.overMany {
		var items []string
		for _, line := range l.list {
			items = append(items, line.items...)
		}
		s := l.name + " = [" + strings.Join(items, ", ") + "]"
		if 2*depth+utf8.RuneCountInString(s) <= lineWidth || len(items) == 0 {
			w.line(depth, s, l.trailing)
			return
		}
	}
	w.line(depth, l.name, "=", "[")
	for _, line := range l.list {
		if line.blank {
			w.line(0)
		}
		if len(line.items) == 0 {
			w.line(depth+1, line.comment)
			continue
		}
		row, width := "", 2*(depth+1)
		for _, item := range line.items {
			n := utf8.RuneCountInString(item) + 1
			if row != "" && width+1+n > lineWidth {
				w.line(depth+1, row)
				row, width = "", 2*(depth+1)
			}
			if row != "" {
				row, width = row+" ", width+1
			}
			row, width = row+item+",", width+n
		}
		w.line(depth+1, row, line.comment)
	}
	w.line(depth, "]", l.trailing)
}
