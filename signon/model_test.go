package signon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// The model is what a register should do with people, sessions, overrides, punches
// and time, as simply as it can be said: tables (model_tables_test.go), and the
// state below. Whatever it lets happen at the register (service, gate, roster on
// disk, journal) it lets happen to itself, and then the two have to agree.
//
// More of it, and longer: go test ./signon -run TestRegisterAgainstModel
// -rapid.checks=5000 -rapid.steps=100
type model struct {
	r *rig
	t *rapid.T

	epoch    uint64              // of the policy
	policies [2]*policy.Compiled // of the tables
	ops      map[string]*modelOperator
	session  *modelSession
	pending  *modelOverride
	grants   []*modelGrant
	scopes   []*modelScope   // of fnRest alone
	held     map[string]bool // persons who held a session since the till was opened
	revoked  map[string]bool // by the list that was carried here last
	punched  map[string]modelPunched
	ask      *modelAsk    // the last card or operator who was asked for a PIN
	askWhy   *modelAskWhy // who was asked for a reason
	tries    map[string]*modelTries
	newcomer *modelNewcomer // who waits to sign on over the session
	cards    []string       // all that there are
	active   time.Duration
	asleep   bool // no timer rings
	boot     int

	mode      *modelMode    // nil: the policy alone decides
	monitored time.Duration // in monitor modes that are over
	signedOn  bool          // somebody ever was
	setUp     bool          // a mode began with set-up
	signed    uint64        // epoch of the chain's last mode

	swiped   string
	swipedAt time.Duration
	strained time.Duration // until then a wrong try keeps the next one waiting
	sources  int
	lists    uint64 // of revocations

	elsewhere map[string]*modelElsewhere // where the roster is made
	rosters   uint64                     // that were applied, or tried

	// Somebody who knows the PINs and has the cards of these operators, and began with
	// these work groups, or was given them by others.
	known map[string]bool
	begin map[string]bool

	meant        meaning      // by who was identified last
	invalid      bool         // and what they said cannot be understood
	early        bool         // a card approved too early, and may again
	was, faulted *modelBefore // the journal may fail; nil: it does not

	often   []int  // the steps, by how often
	older   []byte // the state file as it was
	olderIn string // in this session
	steps   int
	changed bool   // the roster, perhaps
	seen    int    // entries of the journal that were looked at
	before  string // what was wrong when an entry was written
}

type modelOperator struct {
	number, name, person  string
	groups                []string
	pin                   string
	mustChange            bool
	cards                 []modelCard
	suspended, terminated bool
	from, until           string
	registers             []string
	pins                  int              // how often one was set
	roster                *modelFromRoster // nil: one of the register's own
	gone                  bool             // the roster is without them
}

type modelCard struct {
	number string
	day    bool // until midnight
	here   bool // enrolled here for an operator of the roster
	ends   time.Time
	boot   int
	until  time.Duration
}

type modelSession struct {
	id     entry.Seq
	who    modelSubject
	method entry.Method
	locked bool
	used   uint64    // how often it had fnFew
	last   entry.Seq // the last use, which may yet come to nothing

	proved  time.Duration // when who it is was last shown
	managed time.Duration // or something done that takes a manager
	fell    bool          // and then too long nothing
}

// modelNewcomer is somebody who waits until they are let sign on over a session.
type modelNewcomer struct {
	number  string
	card    string // that was shown
	method  entry.Method
	session entry.Seq
	until   time.Duration
}

// modelSubject is an operator as the session has one.
type modelSubject struct {
	number, name, person string
	groups               []string
}

type modelOverride struct {
	id               entry.Seq
	function, drawer string
	since            time.Duration
	hold             time.Duration
	amount           int64 // that was told; 0: nothing was
	own              bool  // it waits for the own PIN
	by               []modelSubject
}

type modelGrant struct {
	*enforcer.Grant
	drawer  string
	expires time.Duration
	live    bool
	fired   int
}

type modelScope struct {
	drawer   string
	approval entry.Seq
	until    time.Duration
	by       []string // work groups of who approved it
	amount   int64    // that was approved, and so is the most; 0: nothing was told
}

// covers reports whether it is enough for what is told now.
func (c *modelScope) covers(amount int64) bool {
	return c.amount == 0 || amount > 0 && amount <= c.amount
}

