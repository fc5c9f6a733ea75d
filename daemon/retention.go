package daemon

import (
	"context"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// When old entries are removed: some time after the start, when the register has
// other things to do, and once a day from then on.
const (
	retainFirst = 10 * time.Minute
	retainEvery = 24 * time.Hour
)

// retainLoop removes old entries once a day, until ctx ends.
func (d *Daemon) retainLoop(ctx context.Context) {
	timer := time.NewTimer(retainFirst)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(retainEvery)
		d.retain(ctx, d.clock.Stamp())
	}
}

// retain removes what is older than configured. A wall clock that nobody vouches
// for removes nothing: a battery that is empty must not cost a year.
func (d *Daemon) retain(ctx context.Context, now entry.Stamp) {
	days := d.config().Journal.KeepDays
	if days == 0 || now.Clock != entry.ClockSynchronised {
		return
	}
	n, err := d.journal.Retire(ctx, now.Time().AddDate(0, 0, -days), d.gate.Remember)
	switch {
	case ctx.Err() != nil: // the rest another day
	case err != nil:
		d.log.Error("old entries are not removed from the journal", "err", err)
	case n > 0:
		d.log.Info("old entries were removed from the journal", "entries", n, "days", days)
	}
}
