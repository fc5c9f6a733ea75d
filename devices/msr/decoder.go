package msr

import (
	"bytes"
	"slices"
	"time"
)

const (
	// maxTrack is the longest track: ISO/IEC 7811's track 3, with room.
	maxTrack = 110
	// maxFrame is the longest ID TECH frame's card data: three tracks in the
	// clear and ciphered, three hashes and what comes behind them.
	maxFrame = 1024
	// maxHeld bounds what a decoder keeps.
	maxHeld = maxFrame + 6

	// noisy is how many bytes outside of swipes are no sign-on message any more.
	noisy = 48
	// calm is how long after an unreadable swipe another one is not reported:
	// nobody draws a card twice in it, but a broken line sends hundreds.
	calm = 500 * time.Millisecond
)

const (
	stx = 0x02
	etx = 0x03
)

type state uint8

const (
	between state = iota // no swipe
	inTrack              // behind a start sentinel
	check                // behind an end sentinel, where the check character stands
	after                // behind a track, of which there may be more
	frame                // in an ID TECH frame
	skip                 // in something unreadable, until it ends
)

// Decoder takes a reader's bytes apart. It has no clock: the time comes with
// the bytes.
type Decoder struct {
	source string
	config Config

	state state
	held  []byte // the swipe so far, never more than maxHeld
	track int    // in inTrack: where it begins in held
	which int    // the number of the track in held, 1 to 3
	ended bool   // FormatIDTech: the last track has its carriage return

	tracks [3]span
	noise  int       // bytes outside of swipes since it was last quiet
	line   int       // how much of config.Removed the line at hand is; odd: it is another line
	last   time.Time // when the last byte came
	calmed time.Time // when an unreadable swipe was last reported
}

// span is where a track's text, without sentinels, is in held.
type span struct {
	sent     bool
	sentinel byte
	from, to int
}

// NewDecoder makes a decoder whose swipes bear source.
func NewDecoder(source string, c Config) (*Decoder, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	return &Decoder{source: source, config: c, held: make([]byte, 0, maxHeld)}, nil
}

// Reset forgets, and empties, what was held.
func (d *Decoder) Reset() {
	d.begin(between)
	d.noise, d.line = 0, 0
}

// begin empties what was held and goes on in a state.
func (d *Decoder) begin(s state) {
	clear(d.held[:cap(d.held)])
	d.held, d.tracks, d.which, d.ended, d.line = d.held[:0], [3]span{}, 0, false, 0
	d.state = s
}

// Deadline is when Feed is to be called though nothing came, if it is.
func (d *Decoder) Deadline() (time.Time, bool) {
	if d.state == between && d.noise == 0 && d.line == 0 {
		return time.Time{}, false
	}
	return d.last.Add(d.patience()), true
}

// patience is how long the next byte may take.
func (d *Decoder) patience() time.Duration {
	if d.ended && d.line == 0 {
		return d.config.Quiet
	}
	return d.config.Gap
}

// Feed takes what came in at a moment, which may be nothing, and calls emit for
// each swipe that is now whole or lost. It keeps nothing of p.
func (d *Decoder) Feed(p []byte, now time.Time, emit func(Swipe)) {
	if at, waiting := d.Deadline(); waiting && !now.Before(at) {
		d.expire(emit)
	}
	if len(p) > 0 {
		d.last = now
	}
	for _, c := range p {
		d.feed(c, emit)
	}
}

// expire ends what was not continued in time.
func (d *Decoder) expire(emit func(Swipe)) {
	switch {
	case d.ended && d.line == 0:
		d.deliver(emit)
	case d.state != between && d.state != skip:
		d.unreadable(ProblemUnfinished, emit)
	}
	d.Reset()
}

