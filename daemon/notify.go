package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notifier tells systemd how the daemon is. Without systemd it does nothing.
type notifier struct {
	send func(state string) // sd_notify
	log  *slog.Logger

	mu   sync.Mutex
	last string // guarded by mu; the status that was told last
}

func newNotifier(log *slog.Logger) *notifier {
	return &notifier{log: log, send: func(state string) {
		if _, err := sd.SdNotify(false, state); err != nil {
			log.Warn("systemd does not hear us", "err", err)
		}
	}}
}

func (n *notifier) ready()    { n.send(sd.SdNotifyReady) }
func (n *notifier) stopping() { n.send(sd.SdNotifyStopping) }

// reloading begins a reload; ready ends it.
func (n *notifier) reloading() {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	n.send(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sd.SdNotifyReloading, ts.Nano()/1000))
}

// status says in words what `systemctl status` shows.
func (n *notifier) status(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text != n.last {
		n.last = text
		n.send("STATUS=" + text)
	}
}

// probe shows that one part of the daemon made progress, within ctx.
type probe struct {
	name string
	run  func(ctx context.Context) error
}

// watchdog pings systemd at half its interval, but only when every probe of
// that round has come back in time. A probe that hangs is not started twice.
func (n *notifier) watchdog(ctx context.Context, interval time.Duration, probes []probe) {
	if interval <= 0 {
		return
	}
	every := interval / 2
	tick := time.NewTicker(every)
	defer tick.Stop()
	results := make([]chan error, len(probes))
	for {
		good := true
		deadline := time.NewTimer(every / 2)
		round, cancel := context.WithTimeout(ctx, every/2)
		for i, p := range probes {
			if results[i] == nil {
				results[i] = make(chan error, 1)
				go func(out chan<- error) { out <- p.run(round) }(results[i])
			}
		}
		expired := false
		for i, p := range probes {
			var err error
			if expired {
				select {
				case err = <-results[i]:
					results[i] = nil
				default:
					err = context.DeadlineExceeded
				}
			} else {
				select {
				case err = <-results[i]:
					results[i] = nil
				case <-deadline.C:
					expired = true
					err = context.DeadlineExceeded
				}
			}
			if err != nil && ctx.Err() == nil {
				good = false
				n.log.Error("no progress: systemd's watchdog is not told", "part", p.name, "err", err)
			}
		}
		cancel()
		deadline.Stop()
		if good {
			n.send(sd.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
