package signon

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"tillwarden/enforcer/journal/entry"
)

func newStoreKey(t *testing.T) *StoreKey {
	t.Helper()
	text, err := GenerateStoreKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseStoreKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// lanes are two registers of one store. The second has nobody of its own but a
// manager.
func lanes(t *testing.T) (a, b *rig) {
	t.Helper()
	key := newStoreKey(t)
	a = newRigAt(t, "1", key)
	all := testOperators
	testOperators = []testOperator{{"9999", "Zoe", "zoe", manager, "7412"}}
	defer func() { testOperators = all }()
	return a, newRigAt(t, "2", key)
}

// carry makes a roster at one register as it reaches another.
func (r *rig) carry() *Roster {
	r.t.Helper()
	made, err := r.store.MakeRoster()
	if err != nil {
		r.t.Fatal(err)
	}
	if len(made.Without) > 0 {
		r.t.Errorf("without %v", made.Without)
	}
	blob, err := made.Roster.Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	got, err := ParseRoster(blob)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func taken() error { return nil }

func (r *rig) apply(roster *Roster, epoch uint64) *RosterPlan {
	r.t.Helper()
	plan, err := r.people.ApplyRoster(r.ctx, By{Source: "test"}, roster, epoch, false, taken)
	if err != nil {
		r.t.Fatal(err, plan)
	}
	return plan
}

// Who got PIN and card at one register signs on at the other, which keeps its own
// operators apart.
func TestARosterTravels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := lanes(t)
		plan := b.apply(a.carry(), 1)
		if plan.Added != len(testOperators) || plan.Changed+plan.Removed+plan.Unchanged > 0 {
			t.Fatalf("%+v", plan)
		}
		if o := b.operator("1001"); o.Roster != 1 || !o.HasPIN || len(o.Cards) != 1 {
			t.Errorf("came as %+v", o)
		}
		if o := b.operator("9999"); o.Roster != 0 {
			t.Errorf("the own one is %+v", o)
		}
		b.want(b.typed("1001", "2580"), SignedOn, entry.ReasonNone)
		b.want(b.swipe("1001"), Locked, entry.ReasonNone)
		b.want(b.swipe("1001"), Unlocked, entry.ReasonNone)
		es := b.journal.since(0, entry.KindPeople)
		if e := es[len(es)-1]; !strings.HasPrefix(e.Text, "roster 1: added; work groups: ") {
			t.Errorf("journaled as %q", e.Text)
		}
		// The same again changes nobody, and the session goes on.
		mark := b.journal.mark()
		if plan = b.apply(a.carry(), 2); plan.Unchanged != len(testOperators) || plan.Added+plan.Changed+plan.Removed > 0 {
			t.Errorf("again: %+v", plan)
		}
		if es := b.journal.since(mark, entry.KindPeople, entry.KindSession, entry.KindSignOff); len(es) != 1 || es[0].Text != "roster 2: nobody is changed" {
			t.Errorf("again: %+v", es)
		}
		b.wantState("1001", false, false)
		// It is all there after a restart.
		b.restart()
		if r, err := b.store.RosterApplied(); err != nil || r.Epoch != 2 || r.MadeAt != "12/1" {
			t.Errorf("%+v %v", r, err)
		}
		// Who is no longer in it is gone, and signed off.
		a.must(a.store.Terminate(a.ctx, By{}, "1001"))
		a.must(a.store.SetGroups(a.ctx, By{}, "1002", []string{cashier, typed}))
		plan = b.apply(a.carry(), 3)
		if plan.Removed != 1 || plan.Changed != 1 {
			t.Errorf("%+v", plan)
		}
		b.wantState("", false, false)
		b.want(b.swipe("1001"), Refused, entry.ReasonUnknownCredential)
		b.restart()
	})
}

