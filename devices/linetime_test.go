package devices

import (
	"testing"
	"time"
)

// TestLineTime: bytes count as queued for as long as the line needs for them,
// whatever has been written before, and no longer.
func TestLineTime(t *testing.T) {
	l := lineTime{perByte: Config{Baud: 9600}.perByte()}
	start := time.Unix(1000, 0)
	after := func(d time.Duration) time.Time { return start.Add(d) }
	l.wrote(16, start)
	for _, want := range []struct {
		at   time.Duration
		left int
	}{{0, 16}, {time.Millisecond, 16}, {2 * time.Millisecond, 15}, {16 * time.Millisecond, 1}, {17 * time.Millisecond, 0}, {time.Hour, 0}} {
		if got := l.left(after(want.at)); got != want.left {
			t.Errorf("%v after 16 bytes at 9600 baud %d are left, want %d", want.at, got, want.left)
		}
	}
	// What comes while others are under way leaves after them.
	l.wrote(16, after(time.Second))
	l.wrote(16, after(time.Second+10*time.Millisecond))
	if got := l.left(after(time.Second + 10*time.Millisecond)); got != 23 {
		t.Errorf("%d are left, want 23", got)
	}
	var unknown lineTime
	unknown.wrote(100, start)
	if got := unknown.left(start); got != 0 {
		t.Errorf("on a line of no speed %d are left", got)
	}
}

func TestPerByte(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   time.Duration
	}{
		{Config{}, time.Second / 960},
		{Config{Baud: 38400}, time.Second / 3840},
		{Config{Baud: 1200, DataBits: 7, Parity: ParityEven, StopBits: 2}, 11 * time.Second / 1200},
	} {
		if got := c.config.perByte(); got != c.want {
			t.Errorf("%+v: a byte takes %v, want %v", c.config, got, c.want)
		}
	}
}