func (d *Decoder) feed(c byte, emit func(Swipe)) {
	switch d.state {
	case between:
		d.start(c, emit)
	case inTrack:
		d.inTrack(c, emit)
	case check:
		// Whatever it is: it was for the reader.
		d.state = after
	case after:
		d.after(c, emit)
	case frame:
		d.inFrame(c, emit)
	case skip:
		if c == '\r' || c == etx {
			d.begin(between)
		}
	}
}

// odd is a line that is not config.Removed.
const odd = -1

// start looks for the beginning of a swipe, and for the line that says that the
// card was removed. All else, such as the message by which a reader signs on, is
// nothing.
func (d *Decoder) start(c byte, emit func(Swipe)) {
	switch {
	case c == stx:
		d.line = 0
		if d.config.Format == FormatIDTechSecure {
			d.begin(frame)
			d.held = append(d.held, c)
		}
	case isSentinel(c):
		d.begin(between)
		d.open(c)
	case endsLine(c):
		if said := d.config.Removed; said != "" && d.line == len(said) {
			d.noise = 0
			d.removed(emit)
		}
		d.line = 0
	default:
		if said := d.config.Removed; d.line != odd && d.line < len(said) && said[d.line] == c {
			d.line++
		} else {
			d.line = odd
		}
		if d.noise < noisy {
			if d.noise++; d.noise == noisy {
				d.unreadable(ProblemNoise, emit)
			}
		}
	}
}

// endsLine reports whether a character ends a line outside of swipes.
func endsLine(c byte) bool { return c == '\r' || c == '\n' || c == etx || c == 0 }

func isSentinel(c byte) bool {
	switch c {
	case '%', ';', '@', '+', '#', '&', '!':
		return true
	}
	return false
}

// open begins a track, and reports whether there can be one. Some readers begin
// track 3 with track 2's sentinel, and any track of letters with track 1's, so
// that the order counts too.
func (d *Decoder) open(sentinel byte) bool {
	number := 3
	switch sentinel {
	case '%':
		number = 1
	case ';', '@':
		number = 2
	}
	number = max(number, d.which+1)
	if number > 3 {
		return false
	}
	d.which, d.ended = number, false
	d.track = len(d.held)
	d.tracks[number-1] = span{sent: true, sentinel: sentinel, from: d.track}
	d.state, d.noise = inTrack, 0
	return true
}

func (d *Decoder) inTrack(c byte, emit func(Swipe)) {
	t := &d.tracks[d.which-1]
	switch {
	case c == '?':
		t.to = len(d.held)
		d.state = after
		if d.config.LRC && !d.isError(*t) {
			d.state = check
		}
	case c < 0x20 || c > 0x7e || c == t.sentinel:
		d.fail(ProblemGarbled, c, emit)
	case len(d.held)-d.track == maxTrack:
		d.fail(ProblemTooLong, c, emit)
	default:
		d.held = append(d.held, c)
	}
}

func (d *Decoder) removed(emit func(Swipe)) {
	emit(Swipe{Source: d.source, At: d.last, Removed: true})
}

func (d *Decoder) after(c byte, emit func(Swipe)) {
	switch said := d.config.Removed; {
	// FormatIDTech: what says that the card was removed ends its swipe, too.
	case d.ended && d.line < len(said) && said[d.line] == c:
		d.line++
	case d.line > 0 && d.line == len(said) && endsLine(c):
		d.deliver(emit)
		d.begin(between)
		d.removed(emit)
	case d.line > 0:
		d.fail(ProblemGarbled, c, emit)
	case c == '\r' && d.config.Format == FormatMagTek, c == etx:
		d.deliver(emit)
		d.begin(between)
	case c == '\r':
		d.ended = true
	case c == '\n' || c == stx:
	case isSentinel(c) && d.open(c):
	default:
		d.fail(ProblemGarbled, c, emit)
	}
}

// fail gives a swipe up and skips its rest.
func (d *Decoder) fail(p Problem, c byte, emit func(Swipe)) {
	d.unreadable(p, emit)
	d.begin(skip)
	if c == '\r' || c == etx {
		d.begin(between)
	}
}

