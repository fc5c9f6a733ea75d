package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// probe shows that one part of the daemon made progress, within ctx.
type probe struct {
	name string
	run  func(ctx context.Context) error
}

// watchdog feeds systemd's watchdog (WatchdogSec= of the unit) for as long as
// every part of the daemon makes progress. Nothing of it is by the wall clock.
type watchdog struct {
	// interval is what systemd waits for before it kills the daemon (SIGABRT: the
	// log then has where every goroutine stood) and starts it again.
	interval time.Duration
	probes   []probe
	feed     func()
	// stuck is told after each round which parts made no progress, and for how
	// long systemd has not been fed; none: all go on.
	stuck func(parts []stuckPart, since time.Duration)
}

// stuckPart is a part that made no progress, and what is known of it.
type stuckPart struct {
	name string
	err  error
}

// rounds is how many rounds there are in an interval: what ends just before the
// interval does is noticed in time.
const rounds = 10

// run goes round until ctx ends. A probe that hangs, whatever its ctx says, is not
// started twice.
func (w *watchdog) run(ctx context.Context) {
	every := w.interval / rounds
	tick := time.NewTicker(every)
	defer tick.Stop()
	results := make([]chan error, len(w.probes))
	fed := time.Now()
	for {
		round, cancel := context.WithTimeout(ctx, every)
		// Who minds its time comes back before the round is over, and says more.
		own, cancelOwn := context.WithTimeout(ctx, every*4/5)
		for i, p := range w.probes {
			if results[i] == nil {
				results[i] = make(chan error, 1)
				go func(out chan<- error) { out <- p.run(own) }(results[i])
			}
		}
		var parts []stuckPart
		for i, p := range w.probes {
			err, ended := await(round, results[i])
			if ended {
				results[i] = nil
			}
			if err != nil {
				parts = append(parts, stuckPart{p.name, err})
			}
		}
		cancelOwn()
		cancel()
		if ctx.Err() != nil {
			return
		}
		if len(parts) == 0 {
			w.feed()
			fed = time.Now()
		}
		w.stuck(parts, time.Since(fed))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// await is a probe's result, or that there was none in this round.
func await(ctx context.Context, result <-chan error) (err error, ended bool) {
	select {
	case err := <-result:
		return err, true
	default:
	}
	select {
	case err := <-result:
		return err, true
	case <-ctx.Done():
		return context.Cause(ctx), false
	}
}

// startWatchdog begins to feed systemd, where it wants to be.
func (d *Daemon) startWatchdog() {
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		d.log.Error("systemd's watchdog cannot be fed", "err", err)
	}
	if err != nil || interval <= 0 {
		return
	}
	d.running.Go(func() { d.newWatchdog(interval, func() { d.notify.send(sd.SdNotifyWatchdog) }).run(d.ctx) })
}

// patience is the part of the interval for which a loop may be at one thing: 10 s
// of the unit's 30 s. A disk that is slow for some seconds is no reason to begin anew.
const patience = 3

func (d *Daemon) newWatchdog(interval time.Duration, feed func()) *watchdog {
	return &watchdog{interval: interval, probes: d.probes(interval / patience), feed: feed, stuck: d.stuckParts(interval)}
}

// stuckParts shows which parts make no progress: in the log, in `systemctl status`
// and in the register's own. It takes no lock of theirs.
func (d *Daemon) stuckParts(interval time.Duration) func(parts []stuckPart, since time.Duration) {
	was, warned := "", false
	return func(parts []stuckPart, since time.Duration) {
		if len(parts) == 0 {
			if was != "" {
				d.stuck.Store(nil)
				d.log.Info("all parts make progress again")
				d.notify.status(d.statusLine())
			}
			was, warned = "", false
			return
		}
		names, said := make([]string, len(parts)), make([]string, len(parts))
		for i, p := range parts {
			why := p.err.Error()
			if errors.Is(p.err, context.DeadlineExceeded) || errors.Is(p.err, context.Canceled) {
				why = "no answer in time"
			}
			names[i], said[i] = p.name, fmt.Sprintf("%s (%s)", p.name, why)
		}
		what, who := strings.Join(said, ", "), strings.Join(names, ", ")
		text := "no progress: " + what
		d.stuck.Store(&text)
		d.notify.status(text)
		last := since >= interval/2
		if who != was || last && !warned {
			level, then := slog.LevelWarn, "systemd is not told that all is well"
			if last {
				level, then, warned = slog.LevelError, "systemd will restart the daemon unless it goes on", true
			}
			d.log.Log(d.ctx, level, "no progress", "parts", what, "so", then, "for", since.Truncate(time.Millisecond))
		}
		was = who
	}
}
