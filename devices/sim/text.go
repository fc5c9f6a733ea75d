package sim

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// paper is what came out of the printer, as lines of text.
type paper struct {
	lines []line
	total int64
}

// line is one line as people read it, and with how it is printed.
type line struct{ text, look string }

func (p *paper) add(l line) {
	p.total++
	l.text = strings.TrimRight(l.text, " ")
	p.lines = append(p.lines, l)
	if len(p.lines) > maxPaper {
		p.lines = append([]line(nil), p.lines[len(p.lines)-maxPaper/2:]...)
	}
}

func (p *paper) from(n int64, what func(line) string) ([]string, int64) {
	first := p.total - int64(len(p.lines))
	var out []string
	for _, l := range p.lines[min(max(n-first, 0), int64(len(p.lines))):] {
		out = append(out, what(l))
	}
	return out, p.total
}

// text is the print buffer and how it is set.
type text struct {
	columns int
	line    []rune
	cells   int    // how wide the line is, in cells of font A
	inked   bool   // something is in the print buffer
	tabs    []byte // where ESC D has put them; nil: every eight
	style   style
	looks   looks
	page    bool
	pages   []line // the lines of page mode until they are printed
	hexes   []byte
}

const (
	lineSpacing = 30  // dots
	maxPage     = 400 // lines
	fontBCells  = 56.0 / 42.0
)

func newText(columns int) text {
	return text{columns: columns, style: newStyle(), looks: newLooks()}
}

// initialize is ESC @ as far as text goes.
func (t *text) initialize() { *t = newText(t.columns) }

// discard drops what was not printed yet and leaves page mode.
func (t *text) discard() {
	t.line, t.cells, t.inked, t.page, t.pages = nil, 0, false, false, nil
	t.looks.take()
}

// The code pages of ESC t that a TM-T88 has, as far as they are common. All
// others print as the first.
var codePages = map[byte]*charmap.Charmap{
	0: charmap.CodePage437, 2: charmap.CodePage850, 3: charmap.CodePage860, 4: charmap.CodePage863,
	5: charmap.CodePage865, 16: charmap.Windows1252, 17: charmap.CodePage866, 18: charmap.CodePage852, 19: charmap.CodePage858,
}

func (t *text) char(p *paper, c byte) {
	page := codePages[byte(t.style[codePage])]
	if page == nil {
		page = codePages[0]
	}
	r := page.DecodeByte(c)
	if r == utf8.RuneError || !unicode.IsPrint(r) {
		r = '?'
	}
	t.put(p, r, 1, string(r))
}

// put sets a character of one or two cells, on a new line where this one is
// full. look is what stands for it where its looks are written down.
func (t *text) put(p *paper, r rune, width int, look string) {
	if t.style.wide() {
		width *= 2
	}
	if t.cells+width > t.width() {
		t.lineFeed(p)
	}
	t.line = append(t.line, r)
	t.cells += width
	t.inked = true
	t.looks.in(t.style)
	t.looks.add(look)
}

// mark writes down something that is seen on the paper and is no character: a
// position, a feed.
func (t *text) mark(format string, args ...any) {
	t.looks.add("{" + fmt.Sprintf(format, args...) + "}")
}

func (t *text) width() int {
	if t.style.fontB() {
		return int(float64(t.columns) * fontBCells)
	}
	return t.columns
}

func (t *text) tab(p *paper) {
	next := (t.cells/8 + 1) * 8
	if t.tabs != nil {
		i := slices.IndexFunc(t.tabs, func(stop byte) bool { return int(stop) > t.cells })
		if i < 0 {
			return
		}
		next = int(t.tabs[i])
	}
	if next > t.width() {
		return
	}
	t.mark("tab")
	t.blank(next)
	t.inked = true
}

// blank goes right to a cell.
func (t *text) blank(to int) {
	for t.cells < min(to, t.width()) {
		t.line = append(t.line, ' ')
		t.cells++
	}
}

// note stands for something that is no text: an image, a bar code.
func (t *text) note(p *paper, format string, args ...any) {
	words := fmt.Sprintf(format, args...)
	t.detail(p, words, words)
}

// detail is note with more to be said of it than people want to read.
func (t *text) detail(p *paper, words, more string) {
	t.flush(p)
	t.looks.in(t.style)
	t.looks.add("[" + more + "]")
	t.out(p, "["+words+"]")
}

// inline is a note in the middle of a line.
func (t *text) inline(s string) {
	if len(t.line)+len(s) < 4*t.columns {
		t.line = append(t.line, []rune(s)...)
		t.looks.in(t.style)
		t.looks.add(s)
	}
	t.inked = true
}

// flush prints the line, if there is anything on it.
func (t *text) flush(p *paper) {
	if t.inked {
		t.lineFeed(p)
	}
}

func (t *text) lineFeed(p *paper) {
	line := string(t.line)
	if gap := t.width() - t.cells; gap > 0 && t.inked {
		switch t.style[align] {
		case 1:
			line = strings.Repeat(" ", gap/2) + line
		case 2:
			line = strings.Repeat(" ", gap) + line
		}
	}
	t.line, t.cells, t.inked = nil, 0, false
	t.looks.in(t.style)
	t.out(p, line)
}

// feed prints the line and moves the paper on.
func (t *text) feed(p *paper, lines int) {
	if !t.inked && lines == 0 {
		return
	}
	t.lineFeed(p)
	switch lines--; {
	case lines > 4:
		t.out(p, fmt.Sprintf("[feed %d lines]", lines))
	default:
		for range lines {
			t.out(p, "")
		}
	}
}

func (t *text) feedDots(p *paper, dots int) {
	t.mark("feed %d dots", dots)
	t.feed(p, dots/max(int(t.style[spacing]), 1))
}

func (t *text) out(p *paper, s string) {
	l := line{s, t.looks.take()}
	if !t.page {
		p.add(l)
		return
	}
	if len(t.pages) < maxPage {
		t.pages = append(t.pages, l)
	}
}

// endPage is FF: in page mode prints the page and ends the mode; else it is
// nothing but the end of a line.
func (t *text) endPage(p *paper) {
	if !t.page {
		t.flush(p)
		return
	}
	t.printPage(p)
	t.page, t.pages = false, nil
}

// printPage is ESC FF: the page stays.
func (t *text) printPage(p *paper) {
	t.flush(p)
	if !t.page {
		return
	}
	for _, line := range t.pages {
		p.add(line)
	}
}

// cancel is CAN: the page is empty again.
func (t *text) cancel() {
	if t.page {
		t.line, t.cells, t.inked, t.pages = nil, 0, false, nil
		t.looks.take()
	}
}

// hex prints a byte in hexadecimal, sixteen a line.
func (t *text) hex(p *paper, c byte) {
	t.hexes = append(t.hexes, c)
	if len(t.hexes) == 16 {
		s := fmt.Sprintf("% X", t.hexes)
		p.add(line{s, s})
		t.hexes = nil
	}
}

// shown makes a command's data fit to be read.
func shown(data []byte) string {
	const most = 64
	var b strings.Builder
	for i, c := range data {
		if i == most {
			b.WriteString("...")
			break
		}
		if c < 0x20 || c > 0x7e {
			c = '.'
		}
		b.WriteByte(c)
	}
	return b.String()
}
