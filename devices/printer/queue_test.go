package printer

import (
	"bytes"
	"testing"
)

func TestQueue(t *testing.T) {
	var q queue
	q.add(unit{bytes: []byte("abc"), text: true, ends: true})
	q.add(unit{bytes: []byte("def"), text: true, ends: true})
	q.add(unit{bytes: []byte{0x1B, 'a', 1}, ends: true})
	q.add(unit{bytes: []byte("head")})
	q.add(unit{bytes: []byte("data"), ends: true})
	if q.size != 17 || len(q.units) != 4 {
		t.Fatalf("%d bytes in %d units", q.size, len(q.units))
	}
	var out []byte
	for q.size > 0 {
		b := q.next(make([]byte, maxWrite)).bytes
		out = append(out, b[0])
		q.wrote(1)
		if began := len(out) > 6 && len(out) != 9 && len(out) != 17; q.begun != began {
			t.Errorf("after %d bytes begun is %v", len(out), q.begun)
		}
	}
	if string(out) != "abcdef\x1ba\x01headdata" {
		t.Errorf("%q", out)
	}
	q.wrote(0)
}

// TestQueueLost: of what the printer has in part nothing more is sent; text
// goes on.
func TestQueueLost(t *testing.T) {
	fill := func(wrote int) *queue {
		q := &queue{}
		q.add(unit{bytes: []byte("text"), text: true, ends: true})
		q.add(unit{bytes: []byte{0x1B, 'a', 1}, ends: true})
		q.add(unit{bytes: []byte("head")})
		q.add(unit{bytes: []byte("data"), ends: true})
		q.add(unit{bytes: []byte("end"), text: true, ends: true})
		for range wrote {
			q.wrote(1)
		}
		return q
	}
	rest := func(q *queue) string {
		var b bytes.Buffer
		for _, u := range q.units {
			b.Write(u.bytes)
		}
		if b.Len() != q.size {
			t.Errorf("size %d of %d", q.size, b.Len())
		}
		return b.String()
	}
	for wrote, want := range map[int]string{0: "text\x1ba\x01headdataend", 2: "xt\x1ba\x01headdataend", 5: "headdataend", 8: "end", 11: "end", 12: "end", 15: "end", 16: "nd"} {
		q := fill(wrote)
		if _, inside := q.lost(); inside {
			t.Errorf("after %d bytes the rest is elsewhere", wrote)
		}
		if got := rest(q); got != want {
			t.Errorf("after %d bytes %q is left, want %q", wrote, got, want)
		}
	}
	q := &queue{}
	q.add(unit{bytes: []byte("head")})
	q.wrote(4)
	if _, inside := q.lost(); !inside {
		t.Error("the picture goes on in what was not queued yet")
	}
}

// TestQueueBatch: whole commands together, but a question that is answered in
// order alone; what is answered on arrival, what resets the printer, and a piece
// of what does not fit at the end.
func TestQueueBatch(t *testing.T) {
	var q queue
	text := func(s string) unit { return unit{bytes: []byte(s), text: true, ends: true} }
	command := func(s string) unit { return unit{bytes: []byte(s), ends: true} }
	with := func(u unit, change func(*unit)) unit { change(&u); return u }
	for _, u := range []unit{
		text("ab"), command("\x1ba\x01"), text("cd"), with(command("\x10\x04\x01"), func(u *unit) { u.asks = formArrival }),
		text("ef"), with(command("\x1dr1"), func(u *unit) { u.asks = formByte }),
		text("gh"), with(command("\x1b@"), func(u *unit) { u.init = true }),
		text("0123456"), command("\x1ba\x02ijklm"), text("nopqrstuvwxyz"), command("0123456789ABCDEF"),
		with(text("next"), func(u *unit) { u.visit = 1 }),
	} {
		q.add(u)
	}
	type result struct {
		bytes string
		asks  form
		init  bool
	}
	for _, want := range []result{
		{"ab\x1ba\x01cd\x10\x04\x01", formArrival, false},
		{"ef", formNone, false},
		{"\x1dr1", formByte, false},
		{"gh\x1b@", formNone, true},
		{"0123456", formNone, false},
		{"\x1ba\x02ijklm", formNone, false},
		{"nopqrstuvwxy", formNone, false},
		{"z", formNone, false},
		{"0123456789AB", formNone, false},
		{"CDEF", formNone, false},
		{"next", formNone, false},
	} {
		b := q.next(make([]byte, 12))
		if got := (result{string(b.bytes), b.asks, b.init}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		q.wrote(len(b.bytes))
	}
	if q.size != 0 || len(q.units) != 0 || q.begun {
		t.Errorf("left %+v", q)
	}
}
