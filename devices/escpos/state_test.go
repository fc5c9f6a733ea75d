package escpos

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// doing is what a filter does, without where in the stream.
func doing(to *bytes.Buffer, happened *[]string) func(*Segment) {
	return func(s *Segment) {
		to.Write(s.Bytes)
		if !s.Forwarded() {
			*happened = append(*happened, fmt.Sprint(s.Name, s.Why, s.In, s.Drawer, s.Known, s.Lost, s.Raw))
		}
	}
}

// handed feeds a stream to one filter, and from a place on to another one that
// takes its state over.
func handed(t failer, d *Dialect, in []byte, at int) (out []byte, happened []string) {
	t.Helper()
	var to bytes.Buffer
	take := doing(&to, &happened)
	f := NewFilter(d)
	f.Feed(in[:at], take)
	next := NewFilter(d)
	if err := next.Restore(f.State()); err != nil {
		t.Fatalf("%s: after % X: %v", d.name, in[:at], err)
	}
	if next.Ground() != f.Ground() || next.Waiting() != f.Waiting() || next.Page() != f.Page() || !bytes.Equal(next.Pending(), f.Pending()) {
		t.Fatalf("%s: after % X it is elsewhere", d.name, in[:at])
	}
	next.Feed(in[at:], take)
	next.Idle(take)
	return to.Bytes(), happened
}

// everyHandOver hands a stream over at each place.
func everyHandOver(t failer, d *Dialect, in []byte) {
	t.Helper()
	var to bytes.Buffer
	var want []string
	f := NewFilter(d)
	f.Feed(in, doing(&to, &want))
	f.Idle(doing(&to, &want))
	for at := range len(in) + 1 {
		out, happened := handed(t, d, in, at)
		if !bytes.Equal(out, to.Bytes()) || !slices.Equal(happened, want) {
			t.Fatalf("%s: handed over after %d bytes, read otherwise:\n in % X\nout % X\nnot % X\n%q\n%q", d.name, at, in, out, to.Bytes(), happened, want)
		}
	}
}

// TestInvariant3HandedOver: a stream that is handed over, wherever, is read as
// if it had not been.
func TestInvariant3HandedOver(t *testing.T) {
	for _, d := range dialects {
		for _, in := range starStreams() {
			everyHandOver(t, d, in)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(dialects).Draw(t, "dialect")
		var in []byte
		for _, p := range rapid.SliceOfN(parts(), 1, 4).Draw(t, "parts") {
			in = append(in, p.in...)
		}
		everyHandOver(t, d, in[:min(len(in), 120)])
	})
}

// TestStatesOfOthers are not taken over, and change nothing.
func TestStatesOfOthers(t *testing.T) {
	f := NewFilter(epsonDialect)
	f.Feed(seq("text", 0x1D, "v0", 0, 2, 0, 2, 0, "abc"), func(*Segment) {})
	good := f.State()
	if err := NewFilter(epsonDialect).Restore(good); err != nil {
		t.Fatal(err)
	}
	allowed, err := epsonDialect.Allow(epsonDialect.Refused()[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range append(Dialects()[1:], allowed) {
		if err := NewFilter(d).Restore(good); !errors.Is(err, ErrState) {
			t.Errorf("%s takes over a state of %s: %v", d.name, epsonDialect.name, err)
		}
	}
	g := NewFilter(epsonDialect)
	for n := range good {
		if err := g.Restore(good[:n]); !errors.Is(err, ErrState) {
			t.Fatalf("%d of %d bytes: %v", n, len(good), err)
		}
	}
	if err := g.Restore(append(bytes.Clone(good), 0)); !errors.Is(err, ErrState) {
		t.Errorf("a byte more: %v", err)
	}
	if g.Waiting() {
		t.Error("a state that was not taken over changed something")
	}
}

// FuzzRestore: whatever is taken over, what leaves then holds no pattern.
func FuzzRestore(f *testing.F) {
	size := 0
	for i, in := range starStreams() {
		d := dialects[i%len(dialects)]
		g := NewFilter(d)
		g.Feed(in[:len(in)/2], func(*Segment) {})
		size = len(g.State()) - len(g.Pending())
		f.Add(g.State(), in[len(in)/2:], uint8(i))
	}
	f.Fuzz(func(t *testing.T, state, in []byte, dialect uint8) {
		if len(in) > 1<<12 || len(state) > size+maxHold {
			return
		}
		d := dialects[int(dialect)%len(dialects)]
		g := NewFilter(d)
		if len(state) > 34 { // or no state would ever be taken over
			digest := d.Digest()
			copy(state[1:], digest[:])
		}
		if g.Restore(state) != nil {
			return
		}
		tail := g.tail
		var out bytes.Buffer
		check := func(s *Segment) {
			if len(s.Bytes) > 0 && !tail.Safe(s.Bytes) {
				t.Fatalf("%s: a pattern leaves: % X", d.name, s.Bytes)
			}
			tail.Sent(s.Bytes)
			out.Write(s.Bytes)
		}
		g.Feed(in, check)
		g.Idle(check)
	})
}
