package signon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon/card"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ Gate = (*enforcer.Gate)(nil)

// bubbleClock is the boot clock of a synctest bubble. The wall clock is apart
// from it, and may be set to anything.
type bubbleClock struct {
	mu    sync.Mutex
	began time.Time     // guarded by mu
	wall  time.Duration // guarded by mu; off by this
	boot  entry.BootID  // guarded by mu

	alarms map[*bubbleAlarm]bool // that have not rung; guarded by mu
}

type bubbleAlarm struct {
	due   time.Duration // boot time
	timer *time.Timer
}

func newClock() *bubbleClock {
	return &bubbleClock{began: time.Now().Add(-time.Hour), boot: entry.BootID{1}, alarms: map[*bubbleAlarm]bool{}}
}

func (c *bubbleClock) Boot() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.began)
}

func (c *bubbleClock) Stamp() entry.Stamp {
	c.mu.Lock()
	defer c.mu.Unlock()
	return entry.Stamp{Wall: time.Now().Add(c.wall).UnixNano(), Boot: int64(time.Since(c.began)), BootID: c.boot}
}

func (c *bubbleClock) After(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := &bubbleAlarm{due: time.Since(c.began) + d}
	gone := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		was := c.alarms[a]
		delete(c.alarms, a)
		return was
	}
	c.alarms[a] = true
	a.timer = time.AfterFunc(d, func() {
		if gone() {
			f()
		}
	})
	return func() bool {
		a.timer.Stop()
		return gone()
	}
}

// reboot begins another boot: the boot clock begins again, and who knows how
// long it took.
func (c *bubbleClock) reboot() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.boot[0]++
	c.began = time.Now().Add(-5 * time.Second)
}

// rearm lets all timers see where the clock is, as the daemon does after a suspend.
func (c *bubbleClock) rearm() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for a := range c.alarms {
		a.timer.Reset(max(0, a.due-time.Since(c.began)))
	}
}

// jump lets time go on that no timer sees.
func (c *bubbleClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.began = c.began.Add(-d)
}

func (c *bubbleClock) setWall(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wall = d
}

var errJournal = errors.New("the disk is gone")

// memJournal keeps entries, and can fail.
type memJournal struct {
	clock enforcer.Clock
	disk  diskJournal // guarded by mu while it is open

	mu      sync.Mutex
	entries []entry.Entry
	fail    bool
	refuse  func(entry.Entry) bool // fails entries one by one; nil: none
	before  func([]entry.Entry)
}

func (j *memJournal) Append(ctx context.Context, essential bool, es ...entry.Entry) ([]entry.Seq, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	before := j.before
	j.mu.Unlock()
	if before != nil {
		before(es)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail || j.refuse != nil && slices.ContainsFunc(es, j.refuse) {
		return nil, errJournal
	}
	if j.disk.store != nil {
		seqs, err := j.disk.store.Append(ctx, essential, es...)
		if err == nil {
			j.entries, err = j.disk.read(j.entries)
		}
		return seqs, err
	}
	var seqs []entry.Seq
	for _, e := range es {
		e.Seq, e.Stamp = entry.Seq(len(j.entries)+1), j.clock.Stamp()
		j.entries = append(j.entries, e)
		seqs = append(seqs, e.Seq)
	}
	return seqs, nil
}

func (j *memJournal) failing(b bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = b
}

func (j *memJournal) refuses(f func(entry.Entry) bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refuse = f
}

func (j *memJournal) all() []entry.Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.entries)
}

