package signon

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon/card"
)

func (r *rig) wantChange(c Change, err error, ok bool, reason entry.Reason) {
	r.t.Helper()
	if err != nil || c.OK != ok || c.Reason != reason || c.Say == "" {
		r.t.Fatalf("%+v, %v; want ok %t, %s", c, err, ok, reason)
	}
	e := r.last(entry.KindPeople)
	want := entry.OutcomeDenied
	if ok {
		want = entry.OutcomeAllowed
	}
	if e.Outcome != want || e.Reason != reason || e.Seq != c.Seq {
		r.t.Errorf("journaled as %s %s (%d), want %s %s (%d)", e.Outcome, e.Reason, e.Seq, want, reason, c.Seq)
	}
}

// emptyRig is a register before its first operator.
func emptyRig(t *testing.T) *rig {
	t.Helper()
	all := testOperators
	testOperators = nil
	defer func() { testOperators = all }()
	return newRig(t)
}

func TestFirstOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emptyRig(t)
		tech := Actor{Technician: true, Source: "socket:technician uid=0"}
		add := func(a Actor, n NewOperator) (Change, error) { return r.people.Add(r.ctx, a, n) }
		max := func() NewOperator {
			return NewOperator{Number: "2001", Name: "Max", WorkGroups: []string{manager}, PIN: []byte("3690")}
		}
		c, err := add(Actor{Source: "pos"}, max()) // no operator, and not the technician
		r.wantChange(c, err, false, entry.ReasonCardRequired)
		n := max()
		n.PIN = nil
		c, err = add(tech, n)
		r.wantChange(c, err, false, entry.ReasonPINRequired)
		n = max()
		n.WorkGroups = nil
		c, err = add(tech, n)
		r.wantChange(c, err, false, entry.ReasonNoWorkGroup)
		n = max()
		n.WorkGroups = []string{"Managr"}
		c, err = add(tech, n)
		r.wantChange(c, err, false, entry.ReasonUnknownWorkGroup)
		if !strings.Contains(c.Say, `did you mean "Manager"?`) {
			t.Errorf("no hint: %q", c.Say)
		}
		n = max()
		c, err = add(tech, n)
		r.wantChange(c, err, true, entry.ReasonNone)
		wiped(t, n.PIN)
		if e := r.last(entry.KindPeople); e.Method != entry.MethodTechnician || e.Operator != "" || e.Subject != "2001" || e.Source != tech.Source {
			t.Errorf("journaled as %+v", e)
		}
		if o := r.operator("2001"); o.Person != "2001" || !o.HasPIN || !slices.Equal(o.WorkGroups, []string{manager}) || o.Changed.IsZero() {
			t.Errorf("added as %+v", o)
		}
		n = max()
		n.Number = "2002"
		c, err = add(tech, n)
		r.wantChange(c, err, false, entry.ReasonExists)
		for _, f := range []func() (Change, error){
			func() (Change, error) { return r.people.SetGroups(r.ctx, tech, "2001", []string{cashier}) },
			func() (Change, error) { return r.people.SetPIN(r.ctx, tech, "2001", []byte("8520")) },
			func() (Change, error) { return r.people.EnrolCard(r.ctx, tech, "2001", cardOf("2001"), false) },
			func() (Change, error) { return r.people.Suspend(r.ctx, tech, "2001") },
			func() (Change, error) { return r.people.Unlock(r.ctx, tech, "2001") },
		} {
			c, err = f()
			r.wantChange(c, err, false, entry.ReasonCardRequired)
		}
		r.want(r.typed("2001", "3690"), SignedOn, entry.ReasonNone)
	})
}

