package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// How often progress is told: on a terminal in one line that is written over and
// over, else in lines of their own. What is over sooner tells nothing.
const (
	progressOften  = time.Second
	progressSeldom = 15 * time.Second
)

// progress tells on standard error how far something long is.
type progress struct {
	w     io.Writer
	every time.Duration // zero: never
	line  bool          // w is a terminal
	last  time.Time
	told  bool
	now   func() time.Time
}

// progress begins one. What reads JSON wants nothing else on standard error, unless
// somebody watches it.
func (a *app) progress() *progress {
	p := &progress{w: a.err, now: time.Now}
	if f, ok := a.err.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.every, p.line = progressOften, true
	} else if !a.json {
		p.every = progressSeldom
	}
	p.last = p.now()
	return p
}

// at tells how far it is, if it is time to.
func (p *progress) at(format string, args ...any) {
	now := p.now()
	if p.every == 0 || now.Sub(p.last) < p.every {
		return
	}
	p.last, p.told = now, true
	text := fmt.Sprintf(format, args...)
	if p.line {
		fmt.Fprintf(p.w, "\r\x1b[K%s", cut(text, helpColumns-1))
		return
	}
	fmt.Fprintf(p.w, "tillwarden: %s\n", text)
}

// done takes the line away.
func (p *progress) done() {
	if p.line && p.told {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
