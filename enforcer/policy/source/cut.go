package source

import "github.com/hashicorp/hcl/v2"

// pieceSize is about how much text the HCL parser gets at once. It holds all
// tokens of what it gets, so a long file costs much more in one piece.
const pieceSize = 32 << 10

// piece is some whole blocks of a file, and where they stand in it.
type piece struct {
	content []byte
	start   hcl.Pos
}

// cut looks through a file once and takes it apart between blocks. It gives up
// at anything that is not plainly a name, a text, a number, a list or a block:
// then the tokens themselves have to be looked at, which takes longer and can
// say what is wrong. What cut does take holds nothing on which the HCL parser
// would recurse beyond maxNest.
func cut(content []byte) (pieces []piece, ok bool) {
	nest, digits := 0, 0
	begin, line := 0, 1
	start := hcl.Pos{Line: 1, Column: 1}
	for i := 0; i < len(content); i++ {
		b := content[i]
		if b < '0' || b > '9' {
			digits = 0
		}
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b == '_', b == ' ', b == '\t', b == ',':
		case b >= '0' && b <= '9':
			if digits++; digits > maxNumber {
				return nil, false
			}
		case b == '{' || b == '[':
			if nest++; nest > maxNest {
				return nil, false
			}
		case b == '}' || b == ']':
			if nest--; nest < 0 {
				return nil, false
			}
		case b == '\n':
			line++
			if nest == 0 && i+1-begin >= pieceSize {
				pieces = append(pieces, piece{content[begin : i+1], start})
				begin, start = i+1, hcl.Pos{Line: line, Column: 1, Byte: i + 1}
			}
		case b == '=' && (i+1 == len(content) || content[i+1] != '=' && content[i+1] != '>'):
		case b == '\r' && i+1 < len(content) && content[i+1] == '\n':
		case b == '#':
			for i+1 < len(content) && content[i+1] != '\n' {
				i++
			}
		case b == '"':
			if i = endOfText(content, i); i < 0 {
				return nil, false
			}
		default:
			return nil, false
		}
	}
	return append(pieces, piece{content[begin:], start}), true
}

// endOfText gives the place of the quote that ends the text beginning at i, or
// -1 where that is not plain.
func endOfText(content []byte, i int) int {
	for i++; i < len(content); i++ {
		switch content[i] {
		case '"':
			return i
		case '\\':
			i++
		case '$', '%', '\n', '\r':
			return -1 // perhaps a template
		}
	}
	return -1
}
