package sim

import (
	"fmt"
	"strings"
)

// attribute is a setting that changes how something is printed, and not what.
type attribute uint8

// The attributes. A character's size is one byte as GS ! has it: the width's
// magnification less one in the high half, the height's in the low one.
const (
	font attribute = iota
	size
	bold
	strike
	underline
	inverted
	turned
	upside
	colour
	smooth
	gap
	align
	spacing
	codePage
	country
	ownGlyphs
	kanjiMode
	kanjiLine
	kanjiGap
	kanjiFont
	kanjiSize
	margin
	area
	units
	oneWay
	barHeight
	barWidth
	barText
	barFont
	attributes
)

var attributeNames = [attributes]string{
	"font", "size", "bold", "strike", "underline", "inverted", "turned", "upside-down", "colour", "smooth", "gap", "align",
	"spacing", "code-page", "country", "own-glyphs", "kanji-mode", "kanji-line", "kanji-gap", "kanji-font", "kanji-size",
	"margin", "area", "units", "one-way", "bar-height", "bar-width", "bar-text", "bar-font",
}

// style is the value of each attribute, as commands give it.
type style [attributes]uint16

// newStyle is what ESC @ leaves.
func newStyle() style { return style{spacing: lineSpacing, barHeight: 162, barWidth: 3} }

func (s *style) fontB() bool { return s[font]&1 != 0 }
func (s *style) wide() bool  { return s[size]>>4 != 0 }

// digit is a parameter that may be given as a number or as a digit.
func digit(n byte) uint16 {
	if n >= '0' && n <= '9' {
		n -= '0'
	}
	return uint16(n)
}

// setPrintMode is ESC !, which sets several at once.
func (s *style) setPrintMode(n byte) {
	s[font] = uint16(n & 1)
	s[bold] = uint16(n >> 3 & 1)
	s[size] = uint16(n&0x20>>1 | n&0x10>>4)
	s[underline] = uint16(n >> 7)
}

func (s *style) setAlign(n byte) {
	if d := digit(n); d <= 2 {
		s[align] = d
	}
}

// sets makes a command that gives an attribute its last byte's value.
func sets(a attribute, value func(n byte) uint16) func(*Printer, []byte) {
	return func(p *Printer, h []byte) { p.text.style[a] = value(h[len(h)-1]) }
}

// setsWord is sets for two bytes, the low one first.
func setsWord(a attribute) func(*Printer, []byte) {
	return func(p *Printer, h []byte) { p.text.style[a] = uint16(low(h[len(h)-2:]...)) }
}

func whole(n byte) uint16  { return uint16(n) }
func lowBit(n byte) uint16 { return uint16(n & 1) }

// looks writes one line down with how each piece of it is printed: what
// differs from a printer just initialised stands in braces before it.
type looks struct {
	b     strings.Builder
	shown style
}

// maxLook bounds what one line may take.
const maxLook = 4096

func newLooks() looks { return looks{shown: newStyle()} }

func (l *looks) add(s string) {
	if l.b.Len() < maxLook {
		l.b.WriteString(s)
	}
}

// in shows what has changed since the piece before.
func (l *looks) in(s style) {
	if s == l.shown || l.b.Len() >= maxLook {
		return
	}
	var words []string
	for a, value := range s {
		if value != l.shown[a] {
			words = append(words, fmt.Sprintf("%s=%d", attributeNames[a], value))
		}
	}
	l.shown = s
	l.add("{" + strings.Join(words, " ") + "}")
}

// take ends the line and begins the next.
func (l *looks) take() string {
	s := l.b.String()
	*l = newLooks()
	return s
}
