package printer

import (
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// day plays a printer's day: what the POS sends, and time.
type day struct {
	t      *testing.T
	p      *Purposes
	filter *escpos.Filter
	now    time.Duration
	// session is the one signed on.
	session entry.Seq
}

func newDay(t *testing.T, rules Rules) *day {
	t.Helper()
	p, err := NewPurposes(rules, []byte("key of this test"))
	if err != nil {
		t.Fatal(err)
	}
	return &day{t: t, p: p, filter: escpos.NewFilter(escpos.Dialects()[0]), now: time.Hour, session: 7}
}

// after lets seconds pass, looking in between as the guard does.
func (d *day) after(seconds float64) string {
	var told []string
	for end := d.now + time.Duration(seconds*float64(time.Second)); ; {
		at, some := d.p.Next()
		if !some || at > end {
			d.now = end
			break
		}
		d.now = max(d.now, at)
		told = append(told, d.take()...)
	}
	return strings.Join(append(told, d.take()...), "; ")
}

// print sends bytes; text may hold kicks.
func (d *day) print(parts ...string) string {
	d.filter.Feed([]byte(strings.Join(parts, "")), func(s *escpos.Segment) {
		if s.Kind == escpos.Kick {
			d.p.Kick(Kick{Printer: "receipt", Drawer: fmt.Sprintf("till%d", s.Drawer), Session: d.session}, d.now)
			return
		}
		if s.Forwarded() {
			d.p.Print(s, d.now)
		}
	})
	return strings.Join(d.take(), "; ")
}

func (d *day) take() []string {
	var told []string
	for _, r := range d.p.Take(d.now) {
		k := r.Kick
		words := []string{k.Drawer}
		switch r.Outcome {
		case Absorbed:
			words = append(words, "absorbed")
		case NoReceipt:
			words = append(words, fmt.Sprintf("no receipt for %d", r.About))
		default:
			words = append(words, strings.TrimPrefix(k.Function, "pos."), k.Purpose.String())
			if k.Claimant != "" {
				words = append(words, k.Claimant)
			}
			if k.Ask != 0 {
				words = append(words, fmt.Sprint(k.Ask))
			}
			if k.Lines > 0 {
				words = append(words, fmt.Sprintf("%d lines", k.Lines))
				if len(k.Digest) != digestLen {
					d.t.Errorf("digest of %d bytes", len(k.Digest))
				}
			}
		}
		told = append(told, strings.Join(words, " "))
	}
	return told
}

func (d *day) opened() { d.p.Opened("till1", 77, d.now) }

func (d *day) want(step, got, want string) {
	d.t.Helper()
	if got != want {
		d.t.Errorf("%s:\n got %q\nwant %q", step, got, want)
	}
}

const (
	kick1 = "\x1bp\x00\x19\xfa"
	kick2 = "\x1bp\x01\x19\xfa"
	cut   = "\x1dV\x00"
)

// sale is a receipt of n lines, not cut.
func lines(n int) string {
	return strings.Repeat("Oranges          3.59\n", n)
}

func profile() []Rule {
	return []Rule{
		{Name: "paid out", Text: "paid out", Function: "pos.till.paidout"},
		{Name: "no sale", Text: "NO SALE", Function: "pos.drawer.nosale"},
		{Name: "z report", Pattern: regexp.MustCompile(`^Z-\d+$`), Function: "pos.till.close"},
		{Name: "copy", Text: "COPY", NotSale: true},
	}
}

func TestKickWithItsReceipt(t *testing.T) {
	with := Rules{Order: OrderWith, Profile: profile()}
	const sale = "till1 drawer.sale receipt receipt 5 lines"
	tests := []struct {
		name string
		play func(d *day)
	}{
		{"after the cut", func(d *day) {
			d.want("print", d.print(lines(5), cut), "")
			d.want("kick", d.print(kick1), sale)
		}},
		{"in one job, before the cut", func(d *day) { d.want("print", d.print(lines(5), kick1, cut), sale) }},
		{"in one job, first of all", func(d *day) { d.want("print", d.print(kick1, lines(5), cut), sale) }},
		{"its receipt 1.4 s later", func(d *day) {
			d.want("kick", d.print(kick1), "")
			d.want("wait", d.after(1.4), "")
			d.want("print", d.print(lines(5), cut), sale)
		}},
		{"its receipt 1.6 s later", func(d *day) {
			d.want("kick", d.print(kick1), "")
			d.want("wait", d.after(1.6), "till1 drawer.nosale none")
			d.want("print", d.print(lines(5), cut), "")
		}},
		{"9.9 s after the cut", func(d *day) {
			d.print(lines(5), cut)
			d.want("wait", d.after(9.9), "")
			d.want("kick", d.print(kick1), sale)
		}},
		{"10.1 s after the cut", func(d *day) {
			d.print(lines(5), cut)
			d.after(10.1)
			d.want("kick", d.print(kick1), "")
			d.want("wait", d.after(2), "till1 drawer.nosale none")
		}},
		{"four lines are no receipt", func(d *day) {
			d.want("print", d.print(lines(4), cut, kick1), "")
			d.want("wait", d.after(2), "till1 drawer.nosale none")
		}},
		{"empty lines do not count", func(d *day) {
			d.want("print", d.print(lines(4), "\n\n\n  \n", cut, kick1), "")
		}},
		{"a picture counts by its height", func(d *day) {
			d.want("print", d.print("\x1dv0\x00\x01\x00\x80\x00", strings.Repeat("\x55", 128), cut, kick1), "till1 drawer.sale receipt receipt 6 lines")
		}},
		{"without a cut it is none", func(d *day) {
			d.print(lines(20), kick1)
			d.want("wait", d.after(2), "till1 drawer.nosale none 20 lines")
		}},
		{"pays for one kick", func(d *day) {
			d.want("kicks", d.print(lines(5), cut, kick1, kick1), sale)
			d.want("wait", d.after(2), "till1 drawer.nosale none")
		}},
		{"pays for one kick, not one a drawer", func(d *day) {
			d.want("kicks", d.print(lines(5), cut, kick1, kick2), sale)
			d.want("wait", d.after(2), "till2 drawer.nosale none")
		}},
		{"not since the last opening", func(d *day) {
			d.print(lines(5), cut)
			d.opened()
			d.print(kick1)
			d.want("wait", d.after(2), "till1 drawer.nosale none")
		}},
		{"lines before the opening do not count", func(d *day) {
			d.print(lines(3))
			d.opened()
			d.print(lines(3), cut, kick1)
			d.want("wait", d.after(2), "till1 drawer.nosale none")
		}},
		{"two receipts pay for two kicks", func(d *day) {
			d.want("kicks", d.print(lines(5), cut, lines(6), cut, kick1, kick1), "till1 drawer.sale receipt receipt 6 lines; "+sale)
		}},
		{"the profile is stronger", func(d *day) {
			d.want("kick", d.print("Paid  Out 5.00\n", lines(9), cut, kick1), "till1 till.paidout profile profile:paid out 10 lines")
		}},
		{"the profile needs no receipt", func(d *day) {
			d.want("kick", d.print("*** NO SALE ***\n", kick1), "till1 drawer.nosale profile profile:no sale 1 lines")
		}},
		{"the profile looks at what is printed after, too", func(d *day) {
			d.want("kick", d.print(kick1, "PAID OUT\n"), "")
			d.want("cut", d.print(cut), "till1 till.paidout profile profile:paid out 1 lines")
		}},
		{"a pattern", func(d *day) {
			d.want("kick", d.print("Z-12\n", kick1), "till1 till.close profile profile:z report 1 lines")
		}},
		{"what the profile counted is spent", func(d *day) {
			d.print("PAID OUT\n", lines(6), kick1, cut)
			d.want("kick", d.print(kick1), "")
			d.want("wait", d.after(2), "till1 drawer.nosale none")
		}},
		{"a copy is no sale", func(d *day) {
			d.want("kick", d.print("COPY\n", lines(9), cut, kick1), "")
			d.want("wait", d.after(2), "till1 drawer.nosale profile profile:copy 10 lines")
		}},
		{"a copy after its receipt", func(d *day) {
			d.want("kick", d.print(lines(5), cut, "COPY\n", lines(5), cut, kick1), sale)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.play(newDay(t, with)) })
	}
}

func TestKickBeforeItsReceipt(t *testing.T) {
	before := Rules{Order: OrderBefore, Profile: profile()}
	const sale = "till1 drawer.sale unproven"
	tests := []struct {
		name string
		play func(d *day)
	}{
		{"at once", func(d *day) { d.want("kick", d.print(kick1), sale) }},
		{"its receipt 89 s later", func(d *day) {
			d.print(kick1)
			d.opened()
			d.want("wait", d.after(89), "")
			d.want("print", d.print(lines(5), cut), "")
			d.want("wait", d.after(100), "")
		}},
		{"no receipt within 90 s", func(d *day) {
			d.print(kick1)
			d.opened()
			d.want("wait", d.after(91), "till1 no receipt for 77")
		}},
		{"too short a receipt", func(d *day) {
			d.print(kick1)
			d.opened()
			d.print(lines(4), cut)
			d.want("wait", d.after(91), "till1 no receipt for 77")
		}},
		{"a copy is none", func(d *day) {
			d.print(kick1)
			d.opened()
			d.print("COPY\n", lines(9), cut)
			d.want("wait", d.after(91), "till1 no receipt for 77")
		}},
		{"a drawer that stayed shut needs none", func(d *day) {
			d.print(kick1)
			d.want("wait", d.after(1000), "")
		}},
		{"after three in a session a no-sale", func(d *day) {
			for range 3 {
				d.want("kick", d.print(kick1), sale)
				d.opened()
				d.want("wait", d.after(91), "till1 no receipt for 77")
			}
			d.want("fourth", d.print(kick1), "till1 drawer.nosale none")
			d.session = 8
			d.want("next session", d.print(kick1), sale)
		}},
		{"three with a receipt in between are not three", func(d *day) {
			for range 5 {
				d.want("kick", d.print(kick1), sale)
				d.opened()
				d.print(lines(5), cut)
				d.want("wait", d.after(91), "")
			}
		}},
		{"the profile is stronger", func(d *day) {
			d.want("kick", d.print("NO SALE\n", cut, kick1), "till1 drawer.nosale profile profile:no sale 1 lines")
		}},
		{"a copy", func(d *day) {
			d.want("kick", d.print("COPY\n", cut, kick1), "till1 drawer.nosale profile profile:copy 1 lines")
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.play(newDay(t, before)) })
	}
}

func TestKickAskedFor(t *testing.T) {
	for _, order := range []Order{OrderWith, OrderBefore, OrderAsked} {
		t.Run(order.String(), func(t *testing.T) {
			ask := func(d *day) { d.p.Ask(5, "till1", "pos.till.pickup", "pos", d.session, d.now) }
			const asked = "till1 till.pickup asked pos 5"
			start := func() *day { return newDay(t, Rules{Order: order, Profile: profile()}) }
			d := start()
			ask(d)
			d.want("at once", d.print(kick1), asked)
			if order != OrderBefore {
				d.print(kick1)
				d.want("one kick only", d.after(2), map[Order]string{OrderWith: "till1 drawer.nosale none"}[order])
			}
			d = start()
			ask(d)
			d.after(60)
			d.want("60 s later", d.print(kick1), asked)
			d = start()
			ask(d)
			d.after(60.1)
			d.want("not 60.1 s later", strings.Replace(d.print(kick1), "asked", "not this", 1)+"", map[Order]string{
				OrderBefore: "till1 drawer.sale unproven", OrderAsked: "till1 drawer.nosale none",
			}[order])
			d = start()
			ask(d)
			d.want("stronger than the profile", d.print("PAID OUT\n", kick1), asked+" 1 lines")
			d = start()
			ask(d)
			d.want("another drawer's", strings.TrimPrefix(d.print(kick2), "till2 drawer."), map[Order]string{
				OrderBefore: "sale unproven", OrderAsked: "nosale none",
			}[order])
			d = start()
			ask(d)
			d.session = 8
			d.want("another session's", strings.TrimPrefix(d.print(kick1), "till1 drawer."), map[Order]string{
				OrderBefore: "sale unproven", OrderAsked: "nosale none",
			}[order])
			d = start()
			ask(d)
			d.p.Unask(5)
			if got := d.print(kick1); strings.Contains(got, "asked") {
				t.Errorf("taken back: %s", got)
			}

			d = start()
			d.p.Absorb("till1", d.session, d.now)
			d.after(3)
			d.want("absorbed", d.print(kick1), "till1 absorbed")
			d = start()
			d.p.Absorb("till1", d.session, d.now)
			d.after(3.1)
			if got := d.print(kick1) + d.after(2); strings.Contains(got, "absorbed") {
				t.Errorf("3.1 s later: %s", got)
			}
			d = start()
			d.p.Absorb("till1", d.session, d.now)
			d.print(kick1)
			if got := d.print(kick1) + d.after(2); strings.Contains(got, "absorbed") {
				t.Errorf("a second kick: %s", got)
			}
		})
	}
}

func TestUnaskedKick(t *testing.T) {
	d := newDay(t, Rules{Order: OrderAsked, Profile: profile()})
	d.want("with a receipt", d.print(lines(9), cut, kick1), "till1 drawer.nosale none")
	d.want("with a profile's text", d.print("PAID OUT\n", kick1), "till1 drawer.nosale none 1 lines")
}

// TestKickBelongsToItsSession: the session is that of the kick's arrival, also
// where it waited.
func TestKickBelongsToItsSession(t *testing.T) {
	d := newDay(t, Rules{})
	d.print(kick1)
	d.session = 9
	d.print(lines(5), cut)
	d.print(kick1, lines(5), cut)
	d2 := newDay(t, Rules{})
	d2.p.Kick(Kick{Printer: "receipt", Drawer: "till1", Session: 3}, d2.now)
	r := d2.p.Take(d2.now + 2*time.Second)
	if len(r) != 1 || r[0].Kick.Session != 3 || r[0].Kick.At != d2.now || r[0].Kick.Printer != "receipt" {
		t.Errorf("%+v", r)
	}
}

// TestDigestIsKeyed: the same receipt has the same digest, under one key.
func TestDigestIsKeyed(t *testing.T) {
	digest := func(key, text string) string {
		p, err := NewPurposes(Rules{}, []byte(key))
		if err != nil {
			t.Fatal(err)
		}
		f := escpos.NewFilter(escpos.Dialects()[0])
		f.Feed([]byte(text+cut), func(s *escpos.Segment) { p.Print(s, 0) })
		p.Kick(Kick{Printer: "p", Drawer: "d", Session: 1}, 0)
		r := p.Take(0)
		if len(r) != 1 {
			t.Fatalf("%+v", r)
		}
		return string(r[0].Kick.Digest)
	}
	a := digest("one", lines(5))
	if a != digest("one", lines(5)) || a == digest("two", lines(5)) || a == digest("one", lines(6)) {
		t.Error("digests")
	}
}

// TestPurposesAreBounded: a POS that prints and kicks for ever costs no more
// than a little.
func TestPurposesAreBounded(t *testing.T) {
	d := newDay(t, Rules{Order: OrderWith})
	for range 2000 {
		d.p.Kick(Kick{Printer: "receipt", Drawer: "till1", Session: 7}, d.now)
		d.p.Ask(1, "till9", "f", "pos", 7, d.now)
		d.p.Absorb("till9", 7, d.now)
		d.print(lines(3), strings.Repeat("x", 200))
	}
	if len(d.p.held) > maxHeld || len(d.p.asks) > maxAsks || len(d.p.absorbs) > maxAsks || len(d.p.receipts) > maxReceipts || len(d.p.gather.now.lines) > maxLines || len(d.p.gather.line) > maxLine {
		t.Error("no bound")
	}
}

func TestRulesAreChecked(t *testing.T) {
	for _, r := range []Rules{
		{Order: 9}, {Lines: -1}, {Profile: []Rule{{Name: "x", Text: " ", Function: "f"}}}, {Profile: []Rule{{Name: "x", Text: "x"}}}, {Profile: []Rule{{Text: "x", Function: "f"}}},
	} {
		if _, err := NewPurposes(r, nil); err == nil {
			t.Errorf("%+v is taken", r)
		}
	}
}

// TestInvariant9NoSaleIsForgotten: however often a POS kicks before its
// receipts, each opening is told of, and the limit is reached.
func TestInvariant9NoSaleIsForgotten(t *testing.T) {
	p, err := NewPurposes(Rules{Order: OrderBefore}, nil)
	if err != nil {
		t.Fatal(err)
	}
	opened, told, last := 0, 0, 0
	for i := range 200 { // one every 5 s, for which no receipt is printed
		now := time.Duration(i) * 5 * time.Second
		p.Kick(Kick{Drawer: "till1", Session: 7}, now)
		for _, r := range p.Take(now) {
			switch {
			case r.Outcome == NoReceipt:
				told++
			case r.Kick.Purpose == entry.PurposeUnproven:
				opened, last = opened+1, i
				p.Opened("till1", 1, now)
			}
		}
	}
	if told != opened || last > 20 {
		t.Errorf("%d sales were opened, the last at kick %d, and %d told of", opened, last, told)
	}
	// What was denied is in nobody's way.
	d := newDay(t, Rules{Order: OrderBefore})
	for range 3 * maxHeld {
		d.want("kick", d.print(kick1), "till1 drawer.sale unproven")
	}
}

// threadTime is how long this thread has computed (getrusage(2)).
func threadTime(t *testing.T) time.Duration {
	t.Helper()
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// TestInvariant2KicksCostLittle: a POS cannot keep the guard busy, and others'
// drawers shut, with long texts and many kicks.
func TestInvariant2KicksCostLittle(t *testing.T) {
	d := newDay(t, Rules{Lines: 1 << 20, Profile: profile()})
	text := strings.Repeat(strings.Repeat("ab ", 170)+"\n", maxLines)
	for range maxReceipts {
		d.print(text, cut)
	}
	d.print(text)
	// Its own time, not the clock's: what else this machine does is no matter.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	began := threadTime(t)
	for range 10 {
		d.print(strings.Repeat(kick1, 100))
	}
	if took := threadTime(t) - began; took > 5*time.Second {
		t.Errorf("1000 kicks took %v", took)
	}
	// What was found is found again after more was printed, and anew by another profile.
	d.print(cut)
	d.after(20)
	d.print("sundries\n", kick1)
	d.want("more", d.print("PAID OUT\n", cut), "till1 till.paidout profile profile:paid out 2 lines")
	d.print("sundries\n", kick1)
	if err := d.p.SetProfile([]Rule{{Name: "x", Text: "sundries", Function: "pos.drawer.nosale"}}); err != nil {
		t.Fatal(err)
	}
	d.want("another profile", d.print("y\n", cut), "till1 drawer.nosale profile profile:x 2 lines")
}
