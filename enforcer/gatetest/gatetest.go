// Package gatetest has a real gate, with a cashier signed on, for the tests of
// what stands behind one: nothing else makes a grant that can be redeemed.
package gatetest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// Gate is a gate over a journal in memory. Its policy lets a cashier open a
// drawer for a sale, and denies a no-sale.
type Gate struct {
	*enforcer.Gate
	// Session is the cashier's.
	Session entry.Seq

	t       testing.TB
	journal *journal
}

// New makes one, by a boot clock. It is closed when the test ends.
func New(t testing.TB, boot func() time.Duration) *Gate {
	t.Helper()
	g := &Gate{t: t, journal: &journal{}}
	var err error
	if g.Gate, err = enforcer.NewGate(enforcer.Options{Clock: clock{boot}, Journal: g.journal, Announce: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	t.Cleanup(func() { g.Close(ctx) })
	compiled, err := policy.Compile(cashiers())
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Load(ctx, compiled, entry.PolicyRef{Epoch: 1, Digest: compiled.Digest()}, "test"); err != nil {
		t.Fatal(err)
	}
	g.SignOn()
	return g
}

// SignOn begins another session, after the one before has ended.
func (g *Gate) SignOn() {
	g.t.Helper()
	who := enforcer.Subject{Operator: "12", Name: "A", Person: "a", WorkGroups: []string{"Cashier"}}
	s, _, err := g.BeginSession(context.Background(), who, entry.MethodCard, "reader")
	if err != nil || s == nil {
		g.t.Fatalf("sign-on: %v", err)
	}
	g.Session = s.ID
}

// Grant asks for a sale's opening of a drawer.
func (g *Gate) Grant(drawer string) *enforcer.Grant {
	g.t.Helper()
	_, grant, err := g.Authorize(context.Background(), enforcer.Request{
		Function: "pos.drawer.sale", Drawer: drawer, Purpose: entry.PurposeAsked, Method: entry.MethodPOS, Source: "test",
	})
	if err != nil || grant == nil {
		g.t.Fatalf("no grant: %v", err)
	}
	return grant
}

// Entry is what was journaled under a number.
func (g *Gate) Entry(seq entry.Seq) entry.Entry {
	g.t.Helper()
	g.journal.mu.Lock()
	defer g.journal.mu.Unlock()
	if seq == 0 || int(seq) > len(g.journal.entries) {
		g.t.Fatalf("there is no entry %d", seq)
	}
	return g.journal.entries[seq-1]
}

func cashiers() *policy.Policy {
	fn := func(id policy.ID, key string, level uint8, parent policy.ID) policy.Function {
		return policy.Function{ID: id, Key: key, Name: key, Level: level, Parent: parent, Since: 1, Drawer: strings.Contains(key, "drawer")}
	}
	return &policy.Policy{
		Catalogue: policy.Catalogue{Version: 1, Functions: []policy.Function{
			fn(1000, "pos", 1, 0), fn(1001, "pos.signon", 2, 1000), fn(1600, "pos.drawer", 2, 1000),
			fn(1601, "pos.drawer.sale", 3, 1600), fn(1602, "pos.drawer.nosale", 3, 1600),
		}},
		WorkGroups: []policy.WorkGroup{{Name: "Cashier", Reviewed: 1, Marks: map[policy.ID]policy.Mark{
			1000: policy.Check, 1001: policy.Check, 1600: policy.Check, 1601: policy.Check, 1602: policy.Deny,
		}}},
	}
}

type clock struct{ boot func() time.Duration }

func (c clock) Boot() time.Duration { return c.boot() }
func (c clock) Stamp() entry.Stamp {
	return entry.Stamp{Wall: time.Now().UnixNano(), Boot: int64(c.boot())}
}

func (clock) After(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

type journal struct {
	mu      sync.Mutex
	entries []entry.Entry // guarded by mu
}

func (j *journal) Append(_ context.Context, _ bool, es ...entry.Entry) (seqs []entry.Seq, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range es {
		e.Seq = entry.Seq(len(j.entries) + 1)
		j.entries = append(j.entries, e)
		seqs = append(seqs, e.Seq)
	}
	return seqs, nil
}
