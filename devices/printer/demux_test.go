package printer

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// asked is an answer that a printer owes, and to whom.
type asked struct {
	who   asker
	visit int // of the POS
	bytes []byte
	mark  uint64 // of ours in order
	level bool   // what ours says of the sensor
	none  bool   // the printer knows no such question
}

// answerer is a printer as seen over its line: it answers some questions as
// they come, the others when it gets there, sends its status unasked in between,
// and XON and XOFF anywhere. What it says to the POS looks as much like an
// answer to us as it can.
type answerer struct {
	t       *rapid.T
	high    bool
	ordered []asked
	line    []asked // what is on its way, the first of it in part
	at      int     // how much of the first has arrived
	done    uint64  // how far it is with what it was sent
}

func (a *answerer) pick(what string, values ...byte) byte {
	return rapid.SampledFrom(values).Draw(a.t, what)
}

// asks is a question that it answers on arrival.
func (a *answerer) asks(who asker, visit int) {
	b := byte(0x12)
	if who == posAsked {
		b |= a.pick("answer on arrival", 0, 0x04, 0x08, 0x0C, 0x20, 0x44, 0x6C) // the paper's end, ...
	} else if a.high {
		b |= bitSensor
	}
	a.line = append(a.line, asked{who: who, visit: visit, bytes: []byte{b}, level: a.high})
}

func (a *answerer) asksInOrder(who asker, f form, visit int, mark uint64) {
	q := asked{who: who, visit: visit, mark: mark}
	switch {
	case who == weAsked:
		q.bytes = []byte{a.pick("paper", 0, 3, 0x0C)}
	case f == formByte:
		q.bytes = []byte{a.pick("answer in order", 0, 1, 0x02, 0x20, 0x6F)}
		q.none = rapid.IntRange(0, 7).Draw(a.t, "unknown") == 0
	default:
		text := rapid.StringMatching(`[2R6Vr -~]{0,60}`).Draw(a.t, "block")
		head := []byte{a.pick("head", 0x5F, 0x37, 0x3D, 0x35, 0x3B)}
		if head[0] == clearHead {
			head = append(head, 0x22)
		}
		q.bytes = append(append(head, text...), 0)
	}
	a.ordered = append(a.ordered, q)
}

// reach is the printer getting on with what it was sent.
func (a *answerer) reach() {
	if len(a.ordered) == 0 {
		return
	}
	q := a.ordered[0]
	a.ordered = a.ordered[1:]
	a.done = max(a.done, q.mark)
	if !q.none {
		a.line = append(a.line, q)
	}
}

func (a *answerer) unasked() {
	b := []byte{0x10 | a.pick("status", 0, 0x04, 0x08, 0x6C)}
	for range 3 {
		b = append(b, a.pick("status", 0, 0x0F, 0x6F))
	}
	a.line = append(a.line, asked{who: posAsked, visit: -1, bytes: b})
}

// TestDemux: under any interleaving the POS that has the port open gets the
// answers to its questions and the printer's unasked status, whole and in order,
// and nothing of ours; we get ours; and what we take for done is done.
func TestDemux(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := languages["epson"]
		d := newDemux(&l)
		a := &answerer{t: t}
		var now time.Duration
		var got, want []byte
		sent, reached, readings, asksOfOurs := uint64(0), uint64(0), 0, 0
		deaf := false // the printer does not know a question in order: others may be late by one
		deliver := func() {
			if len(a.line) == 0 {
				return
			}
			q := a.line[0]
			if rapid.IntRange(0, 9).Draw(t, "flow") == 0 {
				b := a.pick("flow", xon, xoff)
				if r := d.next(b, now); r.flow != b || r.to != nobody {
					t.Fatalf("%02X is taken for an answer", b)
				}
			}
			if a.at == 0 && (q.visit == d.visit || q.visit < 0) && q.who == posAsked {
				want = append(want, q.bytes...)
			}
			r := d.next(q.bytes[a.at], now)
			if r.to == posAsked {
				got = append(got, r.bytes...)
			}
			if r.read {
				readings++
				if q.who != weAsked || r.high != q.level {
					t.Fatalf("% X, which answers %d, is read as a level", q.bytes, q.who)
				}
			}
			if r.reached > 0 {
				reached = r.reached
				if reached > a.done {
					t.Fatalf("done up to %d, believed %d", a.done, reached)
				}
			}
			if a.at++; a.at == len(q.bytes) {
				a.line, a.at = a.line[1:], 0
			}
		}
		for range rapid.IntRange(50, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 11).Draw(t, "step") {
			case 0:
				if d.may() {
					d.asks(weAsked, d.visit, false, now)
					a.asks(weAsked, d.visit)
					asksOfOurs++
				}
			case 1, 2:
				if !d.ours() && !d.full() {
					d.asks(posAsked, d.visit, false, now)
					a.asks(posAsked, d.visit)
				}
			case 3:
				f := rapid.SampledFrom([]form{formByte, formBlock}).Draw(t, "form")
				if d.asksInOrder(f, d.visit, now) {
					a.asksInOrder(posAsked, f, d.visit, 0)
					deaf = deaf || a.ordered[len(a.ordered)-1].none
				}
			case 4:
				sent++
				for range d.barrier(sent, now) {
					a.asksInOrder(weAsked, formByte, 0, sent)
				}
			case 5, 6:
				a.reach()
			case 7:
				a.unasked()
			case 8:
				a.high = !a.high
			case 9:
				if rapid.IntRange(0, 3).Draw(t, "leave") == 0 && a.at == 0 {
					d.posLeft()
				}
			default:
				deliver()
			}
			now += time.Millisecond
			d.expire(now, false, true)
		}
		for len(a.line)+len(a.ordered) > 0 {
			a.reach()
			deliver()
			now += time.Microsecond
		}
		if !deaf && !bytes.Equal(got, want) {
			t.Fatalf("the POS\n  got % X\n want % X", got, want)
		}
		if readings != asksOfOurs || reached != sent && sent > 0 {
			t.Fatalf("%d of %d answers to us, done up to %d of %d", readings, asksOfOurs, reached, sent)
		}
	})
}

