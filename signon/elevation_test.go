package signon

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// The work groups of a store whose restrictions make a ladder: nobody may be
// brought up a rung by who stands below it.
const (
	clerk = "Clerk" // may all that changes operators
	lead  = "Lead"  // restricted to leads and chiefs
	chief = "Chief" // restricted to chiefs
)

func ladder(t testing.TB) *policy.Compiled {
	f := func(id policy.ID, key string, level uint8, parent policy.ID) policy.Function {
		return policy.Function{ID: id, Key: key, Name: "Function " + key, Level: level, Parent: parent, Since: 1}
	}
	all := map[policy.ID]policy.Mark{1000: policy.Check, 5000: policy.Check, 5200: policy.Check}
	p, err := policy.Compile(&policy.Policy{
		Catalogue: policy.Catalogue{Version: 1, Functions: []policy.Function{
			f(1000, "pos", 1, 0), f(1001, "pos.signon", 2, 1000), f(1002, "pos.lock", 2, 1000), f(1011, FunctionOwnPIN, 2, 1000),
			f(5000, "backoffice", 1, 0), f(5200, "backoffice.operator", 2, 5000), f(5201, FunctionView, 3, 5200),
			f(5202, FunctionAdd, 3, 5200), f(5203, FunctionEdit, 3, 5200), f(5204, FunctionWorkGroup, 3, 5200),
			f(5205, FunctionRestricted, 3, 5200), f(5206, FunctionCredential, 3, 5200), f(5207, FunctionCard, 3, 5200),
			f(5208, FunctionTerminate, 3, 5200),
		}},
		WorkGroups: []policy.WorkGroup{
			{Name: cashier, Reviewed: 1, Marks: map[policy.ID]policy.Mark{1000: policy.Check}},
			{Name: clerk, Reviewed: 1, Marks: all},
			{Name: lead, Reviewed: 1, Marks: all},
			{Name: chief, Reviewed: 1, Marks: all},
		},
		Restrictions: []policy.Restriction{{WorkGroup: lead, Editors: []string{lead, chief}}, {WorkGroup: chief, Editors: []string{chief}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// inReach is how far the restrictions let somebody go who begins with these work
// groups, whatever they do: what nobody restricted, and what is restricted
// to one within reach.
func inReach(p *policy.Compiled, begin []string) map[string]bool {
	reach := map[string]bool{}
	for _, g := range begin {
		reach[g] = true
	}
	for _, g := range p.WorkGroups() {
		restricted := slices.ContainsFunc(p.Restrictions(), func(r policy.Restriction) bool { return r.WorkGroup == g.Name })
		reach[g.Name] = reach[g.Name] || !restricted
	}
	for range p.WorkGroups() {
		for _, r := range p.Restrictions() {
			for _, e := range r.Editors {
				reach[r.WorkGroup] = reach[r.WorkGroup] || reach[e]
			}
		}
	}
	return reach
}

// TestNoSelfElevation: whoever knows one operator's PIN, and does what may be done
// with it in any order, also as operators that they made or whose PIN or card
// they set, never comes to a work group that is restricted to others; and nobody
// ever changes another number of the own person, nor the own work groups or state.
func TestNoSelfElevation(t *testing.T) {
	p := ladder(t)
	all := testOperators
	testOperators = slices.DeleteFunc(slices.Clone(all), func(o testOperator) bool { return o.number > "2003" })
	defer func() { testOperators = all }()
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(t)
		defer func() { r.stop(); r.store = nil }()
		if err := r.gate.Load(r.ctx, p, entry.PolicyRef{Epoch: 2, Digest: p.Digest()}, "ladder"); err != nil {
			t.Fatal(err)
		}
		groups := []string{cashier, clerk, lead, chief}
		begin := rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 1, 2, rapid.ID).Draw(rt, "the work groups that somebody begins with")
		// The rig's operators are 1001 and 2003 of one person, and others. Somebody
		// knows the PIN of 1001, and not that of 2003, who is a chief.
		for number, g := range map[string][]string{"1001": begin, "2003": {chief}, "1002": {cashier}, "2001": {lead}, "2002": {chief}} {
			if c, err := r.store.SetGroups(r.ctx, By{}, number, g); err != nil || !c.OK {
				t.Fatal(err, c.Say)
			}
		}
		reach := inReach(p, begin)
		known := map[string]bool{"1001": true}
		numbers := []string{"1001", "1002", "2001", "2002", "2003", "7001", "7002"}
		cards := 0
		for i := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			actor := rapid.SampledFrom(slices.Sorted(maps.Keys(known))).Draw(rt, "by")
			number := rapid.SampledFrom(numbers).Draw(rt, "operator")
			give := rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 3, rapid.ID).Draw(rt, "work groups")
			before, err := r.store.Get(number)
			if err != nil {
				t.Fatal(err)
			}
			a := r.as(actor)
			pin := []byte("8520")
			var c Change
			secret := false
			switch what := rapid.SampledFrom([]string{
				"add", "name", "groups", "PIN", "card", "revoke", "suspend", "resume", "unlock", "days", "places", "person", "terminate", "import",
			}).Draw(rt, "change"); what {
			case "add":
				person := rapid.SampledFrom([]string{"", "ann", "max", "mia", "new"}).Draw(rt, "person")
				c, err = r.people.Add(r.ctx, a, NewOperator{Number: number, Name: "New", Person: person, WorkGroups: give, PIN: pin})
				secret = true
			case "name":
				c, err = r.people.SetName(r.ctx, a, number, fmt.Sprint("Name ", i))
			case "groups":
				c, err = r.people.SetGroups(r.ctx, a, number, give)
			case "PIN":
				c, err = r.people.SetPIN(r.ctx, a, number, pin)
				secret = true
			case "card":
				cards++
				c, err = r.people.EnrolCard(r.ctx, a, number, cardOf(fmt.Sprint(90000+cards)), false)
				secret = true
			case "revoke":
				c, err = r.people.RevokeCard(r.ctx, a, number, 0)
			case "suspend":
				c, err = r.people.Suspend(r.ctx, a, number)
			case "resume":
				c, err = r.people.Resume(r.ctx, a, number)
			case "unlock":
				c, err = r.people.Unlock(r.ctx, a, number)
			case "days":
				c, err = r.people.SetDays(r.ctx, a, number, "", rapid.SampledFrom([]string{"", "1999-12-31"}).Draw(rt, "last day"))
			case "places":
				c, err = r.people.SetPlaces(r.ctx, a, number, nil, rapid.SampledFrom([][]string{nil, {"3"}, {"4"}}).Draw(rt, "registers"))
			case "person":
				with := rapid.SampledFrom(slices.Sorted(maps.Keys(known))).Draw(rt, "with")
				person := rapid.SampledFrom([]string{"ann", "max", "mia", "new", "other"}).Draw(rt, "person")
				second := r.as(with)
				c, err = r.people.SetPerson(r.ctx, a, second, number, person)
				if c.OK && (second.Operator.Person == a.Operator.Person || slices.Contains([]string{before.Person, person}, second.Operator.Person)) {
					rt.Fatalf("%s and %s made a person of %s who is their own", actor, with, number)
				}
			case "terminate":
				c, err = r.people.Terminate(r.ctx, a, number)
			case "import":
				row := Row{Line: 2, Number: number, Name: "Imported", WorkGroups: give}
				if person := rapid.SampledFrom([]string{"", "ann", "max", "new"}).Draw(rt, "person"); person != "" {
					row.Person = &person
				}
				var done Imported
				done, c, err = r.people.Import(r.ctx, a, []Row{row}, false)
				c.OK = c.OK && done.Applied && done.Rows[0].Say != RowUnchanged
			}
			if err != nil {
				t.Fatal(err)
			}
			if !c.OK {
				continue
			}
			if secret {
				known[number] = true
			}
			after := r.operator(number)
			if after.Person == a.Operator.Person || before != nil && before.Person == a.Operator.Person {
				if number != actor {
					rt.Fatalf("%s changed %s, of the same person", actor, number)
				}
				if before == nil || !slices.Equal(before.WorkGroups, after.WorkGroups) || before.Suspended != after.Suspended ||
					before.Until != after.Until || !slices.Equal(before.Registers, after.Registers) || before.Person != after.Person || after.Terminated {
					rt.Fatalf("%s changed the own work groups or state", actor)
				}
			}
			for n := range known {
				for _, g := range r.operator(n).WorkGroups {
					if !reach[g] {
						rt.Fatalf("who began with %q came to %q, with operator %s", begin, g, n)
					}
				}
			}
		}
	})
}

