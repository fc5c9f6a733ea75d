package main

import (
	"bytes"
	"testing"
	"time"
)

// TestProgress: what is over soon tells nothing, what is longer tells now and
// then, and a terminal's line is taken away at the end.
func TestProgress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		terminal bool
		json     bool
		takes    int // seconds
		want     string
	}{
		{"over soon", false, false, 14, ""},
		{"a line of its own", false, false, 31, "tillwarden: at 15\ntillwarden: at 30\n"},
		{"nothing beside JSON", false, true, 100, ""},
		{"one line on a terminal", true, false, 3, "\r\x1b[Kat 1\r\x1b[Kat 2\r\x1b[Kat 3\r\x1b[K"},
		{"also beside JSON", true, true, 1, "\r\x1b[Kat 1\r\x1b[K"},
		{"a terminal, over soon", true, false, 0, ""},
	} {
		var out bytes.Buffer
		a := &app{err: &out, json: c.json}
		p := a.progress()
		now := time.Unix(0, 0)
		p.now, p.last = func() time.Time { return now }, now
		if c.terminal {
			p.every, p.line = progressOften, true
		}
		for i := range c.takes + 1 {
			now = time.Unix(int64(i), 0)
			p.at("at %d", i)
		}
		p.done()
		if out.String() != c.want {
			t.Errorf("%s: %q, want %q", c.name, out.String(), c.want)
		}
	}
}