// TestInvariant9SensorIsNotForged: answers are lost and late, and some
// questions are answered by no printer. Nothing that was not our own answer is
// ever read as the drawer's level, and in the end our answers are read again.
func TestInvariant9SensorIsNotForged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := languages["epson"]
		d := newDemux(&l)
		a := &answerer{t: t}
		var now, moved time.Duration // when the line moved last
		lost := 0
		deliver := func() {
			if len(a.line) == 0 {
				return
			}
			q := a.line[0]
			a.line = a.line[1:]
			moved = now
			for _, b := range q.bytes {
				r := d.next(b, now)
				if r.read && (q.who != weAsked || r.high != q.level) {
					t.Fatalf("% X, which answers %d, is read as a level", q.bytes, q.who)
				}
			}
		}
		for range rapid.IntRange(50, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0, 1:
				if d.may() {
					d.asks(weAsked, d.visit, false, now)
					a.asks(weAsked, d.visit)
				}
			case 2, 3:
				if !d.ours() && !d.full() {
					d.asks(posAsked, d.visit, false, now)
					a.asks(posAsked, d.visit)
				}
			case 4: // something that looks like a question, in a picture
				if !d.ours() {
					d.asks(posAsked, d.visit, true, now)
					if rapid.Bool().Draw(t, "known") {
						a.asks(posAsked, d.visit)
					}
				}
			case 5: // an answer is lost on the line
				if len(a.line) > 0 {
					a.line, lost = a.line[:len(a.line)-1], lost+1
				}
			case 6:
				a.high = !a.high
			case 7: // a printer may take long
				step := time.Duration(rapid.IntRange(1, 1490).Draw(t, "wait")) * time.Millisecond
				if len(a.line) > 0 && now+step-moved >= answerTime {
					deliver()
				}
				now += step
			default:
				deliver()
			}
			if len(a.line) == 0 {
				moved = now
			}
			d.expire(now, false, true)
		}
		for len(a.line) > 0 {
			deliver()
		}
		for range 10 {
			now += answerTime / 2
			d.expire(now, false, true)
		}
		if !d.may() {
			t.Fatalf("after %d lost answers we never ask again: %+v", lost, d.arrival)
		}
	})
}

// TestDemuxForgetsThePOSThatLeft: the next one to open the port does not get
// its answers.
func TestDemuxForgetsThePOSThatLeft(t *testing.T) {
	l := languages["epson"]
	d := newDemux(&l)
	d.asks(posAsked, d.visit, false, 0)
	d.asksInOrder(formByte, d.visit, 0)
	d.asksInOrder(formBlock, d.visit, 0)
	d.posLeft()
	d.asks(posAsked, d.visit, false, 0)
	for _, b := range []byte("\x12\x00_12\x00") {
		if r := d.next(b, 0); r.to != nobody {
			t.Errorf("%02X: somebody else's answer", b)
		}
	}
	if r := d.next(0x16, 0); r.to != posAsked || r.read {
		t.Errorf("%+v", r)
	}
}

