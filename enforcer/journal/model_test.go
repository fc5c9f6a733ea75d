package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer/journal/entry"
)

// model is the journal as a plain slice.
type model []entry.Entry

func (m model) query(f Filter) []entry.Entry {
	var out []entry.Entry
	for _, e := range m {
		switch {
		case f.After != 0 && e.Seq <= f.After, f.Before != 0 && e.Seq >= f.Before,
			!f.From.IsZero() && e.Stamp.Time().Before(f.From), !f.To.IsZero() && !e.Stamp.Time().Before(f.To),
			f.Operator != "" && e.Operator != f.Operator, f.Function != "" && e.Function != f.Function,
			f.FunctionID != 0 && e.FunctionID != f.FunctionID, f.Kind != 0 && e.Kind != f.Kind,
			f.Outcome != 0 && e.Outcome != f.Outcome, f.Source != "" && e.Source != f.Source,
			f.Approver != "" && (e.Approval == nil || e.Approval.Operator != f.Approver):
			continue
		}
		out = append(out, e)
	}
	if f.Reverse {
		slices.Reverse(out)
	}
	return out
}

// TestModel appends, asks, checkpoints, closes and opens again in any order,
// with a wall clock that steps, and compares every answer with a plain slice.
func TestModel(t *testing.T) {
	signer, _ := testKey()
	dir := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		wall := testEpoch
		o := Options{
			Path: filepath.Join(dir, fmt.Sprintf("journal-%d.db", runs)), Chain: "chain", Store: "store 1", Register: "register 7",
			Key: signer, PublicKey: testPublic, Reserve: -1, CheckPause: -1, tweak: tweaks{block: 1 << rapid.IntRange(0, 4).Draw(t, "block"), noSync: true},
			Stamp: func() entry.Stamp { return entry.Stamp{Wall: wall.UnixNano(), Boot: 1} },
		}
		open := func() *Store {
			s, err := Open(t.Context(), o)
			if err != nil {
				t.Fatalf("opening: %v", err)
			}
			return s
		}
		s := open()
		defer func() {
			_ = s.Close()
			_ = os.Remove(o.Path)
			_ = os.Remove(o.Path + ".head")
		}()
		var m model
		var held [][]byte
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				wall = wall.Add(time.Duration(rapid.Int64Range(-5, 10).Draw(t, "step")) * time.Minute)
				es := rapid.SliceOfN(genEntry, 1, 12).Draw(t, "entries")
				seqs, err := s.Append(t.Context(), rapid.Bool().Draw(t, "essential"), es...)
				if err != nil {
					t.Fatalf("append: %v", err)
				}
				for i := range es {
					if seqs[i] != entry.Seq(len(m)+1) {
						t.Fatalf("number %d, want %d", seqs[i], len(m)+1)
					}
					e := es[i]
					e.Seq, e.Stamp = seqs[i], o.Stamp()
					m = append(m, e)
				}
			},
			"query": func(t *rapid.T) { comparePages(t, s, m, genFilter.Draw(t, "filter")) },
			"get": func(t *rapid.T) {
				seq := entry.Seq(rapid.IntRange(0, len(m)+1).Draw(t, "seq"))
				e, err := s.Get(t.Context(), seq)
				if want := seq >= 1 && int(seq) <= len(m); (err == nil) != want || want && !reflect.DeepEqual(e, m[seq-1]) {
					t.Fatalf("entry %d: %v, %v", seq, e, err)
				}
			},
			"checkpoint": func(t *rapid.T) {
				text, err := s.Checkpoint(t.Context())
				if err != nil {
					t.Fatalf("checkpoint: %v", err)
				}
				if text != nil {
					held = append(held, text)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := s.Close(); err != nil {
					t.Fatalf("close: %v", err)
				}
				s = open()
			},
			"": func(t *rapid.T) {
				if last := s.Last().Last; int(last) != len(m) {
					t.Fatalf("last is %d, want %d", last, len(m))
				}
			},
		})
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		r, err := Verify(t.Context(), o.Path, nil, held...)
		if err != nil || !r.OK {
			t.Fatalf("verify: %v %+v", err, r)
		}
	})
}

// comparePages reads all pages of a query and compares them with the model's answer.
func comparePages(t *rapid.T, s *Store, m model, f Filter) {
	want := m.query(f)
	var got []entry.Entry
	for {
		page, next, err := s.Query(t.Context(), f)
		if err != nil {
			t.Fatalf("query: %v", err)
		}
		if len(page) > f.Limit {
			t.Fatalf("a page of %d rows, limit %d", len(page), f.Limit)
		}
		got = append(got, page...)
		if next == 0 {
			break
		}
		f = f.Continue(next)
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("row %d is %v, want %v", i, got[i], want[i])
		}
	}
}

var (
	genOperator = rapid.SampledFrom([]string{"", "1001", "1002", "9001"})
	genFunction = rapid.SampledFrom([]string{"", "pos.drawer.nosale", "pos.signon", "pos.void"})
	genID       = rapid.SampledFrom([]uint32{0, 1602, 1001, 70000})
	genKind     = rapid.SampledFrom([]entry.Kind{entry.KindDecision, entry.KindSignOn, entry.KindDrawerOpened, 999})
	genOutcome  = rapid.SampledFrom([]entry.Outcome{0, entry.OutcomeAllowed, entry.OutcomeError})
	genSource   = rapid.SampledFrom([]string{"", "daemon", "socket:pos uid=1000"})

	genEntry = rapid.Custom(func(t *rapid.T) entry.Entry {
		e := entry.Entry{
			Kind: genKind.Draw(t, "kind"), Operator: genOperator.Draw(t, "operator"), Function: genFunction.Draw(t, "function"),
			FunctionID: genID.Draw(t, "id"), Outcome: genOutcome.Draw(t, "outcome"), Source: genSource.Draw(t, "source"),
			Text: rapid.StringN(0, 20, -1).Draw(t, "text"), Count: rapid.Uint64().Draw(t, "count"),
		}
		if rapid.Bool().Draw(t, "approved") {
			e.Approval = &entry.Approval{Operator: genOperator.Draw(t, "approver")}
		}
		return e
	})

	genFilter = rapid.Custom(func(t *rapid.T) Filter {
		f := Filter{
			Limit: rapid.IntRange(1, 20).Draw(t, "limit"), Reverse: rapid.Bool().Draw(t, "reverse"),
			After: entry.Seq(rapid.IntRange(0, 40).Draw(t, "after")), Before: entry.Seq(rapid.IntRange(0, 80).Draw(t, "before")),
		}
		at := func(name string) time.Time {
			return testEpoch.Add(time.Duration(rapid.Int64Range(-20, 120).Draw(t, name)) * time.Minute)
		}
		parts := rapid.IntRange(0, 255).Draw(t, "parts")
		for i, set := range []func(){
			func() { f.Operator = genOperator.Draw(t, "operator") },
			func() { f.Function = genFunction.Draw(t, "function") },
			func() { f.FunctionID = genID.Draw(t, "id") },
			func() { f.Kind = genKind.Draw(t, "kind") },
			func() { f.Outcome = genOutcome.Draw(t, "outcome") },
			func() { f.From = at("from") },
			func() { f.To = at("to") },
			func() { f.Approver, f.Source = genOperator.Draw(t, "approver"), genSource.Draw(t, "source") },
		} {
			// Few at once, or nothing would ever match.
			if parts&(1<<i) != 0 && (parts&(parts-1) == 0 || rapid.IntRange(0, 2).Draw(t, "also") == 0) {
				set()
			}
		}
		return f
	})
)
