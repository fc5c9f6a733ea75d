package enforcer

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// restore brings back what was there before: the state file, and the entries
// after it.
func (g *Gate) restore() error {
	st, foreign, err := g.recall()
	if err != nil {
		return err
	}
	boot := g.clock.Stamp().BootID
	g.state = *st
	g.state.BootID = boot
	s := st.Session
	g.restoreMode()
	g.restoreBreaks()
	if st.Seen > st.Applied+farBehind {
		g.save() // so that the next start need not look at all that again
	}
	if s == nil {
		return g.flush(g.ctx)
	}
	reason := entry.ReasonRestart
	switch {
	case foreign:
		reason = entry.ReasonDamaged
	case s.Began.BootID != boot || boot == (entry.BootID{}):
		reason = entry.ReasonReboot
	}
	session := &Session{
		ID: s.ID, Method: s.Method, Began: s.Began, Locked: s.Locked, FellBack: s.FellBack,
		Subject: Subject{Operator: s.Operator, Name: s.Name, Person: s.Person, WorkGroups: s.WorkGroups},
	}
	if reason != entry.ReasonRestart {
		g.mu.Lock()
		g.owe(signOff(session, reason, Subject{}, "daemon"), nil, nil)
		if o := st.Override; o != nil {
			g.owe(entry.Entry{
				Kind: entry.KindOverrideEnd, Session: s.ID, Operator: s.Operator, Person: s.Person, Function: o.Function,
				Outcome: entry.OutcomeDenied, Reason: reason, Drawer: o.Drawer, About: o.ID, Source: "daemon",
			}, nil, nil)
		}
		g.mu.Unlock()
		return g.flush(g.ctx)
	}
	g.lastManaged.Store(s.Proved) // when it was used since is not known
	next := *g.snap.Load()
	next.Generation, next.Session = 2, session
	e := entry.Entry{
		Kind: entry.KindSession, Session: s.ID, Operator: s.Operator, Person: s.Person, WorkGroups: s.WorkGroups,
		Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRestart, Source: "daemon", Text: "session resumed",
	}
	if o := st.Override; o != nil {
		g.mu.Lock()
		next.Override = g.resume(o, session, next.Generation).view()
		g.mu.Unlock()
		e.About, e.Text = o.ID, "session and pending override resumed"
	}
	g.resumed = true
	g.snap.Store(&next)
	_, err = g.commit(g.ctx, true, e)
	return err
}

// restoreMode goes on with a mode of before, with what is left of its time.
// What is owed of it is journaled with the rest.
func (g *Gate) restoreMode() {
	g.mu.Lock()
	defer g.mu.Unlock()
	st := &g.state
	if st.Mode == nil {
		return
	}
	now := g.clock.Stamp()
	reason := entry.ReasonRestart
	if st.Mode.BootID != now.BootID || now.BootID == (entry.BootID{}) {
		reason = entry.ReasonReboot
	}
	st.pass(now)
	m := st.Mode.mode()
	if st.Mode.Left <= 0 {
		g.owe(entry.Entry{
			Kind: entry.KindModeEnd, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonTimeout, Mode: m.Kind, About: m.ID, Source: "daemon",
		}, nil, nil)
		return
	}
	g.owe(left(m, time.Duration(now.Boot), reason), nil, nil)
	next := *g.snap.Load()
	next.Mode = m
	g.snap.Store(&next)
	g.watch(m)
}

// recall reads the state file and folds the journal's later entries in. A
// state file that is missing, damaged or of another journal gives no session;
// then floors and persons are folded from the whole journal, and foreign says so.
func (g *Gate) recall() (st *state, foreign bool, err error) {
	another := false // journal than the file's
	st, err = g.readState()
	switch {
	case err != nil:
		st, foreign = &state{}, g.opt.StatePath != ""
		if !errors.Is(err, fs.ErrNotExist) {
			g.report(err)
		}
	case st.Applied > 0 && g.opt.Replay != nil:
		known, err := g.replay(st)
		if err != nil {
			return nil, false, err
		}
		if known {
			return st, false, nil
		}
		// The journal is not the one that the file was written with: it was
		// damaged and begun anew, or put back from a copy. What restricts is kept.
		g.report(fmt.Errorf("reading the state file: %w: the journal does not have its entry %d", ErrState, st.Applied))
		st.Applied, st.Seen, st.Undo, foreign, another = 0, 0, undo{}, true, true
		st.Mode = nil
	}
	if g.opt.Replay == nil {
		return st, foreign, nil
	}
	// The same entries may come again, and what they spent is spent once.
	spent := st.Monitored
	st.Monitored = 0
	err = g.opt.Replay(0, func(e entry.Entry) error {
		st.see(&e)
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("replaying the journal: %w", err)
	}
	st.Monitored = max(st.Monitored, spent)
	if another && st.Mode != nil {
		st.Mode.Left = 0 // it may have ended since the copy was made
	}
	return st, foreign, nil
}

// farBehind is how many entries are rather looked at again at the next start
// than a state file written for them.
const farBehind = 1000

var errNoFile = fmt.Errorf("no state file: %w", fs.ErrNotExist)

func (g *Gate) readState() (*state, error) {
	if g.opt.StatePath == "" {
		return nil, errNoFile
	}
	return readState(g.opt.StatePath)
}

var errStop = errors.New("stop")

// see folds one entry of the past in, and remembers that it was looked at.
func (s *state) see(e *entry.Entry) {
	s.apply(e)
	s.pass(e.Stamp) // of all entries, so that as little as possible is unknown
	s.Seen = max(s.Seen, e.Seq)
}

// replay folds what came after the state file, and reports whether the
// journal has the last entry that the file was written with.
func (g *Gate) replay(st *state) (known bool, err error) {
	first, last := true, st.Applied
	fold := func(e entry.Entry) error {
		if first {
			if first = false; e.Seq != last || !folds(&e) {
				return errStop
			}
			known = true
			if st.Seen > last {
				return errStop // and go on from there
			}
		}
		st.see(&e)
		return nil
	}
	err = g.opt.Replay(last-1, fold)
	if known && st.Seen > last {
		err = g.opt.Replay(st.Seen, fold)
	}
	if err != nil && !errors.Is(err, errStop) {
		return false, fmt.Errorf("replaying the journal: %w", err)
	}
	return known, nil
}