func (j *memJournal) replay(after entry.Seq, f func(entry.Entry) error) error {
	for _, e := range j.all() {
		if e.Seq > after {
			if err := f(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// since gives the entries after a mark, of these kinds if any are named.
func (j *memJournal) since(mark int, kinds ...entry.Kind) []entry.Entry {
	var out []entry.Entry
	for _, e := range j.all()[mark:] {
		if len(kinds) == 0 || slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

func (j *memJournal) mark() int { return len(j.all()) }

// cheap keeps tests fast: what is tested is not argon2.
var cheap = KDF{Time: 1, Memory: 64, Threads: 1}

// rig is a register's sign-on with a real gate, a roster on disk, and a
// journal in memory, in a synctest bubble.
type rig struct {
	t       *testing.T
	ctx     context.Context
	clock   *bubbleClock
	journal *memJournal
	keys    *Keys
	store   *Store
	gate    *enforcer.Gate
	s       *Service
	people  *People
	path    string
	log     *bytes.Buffer
	opt     Options
	minPIN  int

	register string
	storeKey *StoreKey
	clocked  bool // a time clock runs
	tries    int  // how many wrong ones lock; 0: the default

	managerIdle time.Duration // after which managers fall back; 0: never

	policy *policy.Compiled // nil: the test policy
	epoch  uint64           // of policy
}

// Groups of the test policy.
const (
	cashier = "Cashier"
	manager = "Manager"
	cardPIN = "Card and PIN"
	// noRestricted refuses 5205, and says nothing else.
	noRestricted = "No restricted work groups"
	typed        = "Number and PIN"
	stranger     = "No sign-on"
	headquart    = "Headquarters"
	carded       = "Approves by card and PIN"
	easy         = "Approves by card"
)

func testPolicy(t *testing.T) *policy.Compiled {
	t.Helper()
	f := func(id policy.ID, key string, level uint8, parent policy.ID, override policy.Override) policy.Function {
		return policy.Function{ID: id, Key: key, Name: "Function " + key, Level: level, Parent: parent, Since: 1, Override: override}
	}
	p := &policy.Policy{
		Catalogue: policy.Catalogue{Version: 1, Functions: []policy.Function{
			f(1000, "pos", 1, 0, 0), f(1001, "pos.signon", 2, 1000, 0), f(1002, "pos.lock", 2, 1000, 0),
			f(1003, "pos.unlock.other", 2, 1000, 0), f(1007, policy.KeyManagerOverride, 2, 1000, 0),
			f(1005, "pos.clockin.notrequired", 2, 1000, 0), f(1006, "pos.forcedbreak", 2, 1000, 0),
			f(2100, "pos.time", 2, 1000, 0), f(2101, "pos.time.punch", 3, 2100, 0), f(2103, "pos.time.edit", 3, 2100, 0),
			f(1011, FunctionOwnPIN, 2, 1000, 0), f(1600, "pos.drawer", 2, 1000, 0),
			f(1602, "pos.drawer.nosale", 3, 1600, policy.OverrideManager),
			f(1603, "pos.drawer.both", 3, 1600, policy.OverrideManager), f(1604, "pos.drawer.count", 3, 1600, policy.OverrideManager),
			f(1605, "pos.drawer.lift", 3, 1600, policy.OverrideManager), f(1606, "pos.drawer.why", 3, 1600, policy.OverrideManager),
			f(1607, "pos.drawer.words", 3, 1600, policy.OverrideManager),
			f(5000, "backoffice", 1, 0, 0), f(5200, "backoffice.operator", 2, 5000, 0), f(5201, FunctionView, 3, 5200, 0),
			f(5202, FunctionAdd, 3, 5200, 0), f(5203, FunctionEdit, 3, 5200, 0), f(5204, FunctionWorkGroup, 3, 5200, 0),
			f(5205, FunctionRestricted, 3, 5200, 0),
			f(5206, FunctionCredential, 3, 5200, 0), f(5207, FunctionCard, 3, 5200, 0), f(5208, FunctionTerminate, 3, 5200, 0),
		}},
		Restrictions: []policy.Restriction{{WorkGroup: headquart, Editors: []string{headquart}}},
	}
	for i := range p.Catalogue.Functions {
		switch c := &p.Catalogue.Functions[i]; c.ID {
		case 1602:
			c.Drawer = true
		case 1603:
			c.Drawer, c.DualControl = true, true
		case 1604, 1605:
			c.Drawer, c.StepUp = true, true
		case 1606:
			c.Drawer, c.Reason = true, policy.ReasonCode
		case 1607:
			c.Drawer, c.Reason = true, policy.ReasonText
		}
	}
	group := func(name string, signOn policy.SignOnMethod, checks, xs []policy.ID) {
		marks := map[policy.ID]policy.Mark{}
		for _, id := range checks {
			marks[id] = policy.Check
		}
		for _, id := range xs {
			marks[id] = policy.Deny
		}
		p.WorkGroups = append(p.WorkGroups, policy.WorkGroup{Name: name, Reviewed: 1, SignOn: signOn, Marks: marks})
	}
	few := []policy.ID{1000, 1001, 1002, 1011, 1600}
	not := []policy.ID{1003, 1005, 1006, 1007, 2103, 1602, 1603, 1605, 1606, 1607}
	group(cashier, policy.SignOnDefault, few, not)
	group(cardPIN, policy.SignOnCardPIN, few, not)
	group(typed, policy.SignOnNumberPIN, few, not)
	group(stranger, policy.SignOnDefault, []policy.ID{1000}, []policy.ID{1001})
	group(manager, policy.SignOnDefault, []policy.ID{1000, 5000, 5200}, nil)
	group(headquart, policy.SignOnDefault, []policy.ID{1000, 5000, 5200}, nil)
	group(carded, policy.SignOnDefault, []policy.ID{1000}, nil)
	group(easy, policy.SignOnDefault, []policy.ID{1000}, nil)
	p.WorkGroups[len(p.WorkGroups)-2].Approve, p.WorkGroups[len(p.WorkGroups)-1].Approve = policy.SignOnCardPIN, policy.SignOnCard
	p.WorkGroups = append(p.WorkGroups, policy.WorkGroup{
		Name: noRestricted, Reviewed: 1, Marks: map[policy.ID]policy.Mark{5205: policy.Refuse},
	})
	c, err := policy.Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// testOperator is one of the rig's operators. The card's number is the operator's
// with zeros before it.
type testOperator struct {
	number, name, person, group, pin string
}

var testOperators = []testOperator{
	{"1001", "Ann", "ann", cashier, "2580"},
	{"1002", "Ben", "ben", cashier, "1470"},
	{"2001", "Max", "max", manager, "3690"},
	{"2002", "Mia", "mia", manager, "9510"},
	{"2003", "Ann M", "ann", manager, "7530"},
	{"3001", "Cleo", "cleo", cardPIN, "8520"},
	{"3002", "Tom", "tom", typed, "7410"},
	{"4001", "Una", "una", stranger, "9630"},
	{"8801", "Cid", "cid", carded, "1593"},
	{"8802", "Eva", "eva", easy, "3571"},
}

func newRig(t *testing.T, change ...func(*Options)) *rig {
	t.Helper()
	return newRigAt(t, "3", nil, change...)
}

// newRigAt is a rig of another name, and with the store's key.
func newRigAt(t *testing.T, register string, key *StoreKey, change ...func(*Options)) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, register: register, storeKey: key, ctx: context.Background(), clock: newClock(), path: filepath.Join(dir, "roster.db"), log: new(bytes.Buffer)}
	r.journal = &memJournal{clock: r.clock}
	var err error
	if r.keys, err = OpenKeys(filepath.Join(dir, "keys"), r.path); err != nil {
		t.Fatal(err)
	}
	// A card alone approves here, so that what a swipe means is tested by itself.
	r.opt = Options{Approve: policy.SignOnCard, Logger: slog.New(slog.NewTextHandler(r.log, nil))}
	for _, f := range change {
		f(&r.opt)
	}
	r.start()
	t.Cleanup(func() { r.stop() })
	for _, o := range testOperators {
		c, err := r.store.Add(r.ctx, By{Source: "test"}, NewOperator{
			Number: o.number, Name: o.name, Person: o.person, WorkGroups: []string{o.group}, PIN: []byte(o.pin), Card: cardOf(o.number),
		}, false)
		if err != nil || !c.OK {
			t.Fatalf("adding %s: %v %s", o.number, err, c.Say)
		}
	}
	return r
}

// start is a start of the daemon.
func (r *rig) start() {
	r.t.Helper()
	var err error
	r.journal.open(r.t)
	r.store, err = OpenStore(StoreOptions{Path: r.path, Keys: r.keys, Journal: r.journal, Clock: r.clock, KDF: cheap, Location: time.UTC, Store: "12", Register: r.register, MinPIN: r.minPIN, StoreKey: r.storeKey, Tries: r.tries, noSync: true})
	if err != nil {
		r.t.Fatal(err)
	}
	r.gate, err = enforcer.NewGate(enforcer.Options{
		Clock: r.clock, Journal: r.journal, StatePath: filepath.Join(filepath.Dir(r.path), "state.json"), Replay: r.journal.replay,
		WhyKnown: func(code uint16) bool { return code < 20 }, TimeClock: func() bool { return r.clocked },
		Register: r.register, Zone: time.UTC,
		ManagerIdle: func() time.Duration { return r.managerIdle },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	p, epoch := r.policy, r.epoch
	if p == nil {
		p, epoch = testPolicy(r.t), 1
	}
	if err := r.gate.Load(r.ctx, p, entry.PolicyRef{Epoch: epoch, Digest: p.Digest()}, "test"); err != nil {
		r.t.Fatal(err)
	}
	o := r.opt
	o.Store, o.Gate = r.store, r.gate
	if r.s, err = New(o); err != nil {
		r.t.Fatal(err)
	}
	if err := r.s.Start(r.ctx); err != nil {
		r.t.Fatal(err)
	}
	r.people = r.s.People()
}

func (r *rig) stop() {
	if r.store == nil {
		return // it never started, and said so
	}
	r.s.Close()
	if err := r.gate.Close(r.ctx); err != nil && !errors.Is(err, errJournal) {
		r.t.Errorf("closing the gate: %v", err)
	}
	if err := r.store.Close(); err != nil {
		r.t.Errorf("closing the roster: %v", err)
	}
	r.journal.close(r.t)
}

// restart is the daemon killed and started again.
func (r *rig) restart() {
	r.t.Helper()
	r.stop()
	r.start()
}

func cardOf(number string) *card.Card {
	return card.Read(fmt.Appendf(nil, ";:<>%010s?\r", number), card.Options{}, card.BuiltIn())
}

func paymentCard() *card.Card {
	return card.Read([]byte(";4111111111111111=49121010000000000000?"), card.Options{}, card.BuiltIn())
}

// present gives a credential and wants no error.
func (r *rig) present(c Credential) Result {
	r.t.Helper()
	if c.Source == "" {
		c.Source = "reader"
	}
	res, err := r.s.Present(r.ctx, c)
	if err != nil {
		r.t.Fatalf("Present: %v", err)
	}
	return res
}

// swipe waits until the same card again is another swipe.
func (r *rig) swipe(number string) Result {
	r.t.Helper()
	time.Sleep(3 * time.Second) // of the bubble's clock
	return r.present(Credential{Card: cardOf(number)})
}

func (r *rig) typed(number, pin string) Result {
	r.t.Helper()
	return r.present(Credential{Number: number, PIN: []byte(pin), Source: "keypad"})
}

// want checks what a credential did.
func (r *rig) want(got Result, action Action, reason entry.Reason) {
	r.t.Helper()
	if got.Action != action || got.Reason != reason {
		r.t.Fatalf("%s (%s, %q), want %s (%s)", got.Action, got.Reason, got.Say, action, reason)
	}
	if got.Say == "" && action != Same {
		r.t.Errorf("%s: nobody is told anything", got.Action)
	}
}

// signedOn is the number of who is signed on; empty: nobody.
func (r *rig) signedOn() string {
	if s := r.gate.Snapshot().Session; s != nil {
		return s.Subject.Operator
	}
	return ""
}

func (r *rig) locked() bool {
	s := r.gate.Snapshot().Session
	return s != nil && s.Locked
}

// last is the last entry of a kind.
func (r *rig) last(k entry.Kind) entry.Entry {
	r.t.Helper()
	es := r.journal.since(0, k)
	if len(es) == 0 {
		r.t.Fatalf("no entry of kind %s", k)
	}
	return es[len(es)-1]
}

func (r *rig) operator(number string) *Operator {
	r.t.Helper()
	o, err := r.store.Get(number)
	if err != nil || o == nil {
		r.t.Fatalf("operator %s: %v", number, err)
	}
	return o
}

// asManager is an actor who was identified.
func (r *rig) as(number string) Actor {
	r.t.Helper()
	return Actor{Operator: r.operator(number), Method: entry.MethodCard, Source: "console"}
}

// override lets the operator signed on ask for what needs a manager.
func (r *rig) override() entry.Seq {
	r.t.Helper()
	d, _, err := r.gate.Authorize(r.ctx, enforcer.Request{Function: "pos.drawer.nosale", Drawer: "1", Source: "test"})
	if err != nil || d.Override == 0 {
		r.t.Fatalf("no override is pending: %+v %v", d, err)
	}
	return d.Override
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
