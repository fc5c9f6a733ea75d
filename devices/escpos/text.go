package escpos

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// pages are the code pages that ESC t selects on most printers.
var pages = map[byte]*charmap.Charmap{
	0: charmap.CodePage437, 2: charmap.CodePage850, 3: charmap.CodePage860, 4: charmap.CodePage863,
	5: charmap.CodePage865, 16: charmap.Windows1252, 17: charmap.CodePage866, 18: charmap.CodePage852,
	19: charmap.CodePage858, 45: charmap.Windows1250, 46: charmap.Windows1251, 47: charmap.Windows1253,
	48: charmap.Windows1254, 49: charmap.Windows1255, 50: charmap.Windows1256, 51: charmap.Windows1257,
	52: charmap.Windows1258,
}

// Decode appends text as people would read it, loosely: UTF-8 where it is
// that, else by the code page that ESC t selected, as far as it is known. It
// is for looking words up in a receipt, not for printing it.
func Decode(to []byte, text []byte, page byte) []byte {
	table := pages[page]
	if table == nil {
		table = charmap.CodePage437
	}
	for len(text) > 0 {
		if text[0] < utf8.RuneSelf {
			to = append(to, text[0])
			text = text[1:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError {
			r, n = table.DecodeByte(text[0]), 1
		}
		to = utf8.AppendRune(to, r)
		text = text[n:]
	}
	return to
}
