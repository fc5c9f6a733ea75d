package record

import (
	"encoding/json"
	"fmt"
	"time"

	"tillwarden/devices/escpos"
)

// Recorder writes a record, masked. What comes out of its mask late keeps the
// time and the job that it came with. Make one with NewRecorder. A number that is
// printed in two jobs is found as well.
type Recorder struct {
	mask  *Mask
	write func(line []byte) error
	begun time.Duration
	held  []span // what the mask has not given out yet, oldest first
	out   int64
}

// span is how many bytes came at one time, or were lost.
type span struct {
	at      int64
	job     int
	n, lost int
}

// maxPiece bounds the bytes of one line.
const maxPiece = 64 << 10

// NewRecorder begins a record at a time of the boot clock. write gets each line
// with its end, and may keep it.
func NewRecorder(h Head, d *escpos.Dialect, text bool, now time.Duration, write func(line []byte) error) (*Recorder, error) {
	r := &Recorder{mask: NewMask(d, text), write: write, begun: now}
	return r, r.line(h)
}

func (r *Recorder) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	return r.write(append(b, '\n'))
}

// Add takes what came at a time in a job.
func (r *Recorder) Add(at time.Duration, job int, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), maxPiece)
		r.held = append(r.held, span{at: (at - r.begun).Milliseconds(), job: job, n: n})
		if err := r.give(r.mask.Write(b[:n])); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// Lost says that bytes were left out here.
func (r *Recorder) Lost(at time.Duration, job, n int) error {
	r.held = append(r.held, span{at: (at - r.begun).Milliseconds(), job: job, lost: n})
	return r.give(r.mask.Skip())
}

// End ends the record, and says why: "time", "size", "stopped".
func (r *Recorder) End(at time.Duration, why string) error {
	if err := r.give(r.mask.Idle()); err != nil {
		return err
	}
	return r.line(Piece{At: (at - r.begun).Milliseconds(), End: why})
}

// Bytes is how many bytes of the POS's were written.
func (r *Recorder) Bytes() int64 { return r.out }

// give writes what came out of the mask, in the pieces in which it came.
func (r *Recorder) give(b []byte) error {
	for len(r.held) > 0 && (len(b) > 0 || r.held[0].lost > 0) {
		s := &r.held[0]
		n := min(len(b), s.n)
		if err := r.line(Piece{At: s.at, Job: s.job, Bytes: b[:n], Lost: int64(s.lost)}); err != nil {
			return err
		}
		r.out += int64(n)
		b = b[n:]
		if s.n -= n; s.n == 0 {
			r.held = append(r.held[:0], r.held[1:]...)
		}
	}
	return nil
}
