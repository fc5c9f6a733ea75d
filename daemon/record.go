package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/printer"
	"tillwarden/devices/record"
	"tillwarden/enforcer/journal/entry"
)

// The bounds of a record unless it is asked for others.
const (
	defaultRecordFor = 10 * time.Minute
	defaultRecord    = 1 << 20
)

// Record gives what a POS prints from now on, for support. It is masked here,
// before it leaves the daemon, and is recorded only once the journal has who
// asked for it.
func (d *Daemon) Record(ctx context.Context, c api.Caller, device string, r *api.RecordRequest, emit func(line []byte) error) error {
	u, err := d.printerNamed(device)
	if err != nil {
		return err
	}
	most := cmp.Or(r.MaxBytes, defaultRecord)
	span := cmp.Or(time.Duration(r.Seconds*float64(time.Second)), defaultRecordFor)
	about := entry.Entry{
		Kind: entry.KindCalled, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonTechnician, Device: device, Source: c.Source(), Method: entry.MethodTechnician,
		Text: fmt.Sprintf("recording what the POS prints, for %s, up to %d bytes", span.Round(time.Second), most),
	}
	bounded, cancel := context.WithTimeout(ctx, span)
	defer cancel()
	var rec *record.Recorder
	taken := int64(0)
	begin := func() error {
		if about.About = d.note(about); about.About == 0 {
			return api.Errorf(api.CodeUnavailable, "it cannot be journaled, so nothing is recorded").WithHint("tillwarden doctor says how the journal is")
		}
		rec, err = record.NewRecorder(record.NewHead(device, u.reads.Name()), u.reads, r.MaskText, d.clock.Boot(), emit)
		return err
	}
	err = u.guard.Tap(bounded, begin, func(p printer.Tapped) error {
		if p.Lost > 0 {
			return rec.Lost(p.At, p.Job, p.Lost)
		}
		b := p.Bytes[:min(int64(len(p.Bytes)), most-taken)]
		taken += int64(len(b))
		if err := rec.Add(p.At, p.Job, b); err != nil {
			return err
		}
		if taken == most {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, printer.ErrTapped) {
		return api.Errorf(api.CodeConflict, "this printer's POS is being recorded already").WithHint("end the other record first")
	}
	if about.About == 0 {
		return err
	}
	why := "stopped"
	switch {
	case errors.Is(err, errEnough):
		why, err = "size", nil
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		why, err = "time", nil
	}
	if err == nil {
		err = rec.End(d.clock.Boot(), why)
	}
	about.Text = "the record of what the POS prints has ended: " + why
	about.Count = uint64(taken)
	d.note(about)
	return err
}
