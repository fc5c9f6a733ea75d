package card

import (
	"bytes"
	"errors"
	"fmt"
)

// Number says which track. Text is not a track of a stripe but what a bar
// code scanner or a proximity reader sends in its place.
type Number uint8

// The tracks.
const (
	Text Number = iota
	Track1
	Track2
	Track3
)

// String gives the track's name.
func (n Number) String() string {
	switch n {
	case Text:
		return "text"
	case Track1, Track2, Track3:
		return fmt.Sprintf("track %d", uint8(n))
	}
	return fmt.Sprintf("track-%d", uint8(n))
}

// Payload lengths. ISO/IEC 7811 counts both sentinels and the LRC: 79, 40, 107.
const (
	maxTrack1 = 79 - 3
	maxTrack2 = 40 - 3
	maxTrack3 = 107 - 3
	maxText   = 64
	// maxReport bounds what Parse looks at: three full tracks with framing.
	maxReport = 512
)

// Status is what became of one track.
type Status uint8

// The states of a track.
const (
	Absent    Status = iota // nothing was on it, or it was not sent
	Good                    // read, and in the form that the standard gives it
	ReadError               // the reader says that it could not decode it
	Malformed               // a character it cannot have, too long, or a wrong LRC
)

// String gives the state's word.
func (s Status) String() string {
	switch s {
	case Absent:
		return "absent"
	case Good:
		return "good"
	case ReadError:
		return "read-error"
	case Malformed:
		return "malformed"
	}
	return fmt.Sprintf("status-%d", uint8(s))
}

// Encoding is what a reader says of the card's coding, where it says anything.
type Encoding uint8

// The encodings that matter here.
const (
	EncodingUnknown Encoding = iota
	EncodingISO
	EncodingAAMVA // a driver licence of North America
	EncodingOther
)

// LRCMode says whether the reader sends the LRC character after the end
// sentinel. Most check it themselves and do not.
type LRCMode uint8

// The modes.
const (
	LRCNone     LRCMode = iota // it is not sent
	LRCOptional                // it may be: what stands where it would is it
	LRCRequired                // a track without one is malformed
)

// Options say how one reader reports.
type Options struct {
	LRC      LRCMode
	Encoding Encoding
	// Text takes a report without any sentinel as the text of a badge.
	Text bool
}

// What a report as a whole can be wrong with. None of them says what was read.
var (
	// ErrEmpty: nothing is in the report.
	ErrEmpty = errors.New("the report is empty")
	// ErrFraming: something stands outside of the tracks, or a track does not end.
	ErrFraming = errors.New("the report cannot be divided into tracks")
	// ErrTwice: one track comes twice.
	ErrTwice = errors.New("the report has one track twice")
	// ErrTooLong: the report is longer than three tracks can be.
	ErrTooLong = errors.New("the report is too long")
)

// span is a piece of the buffer.
type span struct{ from, to int }

// Tracks is what one swipe gave. Call Wipe when done with it.
type Tracks struct {
	buf      *buffer
	span     [4]span // by Number
	status   [4]Status
	encoding Encoding
}

// framing may stand between tracks: CR and LF, and what RS-232 readers frame with.
const framing = "\r\n\x02\x03\x10\x1b"

// Parse divides the text of one swipe into tracks: `%...?`, `;...?` and
// `+...?` in any order, and `%E?`, `;E?`, `+E?` for tracks that the reader
// could not decode. It takes raw over: the tracks point into it, and nobody
// else may use it again. On an error raw has been wiped.
//
// A track 2 of letters (`@`) and the other start sentinels of track 3 (`#`,
// `&`, `!`, or a second `;`) are taken too. Track 3 is not looked into.
func Parse(raw []byte, o Options) (*Tracks, error) {
	t := &Tracks{buf: newBuffer(raw), encoding: o.Encoding}
	if err := t.parse(raw, o); err != nil {
		t.Wipe()
		return nil, err
	}
	return t, nil
}

func (t *Tracks) parse(raw []byte, o Options) error {
	if len(raw) > maxReport {
		return ErrTooLong
	}
	found := false
	for i := 0; i < len(raw); {
		c := raw[i]
		if isFraming(c) {
			i++
			continue
		}
		n, chars, ok := t.start(c)
		if !ok {
			if o.Text && !found {
				return t.parseText(raw, i)
			}
			return ErrFraming
		}
		end := bytes.IndexByte(raw[i+1:], '?')
		if end < 0 {
			return ErrFraming
		}
		end += i + 1
		if t.status[n] != Absent {
			return ErrTwice
		}
		next, lrcOK := lrcAfter(raw, i, end, chars, o.LRC)
		t.set(n, raw, span{i + 1, end}, chars, lrcOK)
		found = true
		i = next
	}
	if !found {
		return ErrEmpty
	}
	return nil
}