// modelPunched is how a person stands at the time clock; none: out.
type modelPunched struct {
	away   bool          // on a break
	length time.Duration // of a forced one
	until  time.Duration
}

type modelTries struct {
	n      int
	locked bool
	at     time.Duration
}

const (
	modelIdle    = 15 * time.Minute
	modelLockFor = 30 * time.Minute
	modelTriesN  = 3
	modelAskPIN  = 30 * time.Second
)

// modelRoster is who is there at first. Ann and Lea have two numbers.
var modelRoster = []modelOperator{
	{number: "1001", name: "Ann", person: "ann", groups: []string{cashier}, pin: "2580"},
	{number: "1002", name: "Ben", person: "ben", groups: []string{careful}, pin: "1470"},
	{number: "1003", name: "Tom", person: "tom", groups: []string{typist}, pin: "7410"},
	{number: "2001", name: "Lea", person: "lea", groups: []string{lead}, pin: "3690"},
	{number: "2002", name: "Ann L", person: "ann", groups: []string{cashier, lead}, pin: "9510"},
	{number: "2003", name: "Dan", person: "dan", groups: []string{deputy}, pin: "7530"},
	{number: "2004", name: "Lea D", person: "lea", groups: []string{deputy}, pin: "6420"},
	{number: "3001", name: "Cleo", person: "cleo", groups: []string{clerk}, pin: "8520"},
	{number: "3002", name: "Hal", person: "hal", groups: []string{cashier, helper}, pin: "1593"},
	{number: "4001", name: "Una", person: "una", groups: []string{chief}, pin: "9630"},
	{number: "4002", name: "Uwe", person: "uwe", groups: []string{chief}, pin: "3571"},
	{number: "5001", name: "Bea", person: "bea", groups: []string{lead, banned}, pin: "4862"},
	{number: "6001", name: "Kim", person: "kim", groups: []string{helper}, pin: "8024"},
}

var (
	modelPINs    = []string{"2468", "8642", "9281", "5073", "60718", "4862", "2580"}
	modelWeak    = []string{"1111", "4567", "2002", "123", "12a4", "7001"} // 7001: the operator number
	modelNumbers = []string{"7001", "7002", "8001"}
)

// newModel is a register with its model, in a bubble.
func newModel(t *testing.T, rt *rapid.T, dir string, policies [2]*policy.Compiled, key *StoreKey) *model {
	r := &rig{t: t, register: "3", ctx: context.Background(), storeKey: key, clock: newClock(), path: filepath.Join(dir, "roster.db"), tries: modelTriesN}
	r.journal = &memJournal{clock: r.clock}
	if evenly(rt, "the journal", []string{"in memory", "in memory", "in memory", "on disk"}) == "on disk" {
		r.journal.disk = diskJournal{path: filepath.Join(dir, "journal.db")}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if r.keys, err = OpenKeys(filepath.Join(dir, "keys"), r.path); err != nil {
		t.Fatal(err)
	}
	r.opt = Options{
		Logger: slog.New(slog.DiscardHandler), Remote: rapid.Bool().Draw(rt, "remote approvals"),
		ApproveFallback: rapid.Bool().Draw(rt, "number and PIN stand for the card"),
	}
	r.opt.Over = evenly(rt, "who signs on over a session", []Over{OverRefuse, OverSignOff, OverManager, OverManager})
	r.opt.Again = evenly(rt, "the own card again", []Again{AgainLock, AgainLock, AgainSignOff})
	r.clock.setWall(evenly(rt, "it begins at", []time.Duration{0, 7 * time.Hour, 21 * time.Hour, 55 * time.Hour, 58 * time.Hour})) // from Saturday to Monday
	r.managerIdle = evenly(rt, "managers fall back", []time.Duration{0, 0, 2 * time.Minute, 5 * time.Minute})
	r.clocked = rapid.Bool().Draw(rt, "a time clock runs")
	m := &model{
		r: r, t: rt, epoch: 1, policies: policies, ops: map[string]*modelOperator{}, held: map[string]bool{},
		punched: map[string]modelPunched{}, tries: map[string]*modelTries{}, known: map[string]bool{}, begin: map[string]bool{}, elsewhere: map[string]*modelElsewhere{},
	}
	r.policy, r.epoch = m.policies[m.epoch%2], m.epoch
	r.start()
	for _, o := range modelRoster {
		c := "1" + o.number
		done, err := r.store.Add(r.ctx, By{Source: "test"}, NewOperator{
			Number: o.number, Name: o.name, Person: o.person, WorkGroups: o.groups, PIN: []byte(o.pin), Card: cardOf(c),
		}, false)
		if err != nil || !done.OK {
			t.Fatal(err, done.Say)
		}
		o.cards = []modelCard{{number: c}}
		m.ops[o.number] = &o
		m.cards = append(m.cards, c)
	}
	m.cards = append(m.cards, "18001", "18002")
	for i := range 3 {
		m.cards = append(m.cards, fmt.Sprintf("9000%d", i)) // nobody's so far
	}
	thief := evenly(rt, "whose PIN somebody knows", m.numbers())
	m.known[thief] = true
	for _, g := range m.ops[thief].groups {
		m.begin[g] = true
	}
	m.active = m.now()
	m.t = rt
	m.beginsInMode()
	m.seen = len(r.journal.all())
	r.journal.before = m.journaledBeforeItsEffect
	return m
}

func (m *model) now() time.Duration { return m.r.clock.Boot() }

func (m *model) wall() time.Time { return m.r.clock.Stamp().Time().UTC() }

func (m *model) numbers() []string { return slices.Sorted(maps.Keys(m.ops)) }

// pass lets time pass, and whatever comes with it happen.
func (m *model) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	m.settle()
}

