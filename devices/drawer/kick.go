package drawer

import (
	"bytes"
	"slices"
	"time"
)

// finder finds the drawer's codes in what the POS writes, in whatever pieces it
// comes. It is pure.
type finder struct {
	codes   [][]byte
	pending []byte // the beginning of a code
	at      time.Duration
}

// staleAfter is how long the beginning of a code waits for its rest.
const staleAfter = 5 * time.Second

// feed takes what the POS wrote, and returns how many codes it completes and how
// many bytes belong to none. A beginning is none's either once its rest is late.
func (f *finder) feed(p []byte, now time.Duration) (kicks, dropped int) {
	if now-f.at > staleAfter {
		dropped = f.reset()
	}
	f.at = now
	for _, b := range p {
		f.pending = append(f.pending, b)
		for len(f.pending) > 0 && !slices.ContainsFunc(f.codes, f.begins) {
			f.pending = f.pending[1:]
			dropped++
		}
		if slices.ContainsFunc(f.codes, func(c []byte) bool { return bytes.Equal(c, f.pending) }) {
			f.pending = nil
			kicks++
		}
	}
	return kicks, dropped
}

func (f *finder) begins(code []byte) bool { return bytes.HasPrefix(code, f.pending) }

// reset forgets the beginning of a code, and returns how long it was.
func (f *finder) reset() int {
	n := len(f.pending)
	f.pending = nil
	return n
}