// A restriction is explained: which work group, restricted to whom.
func TestRestrictionsAreExplained(t *testing.T) {
	r := newRig(t)
	if c, err := r.store.Add(r.ctx, By{}, NewOperator{Number: "9001", Name: "Chief", WorkGroups: []string{headquart}}, false); err != nil || !c.OK {
		t.Fatal(err, c.Say)
	}
	for name, f := range map[string]func(Actor) (Change, error){
		"name":    func(a Actor) (Change, error) { return r.people.SetName(r.ctx, a, "9001", "Boss") },
		"groups":  func(a Actor) (Change, error) { return r.people.SetGroups(r.ctx, a, "9001", []string{cashier}) },
		"PIN":     func(a Actor) (Change, error) { return r.people.SetPIN(r.ctx, a, "9001", []byte("8520")) },
		"card":    func(a Actor) (Change, error) { return r.people.EnrolCard(r.ctx, a, "9001", cardOf("99001"), false) },
		"revoke":  func(a Actor) (Change, error) { return r.people.RevokeCard(r.ctx, a, "9001", 0) },
		"suspend": func(a Actor) (Change, error) { return r.people.Suspend(r.ctx, a, "9001") },
		"resume":  func(a Actor) (Change, error) { return r.people.Resume(r.ctx, a, "9001") },
		"unlock":  func(a Actor) (Change, error) { return r.people.Unlock(r.ctx, a, "9001") },
		"add": func(a Actor) (Change, error) {
			return r.people.Add(r.ctx, a, NewOperator{Number: "9002", Name: "New", WorkGroups: []string{headquart}})
		},
	} {
		c, err := f(r.as("2001"))
		r.wantChange(c, err, false, entry.ReasonRestricted)
		want := entry.Rule{WorkGroup: headquart, Function: FunctionRestricted, Mark: markRestricted}
		if c.Rule == nil || *c.Rule != want {
			t.Errorf("%s: refused by %+v", name, c.Rule)
		}
		if e := r.last(entry.KindPeople); e.Rule == nil || *e.Rule != want {
			t.Errorf("%s: journaled with rule %+v", name, e.Rule)
		}
		if want := `work group "Headquarters" is restricted to "Headquarters": Max may not hand it out, nor change who has it`; c.Say != want {
			t.Errorf("%s: says %q", name, c.Say)
		}
	}
}