// TestDemuxGivesUp: what is not answered is missing after a while, and comes
// to nobody when it comes late; a question that waits in the line, or for a
// printer without paper, is not given up.
func TestDemuxGivesUp(t *testing.T) {
	l := languages["epson"]
	d := newDemux(&l)
	d.asks(weAsked, 0, false, 0)
	if d.expire(answerTime, false, true) != 0 || !d.ours() {
		t.Error("given up too early")
	}
	if d.expire(10*answerTime, true, true) != 0 || !d.ours() {
		t.Error("given up before it has left")
	}
	if d.expire(11*answerTime+time.Millisecond, false, true) != 1 || d.ours() || !d.may() {
		t.Error("not given up")
	}
	if r := d.next(0x12, 0); r.to != nobody || r.read {
		t.Error("a late answer goes to somebody")
	}
	d.asksInOrder(formByte, 0, 0)
	d.expire(patience, false, false)
	d.expire(2*patience, false, true)
	if r := d.next(0x00, 0); r.to != posAsked {
		t.Error("given up while there was no paper")
	}
}

// TestDemuxClearResponse: what some printers answer to our clearing their
// buffers is ours; what begins like it, and answers the POS, is the POS's.
func TestDemuxClearResponse(t *testing.T) {
	l := languages["epson"]
	d := newDemux(&l)
	d.clears = 1
	d.asksInOrder(formBlock, 0, 0)
	read := func(s string) (got string) {
		for _, b := range []byte(s) {
			if r := d.next(b, 0); r.to == posAsked {
				got += string(r.bytes)
			}
		}
		return got
	}
	if got := read("\x37\x22abcd\x00"); got != "\x37\x22abcd\x00" {
		t.Errorf("the POS gets %q of its block", got)
	}
	if got := read("\x37\x25\x00"); got != "" || d.clears != 0 {
		t.Errorf("the POS gets %q of ours", got)
	}
}

// TestDemuxEndlessBlock: a block that does not end, or holds what none can, is
// not read on in; and nothing is believed until the line was quiet.
func TestDemuxEndlessBlock(t *testing.T) {
	for name, block := range map[string]string{
		"endless": "_" + strings.Repeat("R", 3*maxBlock), "control code": "_abc\x16\x16\x16",
	} {
		l := languages["epson"]
		d := newDemux(&l)
		d.asks(weAsked, 0, false, 0)
		for _, b := range []byte(block) {
			if d.next(b, 0).read {
				t.Errorf("%s: it is read as a level", name)
			}
		}
		if d.may() {
			t.Errorf("%s: we would ask at once", name)
		}
		if d.expire(2*answerTime, false, true); !d.may() {
			t.Errorf("%s: we never ask again", name)
		}
	}
}

// TestDemuxStar: frames of Star's automatic status, as many to the POS as it
// asked for or came unasked, none of ours.
func TestDemuxStar(t *testing.T) {
	l := languages["star-line"]
	frame := func(third byte) string { return "\x23\x86" + string([]byte{third}) + "\x00\x00\x00\x00\x00\x00" }
	for name, test := range map[string]struct {
		ask           func(d *demux)
		in, want      string
		read          bool
		high, offline bool
	}{
		"unasked":          {func(*demux) {}, frame(0x04), frame(0x04), false, false, false},
		"the POS's":        {func(d *demux) { d.asks(posAsked, 0, false, 0) }, frame(0x04), frame(0x04), false, false, false},
		"ours, open":       {func(d *demux) { d.asks(weAsked, 0, false, 0) }, frame(0x04), "", true, true, false},
		"ours, offline":    {func(d *demux) { d.asks(weAsked, 0, false, 0) }, frame(0x28), "", true, false, true},
		"ours and unasked": {func(d *demux) { d.asks(weAsked, 0, false, 0) }, frame(0x04) + frame(0x00), frame(0x00), true, true, false},
		"of seven bytes":   {func(d *demux) { d.asks(weAsked, 0, false, 0) }, "\x0F\x00\x04\x00\x00\x00\x00", "", true, true, false},
		"XOFF within":      {func(d *demux) { d.asks(weAsked, 0, false, 0) }, "\x0F\x00\x13\x04\x00\x00\x00\x00", "", true, true, false},
		"an enquiry":       {func(d *demux) { d.enquires(0, 0) }, "\x0F", "\x0F", false, false, false},
		"something else":   {func(d *demux) { d.asks(weAsked, 0, false, 0) }, "HSP7000\n", "HSP7000\n", false, false, false},
	} {
		d := newDemux(&l)
		test.ask(&d)
		got, read := "", false
		for _, b := range []byte(test.in) {
			r := d.next(b, 0)
			if r.to == posAsked {
				got += string(r.bytes)
			}
			if r.read {
				read = true
				if r.high != test.high || r.offline != test.offline {
					t.Errorf("%s: high %v, offline %v", name, r.high, r.offline)
				}
			}
		}
		if got != test.want || read != test.read {
			t.Errorf("%s: the POS gets % X, read %v", name, got, read)
		}
	}
}
