package printer

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"slices"
	"strings"
	"time"

	"tillwarden/devices/escpos"
)

// receipt is what was printed between two cuts.
type receipt struct {
	lines  []string // as people read them
	count  int      // how many lines; pictures and bar codes count, empty lines do not
	digest []byte
	cut    time.Duration
	before int  // how many of the lines were printed before the drawer was opened last
	spent  bool // a kick was decided by it while it was being printed

	// What Rules.match has found so far: how many lines it has looked at, the
	// first rule that fits one of them, and by which profile.
	judged, first, version int
}

// Bounds of what is remembered of one receipt's text.
const (
	maxLines  = 400
	maxLine   = 512
	digestLen = 16
)

// gatherer makes receipts of what goes to the printer.
type gatherer struct {
	now  receipt
	line []byte
	page byte
	hash hash.Hash
	any  bool
}

func newGatherer(key []byte) *gatherer {
	return &gatherer{hash: hmac.New(sha256.New, key)}
}

// print takes what is printed; it returns the receipt if this was its cut.
func (g *gatherer) print(s *escpos.Segment, now time.Duration) *receipt {
	g.sets(s)
	switch s.Kind {
	case escpos.Status, escpos.Kick, escpos.Refused, escpos.Init:
		return nil
	case escpos.Text:
		g.any = true
		g.hash.Write(s.Bytes)
		g.text(s.Bytes)
		return nil
	case escpos.Image, escpos.Barcode:
		g.endLine()
		g.now.count += s.Lines
	case escpos.Cut:
		return g.end(now)
	}
	g.any = g.any || s.Kind != escpos.Layout
	g.hash.Write(s.Bytes)
	if s.Lines > 0 {
		g.endLine()
	}
	return nil
}

// sets takes down what a command makes of the text that comes after it.
func (g *gatherer) sets(s *escpos.Segment) {
	switch {
	case s.Kind == escpos.Init:
		g.page = 0
	case s.Kind == escpos.Layout && s.Name == "ESC t" && len(s.Bytes) == 3:
		g.page = s.Bytes[2]
	}
}

// text takes a run of text, which may be of several lines.
func (g *gatherer) text(p []byte) {
	for len(p) > 0 {
		n := bytes.IndexAny(p, "\n\r")
		end := n >= 0
		if !end {
			n = len(p)
		}
		if room := maxLine - len(g.line); room > 0 {
			g.line = append(g.line, p[:min(room, n)]...)
		}
		if !end {
			return
		}
		g.endLine()
		p = p[n+1:]
	}
}

// current is the current line as people read it.
func (g *gatherer) current() string {
	line := bytes.ReplaceAll(g.line, tab, space)
	return strings.TrimSpace(string(escpos.Decode(nil, line, g.page)))
}

var tab, space = []byte{'\t'}, []byte{' '}

func (g *gatherer) endLine() {
	g.now.add(g.current())
	g.line = g.line[:0]
}

func (r *receipt) add(line string) {
	if line == "" {
		return
	}
	r.count++
	if len(r.lines) < maxLines {
		r.lines = append(r.lines, line)
	}
}

func (g *gatherer) end(now time.Duration) *receipt {
	r := g.soFar()
	r.cut = now
	g.now, g.line, g.any = receipt{}, g.line[:0], false
	g.hash.Reset()
	if r.count == 0 {
		return nil
	}
	return r
}

// soFar is what has been printed since the last cut, which goes on.
func (g *gatherer) soFar() *receipt {
	r := g.now
	r.lines = slices.Clone(r.lines)
	r.add(g.current())
	if r.count > 0 {
		r.digest = g.hash.Sum(nil)[:digestLen]
	}
	return &r
}

// opened says that the drawer was opened: what is printed so far does not pay
// for another opening.
func (g *gatherer) opened() { g.now.before = g.soFar().count }

// pending reports whether something was printed that is not cut off yet.
func (g *gatherer) pending() bool { return g.any }
