package signon

import (
	"context"
	"fmt"

	"tillwarden/enforcer/journal/entry"
)

// Applied is the journal entry of the last change that is in the roster, or a
// later one up to which journal and roster were compared.
func (s *Store) Applied() (seq entry.Seq, err error) {
	err = s.view(func(t *txn) (err error) {
		seq, err = t.applied()
		return err
	})
	return seq, err
}

// Reconcile looks for a change that was journaled but is not in the roster
// because the machine stopped in between, and says so in the journal. Call it at
// start. Replay calls f for each entry of kind people after a sequence number,
// at least up to last; the next Reconcile need not look before that.
func (s *Store) Reconcile(ctx context.Context, last entry.Seq, replay func(after entry.Seq, f func(entry.Entry) error) error) error {
	applied, err := s.Applied()
	if err != nil {
		return err
	}
	var lost []entry.Entry
	err = replay(applied, func(e entry.Entry) error {
		switch {
		case e.Kind != entry.KindPeople:
		case e.Outcome == entry.OutcomeAllowed:
			lost = append(lost, e)
		case e.Outcome == entry.OutcomeError && e.About != 0:
			for i := range lost {
				if lost[i].Seq == e.About {
					lost = append(lost[:i], lost[i+1:]...)
					break
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("compare roster and journal: %w", err)
	}
	for _, e := range lost {
		if err := s.notApplied(ctx, e); err != nil {
			return err
		}
	}
	if last < applied+farBehind {
		return nil
	}
	err = s.update(func(t *txn) error { return t.put(bucketMeta, keyApplied, last) })
	if err != nil {
		return fmt.Errorf("keep up to where roster and journal were compared: %w", err)
	}
	return nil
}

// farBehind is how many entries are rather compared again at the next start
// than a transaction spent on them.
const farBehind = 1000

// notApplied journals that a change which the journal has is not in the roster.
func (s *Store) notApplied(ctx context.Context, e entry.Entry) error {
	_, err := s.o.Journal.Append(ctx, false, entry.Entry{
		Kind: entry.KindPeople, Outcome: entry.OutcomeError, Subject: e.Subject, Function: e.Function, FunctionID: e.FunctionID,
		About: e.Seq, Source: "daemon", Text: "not applied: the roster is without this change",
	})
	if err != nil {
		return fmt.Errorf("journal a change that was not applied: %w", err)
	}
	return nil
}
