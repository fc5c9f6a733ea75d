package signon

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/signon/card"
)

// must is a change that is made without asking whether anybody may.
func (r *rig) must(c Change, err error) {
	r.t.Helper()
	if err != nil || !c.OK {
		r.t.Fatal(err, c.Say)
	}
}

// Days and places hold wherever somebody is identified: at sign-on, at an unlock,
// at an approval and at a change of people; and say why.
func TestStandingHoldsEverywhere(t *testing.T) {
	today := func(r *rig, days int) string { return r.clock.Stamp().Time().AddDate(0, 0, days).Format(dayForm) }
	for name, tc := range map[string]struct {
		bind func(r *rig, number string) (Change, error)
		want entry.Reason
		say  string
	}{
		"from tomorrow on": {func(r *rig, n string) (Change, error) {
			return r.store.SetDays(r.ctx, By{}, n, today(r, 1), "")
		}, entry.ReasonNotValid, "may work here from"},
		"until yesterday": {func(r *rig, n string) (Change, error) {
			return r.store.SetDays(r.ctx, By{}, n, "", today(r, -1))
		}, entry.ReasonNotValid, "could work here until"},
		"another store": {func(r *rig, n string) (Change, error) {
			return r.store.SetPlaces(r.ctx, By{}, n, []string{"13", "14"}, nil)
		}, entry.ReasonNotHere, "may not work in this store (12)"},
		"another register": {func(r *rig, n string) (Change, error) {
			return r.store.SetPlaces(r.ctx, By{}, n, []string{"12"}, []string{"1", "2"})
		}, entry.ReasonNotHere, "may not work at this register (3)"},
		"today alone": {func(r *rig, n string) (Change, error) {
			return r.store.SetDays(r.ctx, By{}, n, today(r, 0), today(r, 0))
		}, entry.ReasonNone, ""},
		"here alone": {func(r *rig, n string) (Change, error) {
			return r.store.SetPlaces(r.ctx, By{}, n, []string{"12"}, []string{"3"})
		}, entry.ReasonNone, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.must(tc.bind(r, "2001"))
				refused := tc.want != entry.ReasonNone
				check := func(what string, got Result, done Action) {
					t.Helper()
					if !refused {
						r.want(got, done, entry.ReasonNone)
						return
					}
					r.want(got, Refused, tc.want)
					if !strings.Contains(got.Say, tc.say) {
						t.Errorf("%s: says %q", what, got.Say)
					}
				}
				check("sign-on by number", r.typed("2001", "3690"), SignedOn)
				if !refused {
					return
				}
				check("sign-on by card", r.swipe("2001"), SignedOn)
				if got := r.typed("2001", "3691"); got.Say != sayNotAccepted {
					t.Errorf("a wrong PIN is told %q", got.Say)
				}
				actor := r.as("2001")
				c, err := r.people.SetName(r.ctx, actor, "1001", "Anna")
				r.wantChange(c, err, false, tc.want)
				if _, err := r.people.View(r.ctx, actor); err == nil {
					t.Error("views operators")
				}
				r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
				r.want(r.swipe("1001"), Locked, entry.ReasonNone)
				check("unlock", r.swipe("2001"), Unlocked)
				r.want(r.swipe("1001"), Unlocked, entry.ReasonNone)
				id := r.override()
				time.Sleep(2 * time.Second)
				got, err := r.s.Approve(r.ctx, id, Credential{Card: cardOf("2001"), Source: "reader"}, Terms{})
				if err != nil {
					t.Fatal(err)
				}
				check("approval", got, Approved)
			})
		})
	}
}