func (d *Decoder) unreadable(p Problem, emit func(Swipe)) {
	if !d.calmed.IsZero() && d.last.Sub(d.calmed) < calm {
		return
	}
	d.calmed = d.last
	emit(Swipe{Source: d.source, At: d.last, Problem: p})
}

func (d *Decoder) isError(t span) bool {
	return slices.ContainsFunc(d.config.ErrorTokens, func(token string) bool {
		return string(d.held[t.from:t.to]) == token
	})
}

// deliver hands the tracks out as text.
func (d *Decoder) deliver(emit func(Swipe)) {
	r := newReport()
	for i, t := range d.tracks {
		if !t.sent {
			continue
		}
		r.add(i, t.sentinel, d.held[t.from:t.to], d.isError(t))
	}
	emit(r.swipe(d.source, d.last))
}

// report builds a swipe's text.
type report struct {
	text         []byte
	present, bad Tracks
	encoding     Encoding
}

// newReport has room for all that add can bring, so that no copy of a track is
// left behind where nobody wipes it.
func newReport() *report { return &report{text: make([]byte, 0, 3*(maxTrack+2))} }

// add appends a track by its index. What has no text was not decoded either.
func (r *report) add(i int, sentinel byte, text []byte, bad bool) {
	one := Tracks(1 << i)
	r.present |= one
	start := [...]byte{'%', ';', '+'}[i]
	if i == 1 && (sentinel == '@' || sentinel == '%') {
		start = '@' // a track 2 of letters
	}
	if bad || len(text) == 0 {
		r.bad |= one
		text = []byte("E")
	}
	r.text = append(r.text, start)
	r.text = append(r.text, text...)
	r.text = append(r.text, '?')
}

func (r *report) swipe(source string, at time.Time) Swipe {
	return Swipe{
		Source: source, At: at, Encoding: r.encoding, Present: r.present, Bad: r.bad,
		open: keep(r.text),
	}
}

// inFrame collects an ID TECH frame: 02, length (low byte first), card data,
// the XOR and the sum of the card data, 03.
func (d *Decoder) inFrame(c byte, emit func(Swipe)) {
	d.held = append(d.held, c)
	if len(d.held) < 3 {
		return
	}
	size := int(d.held[1]) | int(d.held[2])<<8
	if len(d.held) == 3 {
		if size >= minFrame && size <= maxFrame {
			return
		}
		// No frame has this length, so that it is text framed by STX, whose second
		// character is 20 hex or more; or nothing that we know.
		first, second := d.held[1], d.held[2]
		d.begin(between)
		if said := d.config.Removed; said != "" && first == said[0] {
			d.start(first, emit)
			d.start(second, emit)
			return
		}
		if !isSentinel(first) {
			d.fail(ProblemGarbled, c, emit)
			return
		}
		d.open(first)
		d.inTrack(second, emit)
		return
	}
	if len(d.held) < size+6 {
		return
	}
	if c != etx {
		d.unreadable(ProblemCheck, emit)
		d.begin(skip)
		return
	}
	card := d.held[3 : 3+size]
	var lrc, sum byte
	for _, b := range card {
		lrc ^= b
		sum += b
	}
	r := newReport()
	switch {
	case lrc != d.held[3+size] || sum != d.held[4+size]:
		d.unreadable(ProblemCheck, emit)
	case !r.card(card, d.config.ErrorTokens):
		clear(r.text[:cap(r.text)])
		d.unreadable(ProblemGarbled, emit)
	default:
		emit(r.swipe(d.source, d.last))
	}
	d.begin(between)
}

// trackText takes the sentinels off a track as a head sends it, and the check
// character behind them.
func trackText(track []byte) (sentinel byte, text []byte) {
	if len(track) > 0 && isSentinel(track[0]) {
		sentinel, track = track[0], track[1:]
	}
	if end := bytes.IndexByte(track, '?'); end >= 0 {
		track = track[:end]
	}
	return sentinel, track
}