// What is done at a register to an operator of the roster stays, until the roster
// says something new of it; and what the roster says is not changed there.
func TestWhatWasDoneHereStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := lanes(t)
		b.apply(a.carry(), 1)
		for name, f := range map[string]func(Actor) (Change, error){
			"name":   func(x Actor) (Change, error) { return b.people.SetName(b.ctx, x, "1001", "Anna") },
			"groups": func(x Actor) (Change, error) { return b.people.SetGroups(b.ctx, x, "1001", []string{manager}) },
			"days":   func(x Actor) (Change, error) { return b.people.SetDays(b.ctx, x, "1001", "", "2099-12-31") },
			"places": func(x Actor) (Change, error) { return b.people.SetPlaces(b.ctx, x, "1001", nil, []string{"2"}) },
			"person": func(x Actor) (Change, error) { return b.people.SetPerson(b.ctx, x, b.as("2001"), "1001", "bea") },
		} {
			c, err := f(b.as("9999"))
			b.wantChange(c, err, false, entry.ReasonOfRoster)
			if !strings.Contains(c.Say, "where the roster is made") {
				t.Errorf("%s: says %q", name, c.Say)
			}
		}
		c, err := b.people.SetPIN(b.ctx, b.as("9999"), "1001", []byte("8520"))
		b.wantChange(c, err, true, entry.ReasonNone)
		c, err = b.people.EnrolCard(b.ctx, b.as("9999"), "1001", cardOf("777"), false)
		b.wantChange(c, err, true, entry.ReasonNone)
		c, err = b.people.Suspend(b.ctx, b.as("9999"), "1002")
		b.wantChange(c, err, true, entry.ReasonNone)
		c, err = b.people.Terminate(b.ctx, b.as("9999"), "3001")
		b.wantChange(c, err, true, entry.ReasonNone)

		plan := b.apply(a.carry(), 2)
		if !slices.Equal(plan.Terminated, []string{"3001"}) || plan.Changed > 0 {
			t.Errorf("%+v", plan)
		}
		if o := b.operator("1001"); len(o.Cards) != 2 || !o.MustChangePIN {
			t.Errorf("%+v", o)
		}
		if o := b.operator("1002"); !o.Suspended {
			t.Error("the suspension is gone")
		}
		if o := b.operator("3001"); !o.Terminated {
			t.Error("who was terminated is back")
		}
		if got := b.typed("1001", "8520"); got.Action != AskNewPIN {
			t.Errorf("%+v", got)
		}
		// A new PIN of the roster's takes the place of that one.
		a.must(a.store.SetPIN(a.ctx, By{Operator: "1001", Person: "ann"}, "1001", []byte("9630")))
		a.must(a.store.Suspend(a.ctx, By{}, "2002"))
		b.apply(a.carry(), 3)
		b.want(b.typed("1001", "9630"), SignedOn, entry.ReasonNone)
		c, err = b.people.Resume(b.ctx, b.as("9999"), "2002")
		b.wantChange(c, err, false, entry.ReasonOfRoster)
		c, err = b.people.Resume(b.ctx, b.as("9999"), "1002")
		b.wantChange(c, err, true, entry.ReasonNone)
		b.restart()
	})
}

// A suspension at a register stays, whatever the roster said of a suspension before,
// until somebody ends it at that register.
func TestASuspensionHereOutlivesTheRosters(t *testing.T) {
	for what, here := range map[string]struct{ before, after bool }{
		"suspended here, then by the roster":        {before: true},
		"suspended by the roster, and here besides": {after: true},
		"suspended by the roster alone":             {},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := lanes(t)
				b.apply(a.carry(), 1)
				suspend := func(r *rig) {
					c, err := r.people.Suspend(r.ctx, r.as("2001"), "1002")
					r.wantChange(c, err, true, entry.ReasonNone)
				}
				if here.before {
					suspend(b)
				}
				suspend(a)
				b.apply(a.carry(), 2)
				if here.after {
					suspend(b)
				}
				a.must(a.store.Resume(a.ctx, By{}, "1002"))
				for epoch := range uint64(2) {
					b.apply(a.carry(), 3+epoch)
					b.restart()
					if o := b.operator("1002"); o.Suspended != (here.before || here.after) {
						t.Fatalf("after roster %d: suspended %v", 3+epoch, o.Suspended)
					}
				}
				c, err := b.people.Resume(b.ctx, b.as("2001"), "1002")
				b.wantChange(c, err, true, entry.ReasonNone)
				b.apply(a.carry(), 5)
				if b.operator("1002").Suspended {
					t.Error("resumed here, and is suspended again")
				}
			})
		})
	}
}

