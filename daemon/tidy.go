package daemon

import (
	"runtime/debug"
	"sync"
	"time"
)

// tidy gives memory back some time after PINs were checked: each check takes
// what argon2id takes, which an idle register must not go on holding. It is
// no ticker: where nobody enters a PIN, nothing happens.
type tidy struct {
	clock *bootClock

	mu    sync.Mutex
	armed bool        // guarded by mu
	ended bool        // guarded by mu
	stop  func() bool // guarded by mu
}

// tidyAfter is long enough for a queue of people to sign on one after the other.
const tidyAfter = 10 * time.Second

func (t *tidy) soon() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.armed || t.ended {
		return
	}
	t.armed = true
	t.stop = t.clock.After(tidyAfter, func() {
		t.mu.Lock()
		t.armed = false
		t.mu.Unlock()
		debug.FreeOSMemory()
	})
}

func (t *tidy) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	if t.stop != nil {
		t.stop()
	}
}
