package signon

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

// TestSuspendedAreNeverSignedOn: swipes, PINs and suspensions at once. When a
// suspension has returned, that operator is not signed on, whatever was under way.
func TestSuspendedAreNeverSignedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for n := range 25 {
					source := fmt.Sprintf("reader%d", i)
					var err error
					switch n % 3 {
					case 0:
						_, err = r.s.Present(r.ctx, Credential{Card: cardOf("1001"), Source: source})
					case 1:
						_, err = r.s.SignOn(r.ctx, Credential{Number: "1001", PIN: []byte("2580"), Source: source})
					case 2:
						_, err = r.s.SignOff(r.ctx, source)
					}
					if err != nil && !strings.Contains(err.Error(), "signed on") {
						t.Error(err)
					}
					time.Sleep(time.Duration(i+1) * 70 * time.Millisecond)
				}
			})
		}
		wg.Go(func() {
			actor := r.as("2001")
			for range 30 {
				c, err := r.people.Suspend(r.ctx, actor, "1001")
				if err != nil || !c.OK {
					t.Error(err, c.Say)
				}
				for range 5 {
					if r.signedOn() == "1001" {
						t.Error("a suspended operator is signed on")
					}
					time.Sleep(37 * time.Millisecond)
				}
				if c, err = r.people.Resume(r.ctx, actor, "1001"); err != nil || !c.OK {
					t.Error(err, c.Say)
				}
				time.Sleep(150 * time.Millisecond)
			}
		})
		wg.Wait()
		signOns := 0
		for _, e := range r.journal.since(0, entry.KindSignOn) {
			if e.Outcome == entry.OutcomeAllowed {
				signOns++
			}
		}
		if signOns == 0 {
			t.Error("nobody ever signed on: nothing was tested")
		}
	})
}

// TestRosterIsWhatTheJournalSays: whatever changes in whatever order, with
// restarts between, the roster has what a model has, and each change that was
// made is one entry.
func TestRosterIsWhatTheJournalSays(t *testing.T) {
	dir := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		clock := newClock()
		r := &rig{t: t, ctx: t.Context(), clock: clock, path: fmt.Sprintf("%s/roster%d.db", dir, run)}
		r.journal = &memJournal{clock: clock}
		var err error
		if r.keys, err = NewKeys("0011223344556677", slices.Repeat([]byte{1}, 32), slices.Repeat([]byte{2}, 32)); err != nil {
			rt.Fatal(err)
		}
		if r.store, err = openAgain(r); err != nil {
			rt.Fatal(err)
		}
		defer func() {
			if err := r.store.Close(); err != nil {
				rt.Error(err)
			}
		}()
		type operator struct {
			name, groups string
			suspended    bool
			cards        map[string]bool
		}
		model, made := map[string]*operator{}, 0
		number := rapid.SampledFrom([]string{"1", "2", "03", "123456789"})
		cardNumber := rapid.SampledFrom([]string{"10", "20", "30"})
		check := func(c Change, err error, ok bool) {
			if err != nil || c.OK != ok {
				rt.Fatalf("%+v, %v; want ok %t", c, err, ok)
			}
			if ok {
				made++
			}
		}
		holder := func(c string) bool {
			for _, o := range model {
				if o.cards[c] {
					return true
				}
			}
			return false
		}
		rt.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				n, c := number.Draw(t, "number"), cardNumber.Draw(t, "card")
				ok := model[n] == nil && !holder(c)
				got, err := r.store.Add(r.ctx, By{}, NewOperator{Number: n, Name: "N", Card: cardOf(c)}, false)
				check(got, err, ok)
				if ok {
					model[n] = &operator{name: "N", cards: map[string]bool{c: true}}
				}
			},
			"enrol": func(t *rapid.T) {
				n, c := number.Draw(t, "number"), cardNumber.Draw(t, "card")
				ok := model[n] != nil && !holder(c)
				got, err := r.store.EnrolCard(r.ctx, By{}, n, cardOf(c), false)
				check(got, err, ok)
				if ok {
					model[n].cards[c] = true
				}
			},
			"revoke": func(t *rapid.T) {
				n := number.Draw(t, "number")
				ok := model[n] != nil && len(model[n].cards) > 0
				got, err := r.store.RevokeCard(r.ctx, By{}, n, 0)
				check(got, err, ok)
				if ok {
					clear(model[n].cards)
				}
			},
			"name": func(t *rapid.T) {
				n, name := number.Draw(t, "number"), rapid.SampledFrom([]string{"A", "B", "Ç ñ", ""}).Draw(t, "name")
				ok := model[n] != nil && name != ""
				got, err := r.store.SetName(r.ctx, By{}, n, name)
				check(got, err, ok)
				if ok {
					model[n].name = name
				}
			},
			"groups": func(t *rapid.T) {
				n, groups := number.Draw(t, "number"), rapid.SliceOfN(rapid.SampledFrom([]string{"A", "B", "C"}), 0, 4).Draw(t, "groups")
				got, err := r.store.SetGroups(r.ctx, By{}, n, groups)
				check(got, err, model[n] != nil)
				if model[n] != nil {
					model[n].groups = strings.Join(sorted(groups), ",")
				}
			},
			"suspend": func(t *rapid.T) {
				n, yes := number.Draw(t, "number"), rapid.Bool().Draw(t, "suspended")
				got, err := r.store.suspend(r.ctx, By{}, n, yes)
				check(got, err, model[n] != nil)
				if model[n] != nil {
					model[n].suspended = yes
				}
			},
			"journal fails": func(t *rapid.T) {
				r.journal.failing(true)
				if _, err := r.store.SetName(r.ctx, By{}, number.Draw(t, "number"), "never"); err == nil {
					rt.Fatal("changed without a journal")
				}
				r.journal.failing(false)
			},
			"restart": func(*rapid.T) {
				if err := r.store.Close(); err != nil {
					rt.Fatal(err)
				}
				if r.store, err = openAgain(r); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(*rapid.T) {
				list, err := r.store.List()
				if err != nil || len(list) != len(model) {
					rt.Fatalf("%d operators, %v; want %d", len(list), err, len(model))
				}
				for _, o := range list {
					m := model[o.Number]
					if m == nil || o.Name != m.name || strings.Join(o.WorkGroups, ",") != m.groups || o.Suspended != m.suspended || len(o.Cards) != len(m.cards) {
						rt.Fatalf("operator %s is %+v, want %+v", o.Number, o, m)
					}
					for c := range maps.Keys(m.cards) {
						if err := r.store.view(func(tx *txn) error {
							rec, _, err := tx.byCard(r.store.ring.mark(cardOf(c).Payload()))
							if err == nil && (rec == nil || rec.Number != o.Number) {
								rt.Fatalf("card %s is not operator %s's", c, o.Number)
							}
							return err
						}); err != nil {
							rt.Fatal(err)
						}
					}
				}
				done := 0
				for _, e := range r.journal.since(0, entry.KindPeople) {
					if e.Outcome == entry.OutcomeAllowed {
						done++
					}
				}
				if done != made {
					rt.Fatalf("%d changes, %d entries of them", made, done)
				}
			},
		})
	})
}