// Nothing of a roster is applied that has one of the register's own numbers or cards in
// it, or that is refused at the last moment, or was made here.
func TestARosterIsAppliedWholeOrNotAtAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := lanes(t)
		a.must(a.store.Add(a.ctx, By{}, NewOperator{Number: "9999", Name: "Another", WorkGroups: []string{manager}, PIN: []byte("3571")}, false))
		b.must(b.store.EnrolCard(b.ctx, By{}, "9999", cardOf("1002"), false))
		b.must(b.store.Add(b.ctx, By{}, NewOperator{Number: "7001", Name: "Own", WorkGroups: []string{cashier}, Card: cardOf("1001")}, false))
		unchanged := func(what string) {
			t.Helper()
			list, err := b.store.List()
			if err != nil || len(list) != 2 || list[0].Name != "Own" || list[1].Name != "Zoe" {
				t.Fatalf("%s: %+v %v", what, list, err)
			}
		}
		plan, err := b.people.ApplyRoster(b.ctx, By{}, a.carry(), 1, false, taken)
		if !errors.Is(err, ErrCollision) || len(plan.Collisions) != 2 {
			t.Fatalf("%+v %v", plan, err)
		}
		unchanged("collisions")
		// A card is in the way also where numbers may be replaced.
		plan, err = b.people.ApplyRoster(b.ctx, By{}, a.carry(), 1, true, taken)
		if !errors.Is(err, ErrCollision) || !slices.Equal(plan.Collisions, []string{"a card of operator 1001 is one of this register's own operator 7001"}) {
			t.Fatalf("%+v %v", plan, err)
		}
		unchanged("a card")
		b.must(b.store.RevokeCard(b.ctx, By{}, "7001", 0))
		no := errors.New("no")
		if _, err := b.people.ApplyRoster(b.ctx, By{}, a.carry(), 1, true, func() error { return no }); !errors.Is(err, no) {
			t.Fatal(err)
		}
		unchanged("not accepted")
		b.journal.failing(true)
		if _, err := b.people.ApplyRoster(b.ctx, By{}, a.carry(), 1, true, taken); err == nil {
			t.Fatal("applied without a journal")
		}
		b.journal.failing(false)
		unchanged("not journaled")
		if _, err := a.people.ApplyRoster(a.ctx, By{}, a.carry(), 1, true, taken); !errors.Is(err, ErrMadeHere) {
			t.Fatal(err)
		}
		// The roster's take the places of the register's own, if that is said.
		if _, err := b.people.ApplyRoster(b.ctx, By{}, a.carry(), 1, true, taken); err != nil {
			t.Fatal(err)
		}
		if o := b.operator("9999"); o.Name != "Another" || o.Roster != 1 || len(o.Cards) != 0 {
			t.Errorf("%+v", o)
		}
		b.want(b.typed("9999", "7412"), Refused, entry.ReasonWrongPIN)
		b.want(b.swipe("1002"), SignedOn, entry.ReasonNone)
		b.wantState("1002", false, false)
		b.restart()
	})
}

// A register without the store's key, or with another one, lets nobody in by it.
func TestOtherStoreKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := lanes(t)
		all := testOperators
		testOperators = nil
		other := newRigAt(t, "3", newStoreKey(t))
		none := newRigAt(t, "4", nil)
		testOperators = all
		if _, err := none.store.MakeRoster(); !errors.Is(err, ErrNoStoreKey) {
			t.Error(err)
		}
		if _, err := none.store.MakeRevocations(); !errors.Is(err, ErrNoStoreKey) {
			t.Error(err)
		}
		for _, r := range []*rig{other, none} {
			if plan := r.apply(a.carry(), 1); len(plan.Foreign) != len(testOperators) {
				t.Errorf("%+v", plan)
			}
			r.want(r.typed("1001", "2580"), Refused, entry.ReasonWrongPIN)
			r.want(r.swipe("1001"), Refused, entry.ReasonUnknownCredential)
		}
	})
}

