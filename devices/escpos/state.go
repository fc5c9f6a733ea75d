package escpos

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// A filter's state outlives the process: a receipt that a restart of the daemon
// interrupts in the middle goes on where it was.

// ErrState: a state cannot be taken over: it is not whole, or of another dialect,
// or of a version of it that reads otherwise.
var ErrState = errors.New("printer state")

// stateVersion is of the form that State writes.
const stateVersion = 1

// maxPicture is the most data that a picture has.
const maxPicture = 1 << 24

// Digest is of what the dialect lets through, as far as it is data: its name,
// its patterns and its commands' names and kinds. States are of one digest.
func (d *Dialect) Digest() (digest [sha256.Size]byte) {
	h := sha256.New()
	put := func(v any) { _ = binary.Write(h, binary.LittleEndian, v) } // a hash takes all
	text := func(s string) { put(uint32(len(s))); put([]byte(s)) }
	text(d.name)
	for _, m := range []*machine{d.sent, d.inside} {
		for i := range m.next {
			put(m.next[i][:])
			put(m.bad[i][:])
		}
	}
	for _, m := range d.modes {
		for c := range m.role {
			put(uint8(m.role[c]))
		}
		var commands []string
		m.each(func(c *command) { commands = append(commands, fmt.Sprint(c.name, c.kind, c.size, c.head, c.ok == nil)) })
		slices.Sort(commands) // a family's come in any order
		for _, c := range commands {
			text(c)
		}
	}
	h.Sum(digest[:0])
	return digest
}

// State is what the tail remembers, as a number that TailIn takes.
func (t *Tail) State() uint16 { return uint16(t.state)<<8 | uint16(t.last) }

// TailIn is a tail in a state that another one of this dialect's Digest was in.
func (d *Dialect) TailIn(state uint16) (Tail, error) {
	t := Tail{d: d, state: uint8(state >> 8), last: uint8(state)}
	if int(t.state) >= len(d.sent.next) {
		return Tail{}, fmt.Errorf("%w: a tail that there is none of", ErrState)
	}
	return t, nil
}

// snapshot is a filter's state as it is written, but for what has no fixed length.
type snapshot struct {
	Version                  uint8
	Digest                   [sha256.Size]byte
	Table, Mode, State       uint8
	Tail                     uint16
	Page                     bool
	Unstored                 [8]bool
	Need, Skip, Nest, Left   int32
	Longer, Row, InRow, Rows int32
	Length                   int32 // of the command so far, with what was skipped
	Owed, Hold               int32
	OwedTo                   int64
	Arriving, Leaving        [2]bool
	ArrivingTo, LeavingTo    uint8
}

// State is what a filter of the same dialect needs to go on (Restore).
func (f *Filter) State() []byte {
	s := snapshot{
		Version: stateVersion, Digest: f.d.Digest(), Mode: uint8(slices.Index(f.d.modes, f.mode)), State: uint8(f.state), Tail: f.tail.State(),
		Page: f.page, Unstored: f.unstored, Need: int32(f.need), Skip: int32(f.skip), Nest: int32(f.nest), Left: int32(f.left),
		Length: int32(min(f.pos-f.start, maxPicture)), Owed: int32(len(f.owed)), OwedTo: f.owedTo - f.pos,
	}
	if f.state != ground {
		s.Hold = int32(len(f.hold))
		if f.longer > 0 {
			s.Longer, s.Row, s.InRow = int32(f.longer), int32(f.row), int32(f.inRow)
		}
		s.Table = uint8(slices.IndexFunc(f.d.modes, func(m *mode) bool { return m.table[f.hold[0]] == f.table }))
	}
	s.Rows = int32(f.rows)
	s.Arriving, s.ArrivingTo = [2]bool{f.arriving.second, f.arriving.third}, uint8(f.arriving.command)
	s.Leaving, s.LeavingTo = [2]bool{f.leaving.second, f.leaving.third}, uint8(f.leaving.command)
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, &s) // of fixed size, into memory
	b.Write(f.hold[:s.Hold])
	for _, r := range f.owed {
		_ = binary.Write(&b, binary.LittleEndian, r.end-f.pos)
		b.Write([]byte{byte(r.command), r.n})
	}
	return b.Bytes()
}

