package signon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon/card"
)

// The functions that changes of people are decided by.
const (
	FunctionView       = "backoffice.operator.view"      // 5201
	FunctionAdd        = "backoffice.operator.add"       // 5202
	FunctionEdit       = "backoffice.operator.edit"      // 5203
	FunctionWorkGroup  = policy.KeyAssign                // 5204
	FunctionRestricted = policy.KeyAssignRestricted      // 5205
	FunctionCredential = policy.KeySetPIN                // 5206
	FunctionCard       = policy.KeyGiveCard              // 5207
	FunctionTerminate  = "backoffice.operator.terminate" // 5208
	FunctionOwnPIN     = "pos.password.change"           // 1011
)

// Actor is who wishes a change: an operator who was identified just now, or the
// technician.
type Actor struct {
	Operator   *Operator // nil: the technician
	Technician bool
	Method     entry.Method
	Source     string
}

// People makes changes of operators that somebody may make. Each asks the gate,
// which journals the decision, then checks what no policy can allow, then
// journals and applies the change, and tells the gate if it is about the operator
// signed on. The technician may add the first operator, and nothing else.
type People struct {
	s *Service
}

// People gives the service's other side.
func (s *Service) People() *People { return &People{s: s} }

// rules are what a change has to pass besides the policy.
type rules struct {
	functions []string
	own       bool     // the actor may be the operator that it is about: the very number
	secret    bool     // whoever makes it could sign on as that operator afterwards
	groups    []string // that the operator is to have; nil: no change of them
	first     bool
	// forced: the operator has to do this before anything else, and no policy is
	// asked whether they may.
	forced bool
}

// authorize decides, and says by whom the change is. A nil *refusal lets it pass.
// The store's turn is held.
func (p *People) authorize(ctx context.Context, a Actor, number string, ru rules) (By, *refusal, error) {
	by := By{Method: a.Method, Source: a.Source, Function: ru.functions[0]}
	var target *operatorRecord
	if err := p.s.store.view(func(t *txn) (err error) {
		target, err = t.operator(number)
		return err
	}); err != nil {
		return by, nil, err
	}
	snap := p.s.gate.Snapshot()
	if snap.Policy != nil {
		if i, ok := snap.Policy.Lookup(by.Function); ok {
			by.FunctionID = uint32(snap.Policy.Function(i).ID)
		}
	}
	if a.Operator == nil {
		if !a.Technician || !ru.first {
			return by, &refusal{reason: entry.ReasonCardRequired, say: "an operator who may has to do this: swipe, or give number and PIN"}, nil
		}
		by.Method, by.Function, by.FunctionID = entry.MethodTechnician, "", 0
		return by, unknownGroups(snap.Policy, ru.groups), nil
	}
	// As they are now: the actor may have been suspended since.
	actor, err := p.s.record(a.Operator.Number)
	if err != nil {
		return by, nil, err
	}
	if no := p.s.mayAct(actor, a.Operator.Name, ru.forced); no != nil {
		return by, no, nil
	}
	by.Operator, by.Person, by.WorkGroups = actor.Number, actor.Person, actor.Groups
	about := ""
	if badNumber(number) == "" {
		about = number
	}
	functions := ru.functions
	if handsOutRestricted(snap.Policy, target, ru.groups) {
		functions = append([]string{FunctionRestricted}, functions...)
	}
	if ru.forced && actor.MustChange {
		functions = nil
	}
	for _, function := range functions {
		d, err := p.s.gate.Permit(ctx, actor.public().Subject(), function, a.Method, a.Source, about)
		if err != nil {
			return by, nil, err
		}
		by.Function, by.FunctionID, by.Decision = function, uint32(d.Function), d.Seq
		if d.Outcome != entry.OutcomeAllowed {
			rule := d.Rule
			return by, &refusal{reason: d.Reason, say: sayRefused(d.Reason, actor.Name), rule: &rule}, nil
		}
	}
	if p.s.gate.Snapshot().Policy != snap.Policy {
		// What was decided by one policy must not be done under another's restrictions.
		return by, refuse(entry.ReasonPolicyChanged, "%s", sayRefused(entry.ReasonPolicyChanged, "")), nil
	}
	return by, beyondPolicy(snap.Policy, actor, target, ru), nil
}

