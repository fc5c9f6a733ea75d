package journal

import (
	"context"
	"crypto/rand"
	"fmt"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(childMain())
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if benchDir != "" {
			_ = os.RemoveAll(benchDir)
		}
		os.Exit(code)
	}))
}

// testKey is a key pair for one test binary.
var testKey = sync.OnceValues(func() (note.Signer, note.Verifier) {
	private, _, err := NewKey(rand.Reader, KeyName("chain", "store 1", "register 7"))
	if err != nil {
		panic(err)
	}
	signer, public, err := ParsePrivate(private)
	if err != nil {
		panic(err)
	}
	verifier, err := ParsePublic(public)
	if err != nil {
		panic(err)
	}
	testPublic = public
	return signer, verifier
})

var testPublic string

// stampClock gives stamps a second apart.
type stampClock struct {
	mu   sync.Mutex
	wall int64
	boot int64
}

func (c *stampClock) stamp() entry.Stamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall += int64(time.Second)
	c.boot += int64(time.Second)
	return entry.Stamp{Wall: c.wall, Boot: c.boot, BootID: entry.BootID{1}, Clock: entry.ClockSynchronised}
}

var testEpoch = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// testOptions are options for a journal in a folder of its own.
func testOptions(t testing.TB) Options {
	t.Helper()
	signer, _ := testKey()
	clock := &stampClock{wall: testEpoch.UnixNano()}
	return Options{
		Path: filepath.Join(t.TempDir(), "journal.db"), Stamp: clock.stamp,
		Chain: "chain", Store: "store 1", Register: "register 7",
		Key: signer, PublicKey: testPublic, Reserve: -1, CheckPause: -1,
	}
}

// openTest opens a journal that is closed and verified when the test ends.
func openTest(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		mustVerify(t, o.Path)
	})
	return s
}

// mustVerify fails the test where the file has anything wrong with it.
func mustVerify(t testing.TB, path string, checkpoints ...[]byte) *Report {
	t.Helper()
	_, verifier := testKey()
	r, err := Verify(context.Background(), path, []note.Verifier{verifier}, checkpoints...)
	if err != nil {
		t.Errorf("verifying %s: %v", path, err)
		return &Report{}
	}
	for _, f := range r.Findings {
		t.Errorf("verify: %s %d-%d page %d: %s", f.What, f.Seq, f.To, f.Page, f.Text)
	}
	return r
}

// append1 appends one entry and returns its number.
func append1(t testing.TB, s *Store, e entry.Entry) entry.Seq {
	t.Helper()
	seqs, err := s.Append(t.Context(), true, e)
	if err != nil {
		t.Fatal(err)
	}
	return seqs[0]
}

var testFunctions = []struct {
	id  uint32
	key string
}{
	{1602, "pos.drawer.nosale"},
	{1601, "pos.drawer.sale"},
	{1401, "pos.void.line"},
	{1402, "pos.void.transaction"},
	{1301, "pos.refund.receipt"},
	{1701, "pos.till.paidout"},
	{1001, "pos.signon"},
	{1007, "pos.manageroverride"},
	{1503, "pos.price.override"},
	{1702, "pos.till.pickup"},
}

// testDecision is a decision as a busy register journals it.
func testDecision(r *mrand.Rand) entry.Entry {
	op := r.IntN(200)
	f := testFunctions[r.IntN(len(testFunctions))]
	e := entry.Entry{
		Kind: entry.KindDecision, Session: entry.Seq(1 + r.IntN(1000)),
		Operator: fmt.Sprintf("%04d", 1000+op), Person: fmt.Sprintf("p-%05d", op), WorkGroups: []string{"Cashier"},
		Function: f.key, FunctionID: f.id, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule,
		Rule:   &entry.Rule{WorkGroup: "Cashier", Function: f.key, Mark: "check"},
		Method: entry.MethodKick, Source: "printer:front", Device: "front", Drawer: "till-1",
		Purpose: entry.PurposeReceipt, Claimant: "receipt", Lines: uint32(5 + r.IntN(30)),
		Policy: &entry.PolicyRef{Epoch: 41, Digest: [32]byte{1, 2, 3}},
	}
	switch r.IntN(20) {
	case 0:
		e.Outcome, e.Rule.Mark = entry.OutcomeDenied, "X"
	case 1:
		e.Outcome, e.Rule.Mark = entry.OutcomeOverrideRequired, "X"
		e.Approval = &entry.Approval{Operator: fmt.Sprintf("%04d", 9000+r.IntN(5)), Person: "p-90001", Method: entry.MethodCard, Override: 7}
	case 2:
		e.Kind, e.Outcome, e.Reason, e.Rule, e.Policy = entry.KindDrawerOpened, entry.OutcomeNone, entry.ReasonNone, nil, nil
	}
	return e
}

func newRand(seed uint64) *mrand.Rand { return mrand.New(mrand.NewPCG(seed, 1)) }
