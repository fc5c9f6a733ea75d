package report

import (
	"slices"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// approve adds an approval of 101's to a register, by somebody.
func (r *register) approve(a entry.Approval) *register {
	return r.add(entry.Entry{Kind: entry.KindApproval, Operator: "101", Person: "p101", Function: functionNoSale, Approval: &a})
}

// leaPunch is a punch of 201's.
func leaPunch(k entry.Kind) entry.Entry { return entry.Entry{Kind: k, Operator: "201", Person: "lea"} }

func TestApproversInWords(t *testing.T) {
	card := entry.Approval{Operator: "201", Person: "lea", Method: entry.MethodCardPIN}
	but := func(f func(a *entry.Approval)) entry.Approval { a := card; f(&a); return a }
	off := but(func(a *entry.Approval) { a.OffClock = true })
	fallback := but(func(a *entry.Approval) { a.Method, a.Fallback = entry.MethodNumberPIN, true })
	remote := but(func(a *entry.Approval) { a.Method, a.At = entry.MethodRemote, "lane 4" })
	other := but(func(a *entry.Approval) { a.Operator, a.Person = "202", "max" })
	second := but(func(a *entry.Approval) { a.Operator = "902" }) // another number of Lea's
	type row struct {
		approver, what string
		count, of      int64
	}
	lane := func() *register { return newRegister().pass(time.Hour) }
	for words, x := range map[string]struct {
		registers []*register
		want      []row
	}{
		"as it should be": {[]*register{lane().approve(card).pass(time.Second).approve(card)}, nil},
		"not clocked in":  {[]*register{lane().approve(off).approve(card)}, []row{{"201", OffClock, 1, 2}}},
		"clocked in at another register": {
			[]*register{lane().approve(off), newRegister().add(leaPunch(in)).pass(2 * time.Hour)}, nil,
		},
		"and out of it again": {
			[]*register{newRegister().add(leaPunch(in)).pass(time.Minute).add(leaPunch(out)), lane().approve(off)},
			[]row{{"201", OffClock, 1, 1}},
		},
		"there later": {
			[]*register{lane().approve(off), lane().pass(time.Minute).add(leaPunch(in))},
			[]row{{"201", OffClock, 1, 1}},
		},
		"on a break there": {
			[]*register{lane().approve(off), newRegister().add(leaPunch(in)).pass(time.Minute).add(leaPunch(away))},
			[]row{{"201", OffClock, 1, 1}},
		},
		"without the card, from elsewhere": {
			[]*register{lane().approve(fallback).approve(remote).approve(remote)},
			[]row{{"201", Remote, 2, 3}, {"201", Fallback, 1, 3}},
		},
		"at two registers at once": {
			[]*register{lane().approve(card), lane().pass(59 * time.Second).approve(card)},
			[]row{{"201", TwoRegisters, 1, 2}},
		},
		"the later one first": {
			[]*register{lane().pass(59 * time.Second).approve(card), lane().approve(card)},
			[]row{{"201", TwoRegisters, 1, 2}},
		},
		"under two numbers of the same person": {
			[]*register{lane().approve(card), lane().pass(time.Second).approve(second)},
			[]row{{"902", TwoRegisters, 1, 1}},
		},
		"with the time to go there": {[]*register{lane().approve(card), lane().pass(time.Minute).approve(card)}, nil},
		"two persons":               {[]*register{lane().approve(card), lane().approve(other)}, nil},
		"here, and elsewhere":       {[]*register{lane().approve(card), lane().approve(remote)}, []row{{"201", Remote, 1, 2}}},
		"one journal in two copies": {[]*register{lane().approve(card), lane().approve(card)}, nil},
		"back and forth": {
			[]*register{lane().approve(card).pass(20 * time.Second).approve(card), lane().pass(10 * time.Second).approve(card)},
			[]row{{"201", TwoRegisters, 2, 3}},
		},
		"refused": {func() []*register {
			r := lane().approve(off)
			r.es[0].Outcome = entry.OutcomeDenied
			return []*register{r}
		}(), nil},
	} {
		t.Run(words, func(t *testing.T) {
			c := NewExceptions(Options{})
			for i, r := range x.registers {
				if i > 0 {
					c.NextJournal()
				}
				for j := range r.es {
					c.Add(&r.es[j])
				}
			}
			var got []row
			for _, a := range c.Result().Approvers {
				got = append(got, row{a.Approver, a.What, a.Count, a.Approvals})
				if a.Exceptional != (a.What == TwoRegisters || a.What == OffClock) {
					t.Errorf("%+v", a)
				}
				if want := min(int(a.Count)*map[bool]int{true: 2, false: 1}[a.What == TwoRegisters], maxLatest); len(a.Latest) != want || a.Latest[0].Seq == 0 || a.Latest[0].Requester != "101" {
					t.Errorf("latest: %+v", a.Latest)
				}
			}
			if !slices.Equal(got, x.want) {
				t.Errorf("got %+v, want %+v", got, x.want)
			}
		})
	}
}

// TestWhatWasBeforeIsKnown: a report of the time since noon does not take a manager who
// clocked in elsewhere in the morning for one who did not, nor a session that began then
// for nobody's; and counts nothing of the morning.
func TestWhatWasBeforeIsKnown(t *testing.T) {
	in := leaPunch(entry.KindClockIn)
	off := entry.Approval{Operator: "201", Person: "lea", Method: entry.MethodCardPIN, OffClock: true}
	refused := entry.Entry{Kind: entry.KindCardRefused, Reason: entry.ReasonUnreadable, Session: 1}
	elsewhere := newRegister().add(in)
	here := newRegister().add(entry.Entry{Kind: entry.KindSignOn, Operator: "101", Person: "p101"}).add(refused).approve(off).pass(3 * time.Hour)
	noon := here.wall
	here.add(refused).approve(off)
	for i := range here.es {
		if here.es[i].Kind == entry.KindCardRefused {
			here.es[i].Outcome = entry.OutcomeDenied
		}
	}
	x := NewExceptions(Options{})
	read := x.Since(&noon)
	if read == nil || read.After(elsewhere.es[0].Stamp.Time()) {
		t.Fatalf("it is to be read from %v", read)
	}
	for i := range here.es {
		x.Add(&here.es[i])
	}
	x.NextJournal()
	for i := range elsewhere.es {
		x.Add(&elsewhere.es[i])
	}
	r := x.Result()
	if len(r.Approvers) != 0 {
		t.Errorf("approvers: %+v", r.Approvers)
	}
	if r.Period.Entries != 2 || r.Period.First.Before(noon) || r.Nobody.Failures != 0 {
		t.Errorf("%+v, nobody's %+v", r.Period, r.Nobody)
	}
	for _, o := range r.Operators {
		if o.Operator == "101" && (o.Figure(Failures).Count != 1 || o.Figure(Overrides).Count != 1) {
			t.Errorf("of the afternoon: %+v", o.Figures)
		}
	}
}