// settle lets happen to the model what comes with time.
func (m *model) settle() {
	now := m.now()
	if m.mode != nil && now >= m.mode.until && !m.asleep {
		m.endMode(m.now())
	}
	if m.pending != nil && now >= m.pending.since+180*time.Second {
		m.pending = nil
	}
	m.scopes = slices.DeleteFunc(slices.Clone(m.scopes), func(c *modelScope) bool { return now >= c.until })
	for _, gr := range m.grants {
		if gr.live && now >= gr.expires {
			m.lapse(gr)
		}
	}
	for person, p := range m.punched {
		if p.length > 0 && now >= p.until {
			m.punched[person] = modelPunched{}
		}
	}
	if m.session != nil && !m.session.locked && now >= m.active+modelIdle {
		m.session.locked = true
		m.turn()
	}
	if s := m.session; s != nil && !s.fell && !s.locked && m.fellBack() {
		s.fell = true
		m.endGrants()
	}
	if m.session != nil && m.stands(m.ops[m.session.who.number]) != entry.ReasonNone {
		m.end()
	}
}

// lapse ends a grant that opened nothing.
func (m *model) lapse(gr *modelGrant) {
	gr.live = false
	m.giveBackUse(gr.Seq())
}

// giveBackUse does not count what came to nothing, if nothing was counted since.
func (m *model) giveBackUse(by entry.Seq) {
	if s := m.session; s != nil && by != 0 && s.last == by {
		s.used, s.last = s.used-1, 0
	}
}

// turn is what every change of state does to what was pending or granted.
func (m *model) turn() {
	m.endGrants()
	m.pending = nil
}

func (m *model) endGrants() {
	for _, gr := range m.grants {
		if gr.live {
			m.lapse(gr)
		}
	}
	m.scopes = nil
}

// end is a sign-off, by whomever.
func (m *model) end() {
	m.turn()
	m.session = nil
}

// stands is why an operator may do nothing here now.
func (m *model) stands(o *modelOperator) entry.Reason {
	today := m.wall().Format("2006-01-02")
	switch {
	case o == nil || o.gone:
		return entry.ReasonRosterChanged
	case o.terminated:
		return entry.ReasonTerminated
	case m.revoked[o.number]:
		return entry.ReasonRevoked
	case o.suspended:
		return entry.ReasonSuspended
	case o.from != "" && today < o.from, o.until != "" && today > o.until:
		return entry.ReasonNotValid
	case len(o.registers) > 0 && !slices.Contains(o.registers, "3"):
		return entry.ReasonNotHere
	}
	return entry.ReasonNone
}

func (c *modelCard) over(m *model) bool {
	return c.day && (!m.wall().Before(c.ends) || c.boot == m.boot && m.now() >= c.until)
}

// stillTheirs reports whether a card that somebody showed is good by now, too.
func (m *model) stillTheirs(card string, o *modelOperator) bool {
	h, c := m.holder(card)
	return card == "" || h == o && !c.over(m)
}

