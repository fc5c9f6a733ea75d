package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/signon"
	"tillwarden/signon/card"
)

// Options of a daemon.
type Options struct {
	ConfigFile string
	Config     *Config
	Version    string
	Log        *slog.Logger
	// Credentials is the folder of systemd's credentials ($CREDENTIALS_DIRECTORY);
	// empty: there is none. A key in it goes before one in the state folder.
	Credentials string
	// Level is what Log listens to; a reload sets it.
	Level *slog.LevelVar

	committing func() // a fault of tests: called by the journal's committer
}

// Daemon is one register's daemon. New makes it, Run runs it.
type Daemon struct {
	opt     Options
	cfg     atomic.Pointer[Config]
	log     *slog.Logger
	notify  *notifier
	started time.Time
	began   time.Duration

	clock   *bootClock
	keys    *keys
	journal toldJournal
	gate    *enforcer.Gate
	roster  *signon.Store
	svc     atomic.Pointer[signon.Service]
	cards   atomic.Pointer[[]card.Format]

	policyKeys []bundle.PublicKey // set at start
	loading    sync.Mutex         // one load at a time
	reloading  sync.Mutex         // one reload at a time
	reporting  chan struct{}      // one report at a time

	swipes   *swipes
	pads     []*pad
	units    []*unit
	pin      waitingLine
	why      waitingLine
	punch    waitingPunch
	printers []*printerUnit
	boxes    []*boxUnit
	sensors  []*sensorUnit // of printers and of drawers without one
	drawers  []*drawerUnit
	asks     atomic.Uint64 // the last id of a function that was named before its kick
	slips    *slips
	notices  chan entry.Entry // for feedback
	devices  deviceBoard
	tidy     tidy

	askedMu sync.Mutex
	asked   []*asked // guarded by askedMu

	given   *given
	sockets map[api.Role]net.Listener
	servers []*api.Server

	ctx     context.Context // ends when the daemon stops
	cancel  context.CancelFunc
	running sync.WaitGroup

	problemsMu sync.Mutex
	problems   map[string]string // guarded by problemsMu; what is wrong, by part

	stuck atomic.Pointer[string] // which parts make no progress; nil: all do
}

// New opens everything that decisions need: keys, journal, gate, roster and
// policy, and makes the sockets. Devices come with Run. What cannot be had is
// an error, except where the register can still run and say so: without a
// policy or with a damaged roster everything is refused.
func New(ctx context.Context, o Options) (_ *Daemon, err error) {
	d := &Daemon{opt: o, log: o.Log, problems: map[string]string{}, notices: make(chan entry.Entry, noticeQueue), reporting: make(chan struct{}, 1)}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.cfg.Store(o.Config)
	d.notify = newNotifier(d.log)
	d.given = takeGiven(d.log)
	d.ctx, d.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			_ = d.close() // why it could not start is what counts
		}
	}()
	if d.clock, err = newBootClock(); err != nil {
		return nil, err
	}
	d.started, d.began = time.Now(), d.clock.Boot()
	d.tidy.clock = d.clock
	c := o.Config
	if err := os.MkdirAll(c.State, 0o700); err != nil {
		return nil, fmt.Errorf("make the state folder: %w", err)
	}
	name := journal.KeyName(c.Chain, c.Store, c.Register)
	if aside, err := setUnusedAside(ctx, c.State, o.Credentials, name); err != nil {
		return nil, err
	} else if aside != "" {
		d.log.Warn("this register was never in use, and has another name now: what it had before is set aside", "folder", aside, "name", name)
	}
	if d.keys, err = openKeys(c.State, o.Credentials, name); err != nil {
		return nil, err
	}
	if err := d.openJournal(ctx); err != nil {
		return nil, err
	}
	if err := d.openGate(); err != nil {
		return nil, err
	}
	if err := d.takeOver(ctx); err != nil {
		return nil, err
	}
	if d.policyKeys, err = readKeys(c.Policy.Keys); err != nil {
		d.problem("policy keys", err.Error())
		d.log.Error("no policy can be verified", "err", err)
	}
	d.loadAtStart(ctx)
	if err := d.openRoster(ctx); err != nil {
		return nil, err
	}
	if err := d.makeDevices(); err != nil {
		return nil, err
	}
	if d.sockets, err = openSockets(c, d.given.listeners); err != nil {
		return nil, err
	}
	d.given.rest(c.Printers)
	return d, nil
}

func (d *Daemon) config() *Config          { return d.cfg.Load() }
func (d *Daemon) service() *signon.Service { return d.svc.Load() }
func (d *Daemon) formats() []card.Format   { return *d.cards.Load() }

// touch says that somebody did something at the register.
func (d *Daemon) touch() { d.service().Touch() }

