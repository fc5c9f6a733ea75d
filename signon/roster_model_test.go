package signon

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestRostersConverge: whatever is done at two registers of a store, in any order, an
// applied roster makes the second say of its operators what the first says, but for
// what was done to them there; nobody who was terminated or suspended comes back by it;
// the same roster again changes nobody; and the file is whole after each.
func TestRostersConverge(t *testing.T) {
	all := testOperators
	testOperators = nil
	defer func() { testOperators = all }()
	key := newStoreKey(t)
	rapid.Check(t, func(rt *rapid.T) {
		a, b := newRigAt(t, "1", key), newRigAt(t, "2", key)
		defer func() {
			for _, r := range []*rig{a, b} {
				r.stop()
				r.store = nil
			}
		}()
		numbers := []string{"1001", "1002", "1003", "1004"}
		type touched struct{ pin, suspended, terminated bool }
		here := map[string]*touched{} // done at b since the roster's last word
		pinOf := map[string][]byte{}  // what a's PIN was when it was carried last
		epoch := uint64(0)
		first := []string{"1001", "1002", "1003"}
		for i := range rapid.IntRange(4, 25).Draw(rt, "steps") + len(first) {
			n := rapid.SampledFrom(numbers).Draw(rt, "operator")
			r := a
			if rapid.Bool().Draw(rt, "at the second") {
				r = b
			}
			var c Change
			var err error
			what := rapid.SampledFrom([]string{"add", "PIN", "card", "revoke", "suspend", "resume", "terminate", "groups", "carry", "carry", "carry"}).Draw(rt, "what")
			if i < len(first) { // there has to be somebody
				n, r, what = first[i], a, "add"
			}
			if r == b && here[n] == nil {
				here[n] = &touched{}
			}
			switch what {
			case "add":
				if r == b {
					continue // its own are another matter
				}
				c, err = r.store.Add(r.ctx, By{}, NewOperator{Number: n, Name: "N" + n, WorkGroups: []string{cashier}, PIN: []byte("2580")}, false)
			case "PIN":
				c, err = r.store.SetPIN(r.ctx, By{}, n, fmt.Appendf(nil, "%d", rapid.IntRange(30_000, 99_999).Draw(rt, "PIN")))
			case "card":
				c, err = r.store.EnrolCard(r.ctx, By{}, n, cardOf(fmt.Sprint(rapid.IntRange(500_000, 500_004).Draw(rt, "card"))), false)
			case "revoke":
				c, err = r.store.RevokeCard(r.ctx, By{}, n, 0)
			case "suspend":
				c, err = r.store.Suspend(r.ctx, By{}, n)
			case "resume":
				c, err = r.store.Resume(r.ctx, By{}, n)
			case "terminate":
				c, err = r.store.Terminate(r.ctx, By{}, n)
			case "groups":
				c, err = r.store.SetGroups(r.ctx, By{}, n, rapid.SliceOfNDistinct(rapid.SampledFrom([]string{cashier, manager, typed}), 0, 2, rapid.ID).Draw(rt, "groups"))
			case "carry":
				epoch++
				roster := a.carry()
				b.apply(roster, epoch)
				if plan := b.apply(roster, epoch); plan.Added+plan.Changed+plan.Removed > 0 {
					rt.Fatalf("again: %+v", plan)
				}
				list, err := a.store.List()
				if err != nil {
					t.Fatal(err)
				}
				there := 0
				for _, o := range list {
					done := here[o.Number]
					if done == nil {
						done = &touched{}
						here[o.Number] = done
					}
					now, err := b.record(o.Number)
					if err != nil {
						t.Fatal(err)
					}
					if o.Terminated {
						if now != nil && now.Terminated == 0 {
							rt.Fatalf("%s is terminated, and there as well: %+v", o.Number, now)
						}
						delete(here, o.Number)
						continue
					}
					there++
					was, err := a.record(o.Number)
					if err != nil || now == nil {
						rt.Fatalf("%s did not come: %v", o.Number, err)
					}
					if done.terminated {
						if now.Terminated == 0 || now.PIN != nil || len(now.Cards) > 0 {
							rt.Fatalf("%s was terminated, and is back", o.Number)
						}
						continue
					}
					if !slices.Equal(now.Groups, was.Groups) || now.Name != was.Name || now.Roster == nil || now.Roster.Epoch != epoch {
						rt.Fatalf("%s is %+v, and was %+v", o.Number, now, was)
					}
					if now.Suspended != (was.Suspended || done.suspended) {
						rt.Fatalf("%s suspended: %t, at the first %t, there %t", o.Number, now.Suspended, was.Suspended, done.suspended)
					}
					if news := !bytes.Equal(pinOf[o.Number], was.PIN.Hash); news || !done.pin {
						done.pin = false
						if !bytes.Equal(now.PIN.Hash, was.PIN.Hash) {
							rt.Fatalf("%s has not the roster's PIN", o.Number)
						}
					} else if bytes.Equal(now.PIN.Hash, was.PIN.Hash) {
						rt.Fatalf("%s lost the PIN that was set there", o.Number)
					}
					pinOf[o.Number] = was.PIN.Hash
					for _, card := range was.Cards {
						if !slices.ContainsFunc(now.Cards, func(c cardRecord) bool { return bytes.Equal(c.MAC, card.MAC) }) {
							rt.Fatalf("%s has not all cards", o.Number)
						}
					}
				}
				if left, err := b.store.List(); err != nil || len(left) < there {
					rt.Fatalf("%d of %d: %v", len(left), there, err)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if r == b && c.OK {
				switch what {
				case "PIN":
					here[n].pin = true
				case "suspend":
					here[n].suspended = true
				case "resume":
					here[n].suspended = false
				case "terminate":
					here[n].terminated = true
				}
			}
		}
		a.restart() // which reads all of both files
		b.restart()
	})
}

func (r *rig) record(number string) (*operatorRecord, error) { return r.s.record(number) }