// A session ends with its operator's last day, at midnight and when the clock is
// set beyond it; and setting the clock back brings nothing back.
func TestTheLastDayEndsTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		day := func() string { return r.clock.Stamp().Time().Format(dayForm) }
		r.must(r.store.SetDays(r.ctx, By{}, "1001", "", day()))
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		left, _ := r.store.endOfDay(&operatorRecord{Until: day()})
		for range int(left/time.Minute) - 1 { // somebody works all the time
			time.Sleep(time.Minute)
			r.s.Touch()
		}
		r.wantState("1001", false, false)
		time.Sleep(2 * time.Minute)
		r.wantState("", false, false)
		if e := r.last(entry.KindSignOff); e.Reason != entry.ReasonNotValid {
			t.Errorf("ended with %s", e.Reason)
		}
		r.must(r.store.SetDays(r.ctx, By{}, "1001", "", day()))
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		r.clock.setWall(30 * time.Hour)
		r.s.ClockSet(r.ctx)
		r.wantState("", false, false)
		r.clock.setWall(0)
		r.s.ClockSet(r.ctx)
		r.wantState("", false, false)
	})
}

// A temporary card is somebody's until midnight, and given by somebody else.
func TestTemporaryCards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		spare := func() *card.Card { return cardOf("555000") }
		swipe := func() Result { time.Sleep(3 * time.Second); return r.present(Credential{Card: spare()}) }
		c, err := r.people.EnrolCard(r.ctx, r.as("2001"), "2001", spare(), true)
		r.wantChange(c, err, false, entry.ReasonSamePerson)
		c, err = r.people.EnrolCard(r.ctx, r.as("2001"), "1001", spare(), true)
		r.wantChange(c, err, true, entry.ReasonNone)
		o := r.operator("1001")
		if last := o.Cards[len(o.Cards)-1]; last.Until.IsZero() || last.Until.Hour() != 0 || last.Until.Sub(r.clock.Stamp().Time()) > 24*time.Hour {
			t.Errorf("until %s", last.Until)
		}
		if e := r.last(entry.KindPeople); !strings.Contains(e.Text, "enrolled until") {
			t.Errorf("journaled as %q", e.Text)
		}
		r.want(swipe(), SignedOn, entry.ReasonNone)
		r.wantState("1001", false, false)
		// As long as the day lasts it is nobody else's.
		c, err = r.people.EnrolCard(r.ctx, r.as("2001"), "1002", spare(), true)
		r.wantChange(c, err, false, entry.ReasonCardTaken)
		// Setting the clock back does not make the day longer.
		left := o.Cards[len(o.Cards)-1].Until.Sub(r.clock.Stamp().Time())
		r.clock.setWall(-20 * time.Hour)
		time.Sleep(left + time.Minute)
		r.must(Change{OK: true}, r.gate.EndSession(r.ctx, entry.ReasonOwner, o.Subject(), "test"))
		got := swipe()
		r.want(got, Refused, entry.ReasonCardOver)
		if !strings.Contains(got.Say, "use your own one") {
			t.Errorf("says %q", got.Say)
		}
		// The next day it goes to the next.
		r.clock.setWall(0)
		c, err = r.people.EnrolCard(r.ctx, r.as("2001"), "1002", spare(), true)
		r.wantChange(c, err, true, entry.ReasonNone)
		if n := len(r.operator("1001").Cards); n != 1 {
			t.Errorf("who had it has %d cards", n)
		}
		r.want(swipe(), SignedOn, entry.ReasonNone)
		r.wantState("1002", false, false)
		r.restart() // and the index is in order
		r.wantState("1002", false, false)
	})
}

