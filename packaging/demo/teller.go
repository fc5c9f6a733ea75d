package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// teller says what happens, in plain words.
type teller struct {
	out   io.Writer
	steps int
}

func (t *teller) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// step begins a step of the day.
func (t *teller) step(format string, args ...any) {
	t.steps++
	t.say("\n%2d. %s", t.steps, fmt.Sprintf(format, args...))
}

// saw says something that was checked and is so.
func (t *teller) saw(format string, args ...any) { t.say("      ✓ "+format, args...) }

// told says what happens next, within a step.
func (t *teller) told(format string, args ...any) { t.say("    "+format, args...) }

// quote shows what a program or a printer said.
func (t *teller) quote(text string) {
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		t.say("      │ %s", strings.TrimRight(line, "\n"))
	}
}

// failed says what went otherwise than told, with what the processes said last.
func (t *teller) failed(err error, r *register) int {
	fmt.Fprintf(os.Stderr, "\nThe demo failed at step %d: %v\n", t.steps, err)
	if r != nil {
		for _, p := range r.processes() {
			if tail := p.tail(30); tail != "" {
				fmt.Fprintf(os.Stderr, "\n--- last words of %s:\n%s", p.name, tail)
			}
		}
	}
	return 1
}