func isFraming(c byte) bool {
	for i := 0; i < len(framing); i++ {
		if framing[i] == c {
			return true
		}
	}
	return false
}

// start says which track begins with a start sentinel. Sentinels alone do
// not tell: some readers begin track 3 with track 2's.
func (t *Tracks) start(c byte) (Number, alphabet, bool) {
	switch c {
	case '%':
		return Track1, letters, true
	case ';':
		if t.status[Track2] != Absent && t.status[Track3] == Absent {
			return Track3, letters, true
		}
		return Track2, numbers, true
	case '@':
		return Track2, letters, true
	case '+', '#', '&', '!':
		return Track3, letters, true
	}
	return 0, alphabet{}, false
}

// lrcAfter looks for the LRC character after an end sentinel and says where
// the next track may begin.
func lrcAfter(raw []byte, start, end int, chars alphabet, mode LRCMode) (next int, ok bool) {
	next = end + 1
	if mode == LRCNone {
		return next, true
	}
	if next >= len(raw) || raw[next] == '\r' || raw[next] == '\n' {
		return next, mode == LRCOptional
	}
	payload := raw[start+1 : end]
	if string(payload) == "E" {
		// A track that was not decoded has no LRC to send.
		return next, true
	}
	sentinel := raw[start]
	if sentinel == '+' {
		// Readers show track 3's sentinel as +; on the stripe it is track 2's.
		sentinel, chars = ';', numbers
	}
	want, can := chars.lrc(sentinel, payload, '?')
	if can && raw[next] == want {
		return next + 1, true
	}
	if mode == LRCOptional && isStart(raw[next]) {
		return next, true
	}
	return next + 1, false
}

func isStart(c byte) bool {
	switch c {
	case '%', ';', '@', '+', '#', '&', '!':
		return true
	}
	return false
}

func (t *Tracks) set(n Number, raw []byte, s span, chars alphabet, lrcOK bool) {
	payload := raw[s.from:s.to]
	t.span[n] = s
	switch {
	case len(payload) == 0:
		t.status[n] = Absent
	case string(payload) == "E":
		t.status[n] = ReadError
	case !lrcOK || len(payload) > maxLength(n) || !allIn(payload, chars, n):
		t.status[n] = Malformed
	default:
		t.status[n] = Good
	}
}

func maxLength(n Number) int {
	switch n {
	case Track1:
		return maxTrack1
	case Track2:
		return maxTrack2
	case Track3:
		return maxTrack3
	}
	return maxText
}

// allIn allows the asterisk everywhere: ciphering heads mask numbers with it,
// and a masked payment card is to be called what it is.
func allIn(payload []byte, chars alphabet, n Number) bool {
	for _, c := range payload {
		if c != '*' && !chars.has(c) {
			return false
		}
		if n == Track2 && c == ';' {
			return false
		}
	}
	return true
}

// parseText takes the one line of a badge: printable ASCII without sentinels.
func (t *Tracks) parseText(raw []byte, from int) error {
	to := from
	for to < len(raw) && !isFraming(raw[to]) {
		if c := raw[to]; c <= 0x20 || c >= 0x7f || c == '?' || isStart(c) {
			return ErrFraming
		}
		to++
	}
	for _, c := range raw[to:] {
		if !isFraming(c) {
			return ErrFraming
		}
	}
	if to-from > maxText {
		return ErrTooLong
	}
	t.span[Text], t.status[Text] = span{from, to}, Good
	return nil
}

// Status says what became of a track.
func (t *Tracks) Status(n Number) Status {
	if t == nil || int(n) >= len(t.status) {
		return Absent
	}
	return t.status[n]
}

// Payload is a good track's text without sentinels and LRC; nil for any other.
// It points into the buffer: it is zeroes after Wipe.
func (t *Tracks) Payload(n Number) []byte {
	if t.Status(n) != Good {
		return nil
	}
	return t.buf.piece(t.span[n])
}

// Wipe zeroes everything that was read. It may be called more than once.
func (t *Tracks) Wipe() {
	if t == nil {
		return
	}
	t.buf.wipe()
	t.span, t.status = [4]span{}, [4]Status{}
}
