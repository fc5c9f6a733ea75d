package sim

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"tillwarden/devices"
)

// ReaderFormat is how a simulated card reader sends.
type ReaderFormat string

// The formats.
const (
	ReaderMagTek ReaderFormat = "magtek" // all tracks, then a carriage return
	ReaderIDTech ReaderFormat = "idtech" // a carriage return after each track
)

// Card is what is drawn through the card reader: the tracks' text without
// sentinels, empty where there is none.
type Card struct {
	Track1 string `json:"track1,omitempty"`
	Track2 string `json:"track2,omitempty"`
	Track3 string `json:"track3,omitempty"`
	// Bad are the tracks that the reader cannot decode.
	Bad []int `json:"bad,omitempty"`
	// Cut, above 0, is after how many bytes the reader stops.
	Cut int `json:"cut,omitempty"`
	// Bursts sends as a slow reader does: a few bytes, a pause of some
	// milliseconds, a few bytes.
	Bursts bool `json:"bursts,omitempty"`
	// Raw is sent as it is, in place of the tracks.
	Raw string `json:"raw,omitempty"`
}

// cardReader is the card reader's end of its line.
type cardReader struct {
	mu     sync.Mutex // one card at a time
	line   *devices.PTY
	format ReaderFormat
}

const (
	maxSwipe   = 4096
	burst      = 6
	burstPause = 10 * time.Millisecond
)

func newCardReader(line *devices.PTY, format ReaderFormat) (*cardReader, error) {
	switch format {
	case "":
		format = ReaderMagTek
	case ReaderMagTek, ReaderIDTech:
	default:
		return nil, fmt.Errorf("no card reader format %q; there are %s and %s", format, ReaderMagTek, ReaderIDTech)
	}
	return &cardReader{line: line, format: format}, nil
}

// text is what the reader sends for a card.
func (r *cardReader) text(c Card) (string, error) {
	if c.Raw != "" {
		return c.Raw, nil
	}
	var b strings.Builder
	bad := map[int]bool{}
	for _, n := range c.Bad {
		if n < 1 || n > 3 {
			return "", fmt.Errorf("no track %d", n)
		}
		bad[n] = true
	}
	for i, track := range []string{c.Track1, c.Track2, c.Track3} {
		switch {
		case bad[i+1]:
			track = "E"
		case track == "":
			continue
		case strings.ContainsAny(track, "?\r\n"):
			return "", fmt.Errorf("track %d: give its text without sentinels", i+1)
		}
		start := [...]byte{'%', ';', '+'}[i]
		if r.format == ReaderIDTech && i == 2 {
			start = ';'
		}
		b.WriteByte(start)
		b.WriteString(track)
		b.WriteByte('?')
		if r.format == ReaderIDTech {
			b.WriteByte('\r')
		}
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("nothing is on the card")
	}
	if r.format == ReaderMagTek {
		b.WriteByte('\r')
	}
	return b.String(), nil
}

// swipe draws a card through.
func (r *cardReader) swipe(ctx context.Context, c Card) error {
	text, err := r.text(c)
	if err != nil {
		return err
	}
	if c.Cut > 0 && c.Cut < len(text) {
		text = text[:c.Cut]
	}
	if len(text) > maxSwipe {
		return fmt.Errorf("a swipe of %d bytes is too long", len(text))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(text) > 0 {
		n := len(text)
		if c.Bursts {
			n = min(n, burst)
		}
		if _, err := r.line.Write([]byte(text[:n])); err != nil {
			return fmt.Errorf("swiping: %w", err)
		}
		if text = text[n:]; len(text) > 0 && !sleep(ctx, burstPause) {
			return ctx.Err()
		}
	}
	return nil
}

// typist is the keypad's end of its line.
type typist struct {
	mu   sync.Mutex
	line *devices.PTY
}

const maxKeys = 256

// press presses keys one after the other.
func (k *typist) press(keys string, enter bool) error {
	if enter {
		keys += "\r"
	}
	if keys == "" || len(keys) > maxKeys {
		return fmt.Errorf("1 to %d keys, not %d", maxKeys, len(keys))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := range len(keys) {
		if _, err := k.line.Write([]byte{keys[i]}); err != nil {
			return fmt.Errorf("typing: %w", err)
		}
	}
	return nil
}