// unknownGroups refuses work groups that the loaded policy does not have.
func unknownGroups(p *policy.Compiled, groups []string) *refusal {
	if len(groups) == 0 {
		return nil
	}
	if p == nil {
		return &refusal{reason: entry.ReasonNoPolicy, say: "no policy is loaded: load one before giving work groups"}
	}
	for _, g := range groups {
		if _, ok := p.WorkGroup(g); ok {
			continue
		}
		say := "the loaded policy has no such work group"
		if !strings.ContainsFunc(g, unicode.IsDigit) { // else it could be a PIN that was typed in the wrong place
			say = fmt.Sprintf("the loaded policy has no work group %.80q", g)
		}
		if near := nearest(g, p.WorkGroups()); near != "" {
			say += fmt.Sprintf("; did you mean %q?", near)
		} else if names := groupNames(p); names != "" {
			say += "; it has " + names
		}
		return &refusal{reason: entry.ReasonUnknownWorkGroup, say: say}
	}
	return nil
}

func groupNames(p *policy.Compiled) string {
	var names []string
	for _, g := range p.WorkGroups() {
		if len(names) == 20 {
			names = append(names, "and others")
			break
		}
		names = append(names, fmt.Sprintf("%q", g.Name))
	}
	return strings.Join(names, ", ")
}

// nearest finds the work group whose name is most like the one given; empty
// if none is like it.
func nearest(name string, groups []policy.WorkGroupInfo) string {
	best, found := len(name)/3+1, ""
	for _, g := range groups {
		if d := distance(policy.FoldName(name), policy.FoldName(g.Name)); d < best {
			best, found = d, g.Name
		}
	}
	return found
}

// distance is Levenshtein's: how many letters differ.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	if len(x) > maxGroupName || len(y) > maxGroupName {
		return maxGroupName
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			above := row[j+1]
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			row[j+1] = min(cost, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(y)]
}

// do is one change: decided, made, and followed up.
func (p *People) do(ctx context.Context, a Actor, number string, ru rules, make func(By) (Change, error)) (Change, error) {
	p.s.store.turn.Lock()
	defer p.s.store.turn.Unlock()
	by, no, err := p.authorize(ctx, a, number, ru)
	if err != nil {
		return Change{}, err
	}
	if no != nil {
		return p.s.store.refused(ctx, by, number, no)
	}
	c, err := make(by)
	if err != nil || !c.OK {
		return c, err
	}
	return c, p.follow(ctx, number)
}

// follow tells the gate when the change is about the operator signed on, or about
// the first of two who approve what is pending: their word counts for what they are
// when the second comes, so it has to be given anew. The store's turn is held.
func (p *People) follow(ctx context.Context, numbers ...string) error {
	snap := p.s.gate.Snapshot()
	changed := func(number string) bool { return slices.Contains(numbers, number) }
	anew := snap.Override != nil && slices.ContainsFunc(snap.Override.Approved, changed)
	if snap.Session == nil || !anew && !changed(snap.Session.Subject.Operator) {
		return nil
	}
	return p.s.followed(ctx, anew)
}

// mayAct refuses an actor who may do nothing here now. changing: the own PIN,
// which is the one thing that somebody may do who has to.
func (s *Service) mayAct(actor *operatorRecord, name string, changing bool) *refusal {
	if actor == nil {
		return refuse(entry.ReasonUnknownOperator, "there is no such operator any more")
	}
	if reason := s.store.standing(actor); reason != entry.ReasonNone {
		return refuse(reason, "%s", s.store.sayStanding(actor, reason))
	}
	if actor.MustChange && actor.PIN != nil && !changing {
		return refuse(entry.ReasonNewPIN, "%s: %s", name, sayNewPIN)
	}
	return nil
}

