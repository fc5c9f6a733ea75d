package source

import "github.com/hashicorp/hcl/v2"

// pieceSize is about how much text the HCL parser gets at once. It holds all
// tokens of what it gets, so a long file costs much more in one piece.
const pieceSize = 32 << 10

// piece is some whole blocks of a file, and where they stand in it.
type piece struct {
	content []byte
	start   hcl.Pos
	lists   lists
}

// lists are the plain lists of a piece, by the place in the file of their
// opening bracket. Nearly all of a large policy is such lists, and the parser
// needs a hundred times as long for them as it takes to see that they are
// plain. So they are read here, and stand empty in what the parser gets.
type lists map[int][]named

// cutter looks through a file once and takes it apart between blocks.
type cutter struct {
	name    string
	content []byte
	blanked []byte // what the parser gets
	lists   lists
	line    int
	bol     int  // where the line begins
	ascii   bool // so far on this line, so that bytes are columns
}

// cut gives up at anything that is not plainly a name, a text, a number, a list
// or a block: then the tokens themselves have to be looked at, which takes
// longer and can say what is wrong. What cut does take holds nothing on which
// the HCL parser would recurse beyond maxNest.
func cut(name string, content []byte) (pieces []piece, ok bool) {
	c := cutter{name: name, content: content, blanked: append([]byte(nil), content...), lists: lists{}, line: 1, ascii: true}
	nest, digits, begin := 0, 0, 0
	equals := false // a value begins here
	start := hcl.Pos{Line: 1, Column: 1}
	for i := 0; i < len(content); i++ {
		b := content[i]
		if b < '0' || b > '9' {
			digits = 0
		}
		if b != ' ' && b != '\t' && b != '[' {
			equals = false
		}
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_', b == ' ', b == '\t', b == ',':
		case b >= '0' && b <= '9':
			if digits++; digits > maxNumber {
				return nil, false
			}
		case b == '[':
			if equals {
				if end := c.list(i); end > 0 {
					i, equals = end, false
					continue
				}
			}
			fallthrough
		case b == '{':
			if nest++; nest > maxNest {
				return nil, false
			}
			equals = false
		case b == '}' || b == ']':
			if nest--; nest < 0 {
				return nil, false
			}
		case b == '\n':
			c.newline(i)
			if nest == 0 && i+1-begin >= pieceSize {
				pieces = append(pieces, piece{c.blanked[begin : i+1], start, c.lists})
				begin, start, c.lists = i+1, hcl.Pos{Line: c.line, Column: 1, Byte: i + 1}, lists{}
			}
		case b == '=' && (i+1 == len(content) || content[i+1] != '=' && content[i+1] != '>'):
			equals = true
		case b == '\r' && i+1 < len(content) && content[i+1] == '\n':
		case b == '#':
			i = endOfLine(content, i)
		case b == '"':
			if i = c.endOfText(i); i < 0 {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return append(pieces, piece{c.blanked[begin:], start, c.lists}), true
}

func (c *cutter) newline(i int) { c.line, c.bol, c.ascii = c.line+1, i+1, true }

// endOfLine gives the last place of the line before its end.
func endOfLine(content []byte, i int) int {
	for i+1 < len(content) && content[i+1] != '\n' {
		i++
	}
	return i
}

// endOfText gives the place of the quote that ends the text beginning at i, or
// -1 where that is not plain.
func (c *cutter) endOfText(i int) int {
	for i++; i < len(c.content); i++ {
		switch b := c.content[i]; {
		case b == '"':
			return i
		case b == '\\':
			i++
		case b == '$', b == '%', b == '\n', b == '\r':
			return -1 // perhaps a template
		case b >= 0x80:
			c.ascii = false
		}
	}
	return -1
}

// list reads the list that opens at i, if it is one of plain texts without
// escapes, and blanks what is in it. It gives the place of the closing bracket,
// or 0, having done nothing, where the list is not that plain.
func (c *cutter) list(open int) (end int) {
	before := *c
	if !c.ascii {
		return 0
	}
	var items []named
	separated := true
	for i := open + 1; i < len(c.content); i++ {
		switch b := c.content[i]; {
		case b == ' ' || b == '\t':
		case b == '\n':
			c.newline(i)
		case b == '\r' && i+1 < len(c.content) && c.content[i+1] == '\n':
		case b == '#':
			i = endOfLine(c.content, i)
		case b == ',' && !separated:
			separated = true
		case b == '"' && separated:
			separated = false
			from := i + 1
			for i++; i < len(c.content) && plainText(c.content[i]); i++ {
			}
			if i == len(c.content) || c.content[i] != '"' {
				*c = before
				return 0
			}
			at := Pos{File: c.name, Line: c.line, Column: from - c.bol}
			items = append(items, named{string(c.content[from:i]), at})
		case b == ']':
			c.lists[open] = items
			for k := open + 1; k < i; k++ {
				if b := c.blanked[k]; b != '\n' && b != '\r' {
					c.blanked[k] = ' '
				}
			}
			return i
		default:
			*c = before
			return 0
		}
	}
	*c = before
	return 0
}

// plainText reports whether a byte stands for itself within quotes.
func plainText(b byte) bool {
	return b >= ' ' && b < 0x7f && b != '"' && b != '\\' && b != '$' && b != '%'
}
