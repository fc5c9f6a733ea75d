package daemon

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon"
)

// The functions that let an operator read the journal: either is enough.
const (
	functionJournalView   = "pos.reports.journal.view"
	functionJournalReport = "backoffice.reports.decisionjournal"
)

// mayRead decides whether somebody may read the journal, or only what another
// function is enough for. The technician may.
func (d *Daemon) mayRead(ctx context.Context, c api.Caller, by *api.Credentials, enough ...string) error {
	if by == nil {
		if c.Role == api.RoleTechnician {
			return nil
		}
		return errNeedsOperator
	}
	v, err := d.identify(ctx, c, by, signon.NeedSite)
	if err != nil {
		return err
	}
	who := v.Operator.Subject()
	s := d.gate.Snapshot()
	function := functionJournalView
	for _, f := range append(enough, functionJournalView, functionJournalReport) {
		if hasAccess(s, who, f) {
			function = f
			break
		}
	}
	decision, err := d.gate.Permit(ctx, who, function, v.Method, c.Source(), "")
	if err != nil {
		return d.cannotDecide(err)
	}
	if decision.Outcome != entry.OutcomeAllowed {
		return api.Errorf(api.CodeRefused, "%s", sayDecision(s, function, decision)).WithReason(decision.Reason.String())
	}
	return nil
}

// hasAccess only chooses which function is asked for; the gate decides.
func hasAccess(s *enforcer.Snapshot, who enforcer.Subject, function string) bool {
	if s.Policy == nil {
		return false
	}
	i, ok := s.Policy.Lookup(function)
	if !ok {
		return false
	}
	p, _ := s.Policy.Planes(who.WorkGroups)
	return p != nil && p.Access(i) == policy.Allowed
}

// filter reads a filter's words.
func filter(f *api.Filter) (journal.Filter, error) {
	j := journal.Filter{
		Operator: f.Operator, Approver: f.Approver, Function: f.Function, Source: f.Source, After: entry.Seq(f.After), Before: entry.Seq(f.Before),
	}
	if f.From != nil {
		j.From = *f.From
	}
	if f.To != nil {
		j.To = *f.To
	}
	var err error
	if f.Outcome != "" {
		if j.Outcome, err = entry.ParseOutcome(f.Outcome); err != nil {
			return j, api.Errorf(api.CodeInvalid, "there is no outcome called %q", shorten(f.Outcome)).WithHint("known are allowed, override-required, denied, error")
		}
	}
	if f.Kind != "" {
		if j.Kind, err = entry.ParseKind(f.Kind); err != nil {
			return j, api.Errorf(api.CodeInvalid, "there is no kind called %q", shorten(f.Kind)).WithHint("tillwarden journal list --help names them")
		}
	}
	if len(f.Operator) > 64 || len(f.Approver) > 64 || len(f.Function) > 128 || len(f.Source) > 128 {
		return j, api.Errorf(api.CodeInvalid, "a filter is too long")
	}
	return j, nil
}

// Journal gives one page of the journal.
func (d *Daemon) Journal(ctx context.Context, c api.Caller, q *api.JournalQuery) (*api.JournalPage, error) {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return nil, err
	}
	f, err := filter(&q.Filter)
	if err != nil {
		return nil, err
	}
	if q.Limit < 0 || q.Limit > journal.MaxLimit {
		return nil, api.Errorf(api.CodeInvalid, "limit is not between 0 and %d", journal.MaxLimit)
	}
	f.Limit, f.Reverse = q.Limit, q.Reverse
	if q.Cursor != "" {
		at, err := strconv.ParseUint(q.Cursor, 10, 63)
		if err != nil {
			return nil, api.Errorf(api.CodeInvalid, "this is no cursor").WithHint("give back what next was on the page before")
		}
		f = f.Continue(journal.Cursor(at))
	}
	page, next, err := d.journal.Query(ctx, f)
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	w := &api.JournalPage{Entries: make([]api.Entry, len(page)), Last: api.Seq(d.journal.Last().Last)}
	for i := range page {
		w.Entries[i] = api.Words(&page[i])
	}
	if next != 0 {
		w.Next = strconv.FormatUint(uint64(next), 10)
	}
	return w, nil
}

// JournalStream gives everything that a filter selects, and goes on if asked to.
func (d *Daemon) JournalStream(ctx context.Context, c api.Caller, q *api.JournalStream, emit func(*api.Entry) error) error {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return err
	}
	f, err := filter(&q.Filter)
	if err != nil {
		return err
	}
	wanted, err := d.wanted(q)
	if err != nil {
		return err
	}
	f.Limit = journal.MaxLimit
	after := f.After
	for {
		page, next, err := d.journal.Query(ctx, f)
		if err != nil {
			return d.cannotDecide(err)
		}
		for i := range page {
			after = page[i].Seq
			if !wanted(&page[i]) {
				continue
			}
			w := api.Words(&page[i])
			if err := emit(&w); err != nil {
				return err
			}
		}
		if next == 0 {
			break
		}
		f = f.Continue(next)
	}
	if !q.Follow {
		return nil
	}
	return d.tail(ctx, after, f, func(e *entry.Entry) error {
		if f.Before != 0 && e.Seq >= f.Before {
			return errEnough
		}
		if !wanted(e) {
			return nil
		}
		w := api.Words(e)
		return emit(&w)
	})
}

