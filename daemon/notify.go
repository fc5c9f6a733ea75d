package daemon

import (
	"fmt"
	"log/slog"
	"sync"

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