func (d *Daemon) openJournal(ctx context.Context) error {
	c := d.config()
	stamp := d.clock.Stamp
	if f := d.opt.committing; f != nil {
		stamp = func() entry.Stamp { f(); return d.clock.Stamp() }
	}
	s, err := journal.Open(ctx, journal.Options{
		Path: filepath.Join(c.State, journalFile), Stamp: stamp, Chain: c.Chain, Store: c.Store, Register: c.Register,
		Key: d.keys.signer, PublicKey: d.keys.verifier, MaxSize: int64(c.Journal.MaxMiB) << 20,
		OnCheckpoint: func(text []byte) { d.log.Log(d.ctx, levelAlways, "journal checkpoint", "checkpoint", string(text)) },
		Alarm: func(kind entry.Kind, text string) {
			if kind == entry.KindRecovered { // all else comes and goes: status asks for it
				d.problem("journal", text)
			}
			d.log.Error("journal", "kind", kind.String(), "what", text)
			d.tell(entry.Entry{Kind: kind, Text: text})
		},
	})
	if err != nil {
		return err
	}
	d.journal = toldJournal{s, d.tell}
	// Essential: at the reserve a restarted register still signs on and decides.
	if _, err := s.Append(ctx, true, entry.Entry{
		Kind: entry.KindStart, Outcome: entry.OutcomeAllowed, Source: "daemon", Text: "version " + d.opt.Version,
	}); err != nil {
		return fmt.Errorf("journal the start: %w", err)
	}
	return nil
}

func (d *Daemon) replay(after entry.Seq, f func(entry.Entry) error) error {
	return d.journal.Replay(d.ctx, journal.Filter{After: after}, f)
}

func (d *Daemon) openGate() error {
	c := d.config()
	g, err := enforcer.NewGate(enforcer.Options{
		Clock: d.clock, Journal: d.journal, StatePath: filepath.Join(c.State, stateFile), Replay: d.replay,
		Report:      func(err error) { d.log.Error("gate", "err", err) },
		OverrideTTL: time.Duration(c.Override.Wait), Transaction: time.Duration(c.Override.Transaction), WhyKnown: d.whyKnown,
		Register:  c.Register,
		TimeClock: d.timeClockRuns, ManagerIdle: func() time.Duration { return time.Duration(d.config().SignOn.Manager) },
	})
	if err != nil {
		return err
	}
	d.gate = g
	return nil
}

func (d *Daemon) openRoster(ctx context.Context) error {
	c := d.config()
	s, err := signon.OpenStore(signon.StoreOptions{
		Path: filepath.Join(c.State, rosterFile), Keys: d.keys.signon, StoreKey: d.keys.store, Journal: d.journal, Clock: d.clock,
		KDF:   signon.KDF{Time: uint32(c.SignOn.Argon2.Passes), Memory: uint32(c.SignOn.Argon2.MemoryKiB), Threads: 1},
		Tries: c.SignOn.Tries, LockFor: time.Duration(c.SignOn.Lockout), MinPIN: c.SignOn.PINMin,
		Store: c.Store, Register: c.Register,
	})
	switch {
	case s == nil:
		return err
	case err != nil: // it refuses everybody, and the register says so
		d.problem("roster", err.Error())
		d.log.Error("nobody can sign on", "err", err)
	}
	d.roster = s
	if err == nil {
		last := d.journal.Last().Last
		people := func(after entry.Seq, f func(entry.Entry) error) error {
			return d.journal.Replay(ctx, journal.Filter{After: after, Kind: entry.KindPeople}, f)
		}
		if err := s.Reconcile(ctx, last, people); err != nil {
			return err
		}
	}
	d.pin.drop = func(token string) { d.service().Drop(token) }
	d.why.drop = func(token string) { d.service().DropWhy(token) }
	if err := d.startService(ctx, c); err != nil {
		return err
	}
	if o := d.gate.Snapshot().Override; o != nil { // it goes on after a restart
		open := api.OpenNone
		if o.Drawer != "" {
			open = api.OpenNow
		}
		d.follow(o.ID, o.Function, open)
	}
	return nil
}