// TestWhoMayChangePeople: each change by somebody who may and somebody who may not.
func TestWhoMayChangePeople(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for name, f := range map[string]struct {
			function string
			do       func(Actor) (Change, error)
		}{
			"add": {FunctionAdd, func(a Actor) (Change, error) {
				return r.people.Add(r.ctx, a, NewOperator{Number: "6001", Name: "New", PIN: []byte("8520")})
			}},
			"name":   {FunctionEdit, func(a Actor) (Change, error) { return r.people.SetName(r.ctx, a, "1002", "Benjamin") }},
			"groups": {FunctionWorkGroup, func(a Actor) (Change, error) { return r.people.SetGroups(r.ctx, a, "1002", []string{typed}) }},
			"pin":    {FunctionCredential, func(a Actor) (Change, error) { return r.people.SetPIN(r.ctx, a, "1002", []byte("8520")) }},
			"card": {FunctionCard, func(a Actor) (Change, error) {
				return r.people.EnrolCard(r.ctx, a, "1002", cardOf("71002"), false)
			}},
			"revoke":  {FunctionCard, func(a Actor) (Change, error) { return r.people.RevokeCard(r.ctx, a, "1002", 1) }},
			"suspend": {FunctionTerminate, func(a Actor) (Change, error) { return r.people.Suspend(r.ctx, a, "1002") }},
			"resume":  {FunctionTerminate, func(a Actor) (Change, error) { return r.people.Resume(r.ctx, a, "1002") }},
			"unlock":  {FunctionCredential, func(a Actor) (Change, error) { return r.people.Unlock(r.ctx, a, "1002") }},
		} {
			before := r.operator("1002")
			c, err := f.do(r.as("1001"))
			r.wantChange(c, err, false, entry.ReasonRule)
			if now := r.operator("1002"); now.Changed != before.Changed {
				t.Errorf("%s: refused, and changed", name)
			}
			time.Sleep(time.Millisecond)
			c, err = f.do(r.as("2001"))
			r.wantChange(c, err, true, entry.ReasonNone)
			e := r.last(entry.KindPeople)
			if e.Operator != "2001" || e.Person != "max" || e.Method != entry.MethodCard || e.Source != "console" || e.Function != f.function ||
				e.FunctionID == 0 || e.About == 0 || e.Subject != c.Operator.Number {
				t.Errorf("%s is journaled as %+v", name, e)
			}
			if d := r.last(entry.KindDecision); d.Seq != e.About || d.Function != f.function {
				t.Errorf("%s refers to decision %+v", name, d)
			}
		}
		if _, err := r.people.View(r.ctx, r.as("1001")); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("a cashier views operators: %v", err)
		}
		if list, err := r.people.View(r.ctx, r.as("2001")); err != nil || len(list) != len(testOperators)+1 || list[0].Number != "1001" {
			t.Errorf("a manager views %d operators: %v", len(list), err)
		}
		if _, err := r.people.View(r.ctx, Actor{Technician: true}); err != nil {
			t.Errorf("the technician: %v", err)
		}
		if _, err := r.people.View(r.ctx, Actor{}); !errors.Is(err, ErrNotPermitted) {
			t.Errorf("nobody views operators: %v", err)
		}
	})
}

func TestNobodyEditsTheOwnWorkGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, err := r.people.SetGroups(r.ctx, r.as("2001"), "2001", []string{manager, cashier})
		r.wantChange(c, err, false, entry.ReasonSamePerson)
		// Nor those of the own other number, nor by adding a third.
		c, err = r.people.SetGroups(r.ctx, r.as("2003"), "1001", []string{manager})
		r.wantChange(c, err, false, entry.ReasonSamePerson)
		c, err = r.people.Add(r.ctx, r.as("2003"), NewOperator{Number: "7001", Name: "Ann", Person: "ann", WorkGroups: []string{manager}})
		r.wantChange(c, err, false, entry.ReasonSamePerson)
		// The own name, PIN and card are theirs.
		if c, err := r.store.Add(r.ctx, By{}, NewOperator{Number: "2004", Name: "Olaf", Person: "4004", WorkGroups: []string{manager}}, false); err != nil || !c.OK {
			t.Fatal(err, c.Say)
		}
		c, err = r.people.Add(r.ctx, r.as("2004"), NewOperator{Number: "4004", Name: "Olaf", WorkGroups: []string{manager}})
		r.wantChange(c, err, false, entry.ReasonSamePerson) // its person would be called 4004, as Olaf's is
		c, err = r.people.SetPIN(r.ctx, r.as("1001"), "1001", []byte("8520"))
		r.wantChange(c, err, true, entry.ReasonNone)
		if e := r.last(entry.KindPeople); e.Function != FunctionOwnPIN {
			t.Errorf("the own PIN is decided by %s", e.Function)
		}
	})
}

func TestRestrictedWorkGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if c, err := r.store.Add(r.ctx, By{}, NewOperator{Number: "9001", Name: "Chief", WorkGroups: []string{headquart}}, false); err != nil || !c.OK {
			t.Fatal(err, c.Say)
		}
		c, err := r.people.SetGroups(r.ctx, r.as("2001"), "1002", []string{headquart})
		r.wantChange(c, err, false, entry.ReasonRestricted)
		c, err = r.people.SetPIN(r.ctx, r.as("2001"), "9001", []byte("8520"))
		r.wantChange(c, err, false, entry.ReasonRestricted)
		c, err = r.people.SetGroups(r.ctx, r.as("9001"), "1002", []string{headquart})
		r.wantChange(c, err, true, entry.ReasonNone)
		c, err = r.people.SetGroups(r.ctx, r.as("2001"), "1002", []string{cashier}) // taking it away
		r.wantChange(c, err, false, entry.ReasonRestricted)
	})
}

// Handing a restricted work group out takes 5205 besides, and the others do not.
func TestRestrictedWorkGroupsTakeTheirFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, n := range []NewOperator{
			{Number: "9001", Name: "Chief", WorkGroups: []string{headquart}},
			{Number: "9002", Name: "Clerk", WorkGroups: []string{headquart, noRestricted}},
		} {
			if c, err := r.store.Add(r.ctx, By{}, n, false); err != nil || !c.OK {
				t.Fatal(err, c.Say)
			}
		}
		c, err := r.people.SetGroups(r.ctx, r.as("9002"), "1002", []string{headquart})
		r.wantChange(c, err, false, entry.ReasonRefused)
		if e := r.last(entry.KindPeople); e.Function != FunctionRestricted {
			t.Errorf("decided by %s", e.Function)
		}
		c, err = r.people.Add(r.ctx, r.as("9002"), NewOperator{Number: "7001", Name: "New", WorkGroups: []string{headquart}})
		r.wantChange(c, err, false, entry.ReasonRefused)
		c, err = r.people.SetGroups(r.ctx, r.as("9002"), "1002", []string{typed})
		r.wantChange(c, err, true, entry.ReasonNone)
		if e := r.last(entry.KindPeople); e.Function != FunctionWorkGroup {
			t.Errorf("decided by %s", e.Function)
		}
		c, err = r.people.SetGroups(r.ctx, r.as("9001"), "1002", []string{headquart})
		r.wantChange(c, err, true, entry.ReasonNone)
		c, err = r.people.SetGroups(r.ctx, r.as("9002"), "1002", []string{headquart, typed}) // had it already
		r.wantChange(c, err, true, entry.ReasonNone)
	})
}

func TestUnknownWorkGroups(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, err := r.people.SetGroups(r.ctx, r.as("2001"), "1002", []string{"Something else altogether"})
		r.wantChange(c, err, false, entry.ReasonUnknownWorkGroup)
		if !strings.HasPrefix(c.Say, `the loaded policy has no work group "Something else altogether"; it has `) || !strings.Contains(c.Say, `"Cashier"`) {
			t.Errorf("it does not say which, or what there is: %q", c.Say)
		}
		c, err = r.people.SetGroups(r.ctx, r.as("2001"), "1002", []string{"PIN 4711"})
		r.wantChange(c, err, false, entry.ReasonUnknownWorkGroup)
		if strings.Contains(c.Say, "4711") {
			t.Errorf("what could be a PIN is said: %q", c.Say)
		}
		c, err = r.people.SetGroups(r.ctx, r.as("2001"), "1002", []string{"cashier"})
		r.wantChange(c, err, false, entry.ReasonUnknownWorkGroup)
		if !strings.Contains(c.Say, `did you mean "Cashier"?`) {
			t.Errorf("no hint: %q", c.Say)
		}
		c, err = r.people.SetGroups(r.ctx, r.as("2001"), "1002", nil)
		r.wantChange(c, err, true, entry.ReasonNone)
		r.want(r.swipe("1002"), Refused, entry.ReasonNoWorkGroup)
	})
}

func TestEnrolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		enrol := func(number, track string) (Change, error) {
			return r.people.EnrolCard(r.ctx, r.as("2001"), number, card.Read([]byte(track), card.Options{}, card.BuiltIn()), false)
		}
		for track, reason := range map[string]entry.Reason{
			";4111111111111111=49121010000000000000?": entry.ReasonPaymentCard,
			"%B4111111111111111^TEST/CARD^4912101?":   entry.ReasonPaymentCard,
			";6360000000001=491219000101?":            entry.ReasonLicenceCard,
			"%E?;E?":                                  entry.ReasonUnreadable,
			";12?":                                    entry.ReasonUnknownCard,
			";:<>0000001001?":                         entry.ReasonCardTaken,
			";:<>0000001002?":                         entry.ReasonCardTaken, // the own one again
		} {
			c, err := enrol("1002", track)
			r.wantChange(c, err, false, reason)
			if strings.Contains(c.Say, "1001") {
				t.Errorf("says who has the card: %q", c.Say)
			}
		}
		c, err := enrol("5555", ";:<>7777777777?")
		r.wantChange(c, err, false, entry.ReasonUnknownOperator)
		for i := range maxCards - 1 {
			c, err = enrol("1002", ";:<>777777777"+string(rune('0'+i))+"?")
			r.wantChange(c, err, true, entry.ReasonNone)
		}
		c, err = enrol("1002", ";:<>8888888888?")
		r.wantChange(c, err, false, entry.ReasonSize)
		// The reader reads twice: the new holder is not signed on by it.
		r.want(r.present(Credential{Card: card.Read([]byte(";:<>8888888888?"), card.Options{}, card.BuiltIn())}), Same, entry.ReasonNone)
		c, err = r.people.RevokeCard(r.ctx, r.as("2001"), "1002", 2)
		r.wantChange(c, err, true, entry.ReasonNone)
		c, err = r.people.RevokeCard(r.ctx, r.as("2001"), "1002", 2)
		r.wantChange(c, err, false, entry.ReasonUnknownCredential)
		// A revoked card may become somebody else's, and card numbers are not used again.
		c, err = enrol("1001", ";:<>7777777770?")
		r.wantChange(c, err, true, entry.ReasonNone)
		time.Sleep(3 * time.Second)
		c, err = enrol("1002", ";:<>8888888888?")
		r.wantChange(c, err, true, entry.ReasonNone)
		o := r.operator("1002")
		if last := o.Cards[len(o.Cards)-1]; last.ID != maxCards+1 || last.Format != "micros" {
			t.Errorf("the last card is %+v", last)
		}
		time.Sleep(3 * time.Second)
		r.want(r.present(Credential{Card: card.Read([]byte(";:<>7777777770?"), card.Options{}, card.BuiltIn())}), SignedOn, entry.ReasonNone)
		r.wantState("1001", false, false)
	})
}

// MayEnrol says what EnrolCard would, and changes nothing.
func TestMayEnrol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, tc := range []struct {
			by     Actor
			number string
			want   entry.Reason
		}{
			{r.as("1001"), "1002", entry.ReasonRule},
			{Actor{Technician: true}, "1002", entry.ReasonCardRequired},
			{r.as("2001"), "5555", entry.ReasonUnknownOperator},
		} {
			c, err := r.people.MayEnrol(r.ctx, tc.by, tc.number, false)
			r.wantChange(c, err, false, tc.want)
		}
		mark := r.journal.mark()
		if c, err := r.people.MayEnrol(r.ctx, r.as("2001"), "1002", false); err != nil || !c.OK {
			t.Errorf("%+v, %v", c, err)
		}
		if n := len(r.journal.since(mark, entry.KindPeople)); n != 0 {
			t.Error("a change is journaled")
		}
	})
}

func TestPINRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for pin, ok := range map[string]bool{
			"2580": true, "1357": true, "258014703690": true, "1212": false, "258025802580": false, "147147": false, "0000": false,
			"1984": false, "2026": false, "2126": true, "198400": true, "2001": false, "010020": false, "10020": false, "1111": false, "1234": false, "4321": false,
			"7890": false, "0987": false, "123456": false, "890123": false, "1002": false, "258": false, "2580258025802": false, "": false,
			"25a0": false, "25 80": false, "٢٥٨٠": false,
		} {
			b := []byte(pin)
			c, err := r.people.SetPIN(r.ctx, r.as("2001"), "1002", b)
			reason := entry.ReasonNone
			if !ok {
				reason = entry.ReasonWeak
			}
			r.wantChange(c, err, ok, reason)
			wiped(t, b)
			if pin != "" && strings.Contains(c.Say, pin) {
				t.Error("the PIN is in the answer")
			}
		}
	})
}

// TestSuspensionEndsTheSession, and new work groups reach it.
func TestSuspensionEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		c, err := r.people.SetGroups(r.ctx, r.as("2001"), "1001", []string{cashier, manager})
		r.wantChange(c, err, true, entry.ReasonNone)
		if s := r.gate.Snapshot().Session; s == nil || len(s.Subject.WorkGroups) != 2 {
			t.Errorf("the session has %+v", s)
		}
		c, err = r.people.Suspend(r.ctx, r.as("2001"), "1001")
		r.wantChange(c, err, true, entry.ReasonNone)
		r.wantState("", false, false)
		if e := r.last(entry.KindSignOff); e.Reason != entry.ReasonSuspendedNow {
			t.Errorf("ended with %s", e.Reason)
		}
		r.want(r.swipe("1001"), Refused, entry.ReasonSuspended)
		c, err = r.people.Resume(r.ctx, r.as("2001"), "1001")
		r.wantChange(c, err, true, entry.ReasonNone)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		// The last who may would shut everybody out.
		c, err = r.people.Suspend(r.ctx, r.as("2001"), "2001")
		r.wantChange(c, err, false, entry.ReasonSamePerson)
		// Somebody suspended after being identified changes nobody any more.
		actor := r.as("2002")
		c, err = r.people.Suspend(r.ctx, r.as("2001"), "2002")
		r.wantChange(c, err, true, entry.ReasonNone)
		c, err = r.people.SetName(r.ctx, actor, "1001", "Anna")
		r.wantChange(c, err, false, entry.ReasonSuspended)
	})
}

func TestMalformedOperators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for name, n := range map[string]NewOperator{
			"no number":     {Name: "X"},
			"long number":   {Number: "1234567890", Name: "X"},
			"letters":       {Number: "12a", Name: "X"},
			"no name":       {Number: "6001"},
			"control":       {Number: "6001", Name: "X\x1b[2J"},
			"long name":     {Number: "6001", Name: strings.Repeat("X", 65)},
			"space":         {Number: "6001", Name: " X"},
			"person":        {Number: "6001", Name: "X", Person: "a\nb"},
			"invisible":     {Number: "6001", Name: "X\u200b"},
			"not UTF-8":     {Number: "6001", Name: "X\xff"},
			"direction":     {Number: "6001", Name: "X\u202e"},
			"number in row": {Number: "60\n01", Name: "X"},
		} {
			c, err := r.people.Add(r.ctx, r.as("2001"), n)
			if err != nil || c.OK || c.Reason != entry.ReasonMalformed {
				t.Errorf("%s: %+v %v", name, c, err)
			}
		}
		c, err := r.people.Add(r.ctx, r.as("2001"), NewOperator{Number: "1001", Name: "X"})
		r.wantChange(c, err, false, entry.ReasonExists)
		c, err = r.people.Add(r.ctx, r.as("2001"), NewOperator{Number: "01001", Name: "X"}) // text, not a number
		r.wantChange(c, err, true, entry.ReasonNone)
		c, err = r.people.SetName(r.ctx, r.as("2001"), "5555", "X")
		r.wantChange(c, err, false, entry.ReasonUnknownOperator)
		c, err = r.people.SetName(r.ctx, r.as("2001"), "1001", "")
		r.wantChange(c, err, false, entry.ReasonMalformed)
	})
}