// Add adds an operator: 5202, with work groups also 5204 (restricted ones: 5205),
// with a card also 5207.
// The technician may add the first one, who needs a PIN or a card.
func (p *People) Add(ctx context.Context, a Actor, n NewOperator) (Change, error) {
	defer clear(n.PIN)
	defer n.Card.Wipe()
	first := a.Operator == nil
	n.Person = cmp.Or(n.Person, n.Number)
	ru := rules{functions: []string{FunctionAdd}, groups: n.WorkGroups, first: first, own: true}
	if len(n.WorkGroups) > 0 {
		ru.functions = append(ru.functions, FunctionWorkGroup)
	}
	if n.Card != nil {
		ru.functions = append(ru.functions, FunctionCard)
	}
	return p.do(ctx, a, n.Number, ru, func(by By) (Change, error) {
		switch {
		case first && len(n.PIN) == 0 && n.Card == nil:
			return p.s.store.refused(ctx, by, n.Number, &refusal{reason: entry.ReasonPINRequired, say: "the first operator needs a PIN or a card, or nobody could go on from there"})
		case first && len(n.WorkGroups) == 0:
			return p.s.store.refused(ctx, by, n.Number, &refusal{reason: entry.ReasonNoWorkGroup, say: "the first operator needs a work group that may add others"})
		case !first && n.Person == by.Person:
			return p.s.store.refused(ctx, by, n.Number, &refusal{reason: entry.ReasonSamePerson, say: "nobody adds a number for themselves: somebody else has to"})
		}
		return p.s.store.Add(ctx, by, n, first)
	})
}

// SetName changes an operator's name: 5203.
func (p *People) SetName(ctx context.Context, a Actor, number, name string) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionEdit}, own: true}, func(by By) (Change, error) {
		return p.s.store.SetName(ctx, by, number, name)
	})
}

// SetGroups changes an operator's work groups: 5204, and 5205 where a restricted
// one is given. Nobody changes the own.
func (p *People) SetGroups(ctx context.Context, a Actor, number string, groups []string) (Change, error) {
	if groups == nil {
		groups = []string{}
	}
	return p.do(ctx, a, number, rules{functions: []string{FunctionWorkGroup}, groups: groups}, func(by By) (Change, error) {
		return p.s.store.SetGroups(ctx, by, number, groups)
	})
}

// SetPIN sets somebody's PIN: 5206, the own one: 1011, unless the operator has to.
// Somebody else's has to be changed by its operator before anything is done with
// it. It ends their locks, as Unlock does, and like Unlock not the own ones. The
// PIN is wiped.
func (p *People) SetPIN(ctx context.Context, a Actor, number string, pin []byte) (Change, error) {
	defer clear(pin)
	ru := rules{functions: []string{FunctionCredential}, own: true, secret: true}
	if a.Operator != nil && a.Operator.Number == number {
		ru.functions, ru.forced = []string{FunctionOwnPIN}, a.Operator.MustChangePIN
	}
	return p.do(ctx, a, number, ru, func(by By) (Change, error) {
		c, err := p.s.store.SetPIN(ctx, by, number, pin)
		if err == nil && c.OK && c.Operator.Person != by.Person {
			p.s.brake.clear(number)
		}
		return c, err
	})
}

// MayEnrol decides whether an operator may be given a card, before anybody waits
// for one: the reader is not to be taken from swipes by who may not. It changes
// nothing, and EnrolCard decides again.
func (p *People) MayEnrol(ctx context.Context, a Actor, number string, temporary bool) (Change, error) {
	p.s.store.turn.RLock()
	defer p.s.store.turn.RUnlock()
	by, no, err := p.authorize(ctx, a, number, rules{functions: []string{FunctionCard}, own: !temporary, secret: true})
	if err != nil {
		return Change{}, err
	}
	if no != nil {
		return p.s.store.refused(ctx, by, number, no)
	}
	if r, err := p.s.record(number); err != nil {
		return Change{}, err
	} else if r == nil {
		return p.s.store.refused(ctx, by, number, noOperator(number))
	}
	return Change{OK: true}, nil
}

// EnrolCard gives somebody a card: 5207. A temporary one is theirs until midnight,
// and is given by somebody else. The card is wiped.
func (p *People) EnrolCard(ctx context.Context, a Actor, number string, c *card.Card, temporary bool) (Change, error) {
	defer c.Wipe()
	// A reader that reads twice must not sign the new holder on.
	p.s.sameSwipe(c, p.s.o.Clock.Boot())
	return p.do(ctx, a, number, rules{functions: []string{FunctionCard}, own: !temporary, secret: true}, func(by By) (Change, error) {
		return p.s.store.EnrolCard(ctx, by, number, c, temporary)
	})
}

// RevokeCard takes one card, or all where id is zero: 5207.
func (p *People) RevokeCard(ctx context.Context, a Actor, number string, id uint32) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionCard}, own: true}, func(by By) (Change, error) {
		return p.s.store.RevokeCard(ctx, by, number, id)
	})
}