// holder is whose card it is.
func (m *model) holder(card string) (*modelOperator, *modelCard) {
	for _, n := range m.numbers() {
		for i := range m.ops[n].cards {
			if m.ops[n].cards[i].number == card {
				return m.ops[n], &m.ops[n].cards[i]
			}
		}
	}
	return nil, nil
}

func (o *modelOperator) subject() modelSubject {
	return modelSubject{o.number, o.name, o.person, slices.Clone(o.groups)}
}

// wait is what restarts, jumps of the clock and idle hours are.
func (m *model) wait() {
	m.pass(evenly(m.t, "time passes", []time.Duration{
		time.Millisecond, 999 * time.Millisecond, time.Second, 4999 * time.Millisecond, 5 * time.Second, 59 * time.Second, time.Minute, 3 * time.Minute,
	}))
}

func (m *model) waitLong() {
	m.pass(evenly(m.t, "much time passes", []time.Duration{
		5 * time.Minute, modelIdle - time.Millisecond, modelIdle, modelLockFor, 8 * time.Hour, 26 * time.Hour,
	}))
}

// setClock lets somebody set the wall clock, which the daemon sees.
func (m *model) setClock() {
	m.r.clock.setWall(evenly(m.t, "the clock is off by", []time.Duration{
		0, time.Hour, -time.Hour, 25 * time.Hour, -25 * time.Hour, -400 * 24 * time.Hour, 400 * 24 * time.Hour,
	}))
	m.r.s.ClockSet(m.r.ctx)
	m.changed = true
	m.settle()
}

// restart is the daemon stopped and started, in the same boot.
func (m *model) restart() {
	m.r.restart()
	m.turnOff(true)
}

// kill is a daemon that was killed: what it would have written at its end it did not.
func (m *model) kill() {
	m.crash()
	m.r.start()
	m.turnOff(false)
}

