package devices

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Listen feeds what a device says of itself, without being asked: a card
// reader, a keypad. It raises DTR and RTS, from which such devices take their
// power, drops what was sent before anybody listened, and then reads at most
// size bytes at a time until the port fails or the context ends, which closes
// the port (Supervise does).
//
// deadline says when feed wants to be called even if nothing comes, with no
// bytes. The bytes are wiped after each feed: they may be a card's or a PIN's.
func Listen(ctx context.Context, port Port, size int, deadline func() (at time.Time, waiting bool), feed func(p []byte, now time.Time)) error {
	if err := port.SetLines(LineDTR|LineRTS, 0); err != nil && !errors.Is(err, ErrNoLines) {
		return fmt.Errorf("powering it from the line: %w", err)
	}
	if err := port.DiscardInput(); err != nil {
		return fmt.Errorf("dropping what was sent before: %w", err)
	}
	buf := make([]byte, size)
	defer clear(buf)
	for ctx.Err() == nil {
		wait := time.Duration(-1)
		if at, waiting := deadline(); waiting {
			wait = max(time.Until(at), 0)
		}
		ready, err := port.Wait(wait)
		n := 0
		if err == nil && ready {
			n, err = port.Read(buf)
		}
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		feed(buf[:n], time.Now())
		clear(buf[:n])
	}
	return ctx.Err()
}
