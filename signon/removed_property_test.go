package signon

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer"
)

// TestAnOpenSessionHasItsCard: whatever cards go into two insert readers and out of them,
// while overrides are asked for, approved and cancelled, or time goes by: an open session's
// own card is in a reader, or made room for an approver's a short while ago. Only who unlocks
// for others leaves it open without.
func TestAnOpenSessionHasItsCard(t *testing.T) {
	cards := []string{"1001", "8802", "1001", "9999"} // 8802 approves by card, and unlocks for others
	rapid.Check(t, func(rt *rapid.T) {
		removed := rapid.SampledFrom([]Removed{RemovedLock, RemovedSignOff}).Draw(rt, "removed")
		type step struct{ do, at, card int }
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{rapid.IntRange(0, 11).Draw(rt, "do"), rapid.IntRange(0, 1).Draw(rt, "at"), rapid.IntRange(0, len(cards)-1).Draw(rt, "card")}
		}), 1, 40).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, func(o *Options) { o.Removed = removed })
			readers, in := []string{"left", "right"}, []string{"", ""}
			var away time.Duration // since when the own card may be out
			lent := false          // the session was unlocked by somebody else
			for i, s := range steps {
				at := readers[s.at]
				switch s.do {
				case 0, 1, 2, 3, 4: // in, or out
					if in[s.at] != "" {
						own := in[s.at] == r.signedOn()
						if own && r.gate.Snapshot().Override != nil {
							away = r.clock.Boot()
						}
						in[s.at] = ""
						if _, err := r.s.CardRemoved(r.ctx, at); err != nil {
							t.Fatal(err)
						}
						break
					}
					number := cards[s.card]
					if slices.Contains(in, number) {
						break // there is one of it
					}
					time.Sleep(time.Second) // nobody is faster
					res := r.present(Credential{Card: cardOf(number), Source: at})
					in[s.at] = number
					if res.Action == Unlocked {
						lent = number != r.signedOn()
					}
				case 5, 6:
					if _, _, err := r.gate.Authorize(r.ctx, enforcer.Request{Function: "pos.drawer.nosale", Drawer: "1", Source: "test"}); err != nil {
						t.Fatal(err)
					}
				case 7:
					if o := r.gate.Snapshot().Override; o != nil {
						if err := r.gate.Cancel(r.ctx, o.ID, "console"); err != nil {
							t.Fatal(err)
						}
						away = r.clock.Boot()
					}
				case 8, 9:
					time.Sleep(time.Duration(s.card+1) * 20 * time.Second)
				case 10:
					if _, err := r.s.Lock(r.ctx, "console"); err != nil {
						t.Fatal(err)
					}
				case 11:
					if _, err := r.s.SignOff(r.ctx, "console"); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				own := r.signedOn()
				if own == "" || r.locked() {
					lent = lent && own != ""
					continue
				}
				if r.gate.Snapshot().Override != nil {
					away = r.clock.Boot()
				}
				if lent || slices.Contains(in, own) || r.clock.Boot()-away <= 2*r.s.o.AskPIN {
					continue
				}
				t.Fatalf("step %d: %s's session is open, and in the readers are %q", i, own, in)
			}
		})
	})
}