// A work group that the loaded policy has not is restricted to nobody knows whom.
func TestNobodySetsASecretOfAnUnknownWorkGroup(t *testing.T) {
	r := newRig(t)
	if c, err := r.store.Add(r.ctx, By{}, NewOperator{Number: "9001", Name: "Chief", WorkGroups: []string{"Gone"}}, false); err != nil || !c.OK {
		t.Fatal(err, c.Say)
	}
	c, err := r.people.SetPIN(r.ctx, r.as("2001"), "9001", []byte("8520"))
	r.wantChange(c, err, false, entry.ReasonUnknownWorkGroup)
	c, err = r.people.EnrolCard(r.ctx, r.as("2001"), "9001", cardOf("99001"), false)
	r.wantChange(c, err, false, entry.ReasonUnknownWorkGroup)
	c, err = r.people.Suspend(r.ctx, r.as("2001"), "9001")
	r.wantChange(c, err, true, entry.ReasonNone)
	c, err = r.people.SetGroups(r.ctx, r.as("2001"), "9001", []string{cashier})
	r.wantChange(c, err, true, entry.ReasonNone)
	c, err = r.people.SetPIN(r.ctx, r.as("2001"), "9001", []byte("8520"))
	r.wantChange(c, err, true, entry.ReasonNone)
}

// Two-person rules compare ids letter by letter: one human being has one.
func TestAPersonIsWrittenOneWay(t *testing.T) {
	r := newRig(t)
	for _, person := range []string{"Ann", "ANN"} {
		c, err := r.people.Add(r.ctx, r.as("2001"), NewOperator{Number: "7001", Name: "Ann", Person: person})
		r.wantChange(c, err, false, entry.ReasonMalformed)
	}
	c, err := r.people.Add(r.ctx, r.as("2001"), NewOperator{Number: "7001", Name: "Ann", Person: "ann"})
	r.wantChange(c, err, true, entry.ReasonNone)
}
