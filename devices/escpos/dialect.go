package escpos

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Dialect is a printer's language: what the filter of a printer that was
// declared to speak it lets through, takes for a kick, and refuses. It is
// declared for each printer and never guessed from the stream. It does not
// change once it is made.
type Dialect struct {
	name      string
	about     string // what it guarantees, for people
	uncertain string
	// modes are what bytes are at ground state; a printer begins in the first.
	modes []*mode
	// sent must never leave; inside is what must not stand in a payload either,
	// of which single bytes can be changed, or which can be refused as a whole.
	sent, inside *machine
	// begin finds where a pattern of inside may begin.
	begin *pairs
	// exempted are whole commands that have the form of a pattern; each # is a digit.
	exempted []string
	// realtime: DLE commands are executed on arrival, in any context.
	realtime bool
	// off is what switches the printer's own real-time kick off; nil: there is
	// none, or no way to.
	off []byte
}

// ErrDialect: there is no such dialect, or a command cannot be let through.
var ErrDialect = errors.New("printer dialect")

// Name is the configuration's word.
func (d *Dialect) Name() string { return d.name }

// About says in a few sentences what the dialect is for, and what it guarantees.
func (d *Dialect) About() string { return d.about }

// Uncertain says what is not certain of the dialect, "" if nothing is. Such a
// one is to be accepted by name before it is used.
func (d *Dialect) Uncertain() string { return d.uncertain }

// RealtimeOff is what switches the printer's own real-time kick off until it
// is initialized (GS ( D); nil where there is no such command.
func (d *Dialect) RealtimeOff() []byte { return slices.Clone(d.off) }

// Dialects are all of them; the first is the default.
func Dialects() []*Dialect { return slices.Clone(dialects) }

// dialects is never changed once it is made.
var dialects = []*Dialect{epson(), epsonClone(), epsonWincor(), epsonSII(), starLine(), starRaster(), starPRNT(), citizenCBM(), ithaca(), sureMark(), generic()}

// DialectNamed finds a dialect. ErrDialect: there is none of this name.
func DialectNamed(name string) (*Dialect, error) {
	var names []string
	for _, d := range dialects {
		if d.name == name {
			return d, nil
		}
		names = append(names, d.name)
	}
	return nil, fmt.Errorf("%w: %q is none of %s", ErrDialect, name, strings.Join(names, ", "))
}

// Allow lets single commands through that are refused otherwise, each by its
// manual's name ("GS z 0"), whatever their parameters are. ErrDialect: there is
// no such command, or it is one that is never let through: what opens a drawer,
// stores bytes and replays them, changes the dialect, settings or interface,
// deselects the printer, dumps or clears its buffers. The patterns stay: a
// command is still refused where its bytes could be read as another one.
func (d *Dialect) Allow(names ...string) (*Dialect, error) {
	if len(names) == 0 {
		return d, nil
	}
	made := *d
	made.modes = nil
	for _, m := range d.modes {
		made.modes = append(made.modes, m.clone())
	}
	for _, name := range names {
		found := false
		for _, m := range made.modes {
			ok, err := m.allow(name)
			if err != nil {
				return nil, err
			}
			found = found || ok
		}
		if !found {
			return nil, fmt.Errorf("%w: %s has no command %q to let through; there are %s", ErrDialect, d.name, name, strings.Join(d.Refused(), ", "))
		}
	}
	return &made, nil
}

// Refused are the names of the commands that Allow takes.
func (d *Dialect) Refused() []string {
	names := map[string]bool{}
	for _, m := range d.modes {
		m.each(func(c *command) {
			if c.allowable() {
				names[c.name] = true
			}
		})
	}
	return slices.Sorted(maps.Keys(names))
}

// exempt reports whether p is a whole command that has the form of a pattern,
// as ESC = 1, which selects the printer: drivers begin their jobs with it.
func (d *Dialect) exempt(p []byte) bool {
	if len(p) > maxExempted {
		return false
	}
	for _, e := range d.exempted {
		if like(p, e) {
			return true
		}
	}
	return false
}

// maxExempted is the length of the longest command that is exempted: &%HP###.
const maxExempted = 7

// like reports whether p is of a form in which each # is a digit.
func like(p []byte, form string) bool {
	if len(p) != len(form) {
		return false
	}
	for i, c := range p {
		if c != form[i] && (form[i] != '#' || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// between is what to put between two bytes that are a pattern together: printers
// drop NULs between commands. After a letter of text that begins a command, which
// a printer might look for in what is left then, it is a space.
func (d *Dialect) between(state uint8) byte {
	if d.sent.word[state] {
		return ' '
	}
	return nul
}

// begins reports whether a command may begin with c, in any mode, or a pattern.
func (d *Dialect) begins(c byte) bool {
	if d.sent.begin[c] {
		return true
	}
	for _, m := range d.modes {
		if m.role[c] == leading {
			return true
		}
	}
	return false
}