// JournalStored gives everything that a filter selects as it is stored.
func (d *Daemon) JournalStored(ctx context.Context, c api.Caller, q *api.JournalStored, emit func(page []byte) error) error {
	if err := d.mayRead(ctx, c, q.By); err != nil {
		return err
	}
	f, err := filter(&q.Filter)
	if err != nil {
		return err
	}
	f.Limit = journal.MaxLimit
	for {
		page, next, err := d.journal.QueryStored(ctx, f)
		if err != nil {
			return d.cannotDecide(err)
		}
		if err := emit(page); err != nil {
			return err
		}
		if next == 0 {
			return nil
		}
		f = f.Continue(next)
	}
}

var errEnough = errors.New("enough")

// tail calls f for each entry after a number, until ctx ends or f fails. A
// gap, where a damaged journal was replaced, is passed over.
func (d *Daemon) tail(ctx context.Context, after entry.Seq, f journal.Filter, each func(*entry.Entry) error) error {
	tail := d.journal.Follow(after, f)
	for {
		page, err := tail.Next(ctx)
		var lost *journal.LostError
		switch {
		case errors.As(err, &lost):
			d.log.Warn("entries are missing from the journal", "from", lost.From, "to", lost.To)
			continue
		case err != nil && ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return d.cannotDecide(err)
		}
		for i := range page {
			err := each(&page[i])
			if errors.Is(err, errEnough) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	}
}

// Checkpoint gives the journal's signed tree head.
func (d *Daemon) Checkpoint(ctx context.Context, _ api.Caller) (*api.Checkpoint, error) {
	text, err := d.journal.Checkpoint(ctx)
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	return &api.Checkpoint{Text: string(text), PublicKey: d.keys.verifier}, nil
}

func (d *Daemon) journalStatus() *api.JournalStatus {
	head, space := d.journal.Last(), d.journal.Space()
	w := &api.JournalStatus{
		Last: api.Seq(head.Last), Root: base64.StdEncoding.EncodeToString(head.Root[:]), Bytes: space.Used, FreeBytes: space.Free,
		State: space.State.String(),
	}
	if d.journal.Trouble() != nil {
		w.State = api.JournalFailed
	}
	return w
}

// Events gives what is journaled as it happens, in words; on the POS socket
// with less in it.
func (d *Daemon) Events(ctx context.Context, c api.Caller, after *api.Seq, emit func(*api.Event) error) error {
	from := d.journal.Last().Last
	if after != nil {
		from = entry.Seq(*after)
	}
	return d.tail(ctx, from, journal.Filter{}, func(e *entry.Entry) error {
		if c.Role == api.RolePOS && !posHears(e) {
			return nil
		}
		s := d.gate.Snapshot()
		w := &api.Event{Entry: api.Words(e), Say: sayEntry(s, e)}
		if c.Role == api.RolePOS {
			forPOS(w, e)
		}
		return emit(w)
	})
}

// posHears says which entries a POS application hears of: what happens to its
// own session and devices, and nothing of people and of who tried what.
func posHears(e *entry.Entry) bool {
	switch e.Kind {
	case entry.KindSignOn, entry.KindSignOff, entry.KindLock, entry.KindUnlock, entry.KindSession, entry.KindWithdrawn, entry.KindOverride,
		entry.KindApproval, entry.KindOverrideEnd, entry.KindRedeemed, entry.KindLapsed, entry.KindDrawerOpened, entry.KindDrawerClosed,
		entry.KindDrawerLeftOpen, entry.KindDrawerNoOpen, entry.KindDeviceUp, entry.KindDeviceDown, entry.KindDeviceRefused, entry.KindDevicePassed, entry.KindDeviceTrust,
		entry.KindCardRefused, entry.KindSaleNoReceipt, entry.KindLoad, entry.KindModeEnd, entry.KindStepUp, entry.KindScopeEnd:
		return true
	case entry.KindMode:
		return e.Outcome == entry.OutcomeAllowed
	case entry.KindDecision:
		return e.Session != 0 || e.Drawer != "" // not those of people outside of the session
	}
	return false
}

// forPOS leaves in an event only what the POS has to do with: the operator who
// is signed on, and never a second person, a place, or what somebody tried.
func forPOS(w *api.Event, e *entry.Entry) {
	w.Person, w.WorkGroups, w.Subject, w.Source, w.Digest, w.Text = "", nil, "", "", "", ""
	w.Approver, w.ApproverID, w.ApprovedBy, w.Why, w.WhyCode = "", "", "", "", 0
	w.Fallback, w.At, w.OffClock = false, "", false
	begins := e.Kind == entry.KindSignOn && e.Outcome == entry.OutcomeAllowed
	if e.Kind == entry.KindUnlock || e.Session == 0 && !begins {
		w.Operator = ""
	}
	switch e.Kind {
	case entry.KindSignOn, entry.KindUnlock:
		w.Rule = nil
		if e.Outcome != entry.OutcomeAllowed {
			w.Reason, w.Say = "", "not accepted"
		}
	case entry.KindApproval:
		w.Rule, w.Limit = nil, nil
	case entry.KindMode:
		w.Rule, w.Say = nil, sayMode(e.Mode)
	}
}
