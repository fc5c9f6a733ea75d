package enforcer

import (
	"testing"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

func TestDecideNamesTheFirstThingThatDoesNotHold(t *testing.T) {
	c := compile(t, testPolicy())
	planes, _ := c.Planes([]string{"Cashier"})
	index := func(key string) policy.Index {
		i, ok := c.Lookup(key)
		if !ok {
			t.Fatalf("no %s", key)
		}
		return i
	}
	for _, x := range []struct {
		words    string
		function string
		context  Context
		outcome  entry.Outcome
		reason   entry.Reason
	}{
		{"a sale is the cashier's", fnSale, Ready, entry.OutcomeAllowed, entry.ReasonRule},
		{"a no-sale needs somebody else", fnNoSale, Ready, entry.OutcomeOverrideRequired, entry.ReasonRule},
		{"a forced opening is nobody's to lend", fnForce, Ready, entry.OutcomeDenied, entry.ReasonRule},
		{"nothing without a policy", fnSale, Ready &^ HasPolicy, entry.OutcomeDenied, entry.ReasonNoPolicy},
		{"nothing without a session", fnSale, Ready &^ HasSession, entry.OutcomeDenied, entry.ReasonNoSession},
		{"nothing for a session that is over", fnSale, Ready &^ SameSession, entry.OutcomeDenied, entry.ReasonStateChanged},
		{"nothing while locked", fnSale, Ready &^ Unlocked, entry.OutcomeDenied, entry.ReasonLocked},
		{"nothing that is in no catalogue", fnSale, Ready &^ Known, entry.OutcomeDenied, entry.ReasonUnknownFunction},
		{"nothing without a work group", fnSale, Ready &^ HasGroup, entry.OutcomeDenied, entry.ReasonNoWorkGroup},
		{"no drawer for what is not for drawers", fnSale, Ready &^ Fits, entry.OutcomeDenied, entry.ReasonNotForDrawer},
		{"nothing that cannot be checked", fnSale, Ready &^ Checkable, entry.OutcomeDenied, entry.ReasonUnsupported},
		{"no override while locked", fnNoSale, Ready &^ Unlocked, entry.OutcomeDenied, entry.ReasonLocked},
		{"the zero context denies", fnSale, 0, entry.OutcomeDenied, entry.ReasonNoPolicy},
	} {
		got := Decide(planes, index(x.function), x.context)
		if got.Outcome() != x.outcome || got.Reason() != x.reason {
			t.Errorf("%s: %v (%v), want %v (%v)", x.words, got.Outcome(), got.Reason(), x.outcome, x.reason)
		}
	}
}

// TestDecideGivesNothingByDefault walks every context and every index, those
// beyond the catalogue included.
func TestDecideGivesNothingByDefault(t *testing.T) {
	c := compile(t, testPolicy())
	planes, _ := c.Planes([]string{"Lead"})
	for context := range 256 {
		for i := range len(c.Functions()) + 200 {
			i := policy.Index(i)
			got := Decide(planes, i, Context(context))
			given := planes.Access(i)
			if Context(context) != Ready {
				given = policy.Denied
			}
			want := map[policy.Access]entry.Outcome{
				policy.Denied: entry.OutcomeDenied, policy.OverrideRequired: entry.OutcomeOverrideRequired, policy.Allowed: entry.OutcomeAllowed,
			}[given]
			if got.Outcome() != want || got.Reason() == entry.ReasonNone {
				t.Fatalf("context %08b, function %d: %v (%v), want %v", context, i, got.Outcome(), got.Reason(), want)
			}
			if without := Decide(nil, i, Context(context)); without.Outcome() != entry.OutcomeDenied {
				t.Fatalf("context %08b, function %d, no planes: %v", context, i, without.Outcome())
			}
		}
	}
}

func TestDecideAllocatesNothing(t *testing.T) {
	c := compile(t, testPolicy())
	planes, _ := c.Planes([]string{"Cashier"})
	var sink Code
	if n := testing.AllocsPerRun(1000, func() {
		for i := range len(c.Functions()) {
			sink += Decide(planes, policy.Index(i), Ready) + Decide(planes, policy.Index(i), HasPolicy)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestKeysFromOutsideAreNotRepeated: whatever stands in an unknown function's
// place, a card number for one, must not reach the journal.
func TestKeysFromOutsideAreNotRepeated(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	for _, x := range []struct{ asked, journaled string }{
		{"pos.nosuch", "pos.nosuch"},
		{"4111111111111111", "unknown"},
		{";4111111111111111=2512?", "unknown"},
		{"pos.\x1bp", "unknown"},
		{"", "unknown"},
	} {
		d, gr := r.ask(x.asked, "1")
		want(t, x.asked, d, entry.OutcomeDenied, entry.ReasonUnknownFunction)
		if e := r.journal.last(t, entry.KindDecision); gr != nil || e.Function != x.journaled || e.FunctionID != 0 {
			t.Errorf("%q: journaled as %q (%d)", x.asked, e.Function, e.FunctionID)
		}
	}
}
