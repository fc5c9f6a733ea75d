// Package keypad reads numeric keypads on a serial line: digits, * and #, a
// line ended by Enter.
//
// It guarantees that a line is delivered whole or not at all, that what was
// typed and not entered is gone after a while, that nothing a line can carry
// blocks it or makes it grow, and that what was typed, which may be a PIN, is in
// one place that Wipe empties, and is printed by nothing. Not even which digit was
// pressed is told before Enter, only that one was.
//
// It does not know what is typed: a number, a PIN, or a code such as *61 is for
// the daemon to tell apart.
package keypad

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"tillwarden/devices"
)

// Config says what a keypad sends. The zero value fits most.
type Config struct {
	// Enter, Clear and Backspace are the bytes of these keys; nil means CR or
	// LF, ESC or CAN or "C", BS or DEL.
	Enter, Clear, Backspace []byte
	// Functions are further keys, a byte each, and what they are called.
	Functions map[byte]string
	// Timeout is how long a line may wait for its next key; 0 means 30 s.
	Timeout time.Duration
	// Max is the longest line; 0 means 32.
	Max int
}

const (
	defaultTimeout = 30 * time.Second
	defaultMax     = 32
	limitMax       = 128

	keyEnter     = "\r\n"
	keyClear     = "\x1b\x18C"
	keyBackspace = "\x08\x7f"
	typed        = "0123456789*#"
)

// check fills the defaults in.
func (c Config) check() (Config, error) {
	if c.Enter == nil {
		c.Enter = []byte(keyEnter)
	}
	if c.Clear == nil {
		c.Clear = []byte(keyClear)
	}
	if c.Backspace == nil {
		c.Backspace = []byte(keyBackspace)
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Max == 0 {
		c.Max = defaultMax
	}
	if c.Max < 1 || c.Max > limitMax {
		return c, fmt.Errorf("keypad: a line has 1 to %d keys, not %d", limitMax, c.Max)
	}
	taken := []byte(typed)
	take := func(keys ...byte) error {
		for _, k := range keys {
			if bytes.IndexByte(taken, k) >= 0 {
				return fmt.Errorf("keypad: key %#02x has two meanings", k)
			}
		}
		taken = append(taken, keys...)
		return nil
	}
	for _, keys := range [][]byte{c.Enter, c.Clear, c.Backspace} {
		if err := take(keys...); err != nil {
			return c, err
		}
	}
	for k, name := range c.Functions {
		if name == "" {
			return c, fmt.Errorf("keypad: function key %#02x has no name", k)
		}
		if err := take(k); err != nil {
			return c, err
		}
	}
	return c, nil
}

// Keypad is a keypad of a register.
type Keypad struct {
	source string
	config Config
}

// New gives a keypad its name, which its events bear.
func New(source string, c Config) (*Keypad, error) {
	c, err := c.check()
	if err != nil {
		return nil, err
	}
	return &Keypad{source: source, config: c}, nil
}

// Run delivers events until the port fails or the context ends, which closes
// the port (devices.Supervise does). What was typed before is dropped.
//
// Whoever gets a line wipes it. out is called by the goroutine that reads, so
// that it should not take long.
func (k *Keypad) Run(ctx context.Context, port devices.Port, out func(Event)) error {
	d, err := NewDecoder(k.source, k.config)
	if err != nil {
		return err
	}
	defer d.Reset()
	err = devices.Listen(ctx, port, 64, d.Deadline, func(p []byte, now time.Time) { d.Feed(p, now, out) })
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("keypad %s: %w", k.source, err)
	}
	return err
}