// startService makes the sign-on service by the rules of a configuration, in
// place of the one before.
func (d *Daemon) startService(ctx context.Context, c *Config) error {
	formats, err := cardFormats(&c.SignOn)
	if err != nil {
		return err
	}
	method, _ := policy.ParseSignOn(c.SignOn.Method)
	approve, _ := policy.ParseSignOn(c.Override.Method)
	over, _ := signon.ParseOver(c.SignOn.Over)
	again, _ := signon.ParseAgain(c.SignOn.Again)
	removed, _ := signon.ParseRemoved(c.SignOn.Removed)
	idle := time.Duration(c.SignOn.Idle)
	if idle == 0 {
		idle = -1 // never
	}
	s, err := signon.New(signon.Options{
		Store: d.roster, Gate: d.gate, Method: method, Approve: approve, ApproveFallback: c.NumberAndPIN(), Remote: c.Override.Remote,
		Over: over, Again: again, Removed: removed, SameSwipe: time.Duration(c.SignOn.SameCard),
		AskPIN: time.Duration(c.SignOn.PINWait), Idle: idle, Logger: d.log,
	})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		d.log.Error("sign-on", "err", err)
	}
	d.cards.Store(&formats)
	if old := d.svc.Swap(s); old != nil {
		s.Succeed(old)
		old.Close()
	}
	return nil
}

// Run serves until ctx ends, and then stops in good order.
func (d *Daemon) Run(ctx context.Context) error {
	d.running.Go(func() { d.feedback(d.ctx) })
	d.running.Go(func() {
		if err := d.clock.watchSteps(d.ctx, d.stepped); err != nil {
			d.log.Error("steps of the clock are not noticed", "err", err)
		}
	})
	d.running.Go(func() { d.retainLoop(d.ctx) })
	d.startDevices()
	failed := make(chan error, len(d.sockets))
	for role, l := range d.sockets {
		s := api.NewServer(api.Options{Backend: d, Role: role, Limits: d.config().API.limits(), Log: d.log})
		d.servers = append(d.servers, s)
		d.running.Go(func() {
			if err := s.Serve(l); err != nil {
				failed <- fmt.Errorf("serve the %s socket: %w", role, err)
			}
		})
	}
	d.notify.ready()
	d.notify.status(d.statusLine())
	d.log.Info("ready", "version", d.opt.Version, "chain", d.config().Chain, "store", d.config().Store, "register", d.config().Register)
	d.startWatchdog()
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		d.log.Error("stopping", "err", err)
	}
	return errors.Join(err, d.stop())
}

// stopLimit is how long what is busy may take to end, and then the journal.
const stopLimit = 1900 * time.Millisecond

// stop ends everything in order: nobody asks any more, devices are let go,
// the gate and then the journal close. The session stays for a restart.
func (d *Daemon) stop() error {
	d.notify.stopping()
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	quick, cancelQuick := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancelQuick()
	var down sync.WaitGroup
	for _, s := range d.servers {
		down.Go(func() {
			if err := s.Shutdown(quick); err != nil {
				d.log.Warn("a socket did not close in order", "err", err)
			}
		})
	}
	d.cancel()
	down.Wait()
	d.service().Close()
	err := d.gate.Close(ctx)
	ended := make(chan struct{})
	go func() { d.running.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-ctx.Done():
		d.log.Warn("something is still busy; stopping without it")
	}
	// What is still busy has used the time up. The last entry has its own.
	last, cancelLast := context.WithTimeout(context.Background(), stopLimit)
	defer cancelLast()
	_, stopped := d.journal.Append(last, false, entry.Entry{
		Kind: entry.KindStop, Outcome: entry.OutcomeAllowed, Reason: entry.ReasonStopped, Source: "daemon",
	})
	return errors.Join(err, stopped, d.close())
}

// close lets go of what New opened.
func (d *Daemon) close() error {
	d.cancel()
	d.tidy.close()
	var errs []error
	for _, l := range d.sockets {
		_ = l.Close() // closed already where it was served
	}
	if s := d.svc.Load(); s != nil {
		s.Close()
	}
	if d.gate != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		errs = append(errs, d.gate.Close(ctx))
		cancel()
	}
	if d.roster != nil {
		errs = append(errs, d.roster.Close())
	}
	if d.journal.Store != nil {
		errs = append(errs, d.journal.Close())
	}
	return errors.Join(errs...)
}

// stepped journals that the wall clock was set. It decides on which day it is, and
// with that who may work today; nothing else.
func (d *Daemon) stepped(by time.Duration) {
	d.log.Warn("the clock was set", "by", by)
	ctx, cancel := context.WithTimeout(d.ctx, 10*time.Second)
	defer cancel()
	if _, err := d.journal.Append(ctx, false, entry.Entry{
		Kind: entry.KindClockStep, Outcome: entry.OutcomeAllowed, Source: "daemon", Elapsed: int64(by),
	}); err != nil {
		d.log.Error("a step of the clock could not be journaled", "err", err)
	}
	d.service().ClockSet(ctx)
}

// problem notes what is wrong with a part; empty: nothing any more.
func (d *Daemon) problem(part, what string) {
	d.problemsMu.Lock()
	defer d.problemsMu.Unlock()
	if what == "" {
		delete(d.problems, part)
	} else {
		d.problems[part] = strings.TrimPrefix(what, part+": ") // errors say it as well
	}
}