// Restore takes over a State of a filter of the same dialect. On an error the
// filter is as it was.
func (f *Filter) Restore(state []byte) error {
	made := NewFilter(f.d)
	if err := made.restore(state); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	*f = *made
	return nil
}

var (
	errShort   = errors.New("it is not whole")
	errOther   = errors.New("it is of another dialect or version")
	errNothing = errors.New("there is no such state")
)

func (f *Filter) restore(state []byte) error {
	var s snapshot
	n, err := binary.Decode(state, binary.LittleEndian, &s)
	if err != nil {
		return errShort
	}
	rest := state[n:]
	const owedSize = 10
	switch {
	case s.Version != stateVersion || s.Digest != f.d.Digest():
		return errOther
	case s.Hold < 0 || s.Hold > maxHold || s.Owed < 0 || s.Owed > maxOwed || len(rest) != int(s.Hold)+int(s.Owed)*owedSize:
		return errShort
	case int(s.Mode) >= len(f.d.modes) || int(s.Table) >= len(f.d.modes) || s.Rows < 0 || s.Rows > maxPicture || s.ArrivingTo > uint8(Order) || s.LeavingTo > uint8(Order) || s.Length < 0 || s.Length > maxPicture:
		return errNothing
	}
	f.mode, f.page, f.unstored, f.rows = f.d.modes[s.Table], s.Page, s.Unstored, int(s.Rows)
	if f.tail, err = f.d.TailIn(s.Tail); err != nil {
		return err
	}
	// Offsets are counted anew: what was, is no longer asked for.
	f.pos = maxPicture + slice
	f.start = f.pos - int64(s.Length)
	if err := f.within(&s, rest[:s.Hold]); err != nil {
		return err
	}
	f.mode = f.d.modes[s.Mode]
	f.arriving = Realtime{s.Arriving[0], s.Arriving[1], Command(s.ArrivingTo)}
	f.leaving = Realtime{s.Leaving[0], s.Leaving[1], Command(s.LeavingTo)}
	f.owedTo = f.pos + s.OwedTo
	for rest = rest[s.Hold:]; len(rest) > 0; rest = rest[owedSize:] {
		r := request{f.pos + int64(binary.LittleEndian.Uint64(rest)), Command(rest[8]), rest[9]}
		if r.end > f.pos || r.command > Order {
			return errNothing
		}
		f.owed = append(f.owed, r)
	}
	return nil
}

// within restores what the filter was in the middle of. What it held is read
// anew, and has to lead where it had.
func (f *Filter) within(s *snapshot, hold []byte) error {
	in := state(s.State)
	if in == ground {
		return nil
	}
	if in > picture || len(hold) == 0 {
		return errNothing
	}
	if in == holding {
		pos, start := f.pos, f.start
		quiet := true
		f.pos = start
		f.emit = func(*Segment) { quiet = false }
		f.run(hold)
		f.emit = nil
		if !quiet || f.state != holding || f.pos != pos || f.need != int(s.Need) || !bytes.Equal(f.hold, hold) {
			return errNothing
		}
		return nil
	}
	f.table = f.mode.table[hold[0]]
	if len(hold) < 2 || f.table == nil {
		return errNothing
	}
	if f.cmd = f.table[hold[1]]; f.cmd != nil && f.cmd.sub != nil && len(hold) > 2 {
		if c := f.cmd.sub[hold[2]]; c != nil {
			f.cmd = c
		}
	}
	if f.cmd == nil {
		return errNothing
	}
	f.hold = append(f.hold[:0], hold...)
	f.state, f.need, f.skip, f.nest, f.left = in, int(s.Need), int(s.Skip), int(s.Nest), int(s.Left)
	f.longer, f.row, f.inRow = int(s.Longer), int(s.Row), int(s.InRow)
	if f.longer < 0 || f.longer > 0xFF || f.longer > 0 && (f.inRow <= 0 || f.inRow > f.row || f.row > 0xFFFF) {
		return errNothing
	}
	blocks := f.cmd.blocks != nil && f.need >= 2 && f.need <= len(hold) && f.nest >= 0
	switch {
	case in == picture && f.cmd.stream != nil && f.left > 0 && f.left <= maxPicture:
	case in == skipping && f.skip > 0 && f.skip <= maxSkip && (f.cmd.blocks == nil || blocks):
	case in == nesting && blocks && len(hold)-f.need < f.cmd.blocks.head:
	default:
		return errNothing
	}
	return nil
}
