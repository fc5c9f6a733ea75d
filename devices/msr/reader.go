// Package msr reads magnetic-stripe card readers on a serial line, and others that
// put what they read on it as tracks: it turns what they send into swipes.
//
// It guarantees that the same bytes give the same swipes however they were cut
// into pieces; that what is no whole, well-formed swipe is discarded and
// reported as unreadable, never delivered in part; that nothing that a line can
// carry blocks it or makes it grow; and that a swipe's bytes are in one place,
// which Wipe empties, and are printed by nothing.
//
// It is not a judge of cards: what a track means is for signon/card to find
// out. It knows which readers' output has which form, and no more.
package msr

import (
	"context"
	"fmt"
	"time"

	"tillwarden/devices"
)

// Format is how a reader puts a swipe on its line.
type Format string

// The formats. All of them may be framed by STX and ETX.
const (
	// FormatMagTek: all tracks, then a carriage return. Most readers on a serial
	// line can be set to it.
	FormatMagTek Format = "magtek"
	// FormatIDTech: a carriage return after each track.
	FormatIDTech Format = "idtech"
	// FormatIDTechSecure: ID TECH's frame of encrypting heads, of which the clear
	// or masked tracks are taken; and, as these heads send it until keys are
	// loaded, FormatIDTech.
	FormatIDTechSecure Format = "idtech-secure"
)

// Config says what a reader sends. The zero value is a MagTek reader as it
// comes.
type Config struct {
	Format Format
	// ErrorTokens are what stands in a track that the reader could not decode;
	// nil means "E" alone.
	ErrorTokens []string
	// LRC says that the reader sends the check character after each track.
	// It has checked it itself; here it is dropped.
	LRC bool
	// Removed is the line by which a reader in which cards stay, such as an insert
	// or a proximity reader, says that its card was taken out: up to 32 printable
	// characters, none of them a sentinel. It ends like a line. Empty: this reader
	// says nothing of it.
	Removed string
	// Gap is how long a swipe may pause; 0 means 500 ms. Readers send in bursts
	// with some ten milliseconds between.
	Gap time.Duration
	// Quiet ends a swipe of FormatIDTech, whose last track has no mark; 0 means
	// 150 ms.
	Quiet time.Duration
}

const (
	defaultGap   = 500 * time.Millisecond
	defaultQuiet = 150 * time.Millisecond
)

// check fills the defaults in.
func (c Config) check() (Config, error) {
	switch c.Format {
	case "":
		c.Format = FormatMagTek
	case FormatMagTek, FormatIDTech, FormatIDTechSecure:
	default:
		return c, fmt.Errorf("card reader format %q is not known (%s, %s, %s)", string(c.Format), FormatMagTek, FormatIDTech, FormatIDTechSecure)
	}
	if c.ErrorTokens == nil {
		c.ErrorTokens = []string{"E"}
	}
	for _, token := range c.ErrorTokens {
		if token == "" || len(token) > maxTrack {
			return c, fmt.Errorf("card reader: an error token has 1 to %d characters", maxTrack)
		}
	}
	if err := CheckRemoved(c.Removed); err != nil {
		return c, fmt.Errorf("card reader: what it sends when a card is taken out: %w", err)
	}
	if c.Gap <= 0 {
		c.Gap = defaultGap
	}
	if c.Quiet <= 0 {
		c.Quiet = defaultQuiet
	}
	return c, nil
}

// maxRemoved is how long a line may be that says that a card was removed. It is
// shorter than what counts as noise.
const maxRemoved = 32

// CheckRemoved says what is wrong with a Config's Removed: it could not be told from a swipe.
func CheckRemoved(text string) error {
	if len(text) > maxRemoved {
		return fmt.Errorf("it has %d characters, at most %d can be", len(text), maxRemoved)
	}
	for _, c := range []byte(text) {
		if isSentinel(c) || !printable([]byte{c}) {
			return fmt.Errorf("%q cannot be in it: it has printable characters, and none that begin or end a track (%s)", c, "% ; @ + # & ! ?")
		}
	}
	return nil
}

// Reader is a card reader of a register.
type Reader struct {
	source string
	config Config
}

// NewReader gives a reader its name, which its swipes bear.
func NewReader(source string, c Config) (*Reader, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	return &Reader{source: source, config: c}, nil
}

// Run delivers swipes until the port fails or the context ends, which closes
// the port (devices.Supervise does). What was sent before is dropped: a swipe
// that nobody waited for must not take effect later.
//
// Whoever gets a swipe wipes it. out is called by the goroutine that reads, so
// that it should not take long.
func (r *Reader) Run(ctx context.Context, port devices.Port, out func(Swipe)) error {
	d, err := NewDecoder(r.source, r.config)
	if err != nil {
		return err
	}
	defer d.Reset()
	err = devices.Listen(ctx, port, 512, d.Deadline, func(p []byte, now time.Time) { d.Feed(p, now, out) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("card reader %s: %w", r.source, err)
	}
	return err
}
