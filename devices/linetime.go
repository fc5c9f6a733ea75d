package devices

import (
	"sync"
	"time"
)

// lineTime counts what has been written to a serial line and cannot have left it
// yet, at its speed. An adapter on USB takes some hundred bytes at once, of which
// the kernel knows nothing any more; and what the adapter says about itself is old:
// an FT232R tells 60 times a second whether it is empty. It cannot know of a line
// that stands still.
type lineTime struct {
	perByte time.Duration // 0: nothing is known of the line's speed

	mu    sync.Mutex
	until time.Time // when the last byte will have left; guarded by mu
}

// perByte is how long a byte is under way, with its start, parity and stop bits.
func (c Config) perByte() time.Duration {
	baud, data, stop := c.Baud, c.DataBits, c.StopBits
	if baud == 0 {
		baud = defaultBaud
	}
	if data == 0 {
		data = 8
	}
	if stop == 0 {
		stop = 1
	}
	bits := 1 + data + stop
	if c.Parity == ParityOdd || c.Parity == ParityEven {
		bits++
	}
	return time.Duration(bits) * time.Second / time.Duration(baud)
}

// wrote takes bytes down that have been written now.
func (l *lineTime) wrote(n int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until.Before(now) {
		l.until = now
	}
	l.until = l.until.Add(time.Duration(n) * l.perByte)
}

// left is how many of them cannot have left yet.
func (l *lineTime) left(now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.perByte == 0 || !l.until.After(now) {
		return 0
	}
	return int((l.until.Sub(now) + l.perByte - 1) / l.perByte)
}
