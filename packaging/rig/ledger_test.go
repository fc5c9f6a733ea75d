package rig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// ledger is what a register said that it has journaled, and what its drawer did, to be
// held against its journal after a power cut.
type ledger struct {
	pulses func() int // how many its drawer had so far

	mu    sync.Mutex
	acked map[api.Seq]string // the answers; guarded by mu
	shut  map[api.Seq]bool   // those that said that the drawer got no pulse; guarded by mu

	// What was there when it was last looked at, so that a grant without a pulse makes
	// up for no pulse without a grant after another cut.
	lookedPulses int
	lookedSeq    api.Seq
}

func newLedger(pulses func() int) *ledger {
	return &ledger{pulses: pulses, acked: map[api.Seq]string{}, shut: map[api.Seq]bool{}}
}

// answered takes an answer of the daemon's.
func (l *ledger) answered(a *api.Answer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[a.Seq] = a.Function + " " + a.Outcome
	// Of a pulse that was written in part nobody knows.
	if d := a.Drawer; d != nil && d.Result == api.DrawerNotOpened && d.Reason != entry.ReasonWriteFailed.String() {
		l.shut[a.Seq] = true
	}
}

// answers is how much the daemon has acknowledged.
func (l *ledger) answers() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// holds holds the journal in a state folder against it, and says what is wrong: it does
// not verify, or entries are not there or say something else, or there was a pulse
// without one. Nobody may be asking meanwhile.
func (l *ledger) holds(ctx context.Context, state string) (err error) {
	pub, err := os.ReadFile(filepath.Join(state, "keys", "journal.pub"))
	if err != nil {
		return err
	}
	verifier, err := note.NewVerifier(strings.TrimSpace(string(pub)))
	if err != nil {
		return err
	}
	path := filepath.Join(state, "journal.db")
	report, err := journal.Verify(ctx, path, []note.Verifier{verifier})
	if err != nil {
		return err
	}
	if !report.OK {
		return fmt.Errorf("the journal does not verify: %+v", report)
	}
	reader, err := journal.OpenReader(path)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	acked := maps.Clone(l.acked)
	granted, last := 0, l.lookedSeq
	var wrong []error
	err = reader.Each(ctx, journal.Filter{}, func(e *entry.Entry) error {
		seq := api.Seq(e.Seq)
		if want, ok := acked[seq]; ok {
			if got := e.Function + " " + e.Outcome.String(); got != want {
				wrong = append(wrong, fmt.Errorf("entry %d says %q, answered was %q", seq, got, want))
			}
			delete(acked, seq)
		}
		if e.Kind == entry.KindDecision && e.Outcome == entry.OutcomeAllowed && e.Drawer != "" && seq > l.lookedSeq && !l.shut[seq] {
			granted++
		}
		last = max(last, seq)
		return nil
	})
	wrong = append(wrong, err, reader.Close())
	now := l.pulses()
	if n := now - l.lookedPulses; n > granted {
		wrong = append(wrong, fmt.Errorf("the drawer had %d pulses since it was looked at, and %d were granted", n, granted))
	}
	l.lookedPulses, l.lookedSeq = now, last
	if len(acked) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(acked)))
		wrong = append(wrong, fmt.Errorf("%d entries are not there, the first is %d (%s)", len(acked), first, acked[first]))
	}
	return errors.Join(wrong...)
}