// Suspend keeps somebody from signing on, and ends their session: 5208. Nobody
// suspends themselves: were they the last who may, nobody could take it back.
func (p *People) Suspend(ctx context.Context, a Actor, number string) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionTerminate}}, func(by By) (Change, error) {
		return p.s.store.Suspend(ctx, by, number)
	})
}

// Resume is the reverse of Suspend: 5208.
func (p *People) Resume(ctx context.Context, a Actor, number string) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionTerminate}}, func(by By) (Change, error) {
		return p.s.store.Resume(ctx, by, number)
	})
}

// Terminate takes PIN and cards from somebody, and ends their session: 5208. It
// cannot be taken back.
func (p *People) Terminate(ctx context.Context, a Actor, number string) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionTerminate}}, func(by By) (Change, error) {
		return p.s.store.Terminate(ctx, by, number)
	})
}

// SetDays sets the first and the last day on which somebody may do anything: 5203.
func (p *People) SetDays(ctx context.Context, a Actor, number, from, until string) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionEdit}}, func(by By) (Change, error) {
		return p.s.store.SetDays(ctx, by, number, from, until)
	})
}

// SetPlaces binds somebody to stores and registers: 5203.
func (p *People) SetPlaces(ctx context.Context, a Actor, number string, stores, registers []string) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionEdit}}, func(by By) (Change, error) {
		return p.s.store.SetPlaces(ctx, by, number, stores, registers)
	})
}

// SetPerson says whose number it is: 5203, by two operators of different persons,
// neither of them the one it was or is to be. One alone could make two of one
// human being, and approve what they ask for.
func (p *People) SetPerson(ctx context.Context, a, with Actor, number, person string) (Change, error) {
	ru := rules{functions: []string{FunctionEdit}}
	return p.do(ctx, a, number, ru, func(by By) (Change, error) {
		if with.Operator == nil {
			return p.s.store.refused(ctx, by, number, refuse(entry.ReasonCardRequired, "this takes two operators who may"))
		}
		second, no, err := p.authorize(ctx, with, number, ru)
		if err != nil {
			return Change{}, err
		}
		switch {
		case no != nil:
		case second.Person == by.Person:
			no = refuse(entry.ReasonSamePerson, "the two are the same person: this takes two")
		case person == by.Person || person == second.Person:
			no = refuse(entry.ReasonSamePerson, "nobody does this for themselves: somebody else has to")
		}
		if no != nil {
			return p.s.store.refused(ctx, by, number, no)
		}
		by.With = &entry.Approval{Operator: second.Operator, Person: second.Person, Method: second.Method}
		return p.s.store.SetPerson(ctx, by, number, person)
	})
}

// Unlock ends a lock after wrong PINs: 5206, and not the own.
func (p *People) Unlock(ctx context.Context, a Actor, number string) (Change, error) {
	return p.do(ctx, a, number, rules{functions: []string{FunctionCredential}}, func(by By) (Change, error) {
		c, err := p.s.store.Unlock(ctx, by, number)
		if err == nil && c.OK {
			p.s.brake.clear(number)
		}
		return c, err
	})
}

// ErrNotPermitted: View's answer to somebody who may not.
var ErrNotPermitted = errors.New("not permitted")

// View lists operators for somebody who may: 5201. The technician may.
func (p *People) View(ctx context.Context, a Actor) ([]*Operator, error) {
	if a.Operator != nil {
		// As they are now: the actor may have been suspended since.
		actor, err := p.s.record(a.Operator.Number)
		if err != nil {
			return nil, err
		}
		if no := p.s.mayAct(actor, a.Operator.Name, false); no != nil {
			return nil, fmt.Errorf("%w: %s", ErrNotPermitted, no.say)
		}
		d, err := p.s.gate.Permit(ctx, actor.public().Subject(), FunctionView, a.Method, a.Source, "")
		if err != nil {
			return nil, err
		}
		if d.Outcome != entry.OutcomeAllowed {
			return nil, fmt.Errorf("%w: %s", ErrNotPermitted, sayRefused(d.Reason, a.Operator.Name))
		}
	} else if !a.Technician {
		return nil, fmt.Errorf("%w: an operator who may has to ask", ErrNotPermitted)
	}
	return p.s.store.List()
}
