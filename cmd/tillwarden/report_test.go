package main

import (
	"context"
	"os"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"tillwarden/enforcer/journal/journaltest"
)

// makeStore writes a made-up store's journal and its public key, and puts who does
// in it what a report should find into the environment: store DB PUB ENTRIES
func makeStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: store DB PUB ENTRIES")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	s := journaltest.Store{Seed: 1, Entries: n}
	ts.Check(s.Write(context.Background(), ts.MkAbs(args[0])))
	_, public := s.Key()
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(public+"\n"), 0o600))
	p := s.Planted()
	for _, w := range [][2]string{{"REQUESTER", p.Requester}, {"APPROVER", p.Approver}, {"NOSALES", p.NoSales}, {"FORCED", p.Forced}} {
		ts.Setenv(w[0], w[1])
	}
}