// crash stops everything, and puts the state file back as it was: just now, or earlier
// in the session, for the journal has what came since.
func (m *model) crash() {
	was := m.stateFile()
	if m.older != nil && m.olderIn == m.inSession() && m.oneIn(2, "it was written before") {
		was = m.older
	}
	m.r.journal.failing(true)
	m.r.stop()
	m.r.journal.failing(false)
	if err := os.WriteFile(m.statePath(), was, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *model) statePath() string { return filepath.Join(filepath.Dir(m.r.path), "state.json") }

func (m *model) stateFile() []byte {
	b, err := os.ReadFile(m.statePath())
	if err != nil {
		m.t.Fatal(err)
	}
	return b
}

// keepState keeps the state file now and then, to come back with it.
func (m *model) keepState() {
	if in := m.inSession(); m.older == nil || m.olderIn != in || m.steps%8 == 0 {
		m.older, m.olderIn = m.stateFile(), in
	}
}

// inSession names the session, and who has it by what name: names are not in the journal.
func (m *model) inSession() string {
	st := m.state()
	return fmt.Sprint(st.session, " ", st.name)
}

func (m *model) turnOff(orderly bool) {
	m.changed = true
	for _, gr := range m.grants {
		if gr.live && orderly {
			m.lapse(gr)
		}
		gr.live = false
	}
	m.scopes = nil
	if m.mode != nil {
		m.mode.since = m.now()
	}
	m.ask, m.askWhy, m.newcomer, m.swiped, m.strained, m.active = nil, nil, nil, "", 0, m.now()
	if m.session != nil {
		m.session.managed, m.session.fell = m.session.proved, false // when it was used since is not known
	}
	if m.pending != nil {
		m.pending.since = m.now()
	}
	m.settle()
}

// reboot is the machine gone off and on.
func (m *model) reboot() {
	left := time.Duration(0)
	if m.mode != nil {
		left = m.mode.until - m.now()
	}
	if rapid.Bool().Draw(m.t, "by a power cut") {
		m.crash()
	} else {
		m.r.stop()
	}
	m.r.clock.reboot()
	m.boot++
	m.r.start()
	m.end()
	m.grants = nil
	for _, t := range m.tries {
		if t.locked {
			t.at = m.now()
		}
	}
	for person, p := range m.punched {
		if p.length > 0 {
			p.until = m.now() + p.length
			m.punched[person] = p
		}
	}
	m.rebooted(left)
	m.turnOff(true)
}

// load loads the policy of the next epoch, or the same again.
func (m *model) load() {
	if rapid.Bool().Draw(m.t, "another policy") {
		m.epoch++
	}
	m.r.policy, m.r.epoch = m.policies[m.epoch%2], m.epoch
	if err := m.r.gate.Load(m.r.ctx, m.r.policy, entry.PolicyRef{Epoch: m.epoch, Digest: m.r.policy.Digest()}, "model"); err != nil {
		m.t.Fatal(err)
	}
	m.turn()
}

// agree compares what can be seen of the register with the model, after each step.
func (m *model) agree(t *rapid.T) {
	m.t = t
	synctest.Wait()
	m.settle()
	if m.before != "" {
		t.Fatal(m.before)
	}
	m.sameSession()
	m.sameMode()
	m.samePeople()
	m.noSessionOfWhoIsGone()
	m.noSelfElevation()
	m.journaled()
	m.keepState()
}

func (m *model) sameSession() {
	snap := m.r.gate.Snapshot()
	switch s := snap.Session; {
	case (s == nil) != (m.session == nil):
		m.t.Fatalf("session %+v, and the model has %+v", s, m.session)
	case s == nil:
	case s.ID != m.session.id || s.Subject.Operator != m.session.who.number || s.Locked != m.session.locked ||
		s.Subject.Person != m.session.who.person || !slices.Equal(sorted(s.Subject.WorkGroups), sorted(m.session.who.groups)):
		m.t.Fatalf("session %+v, and the model has %+v", s, m.session)
	}
	switch o := snap.Override; {
	case (o == nil) != (m.pending == nil):
		m.t.Fatalf("override %+v, and the model has %+v", o, m.pending)
	case o != nil && (o.ID != m.pending.id || o.StepUp != m.pending.own || len(o.Approved) != len(m.pending.by)):
		m.t.Fatalf("override %+v, and the model has %+v", o, m.pending)
	}
	for person := range m.persons() {
		got, want := m.r.gate.Standing(enforcer.Subject{Person: person}), "out"
		if p, in := m.punched[person]; in {
			if want = "in"; p.away {
				want = "break"
			}
		}
		if got.State.String() != want {
			m.t.Fatalf("%s is %v at the clock, and the model says %s", person, got.State, want)
		}
	}
}

func (m *model) persons() map[string]bool {
	all := map[string]bool{}
	for _, o := range m.ops {
		all[o.person] = true
	}
	return all
}

// samePeople reads all of the roster, where it may have changed and now and then besides.
func (m *model) samePeople() {
	if m.steps++; !m.changed && m.steps%8 > 0 {
		return
	}
	m.changed = false
	list, err := m.r.store.List()
	if err != nil || len(list) != len(m.ops) {
		m.t.Fatalf("%d operators, %v, and the model has %d", len(list), err, len(m.ops))
	}
	for _, o := range list {
		want := m.ops[o.Number]
		if want == nil || o.Name != want.name || o.Person != want.person || !slices.Equal(o.WorkGroups, sorted(want.groups)) || o.Suspended != want.suspended ||
			o.Terminated != want.terminated || o.HasPIN != (want.pin != "") || o.MustChangePIN != want.mustChange || len(o.Cards) != len(want.cards) ||
			o.From != want.from || o.Until != want.until || !slices.Equal(o.Registers, want.registers) || o.Standing != m.stands(want) ||
			(o.Roster != 0) != (want.roster != nil) || want.roster != nil && o.Roster != want.roster.epoch {
			m.t.Fatalf("operator %+v, and the model has %+v (%v)", o, want, m.stands(want))
		}
		for key, locked := range map[string]time.Duration{"n": o.NumberPINLocked, "c": o.CardPINLocked} {
			if got := m.lockedFor(key + o.Number); got != locked {
				m.t.Fatalf("operator %s is locked for %v, and the model says %v (%s)", o.Number, locked, got, key)
			}
		}
	}
}

func (m *model) lockedFor(key string) time.Duration {
	t := m.tries[key]
	if t == nil || !t.locked {
		return 0
	}
	return max(0, t.at+modelLockFor-m.now())
}

// noSessionOfWhoIsGone: whoever was terminated, revoked or suspended, or is beyond the last
// day or the wrong register has no session.
func (m *model) noSessionOfWhoIsGone() {
	s := m.r.gate.Snapshot().Session
	if s == nil {
		return
	}
	if o := m.ops[s.Subject.Operator]; o == nil || m.stands(o) != entry.ReasonNone {
		m.t.Fatalf("%+v is signed on, and is %+v", s, o)
	}
}

// noSelfElevation: whoever knows one operator's PIN never comes to a work group
// that is restricted to others, whatever they do in whatever order, also as
// operators whom they made or whose PIN or card they set.
func (m *model) noSelfElevation() {
	reach := m.withinReach(m.begin)
	for n := range m.known {
		for _, g := range m.ops[n].groups { // which are the roster's: see samePeople
			if !reach[g] {
				m.t.Fatalf("who began with %q came to %q, with operator %s", slices.Sorted(maps.Keys(m.begin)), g, n)
			}
		}
	}
}

// journaled reads what the journal has of the last step as an auditor would.
func (m *model) journaled() {
	es := m.r.journal.all()
	for _, e := range es[m.seen:] {
		m.noModeForMore(&e, es)
		switch e.Kind {
		case entry.KindApproval:
			m.noApprovalByTheSamePerson(&e, es)
			m.noApprovalWithoutItsReason(&e)
			if by := m.ops[e.Approval.Operator]; e.Outcome != mayNot && m.stands(by) != entry.ReasonNone {
				m.t.Fatalf("%+v approved, and is %v", by, m.stands(by))
			}
		case entry.KindStepUp:
			if e.Outcome == may && (!e.Method.PIN() || !functionOf(e.Function).step && m.r.managerIdle == 0) {
				m.t.Fatalf("confirmed with no PIN: %+v", e)
			}
		case entry.KindRedeemed, entry.KindLapsed, entry.KindWithdrawn:
			if e.About == 0 || e.About >= e.Seq {
				m.t.Fatalf("%v about entry %d: %+v", e.Kind, e.About, e)
			}
		}
	}
	m.seen = len(es)
}

// noApprovalByTheSamePerson: nobody approves what they asked for, under whichever number,
// and the two of dual control are two.
func (m *model) noApprovalByTheSamePerson(e *entry.Entry, es []entry.Entry) {
	if e.Outcome == mayNot {
		return
	}
	asked, by := m.ops[e.Operator], m.ops[e.Approval.Operator]
	if asked == nil || by == nil || asked.number == by.number || asked.person == by.person {
		m.t.Fatalf("%+v approved what %+v asked for", by, asked)
	}
	if !functionOf(e.Function).dual || e.Outcome != may {
		return
	}
	first := e.Approval.First
	if first == 0 || first >= e.Seq || es[first-1].Kind != entry.KindApproval || es[first-1].About != e.About || es[first-1].Approval.Person == e.Approval.Person {
		m.t.Fatalf("under dual control, and the first approval is %d: %+v", first, e)
	}
}

// journaledBeforeItsEffect is called before entries are on disk: nothing that they permit may have
// taken effect by then.
func (m *model) journaledBeforeItsEffect(es []entry.Entry) {
	snap := m.r.gate.Snapshot()
	for _, e := range es {
		if e.Outcome != may {
			continue
		}
		early := false
		switch e.Kind {
		case entry.KindSignOn:
			early = snap.Session != nil
		case entry.KindUnlock:
			early = snap.Session == nil || !snap.Session.Locked
		case entry.KindApproval, entry.KindStepUp:
			early = snap.Override == nil || snap.Override.ID != e.About
		case entry.KindOverride:
			early = snap.Override != nil
		case entry.KindClockIn, entry.KindBreakEnd:
			if e.Source != "daemon" {
				early = m.r.gate.Standing(enforcer.Subject{Person: e.Person}).State.String() == "in"
			}
		case entry.KindPeople:
			now, err := m.r.store.Get(e.Subject)
			early = err != nil || (now != nil) != (m.ops[e.Subject] != nil) || now != nil && (now.Person != m.ops[e.Subject].person ||
				!slices.Equal(now.WorkGroups, sorted(m.ops[e.Subject].groups)) || len(now.Cards) != len(m.ops[e.Subject].cards))
		}
		if early {
			m.before = cmp.Or(m.before, fmt.Sprintf("it took effect before it was in the journal: %+v", e))
		}
	}
}

// TestRegisterAgainstModel lets random days happen at a register and at the model. In
// so many steps some meet too seldom: those have days of their own.
func TestRegisterAgainstModel(t *testing.T) {
	t.Run("all there is", func(t *testing.T) { againstModel(t) })
	t.Run("rosters", func(t *testing.T) {
		againstModel(t, "roster", "people", "sign on", "credential", "PIN", "revocations", "restart", "much time")
	})
	t.Run("approvals", func(t *testing.T) {
		againstModel(t, "sign on", "credential", "PIN", "reason", "ask", "approve", "for the transaction", "cancel", "redeem", "end of transaction", "time", "restart", "policy")
	})
	t.Run("modes", func(t *testing.T) {
		againstModel(t, "mode", "sign on", "credential", "ask", "approve", "redeem", "lock", "sign off", "policy", "time", "much time", "suspend", "restart", "kill", "reboot")
	})
}

// againstModel takes all steps, or the named ones.
func againstModel(t *testing.T, names ...string) {
	root := scratch(t)
	policies := [2]*policy.Compiled{modelPolicy(t, 0), modelPolicy(t, 1)}
	key := newStoreKey(t)
	var steps []int
	for i, s := range modelSteps {
		if len(names) == 0 || slices.Contains(names, s.what) {
			steps = append(steps, slices.Repeat([]int{i}, s.often)...)
		}
	}
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		defer os.RemoveAll(dir)
		rapid.SyncTest(rt, func(rt *rapid.T) {
			m := newModel(t, rt, dir, policies, key)
			defer func() {
				m.r.stop()
				m.r.journal.verify(t)
			}()
			m.often = steps
			rt.Repeat(map[string]func(*rapid.T){"": m.agree, "step": m.step})
		})
	})
}

