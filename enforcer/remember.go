package enforcer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// What a KindMemory entry is about, in its Subject. Append-only: it is on disk.
const (
	memoryFloor     = "floor"        // Text is the bundle's type, Policy its highest epoch
	memoryPerson    = "held-session" // Person held a session since the till was opened
	memoryCodes     = "codes"        // Digest is the list's, Count how many, Text the numbers of those used
	memoryMonitored = "monitored"    // Elapsed is how long, of the installation's time in monitor mode
	memorySetUp     = "set-up"       // set-up began in monitor mode
	memorySignedOn  = "signed-on"    // somebody has signed on, so set-up is over
	memoryBreak     = "forced-break" // Person, as Operator, is on a forced break of Elapsed
)

// Remember journals again what restricts and is folded from entries that may be
// old: floors, who held a session, used codes, spent time, forced breaks. Call it before old
// entries are removed: a gate that finds no state file then folds the same from
// what is left. A session or a mode is not among it: neither lasts that long. Nor is
// how often a session had what is limited by count: that follows its sign-on in the
// journal, so that it is there as long as the session is.
func (g *Gate) Remember(ctx context.Context) error {
	if g.ctx.Err() != nil {
		return fmt.Errorf("remembering: %w", ErrClosed)
	}
	// Nothing is folded between what is remembered and its entries: a till that is
	// opened in between would not forget who held a session before.
	if err := g.order.acquire(ctx); err != nil {
		return fmt.Errorf("waiting for the journal: %w", err)
	}
	defer g.order.release()
	g.mu.Lock()
	es := g.state.memories(g.clock.Stamp())
	g.mu.Unlock()
	late, _, err := g.write(ctx, false, es)
	g.save()
	for _, o := range late {
		g.emit(o.e, o.d, o.o)
	}
	if err != nil {
		return fmt.Errorf("remembering: %w", err)
	}
	return nil
}

// memories are the entries from which the same restrictions are folded again. A
// forced break that is over is none, whether or not its end is in the journal yet: the
// entry of that may come before these, and would not end it any more.
func (s *state) memories(now entry.Stamp) (es []entry.Entry) {
	add := func(e entry.Entry) {
		e.Kind, e.Source = entry.KindMemory, "daemon"
		es = append(es, e)
	}
	kinds := make([]string, 0, len(s.Floors))
	for kind := range s.Floors {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	for _, kind := range kinds {
		f := s.Floors[kind]
		add(entry.Entry{Subject: memoryFloor, Text: kind, Policy: &entry.PolicyRef{Epoch: f.Epoch, Digest: f.Digest}})
	}
	for _, p := range s.Persons {
		add(entry.Entry{Subject: memoryPerson, Person: p})
	}
	if c := s.Codes; c != nil {
		used := make([]string, len(c.Used))
		for i, n := range c.Used {
			used[i] = strconv.Itoa(n)
		}
		add(entry.Entry{Subject: memoryCodes, Digest: slices.Clone(c.List[:]), Count: uint64(c.Count), Text: strings.Join(used, " ")})
	}
	if s.Monitored > 0 {
		add(entry.Entry{Subject: memoryMonitored, Elapsed: int64(s.Monitored)})
	}
	if s.SetUpMonitored {
		add(entry.Entry{Subject: memorySetUp})
	}
	if s.SignedOn {
		add(entry.Entry{Subject: memorySignedOn})
	}
	for _, p := range slices.Sorted(maps.Keys(s.Clock.People)) {
		if b := s.Clock.Of(p, now); b.Forced() {
			add(entry.Entry{Subject: memoryBreak, Operator: b.Operator, Person: p, Elapsed: int64(b.Length)})
		}
	}
	return es
}

// remember folds one of them in. It only ever adds restrictions: what the state
// has from elsewhere stays.
func (s *state) remember(e *entry.Entry) {
	switch e.Subject {
	case memoryFloor:
		if e.Policy != nil {
			s.load(e.Text, *e.Policy)
		}
	case memoryPerson:
		s.addPerson(e.Person)
	case memoryCodes:
		s.makeCodes(e)
		c := s.Codes
		for word := range strings.FieldsSeq(e.Text) {
			if n, err := strconv.Atoi(word); err == nil && !slices.Contains(c.Used, n) {
				c.Used = append(slices.Clone(c.Used), n)
			}
		}
	case memoryMonitored:
		s.Monitored = max(s.Monitored, time.Duration(e.Elapsed))
	case memorySetUp:
		s.SetUpMonitored = true
	case memorySignedOn:
		s.SignedOn = true
	case memoryBreak:
		if !s.Clock.People[e.Person].Forced() {
			again := *e
			again.Kind, again.Outcome = entry.KindBreakBegin, entry.OutcomeAllowed
			s.Clock.Apply(&again)
		}
	}
}