// A PIN that somebody else has set opens nothing: it has to be changed first.
func TestAPINOfSomebodyElsesMustBeChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, err := r.people.SetPIN(r.ctx, r.as("2001"), "2002", []byte("8520"))
		r.wantChange(c, err, true, entry.ReasonNone)
		if !r.operator("2002").MustChangePIN {
			t.Fatal("it need not be changed")
		}
		identify := func(need Need) Verdict {
			t.Helper()
			v, err := r.s.Identify(r.ctx, Credential{Number: "2002", PIN: []byte("8520"), Source: "console"}, need)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		if v := identify(NeedSite); v.OK || v.Reason != entry.ReasonNewPIN || !strings.Contains(v.Say, sayNewPIN) {
			t.Errorf("identified: %+v", v)
		}
		v := identify(NeedOldPIN)
		if !v.OK {
			t.Fatalf("not even to change it: %+v", v)
		}
		actor := Actor{Operator: v.Operator, Method: v.Method, Source: "console"}
		c, err = r.people.SetName(r.ctx, actor, "1001", "Anna")
		r.wantChange(c, err, false, entry.ReasonNewPIN)
		c, err = r.people.SetPIN(r.ctx, actor, "1001", []byte("8502"))
		r.wantChange(c, err, false, entry.ReasonNewPIN)
		c, err = r.people.SetPIN(r.ctx, actor, "2002", []byte("8520"))
		r.wantChange(c, err, false, entry.ReasonWeak) // the old one
		c, err = r.people.SetPIN(r.ctx, actor, "2002", []byte("8502"))
		r.wantChange(c, err, true, entry.ReasonNone)
		r.want(r.typed("2002", "8502"), SignedOn, entry.ReasonNone)
	})
}

// At the register the sign-on asks for the new PIN, and goes on with it.
func TestSigningOnAsksForANewPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		reset := func(number, pin string) {
			t.Helper()
			c, err := r.people.SetPIN(r.ctx, r.as("2001"), number, []byte(pin))
			r.wantChange(c, err, true, entry.ReasonNone)
		}
		reset("1001", "8520")
		asks := func(got Result) string {
			t.Helper()
			if got.Action != AskNewPIN || !got.NeedNewPIN || got.Token == "" || got.OK {
				t.Fatalf("%+v", got)
			}
			return got.Token
		}
		answer := func(token, pin string) Result {
			t.Helper()
			b := []byte(pin)
			got, err := r.s.NewPIN(r.ctx, token, b, "keypad")
			if err != nil {
				t.Fatal(err)
			}
			wiped(t, b)
			return got
		}
		token := asks(r.typed("1001", "8520"))
		if got, err := r.s.PIN(r.ctx, token, []byte("8520"), "keypad"); err != nil || got.Reason != entry.ReasonTimeout {
			t.Fatalf("the token is good for something else: %+v %v", got, err)
		}
		token = asks(r.typed("1001", "8520"))
		token = asks(answer(token, "1234")) // weak: once more
		token = asks(answer(token, "8520")) // the old one: once more
		if r.signedOn() != "" {
			t.Fatal("signed on")
		}
		r.want(answer(token, "8502"), SignedOn, entry.ReasonNone)
		r.wantState("1001", false, false)
		if e := r.last(entry.KindPeople); e.Operator != "1001" || e.Subject != "1001" || e.Function != FunctionOwnPIN || e.Text != "PIN set" {
			t.Errorf("journaled as %+v", e)
		}
		r.want(answer(token, "8052"), Refused, entry.ReasonTimeout) // once
		// While the register is locked the same holds for the unlock.
		r.want(r.swipe("1001"), Locked, entry.ReasonNone)
		reset("1001", "8520")
		token = asks(r.typed("1001", "8520"))
		r.want(answer(token, "9630"), Unlocked, entry.ReasonNone)
		// What the PIN was shown for has to be what the PIN is.
		r.want(r.swipe("1001"), Locked, entry.ReasonNone)
		reset("1001", "8520")
		token = asks(r.typed("1001", "8520"))
		reset("1001", "7412")
		r.want(answer(token, "9631"), Refused, entry.ReasonStateChanged)
		r.want(r.typed("1001", "9631"), Refused, entry.ReasonWrongPIN)
		// Card and PIN.
		r.must(Change{OK: true}, r.gate.EndSession(r.ctx, entry.ReasonOwner, r.operator("1001").Subject(), "test"))
		reset("3001", "7412")
		got := r.swipe("3001")
		r.want(got, AskPIN, entry.ReasonPINRequired)
		got, err := r.s.PIN(r.ctx, got.Token, []byte("7412"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(answer(asks(got), "9630"), SignedOn, entry.ReasonNone)
		r.wantState("3001", false, false)
	})
}