// What was set before the register had the store's key is taken over when it is used,
// and travels then.
func TestOldVerifiersAreTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.storeKey = newStoreKey(t)
		r.restart()
		made, err := r.store.MakeRoster()
		if err != nil || len(made.Without) != len(testOperators) {
			t.Fatalf("%+v %v", made, err)
		}
		mark := r.journal.mark()
		r.want(r.typed("1001", "2580"), SignedOn, entry.ReasonNone)
		r.want(r.swipe("1001"), Locked, entry.ReasonNone)
		if es := r.journal.since(mark, entry.KindPeople); len(es) > 0 {
			t.Errorf("journaled: %+v", es)
		}
		made, err = r.store.MakeRoster()
		if err != nil || slices.Contains(made.Without, "1001") || len(made.Without) != len(testOperators)-1 {
			t.Errorf("%+v %v", made.Without, err)
		}
		r.restart()
		r.want(r.swipe("1001"), Unlocked, entry.ReasonNone)
		r.want(r.swipe("1001"), Locked, entry.ReasonNone)
		r.want(r.typed("1001", "2580"), Unlocked, entry.ReasonNone)
		// A card that somebody has under the old key is not given to anybody else.
		c, err := r.people.EnrolCard(r.ctx, r.as("2001"), "1001", cardOf("1002"), false)
		r.wantChange(c, err, false, entry.ReasonCardTaken)
	})
}

// Who is fired at noon is signed off and refused wherever the list was applied, also
// after a restart, under a newer roster, and as the register's own operator.
func TestRevocations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := lanes(t)
		b.apply(a.carry(), 1)
		b.must(b.store.Add(b.ctx, By{}, NewOperator{Number: "7001", Name: "Own", WorkGroups: []string{cashier}, PIN: []byte("3571")}, false))
		b.want(b.swipe("1001"), SignedOn, entry.ReasonNone)
		old := a.carry()
		a.must(a.store.Terminate(a.ctx, By{}, "1001"))
		a.must(a.store.Add(a.ctx, By{}, NewOperator{Number: "7001", Name: "Fired"}, false))
		a.must(a.store.Terminate(a.ctx, By{}, "7001"))
		list, err := a.store.MakeRevocations()
		if err != nil {
			t.Fatal(err)
		}
		blob, err := list.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if list, err = ParseRevocations(blob); err != nil {
			t.Fatal(err)
		}
		no := errors.New("no")
		if _, err := b.people.ApplyRevocations(b.ctx, By{}, list, 1, func() error { return no }); !errors.Is(err, no) {
			t.Fatal(err)
		}
		b.wantState("1001", false, false)
		plan, err := b.people.ApplyRevocations(b.ctx, By{}, list, 1, taken)
		if err != nil || !slices.Equal(plan.Revoked, []string{"1001", "7001"}) {
			t.Fatalf("%+v %v", plan, err)
		}
		b.wantState("", false, false)
		if e := b.last(entry.KindSignOff); e.Reason != entry.ReasonRevoked {
			t.Errorf("ended with %s", e.Reason)
		}
		refused := func(when string) {
			t.Helper()
			b.want(b.swipe("1001"), Refused, entry.ReasonRevoked)
			b.want(b.typed("1001", "2580"), Refused, entry.ReasonWrongPIN) // the words for all
			b.want(b.typed("7001", "3571"), Refused, entry.ReasonWrongPIN)
			if o := b.operator("7001"); o.Standing != entry.ReasonRevoked {
				t.Errorf("%s: %s", when, o.Standing)
			}
		}
		refused("at once")
		b.restart()
		refused("after a restart")
		b.apply(old, 2)
		refused("under a roster of before")
		// The lists of other registers have them too; and the next may take it back.
		if more, err := b.store.MakeRevocations(); err != nil || len(more.Revoked) != 2 {
			t.Errorf("%+v %v", more, err)
		}
		list.Revoked = list.Revoked[1:]
		plan, err = b.people.ApplyRevocations(b.ctx, By{}, list, 2, taken)
		if err != nil || !slices.Equal(plan.Freed, []string{"1001"}) {
			t.Fatalf("%+v %v", plan, err)
		}
		b.want(b.swipe("1001"), SignedOn, entry.ReasonNone)
	})
}

// Invariant 2: a new roster ends what is pending, and who is signed on stays so.
func TestInvariant2ANewRosterEndsWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := lanes(t)
		b.apply(a.carry(), 1)
		b.want(b.swipe("1001"), SignedOn, entry.ReasonNone)
		b.override()
		b.wantState("1001", false, true)
		b.apply(a.carry(), 2)
		b.wantState("1001", false, true) // nothing is new in it
		a.must(a.store.SetName(a.ctx, By{}, "1002", "Benjamin"))
		b.apply(a.carry(), 3)
		b.wantState("1001", false, false)
	})
}

