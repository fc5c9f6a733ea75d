package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// reporter tells CUPS, and through it people, how a job goes: lines on standard
// error that begin with what they are (filter(7)).
type reporter struct {
	out    io.Writer
	states []string // the printer's state reasons that we have set
}

func (r *reporter) line(kind, format string, args ...any) {
	// One line is one message, whatever is in the job's title.
	text := strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7F {
			return ' '
		}
		return c
	}, fmt.Sprintf(format, args...))
	fmt.Fprintf(r.out, "%s: %s\n", kind, text)
}

// info is shown as what the printer does.
func (r *reporter) info(format string, args ...any) { r.line("INFO", format, args...) }

// fault is shown as what went wrong.
func (r *reporter) fault(format string, args ...any) { r.line("ERROR", format, args...) }

// warn goes to CUPS' log.
func (r *reporter) warn(format string, args ...any) { r.line("WARNING", format, args...) }

// The state reasons (RFC 8011 5.4.12, and CUPS' own).
const (
	stateConnecting = "connecting-to-device"
	stateOffline    = "offline-report"
)

// set adds a reason to the printer's state, and reports whether it is new.
func (r *reporter) set(reason string) bool {
	if slices.Contains(r.states, reason) {
		return false
	}
	r.states = append(r.states, reason)
	r.line("STATE", "+%s", reason)
	return true
}

// clear takes all reasons away, also those of an earlier run that was killed.
func (r *reporter) clear() {
	r.states = nil
	r.line("STATE", "-%s,%s", stateConnecting, stateOffline)
}
