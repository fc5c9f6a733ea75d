package record

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/devices/escpos"
)

// written is a record that is being made, and what is read from it.
type written struct{ file bytes.Buffer }

func (w *written) line(b []byte) error {
	_, err := w.file.Write(b)
	return err
}

func (w *written) pieces(t failer) (list []Piece) {
	head, err := Read(&w.file, func(p Piece) error {
		list = append(list, p)
		return nil
	})
	if err != nil || head.Printer != "receipt" || head.Dialect != "epson" {
		t.Fatalf("%+v %v", head, err)
	}
	return list
}

// TestRecorder: a number that is held back until it is whole keeps its times and
// jobs, and what is lost is said where it is.
func TestRecorder(t *testing.T) {
	var w written
	begun := 7 * time.Second
	r, err := NewRecorder(NewHead("receipt", "epson"), escpos.Dialects()[0], false, begun, w.line)
	if err != nil {
		t.Fatal(err)
	}
	pan := number(16)
	add := func(at time.Duration, job int, s string) {
		t.Helper()
		if err := r.Add(begun+at, job, []byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	add(0, 1, "CARD "+pan[:8])
	add(time.Second, 2, pan[8:]+"\n")
	if err := r.Lost(begun+2*time.Second, 2, 99); err != nil {
		t.Fatal(err)
	}
	add(3*time.Second, 3, "12")
	if err := r.End(begun+4*time.Second, "time"); err != nil {
		t.Fatal(err)
	}
	if r.Bytes() != 24 {
		t.Errorf("%d bytes", r.Bytes())
	}
	var got []string
	for _, p := range w.pieces(t) {
		got = append(got, strings.TrimSpace(p.Time().String()+" "+strings.Repeat("j", p.Job)+" "+string(p.Bytes)+p.End)+strings.Repeat(" lost", int(p.Lost/99)))
	}
	want := []string{"0s j CARD", "0s j " + strings.Repeat("*", 8), "1s jj " + strings.Repeat("*", 8), "2s jj lost", "3s jjj 12", "4s  time"}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestInvariant5Recorder: no card's number is in a record, whatever jobs it was
// sent in.
func TestInvariant5Recorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w written
		r, err := NewRecorder(NewHead("receipt", "epson"), escpos.Dialects()[0], false, 0, w.line)
		if err != nil {
			t.Fatalf("%v", err)
		}
		sent, job := 0, 1
		var in []byte
		stream := rapid.StringMatching(`([0-9 -]{1,9}|\x1bE\x01|\n){0,12}`).Draw(t, "before") + number(rapid.IntRange(13, 19).Draw(t, "length")) + "\n"
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
			if err := r.Add(time.Duration(sent)*time.Millisecond, job, []byte(stream[:n])); err != nil {
				t.Fatalf("%v", err)
			}
			in = append(in, stream[:n]...)
			if rapid.IntRange(0, 3).Draw(t, "lost") == 0 {
				if err := r.Lost(time.Duration(sent)*time.Millisecond, job, 5); err != nil {
					t.Fatalf("%v", err)
				}
			}
			sent += n
			stream = stream[n:]
			job += rapid.IntRange(0, 1).Draw(t, "next")
		}
		if err := r.End(time.Second, "size"); err != nil {
			t.Fatalf("%v", err)
		}
		var all []byte
		pieces := w.pieces(t)
		for _, p := range pieces {
			all = append(all, p.Bytes...)
		}
		if pieces[len(pieces)-1].End != "size" {
			t.Fatalf("it ends with %+v", pieces[len(pieces)-1])
		}
		survives(t, in, string(all))
	})
}

// TestRecorderStops where nobody takes its lines.
func TestRecorderStops(t *testing.T) {
	gone := errors.New("gone")
	lines := 0
	write := func([]byte) error {
		if lines++; lines > 1 {
			return gone
		}
		return nil
	}
	r, err := NewRecorder(NewHead("receipt", "epson"), escpos.Dialects()[0], false, 0, write)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(0, 1, []byte("Milk\n")); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}
