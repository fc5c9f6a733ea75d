package daemon

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/timeclock"
	"tillwarden/signon"
)

// functionTimeView lets an operator see others' punches; so does reading the journal.
const functionTimeView = "pos.time.view"

// timeClockRuns is the gate's question, at every sign-on.
func (d *Daemon) timeClockRuns() bool { return d.config().TimeClock.Run }

// Punch punches the time clock.
func (d *Daemon) Punch(ctx context.Context, c api.Caller, what timeclock.Punch, r *api.PunchRequest) (*api.PunchAnswer, error) {
	if r.By.Card {
		// Who swipes next may have come for something else.
		d.slip("a console asks to " + toPunch(what) + ": the next card swiped here is for that")
	}
	who, err := d.shown(ctx, c, r.By)
	if err != nil {
		return nil, err
	}
	var res signon.Result
	if r.Number == "" || r.Number == r.By.Number {
		res, err = d.service().Punch(ctx, what, who)
	} else {
		length := seconds(r.Seconds)
		if what == timeclock.Break && length == 0 {
			length = time.Duration(d.config().TimeClock.ForcedBreak)
		}
		res, err = d.service().PunchFor(ctx, what, r.Number, length, who)
	}
	if err != nil {
		return nil, d.cannotDecide(err)
	}
	a := &api.PunchAnswer{OK: res.OK, Say: res.Say}
	if !res.OK {
		a.Say = d.because(res.Say, res.Reason, &res.Decision.Rule)
		a.Reason, a.Rule = res.Reason.String(), ruleOf(&res.Decision.Rule)
	}
	if res.LockedUntil > 0 {
		a.RetryAfter = max(res.LockedUntil-d.clock.Boot(), 0).Seconds()
	}
	return a, nil
}

// shown is what somebody shows over a socket: number and PIN, or the card that is
// swiped next, and its PIN.
func (d *Daemon) shown(ctx context.Context, c api.Caller, by *api.Person) (signon.Credential, error) {
	who := credential(c, &by.Credentials)
	if by.Card {
		var err error
		if who.Card, err = d.nextCard(ctx); err != nil {
			return who, err
		}
	}
	return who, nil
}

// TimeClock is who is clocked in.
func (d *Daemon) TimeClock(ctx context.Context, c api.Caller, r *api.TimeRequest) (*api.TimeClock, error) {
	if err := d.mayRead(ctx, c, r.By, functionTimeView); err != nil {
		return nil, err
	}
	w := &api.TimeClock{Runs: d.timeClockRuns(), People: []api.Standing{}}
	now := d.clock.Stamp()
	for person, s := range d.gate.Standings() {
		p := api.Standing{
			Operator: s.Operator, Person: person, State: s.State.String(), In: s.In.Time(), Since: s.Since.Time(),
			Forced: s.Forced(), Left: s.Left(now).Seconds(),
		}
		if o, err := d.roster.Get(s.Operator); err == nil && o != nil {
			p.Name = o.Name
		}
		w.People = append(w.People, p)
	}
	slices.SortFunc(w.People, func(a, b api.Standing) int {
		return cmp.Or(cmp.Compare(len(a.Operator), len(b.Operator)), cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Person, b.Person))
	})
	return w, nil
}

// TimeReport is the hours of operators, by day.
func (d *Daemon) TimeReport(ctx context.Context, c api.Caller, q *api.TimeReportRequest) (*report.Time, error) {
	if err := d.mayRead(ctx, c, q.By, functionTimeView); err != nil {
		return nil, err
	}
	t := report.NewTime(q.Operator, time.Local)
	if err := d.collect(ctx, period(t.Between(q.From, q.To), nil), t); err != nil {
		return nil, err
	}
	return t.Result(), nil
}

// The codes of the keypad that punch the time clock: the next card or number and
// PIN there is for it. They are called as the entries are.
func punchOf(function string) timeclock.Punch {
	for _, p := range []timeclock.Punch{timeclock.In, timeclock.Out, timeclock.Break, timeclock.Back} {
		if p.Kind().String() == function {
			return p
		}
	}
	return 0
}

// waitingPunch is a punch that was asked for at the keypad, and waits for whose it is.
type waitingPunch struct {
	mu   sync.Mutex
	what timeclock.Punch // guarded by mu; 0: none
	stop func() bool     // guarded by mu
}

func (w *waitingPunch) waits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.what != 0
}

func (w *waitingPunch) take() timeclock.Punch {
	w.mu.Lock()
	defer w.mu.Unlock()
	what := w.what
	w.what = 0
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	return what
}

// askPunch lets the next credential at the register punch, for a while.
func (d *Daemon) askPunch(what timeclock.Punch) {
	d.punch.take()
	d.punch.mu.Lock()
	d.punch.what = what
	d.punch.stop = d.clock.After(time.Duration(d.config().SignOn.PINWait), func() { d.punch.take() })
	d.punch.mu.Unlock()
	d.slip(toPunch(what) + ": swipe, or enter number and PIN")
}

func toPunch(what timeclock.Punch) string {
	return map[timeclock.Punch]string{
		timeclock.In: "clock in", timeclock.Out: "clock out", timeclock.Break: "begin a break", timeclock.Back: "end a break",
	}[what]
}

// present does what a credential at the register's reader or keypad means. What waits
// for approval comes first: whoever asks for a punch in between keeps no manager from
// approving, nor has one punch unawares. The punch waits on, as long as it did.
func (d *Daemon) present(ctx context.Context, c signon.Credential) (signon.Result, error) {
	if d.gate.Snapshot().Override == nil {
		if what := d.punch.take(); what != 0 {
			return d.service().Punch(ctx, what, c)
		}
	}
	return d.service().Present(ctx, c)
}
