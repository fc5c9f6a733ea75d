package printer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// answerer is a printer as the POS and we see it: it answers real-time
// questions as they come, the others in order but whenever it gets there, and
// sends its status unasked in between. Answers are marked with who is to get
// them.
type answerer struct {
	r       *rand.Rand
	ordered []marked
	out     []marked // on the line, byte by byte
}

type marked struct {
	to    asker
	bytes []byte
}

func (a *answerer) realtime(to asker) {
	a.out = append(a.out, marked{to, []byte{byte(a.r.Uint32())&^classMask | classRealtime}})
}

func (a *answerer) later(to asker) {
	b := []byte{byte(a.r.Uint32()) &^ classMask} // 0xx0xx00
	switch a.r.IntN(3) {
	case 0:
		b = []byte{0x5F}
		for range 1 + a.r.IntN(40) {
			b = append(b, byte(0x20+a.r.IntN(0x60)))
		}
		b = append(b, 0)
	case 1:
		b[0] |= byte(a.r.IntN(4))
	}
	a.ordered = append(a.ordered, marked{to, b})
}

func (a *answerer) reach() {
	if len(a.ordered) > 0 {
		a.out = append(a.out, a.ordered[0])
		a.ordered = a.ordered[1:]
	}
}

func (a *answerer) unasked() {
	b := []byte{byte(a.r.Uint32())&^classMask | classStatus}
	for range 3 {
		b = append(b, byte(a.r.Uint32())&0x6F)
	}
	a.out = append(a.out, marked{posAsked, b})
}

// TestDemux: under any interleaving the POS gets the answers to its questions
// and the printer's unasked status, whole and in order, and nothing of ours.
func TestDemux(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		a, d := &answerer{r: r}, &demux{}
		var want, got, own, wantOwn []byte
		deliver := func() {
			if len(a.out) == 0 {
				return
			}
			m := a.out[0]
			a.out = a.out[1:]
			switch m.to {
			case posAsked:
				want = append(want, m.bytes...)
			case weAsked:
				wantOwn = append(wantOwn, m.bytes...)
			}
			for _, b := range m.bytes {
				if r.IntN(20) == 0 {
					if reply := d.take(xon); reply.flow != xon && d.block == 0 {
						t.Fatal("XON is taken for an answer")
					}
				}
				switch reply := d.take(b); reply.to {
				case posAsked:
					got = append(got, b)
				case weAsked:
					own = append(own, b)
				}
			}
		}
		for range 400 {
			switch r.IntN(8) {
			case 0:
				d.askRealtime(weAsked, 1, 0, 0)
				a.realtime(weAsked)
			case 1:
				d.askRealtime(posAsked, byte(1+r.IntN(4)), 0, 0)
				a.realtime(posAsked)
			case 2:
				d.askOrdered(0, 0)
				a.later(posAsked)
			case 3:
				a.reach()
			case 4:
				a.unasked()
			default:
				deliver()
			}
			if len(d.realtime) > maxQuestions/2 {
				for len(a.out) > 0 {
					deliver()
				}
			}
		}
		for len(a.out) > 0 {
			deliver()
		}
		clean := slices.DeleteFunc(got, func(b byte) bool { return b == xon })
		if !slices.Equal(clean, slices.DeleteFunc(want, func(b byte) bool { return b == xon })) || !slices.Equal(own, wantOwn) {
			t.Fatalf("seed %d:\n got % X\nwant % X\n own % X\nwant % X", seed, clean, want, own, wantOwn)
		}
	}
}

// TestDemuxForgetsThePOSThatLeft: the next one to open the port does not get
// its answers.
func TestDemuxForgetsThePOSThatLeft(t *testing.T) {
	d := &demux{}
	d.askRealtime(posAsked, 4, d.visit, 0)
	d.askOrdered(d.visit, 0)
	d.posLeft()
	d.askRealtime(posAsked, 1, d.visit, 0)
	if r := d.take(0x12); r.to != nobody {
		t.Error("somebody else's answer")
	}
	if r := d.take(0x00); r.to != nobody {
		t.Error("somebody else's answer")
	}
	if r := d.take(0x16); r.to != posAsked || r.n != 1 {
		t.Errorf("%+v", r)
	}
}

// TestDemuxGivesUp: what is not answered is missing after a while, and comes
// to nobody when it comes late.
func TestDemuxGivesUp(t *testing.T) {
	d := &demux{}
	d.askRealtime(weAsked, 1, 0, 0)
	if d.expire(answerTime) != 0 || !d.open() {
		t.Error("given up too early")
	}
	if d.expire(answerTime+time.Millisecond) != 1 || d.open() {
		t.Error("not given up")
	}
	if r := d.take(0x12); r.to != nobody {
		t.Error("a late answer goes to somebody")
	}
}

// TestDemuxClearResponse: what some printers answer to our clearing their
// buffers is ours.
func TestDemuxClearResponse(t *testing.T) {
	d := &demux{clears: 1}
	for _, b := range []byte{0x37, 0x25, 0x00} {
		if r := d.take(b); r.to != nobody {
			t.Errorf("%02X goes to %d", b, r.to)
		}
	}
	d.askOrdered(0, 0)
	for _, b := range []byte{0x5F, 0x41, 0x00} {
		if r := d.take(b); r.to != posAsked {
			t.Errorf("%02X goes to %d", b, r.to)
		}
	}
}

// TestInvariant9SensorIsNotForged: with more questions than are remembered, the
// answer to one would be read as another's: the paper's end as the drawer's
// level. So no more of them leave than are remembered.
func TestInvariant9SensorIsNotForged(t *testing.T) {
	r := ready(t, func(o *Options) { o.Poll = time.Hour })
	r.printer.set(func(f *fake) { f.silent = true })
	r.send(strings.Repeat("\x10\x04\x04", 150), strings.Repeat("\x10\x04\x01", 150))
	most := 0
	stays(t, 300*time.Millisecond, "no question is forgotten", func() bool {
		r.Guard.mu.Lock()
		defer r.Guard.mu.Unlock()
		most = max(most, len(r.demux.realtime))
		return most < maxQuestions
	})
	if most < enough {
		t.Errorf("%d questions were open", most)
	}
}
