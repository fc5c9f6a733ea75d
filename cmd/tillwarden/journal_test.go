package main

import (
	"context"
	"crypto/rand"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// makeJournal writes a journal as a register leaves it, its public key, and a
// checkpoint over the first entries: journal DB PUB CHECKPOINT
func makeJournal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: journal DB PUB CHECKPOINT")
	}
	private, public, err := journal.NewKey(rand.Reader, journal.KeyName("Example", "0042", "1"))
	ts.Check(err)
	key, _, err := journal.ParsePrivate(private)
	ts.Check(err)
	var wall atomic.Int64 // a minute further with each entry
	wall.Store(time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC).UnixNano())
	s, err := journal.Open(context.Background(), journal.Options{
		Path: ts.MkAbs(args[0]), Chain: "Example", Store: "0042", Register: "1", Key: key, PublicKey: public, Reserve: -1,
		Stamp: func() entry.Stamp {
			return entry.Stamp{Wall: wall.Load(), Boot: wall.Load(), Clock: entry.ClockSynchronised}
		},
	})
	ts.Check(err)
	ctx := context.Background()
	write := func(es ...entry.Entry) {
		wall.Add(int64(time.Minute))
		_, err := s.Append(ctx, true, es...)
		ts.Check(err)
	}
	write(entry.Entry{Kind: entry.KindStart, Source: "daemon"})
	write(entry.Entry{Kind: entry.KindSignOn, Outcome: entry.OutcomeAllowed, Operator: "101", Method: entry.MethodCard, Source: "reader"})
	write(entry.Entry{
		Kind: entry.KindDecision, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRule, Operator: "101", Function: "pos.till.pickup",
		FunctionID: 1703, Rule: &entry.Rule{WorkGroup: "Front", Function: "pos.till", Mark: "X"},
	})
	text, err := s.Checkpoint(ctx)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), text, 0o600))
	write(entry.Entry{Kind: entry.KindDrawerOpened, Reason: entry.ReasonNoGrant, Device: "printer", Drawer: "drawer"})
	ts.Check(s.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(public+"\n"), 0o600))
}

func TestParseTime(t *testing.T) {
	zone := time.FixedZone("", 3600)
	now := time.Date(2026, 3, 2, 14, 0, 0, 0, zone)
	for text, want := range map[string]string{
		"2h":                   "2026-03-02T12:00:00+01:00",
		"90m":                  "2026-03-02T12:30:00+01:00",
		"08:15":                "2026-03-02T08:15:00+01:00",
		"08:15:30":             "2026-03-02T08:15:30+01:00",
		"2026-01-31":           "2026-01-31T00:00:00+01:00",
		"2026-01-31 09:00":     "2026-01-31T09:00:00+01:00",
		"2026-01-31T09:00:01Z": "2026-01-31T09:00:01Z",
	} {
		got, err := parseTime(text, now)
		if err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("parseTime(%q) = %s, %v; want %s", text, got.Format(time.RFC3339), err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-2h", "25:00", "2026-13-01"} {
		if got, err := parseTime(text, now); err == nil {
			t.Errorf("parseTime(%q) = %s, want an error", text, got)
		}
	}
}