// modelSteps are what happens at a register, by how often.
var modelSteps = []struct {
	often int
	what  string
	do    func(*model)
}{
	{4, "sign on", (*model).signOn},
	{6, "credential", (*model).present},
	{4, "PIN", (*model).givePIN},
	{3, "reason", (*model).giveWhy},
	{3, "own PIN", (*model).stepUp},
	{8, "ask", (*model).authorize},
	{14, "approve", (*model).approve},
	{4, "for the transaction", (*model).forTransaction},
	{1, "cancel", (*model).cancel},
	{8, "redeem", (*model).redeem},
	{2, "give back", (*model).giveBack},
	{1, "end of transaction", (*model).endTransaction},
	{2, "sign off", (*model).signOff},
	{1, "lock", (*model).lock},
	{2, "sign off by", (*model).signOffBy},
	{6, "punch", (*model).punch},
	{3, "time", (*model).wait},
	{2, "much time", (*model).waitLong},
	{2, "clock", (*model).setClock},
	{2, "suspend", (*model).oversleep},
	{2, "restart", (*model).restart},
	{2, "kill", (*model).kill},
	{1, "reboot", (*model).reboot},
	{2, "policy", (*model).load},
	{20, "people", (*model).people},
	{2, "revocations", (*model).revoke},
	{3, "roster", (*model).roster},
	{5, "mode", (*model).modes},
}

func (m *model) step(t *rapid.T) {
	m.t = t
	if m.ask != nil && m.oneIn(3, "the PIN that was asked for") {
		m.givePIN()
		return
	}
	if m.askWhy != nil && m.oneIn(2, "the reason that was asked for") {
		m.giveWhy()
		return
	}
	i := evenly(t, "step", m.often)
	t.Log(modelSteps[i].what)
	modelSteps[i].do(m)
}

// evenly draws one of a list. What rapid draws is mostly small, which serves numbers
// and leaves most of a list's end out.
func evenly[T any](t *rapid.T, what string, list []T) T {
	return list[bits.Draw(t, what)%len(list)]
}

var bits = rapid.Custom(func(t *rapid.T) int {
	n := 0
	for range 12 {
		n *= 2
		if rapid.Bool().Draw(t, "") {
			n++
		}
	}
	return n
})

func (m *model) oneIn(n int, what string) bool { return bits.Draw(m.t, what)%n == n-1 }

// scratch is a folder in memory where there is one: the state file is flushed with
// every change.
func scratch(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "tillwarden-model-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