// A roster has no secret in it, and everything else than what this version makes is
// refused.
func TestRosterContent(t *testing.T) {
	a, _ := lanes(t)
	blob, err := a.carry().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range testOperators {
		if bytes.Contains(blob, []byte(`"`+o.pin+`"`)) || bytes.Contains(blob, []byte("000000"+o.number)) {
			t.Errorf("the PIN or card of %s is in it", o.number)
		}
	}
	for name, change := range map[string]func(m map[string]any){
		"unknown field":    func(m map[string]any) { m["more"] = 1 },
		"format":           func(m map[string]any) { m["format"] = 2 },
		"nowhere":          func(m map[string]any) { m["made_at"] = "" },
		"out of order":     func(m map[string]any) { slices.Reverse(m["operators"].([]any)) },
		"twice":            func(m map[string]any) { l := m["operators"].([]any); m["operators"] = append(l[:1:1], l...) },
		"malformed number": func(m map[string]any) { m["operators"].([]any)[0].(map[string]any)["number"] = "1x" },
		"malformed day":    func(m map[string]any) { m["operators"].([]any)[0].(map[string]any)["until"] = "soon" },
		"malformed PIN": func(m map[string]any) {
			m["operators"].([]any)[0].(map[string]any)["pin"].(map[string]any)["hash"] = "AAAA"
		},
		"a costly PIN": func(m map[string]any) {
			m["operators"].([]any)[0].(map[string]any)["pin"].(map[string]any)["kdf"].(map[string]any)["m"] = 1 << 30
		},
		"one card of two": func(m map[string]any) {
			l := m["operators"].([]any)
			l[1].(map[string]any)["cards"] = l[0].(map[string]any)["cards"]
		},
	} {
		var m map[string]any
		if err := json.Unmarshal(blob, &m); err != nil {
			t.Fatal(err)
		}
		change(m)
		bad, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRoster(bad); !errors.Is(err, ErrRoster) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{``, `{}`, `{"format":1,"made_at":"12/1","revoked":[{"number":"x","since":1}]}`, `{"format":1,"made_at":"12/1","revoked":[]} {}`, `{"format":1,"made_at":"12/1","revoked":[{"number":"2","since":1},{"number":"1","since":1}]}`} {
		if _, err := ParseRevocations([]byte(bad)); !errors.Is(err, ErrRoster) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// FuzzParseRoster: what is taken is written again as it was read.
func FuzzParseRoster(f *testing.F) {
	f.Add([]byte(`{"format":1,"made_at":"12/1","operators":[{"number":"1","name":"A","person":"a","groups":["G"],"cards":[{"key":"0123456789abcdef","mac":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","format":"digits","enrolled":1}]}]}`))
	f.Add([]byte(`{"format":1,"made_at":"12/1","operators":[{"number":"1","name":"A","person":"a","groups":[],"suspended":true,"from":"2026-01-01","until":"2026-12-31","stores":["12"],"registers":["3"]}]}`))
	f.Fuzz(func(t *testing.T, blob []byte) {
		r, err := ParseRoster(blob)
		if err != nil {
			return
		}
		again, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseRoster(again); err != nil {
			t.Fatalf("%v: %s", err, again)
		}
	})
}

// The store's key is one line, and nothing shows it.
func TestStoreKeyFile(t *testing.T) {
	text, err := GenerateStoreKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseStoreKey(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseStoreKey(text)
	if err != nil || again.ID() != k.ID() || again.Public() != k.Public() {
		t.Error("the same text is another key")
	}
	secret := strings.Fields(string(text))[1]
	asJSON, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d", string(asJSON)} {
		shown := fmt.Sprintf(verb, k)
		if strings.Contains(shown, secret) || strings.Contains(shown, string(k.keys.pepper())) {
			t.Errorf("%q", shown)
		}
	}
	for _, bad := range [][]byte{nil, text[:len(text)-1], append(bytes.Clone(text), '\n'), bytes.Replace(text, []byte("store-1"), []byte("store-2"), 1), bytes.ToUpper(text), append(bytes.Clone(text[:len(text)-2]), 'x', '\n')} {
		if _, err := ParseStoreKey(bad); !errors.Is(err, ErrKeyFile) || strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
