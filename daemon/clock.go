package daemon

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/enforcer/journal/entry"
)

// bootClock is the kernel's time: CLOCK_BOOTTIME for decisions, the wall
// clock only to be written down. It implements enforcer.Clock.
type bootClock struct {
	id entry.BootID

	// What the kernel said of the wall clock, and until when that is taken for
	// granted: asking for each entry would cost more than the rest of its stamp.
	state      atomic.Uint32
	stateUntil atomic.Int64

	mu      sync.Mutex
	pending map[*alarm]struct{} // guarded by mu
}

// alarm is one call of After that is still to come.
type alarm struct {
	due   time.Duration
	timer *time.Timer
	f     func()
}

// bootIDFile names this boot.
const bootIDFile = "/proc/sys/kernel/random/boot_id"

func newBootClock() (*bootClock, error) {
	raw, err := os.ReadFile(bootIDFile)
	if err != nil {
		return nil, fmt.Errorf("read the boot id: %w", err)
	}
	c := &bootClock{pending: map[*alarm]struct{}{}}
	id, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(string(raw)), "-", ""))
	if err != nil || len(id) != len(c.id) {
		return nil, fmt.Errorf("%s holds no boot id", bootIDFile)
	}
	copy(c.id[:], id)
	return c, nil
}

// Boot is the time since boot, suspend included.
func (c *bootClock) Boot() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		// The kernel has had this clock since 2.6.39, and the arguments are constants.
		panic("CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Duration(ts.Nano())
}

// Stamp is this moment on both clocks.
func (c *bootClock) Stamp() entry.Stamp {
	boot := int64(c.Boot())
	if boot >= c.stateUntil.Load() {
		c.state.Store(uint32(clockState()))
		c.stateUntil.Store(boot + int64(time.Second))
	}
	return entry.Stamp{Wall: time.Now().UnixNano(), Boot: boot, BootID: c.id, Clock: entry.ClockState(c.state.Load())}
}

// clockState asks the kernel whether it holds the wall clock to be right.
func clockState() entry.ClockState {
	var tx unix.Timex
	state, err := unix.Adjtimex(&tx)
	switch {
	case err != nil:
		return entry.ClockUnknown
	case state == timeError || tx.Status&staUnsync != 0:
		return entry.ClockUnsynchronised
	}
	return entry.ClockSynchronised
}

// From timex.h.
const (
	timeError = 5
	staUnsync = 0x40
)

// After calls f in its own goroutine once d has passed on the boot clock. Go's
// timers stand still while the machine is suspended; rearm makes up for it.
func (c *bootClock) After(d time.Duration, f func()) (stop func() bool) {
	a := &alarm{due: c.Boot() + d, f: f}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pending[a] = struct{}{}
	a.timer = time.AfterFunc(d, func() { c.ring(a) })
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, still := c.pending[a]
		delete(c.pending, a)
		a.timer.Stop()
		return still
	}
}

func (c *bootClock) ring(a *alarm) {
	c.mu.Lock()
	_, still := c.pending[a]
	delete(c.pending, a)
	c.mu.Unlock()
	if still {
		a.f()
	}
}

// rearm sets every pending alarm to what is left of it, after a suspend.
func (c *bootClock) rearm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Boot()
	for a := range c.pending {
		a.timer.Reset(max(a.due-now, 0))
	}
}

// smallestStep is what is worth an entry: below, it is slewing and rounding.
const smallestStep = 100 * time.Millisecond

// watchSteps calls step with by how much the wall clock stepped against the
// boot clock, each time it is set, until ctx ends. It costs no wake-ups: the
// kernel cancels a timer that will never ring.
func (c *bootClock) watchSteps(ctx context.Context, step func(by time.Duration)) error {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch the clock: %w", err)
	}
	f := os.NewFile(uintptr(fd), "timerfd")
	defer f.Close()
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	arm := func() error {
		far := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(1<<62 - 1))}
		return unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil)
	}
	if err := arm(); err != nil {
		return fmt.Errorf("watch the clock: %w", err)
	}
	between := c.wallOverBoot()
	buf := make([]byte, 8)
	for {
		_, err := f.Read(buf)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, unix.ECANCELED) {
			return fmt.Errorf("watch the clock: %w", err)
		}
		if err := arm(); err != nil && !errors.Is(err, unix.ECANCELED) {
			return fmt.Errorf("watch the clock: %w", err)
		}
		now := c.wallOverBoot()
		c.rearm()
		if by := now - between; by.Abs() >= smallestStep {
			step(by)
		}
		between = now
	}
}

// wallOverBoot is how far the wall clock is ahead of the boot clock. Wall
// time is taken from the kernel, since a Go time of the past carries no step.
func (c *bootClock) wallOverBoot() time.Duration {
	var wall unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME, &wall); err != nil {
		panic("CLOCK_REALTIME: " + err.Error())
	}
	return time.Duration(wall.Nano()) - c.Boot()
}

// wallOf is about when a moment of this boot was, by today's wall clock.
func (c *bootClock) wallOf(boot time.Duration) time.Time {
	return time.Now().Add(boot - c.Boot()).UTC()
}