// A PIN of before the site wanted longer ones opens the way to a longer one.
func TestAShortPINIsChangedAtTheNextSignOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.minPIN = 6
		r.restart()
		got := r.typed("1001", "2580")
		if got.Action != AskNewPIN {
			t.Fatalf("%+v", got)
		}
		got, err := r.s.NewPIN(r.ctx, got.Token, []byte("25801"), "keypad")
		if err != nil || got.Action != AskNewPIN || !strings.Contains(got.Say, "6 to 12 digits") {
			t.Fatalf("%+v %v", got, err)
		}
		got, err = r.s.NewPIN(r.ctx, got.Token, []byte("258014"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(got, SignedOn, entry.ReasonNone)
	})
}

// Who is terminated is signed off at once, and has neither PIN nor card any more.
func TestTerminating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		c, err := r.people.Terminate(r.ctx, r.as("1002"), "1001")
		r.wantChange(c, err, false, entry.ReasonRule)
		c, err = r.people.Terminate(r.ctx, r.as("2001"), "2001")
		r.wantChange(c, err, false, entry.ReasonSamePerson)
		c, err = r.people.Terminate(r.ctx, r.as("2001"), "1001")
		r.wantChange(c, err, true, entry.ReasonNone)
		r.wantState("", false, false)
		if e := r.last(entry.KindSignOff); e.Reason != entry.ReasonTerminated {
			t.Errorf("ended with %s", e.Reason)
		}
		if o := r.operator("1001"); !o.Terminated || o.HasPIN || len(o.Cards) > 0 || o.Standing != entry.ReasonTerminated {
			t.Errorf("left: %+v", o)
		}
		r.want(r.swipe("1001"), Refused, entry.ReasonUnknownCredential)
		r.want(r.typed("1001", "2580"), Refused, entry.ReasonWrongPIN)
		for _, f := range []func() (Change, error){
			func() (Change, error) { return r.people.SetPIN(r.ctx, r.as("2001"), "1001", []byte("8520")) },
			func() (Change, error) { return r.people.EnrolCard(r.ctx, r.as("2001"), "1001", cardOf("777"), false) },
			func() (Change, error) { return r.people.Resume(r.ctx, r.as("2001"), "1001") },
			func() (Change, error) { return r.people.SetGroups(r.ctx, r.as("2001"), "1001", []string{cashier}) },
		} {
			c, err = f()
			r.wantChange(c, err, false, entry.ReasonTerminated)
		}
		c, err = r.people.Add(r.ctx, r.as("2001"), NewOperator{Number: "1001", Name: "Another"})
		r.wantChange(c, err, false, entry.ReasonExists)
		// The card may become somebody else's.
		c, err = r.people.EnrolCard(r.ctx, r.as("2001"), "1002", cardOf("1001"), false)
		r.wantChange(c, err, true, entry.ReasonNone)
		r.restart()
		r.want(r.typed("1001", "2580"), Refused, entry.ReasonWrongPIN)
	})
}

// Whose number it is takes two to say, and neither for themselves.
func TestAPersonTakesTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.must(r.store.Add(r.ctx, By{}, NewOperator{Number: "2009", Name: "Max again", Person: "max", WorkGroups: []string{manager}}, false))
		for name, tc := range map[string]struct {
			by, with, number, person string
			want                     entry.Reason
		}{
			"one alone":              {"2001", "2001", "1001", "bea", entry.ReasonSamePerson},
			"two numbers of one":     {"2001", "2009", "1001", "bea", entry.ReasonSamePerson},
			"with a cashier":         {"2001", "1002", "1001", "bea", entry.ReasonRule},
			"the own number":         {"2001", "2002", "2009", "bea", entry.ReasonSamePerson},
			"the other's own number": {"2002", "2001", "2009", "bea", entry.ReasonSamePerson},
			"to the own person":      {"2001", "2002", "1001", "max", entry.ReasonSamePerson},
			"to the other's person":  {"2001", "2002", "1001", "mia", entry.ReasonSamePerson},
			"written otherwise":      {"2001", "2002", "1001", "Cleo", entry.ReasonMalformed},
			"as it is":               {"2001", "2002", "1001", "ann", entry.ReasonExists},
			"nobody":                 {"2001", "2002", "1001", "", entry.ReasonMalformed},
		} {
			c, err := r.people.SetPerson(r.ctx, r.as(tc.by), r.as(tc.with), tc.number, tc.person)
			if err != nil || c.OK || c.Reason != tc.want {
				t.Errorf("%s: %+v %v", name, c, err)
			}
		}
		c, err := r.people.SetPerson(r.ctx, r.as("2001"), Actor{Technician: true}, "1001", "bea")
		r.wantChange(c, err, false, entry.ReasonCardRequired)
		c, err = r.people.SetPerson(r.ctx, r.as("2001"), r.as("2002"), "1001", "bea")
		r.wantChange(c, err, true, entry.ReasonNone)
		e := r.last(entry.KindPeople)
		if e.Approval == nil || e.Approval.Operator != "2002" || e.Approval.Person != "mia" || e.Text != `person "bea", was "ann"` {
			t.Errorf("journaled as %+v", e)
		}
		if o := r.operator("1001"); o.Person != "bea" {
			t.Errorf("is %s", o.Person)
		}
	})
}

func TestMalformedDaysAndPlaces(t *testing.T) {
	r := newRig(t)
	for _, days := range [][2]string{{"2026-2-1", ""}, {"2026-02-30", ""}, {"27.11.2026", ""}, {"", "tomorrow"}, {"2026-11-28", "2026-11-27"}} {
		c, err := r.people.SetDays(r.ctx, r.as("2001"), "1001", days[0], days[1])
		r.wantChange(c, err, false, entry.ReasonMalformed)
	}
	for _, name := range []string{"", " 12", "a\nb", strings.Repeat("x", 65)} {
		c, err := r.people.SetPlaces(r.ctx, r.as("2001"), "1001", []string{name}, nil)
		r.wantChange(c, err, false, entry.ReasonMalformed)
	}
	c, err := r.people.SetDays(r.ctx, r.as("2001"), "2001", "", "") // the own
	r.wantChange(c, err, false, entry.ReasonSamePerson)
}

// stopped is a clock that stands.
type stopped struct{ enforcer.Clock }

func (c stopped) Stamp() entry.Stamp {
	return entry.Stamp{Wall: time.Date(2025, 9, 7, 2, 0, 0, 0, time.UTC).UnixNano()}
}

// TestDaysEndWhereTheyEnd: in a place that puts its clocks forward at midnight a last
// day, and a temporary card's, has all its hours.
func TestDaysEndWhereTheyEnd(t *testing.T) {
	in, err := time.LoadLocation("America/Santiago")
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{o: StoreOptions{Location: in, Clock: stopped{}}} // 6 September, 22:00
	const left = 2 * time.Hour
	if got, ok := s.endOfDay(&operatorRecord{Until: "2025-09-06"}); !ok || got != left {
		t.Errorf("the last day is over in %v, want %v", got, left)
	}
	if got, ok := s.endOfDay(&operatorRecord{Until: "2025-09-07"}); !ok || got != left+23*time.Hour {
		t.Errorf("the day after, which has 23 hours, is over in %v, want %v", got, left+23*time.Hour)
	}
	if got := time.Duration(s.restOfDay().Until); got != left {
		t.Errorf("a temporary card of the day ends in %v, want %v", got, left)
	}
}
