// Package register is a register for the rig's tests: the real daemon as a process
// of its own, in a folder, with the shipped policy, an operator who maintains
// operators, and a cashier. It is spoken to as others speak to it, over its sockets.
//
// Waiting takes as long as an emulated processor may need; what does not come ends
// the test, which then shows what the daemon logged.
package register

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// Patience is what anything may take on an emulated processor.
const Patience = 90 * time.Second

// Until waits for a condition that becomes true by itself.
func Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// The operators, and their work groups and PINs; these are no secrets.
const (
	Cashier, CashierPIN = "1001", "25806931"
	Boss, BossPIN       = "9000", "75314286"
	GroupCashier        = "POS Cashier - Sales Only"
	GroupBoss           = "Enterprise Operator Maintenance"
)

// Register is one register.
type Register struct {
	POS, Console, Technician *api.Client

	t      testing.TB
	dir    string
	daemon string // its path
	key    bundle.PrivateKey
	log    logged

	cmd  *exec.Cmd
	done chan error
}

// New makes a register's folder and configuration; nothing runs yet. daemon is the
// daemon's binary. state is where it keeps what must not be lost; empty: in its
// folder. devices are the configuration's tables, in which DIR is the folder.
func New(t testing.TB, daemon, state, devices string) *Register {
	t.Helper()
	dir, err := os.MkdirTemp("", "register") // the sockets' paths have to be short
	if err != nil {
		t.Fatal(err)
	}
	r := &Register{t: t, dir: dir, daemon: daemon}
	t.Cleanup(func() {
		r.Stop()
		if t.Failed() {
			t.Logf("the daemon's log ends with:\n%s", r.log.tail())
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if r.key, err = bundle.NewKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if state == "" {
		state = r.Path("state")
	}
	r.write("policy.pub", string(r.key.Public().Text()))
	r.write("tillwarden.toml", strings.NewReplacer("DIR", dir, "STATE", state).Replace(`
chain = "test"
store = "0001"
register = "1"
state = "STATE"
run = "DIR/run"
log = "debug"
[policy]
keys = ["DIR/policy.pub"]
[signon]
idle = "0s"
[signon.argon2]
memory_kib = 64
passes = 1
[sockets.pos]
group = ""
[sockets.console]
group = ""
`+devices))
	r.connect(r.Path("run"))
	return r
}

// Attach is a register that runs already, with its sockets in a folder. It is not
// ours to start or stop.
func Attach(t testing.TB, run string) *Register {
	r := &Register{t: t}
	r.connect(run)
	return r
}

func (r *Register) connect(run string) {
	for _, c := range []struct {
		to   **api.Client
		name string
	}{{&r.POS, "pos"}, {&r.Console, "console"}, {&r.Technician, "technician"}} {
		client := api.NewClient(filepath.Join(run, c.name+".sock"))
		r.t.Cleanup(client.Close)
		*c.to = client
	}
}

// Context is for one call: it ends when that has taken too long, as where a socket
// is there and nobody listens at it.
func (r *Register) Context() context.Context {
	ctx, cancel := context.WithTimeout(r.t.Context(), Patience)
	r.t.Cleanup(cancel)
	return ctx
}

// Path is a file's in the register's folder.
func (r *Register) Path(name string) string { return filepath.Join(r.dir, name) }

func (r *Register) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.Path(name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// Start starts the daemon and waits until it serves.
func (r *Register) Start() {
	r.t.Helper()
	r.cmd = exec.Command(r.daemon, "--config", r.Path("tillwarden.toml"))
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	cmd, done := r.cmd, make(chan error, 1)
	r.done = done
	go func() { done <- cmd.Wait() }()
	Until(r.t, "the daemon serves", func() bool {
		if _, err := r.Technician.Status(r.Context()); err == nil {
			return true
		}
		select {
		case err := <-done:
			r.cmd = nil
			r.t.Fatalf("the daemon ended: %v", err)
		default:
		}
		return false
	})
}

// Kill ends the daemon as a crash does.
func (r *Register) Kill() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Kill()
	<-r.done
	r.cmd = nil
}

// Stop ends the daemon in good order, if it runs.
func (r *Register) Stop() {
	if r.cmd == nil {
		return
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("the daemon ended with %v", err)
		}
		r.cmd = nil
	case <-time.After(Patience):
		r.t.Error("the daemon does not stop")
		r.Kill()
	}
}

// logged keeps the last of what the daemon logs.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// Write takes some of the log.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if most := 1 << 20; l.buf.Len() > most {
		l.buf.Next(l.buf.Len() - most/2)
	}
	return l.buf.Write(p)
}

func (l *logged) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.SplitAfter(l.buf.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "")
}

// Staff loads the shipped policy and adds the operators.
func (r *Register) Staff() {
	r.t.Helper()
	ctx := r.Context()
	compiled, _, diags := source.Compile(presets.Files())
	if compiled == nil {
		r.t.Fatalf("the shipped policy does not compile: %v", diags)
	}
	blob, err := compiled.MarshalBinary()
	if err != nil {
		r.t.Fatal(err)
	}
	file, err := bundle.Seal(bundle.Manifest{Type: bundle.TypePolicy, Chain: "test", Store: "*", Epoch: 1}, blob, r.key)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.Technician.Load(ctx, api.LoadRequest{Type: "policy", Name: "shipped", Bundle: file}); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.Technician.People(ctx, api.PeopleAdd, api.PeopleRequest{Number: Boss, Name: "Boss", WorkGroups: []string{GroupBoss}, PIN: api.Secret(BossPIN)}); err != nil {
		r.t.Fatal(err)
	}
	r.Hire()
}

// Hire has the boss add the cashier.
func (r *Register) Hire() {
	r.t.Helper()
	by := &api.Credentials{Number: Boss, PIN: api.Secret(BossPIN)}
	cashier := api.PeopleRequest{
		By: by, Number: Cashier, Name: "Cashier", WorkGroups: []string{GroupCashier}, PIN: api.Secret(CashierPIN),
	}
	r.patiently("adding the cashier", func() error {
		_, err := r.Console.People(r.Context(), api.PeopleAdd, cashier)
		return err
	})
}

// SignOn signs the cashier on.
func (r *Register) SignOn() {
	r.t.Helper()
	var a *api.SignOnAnswer
	r.patiently("signing on", func() (err error) {
		a, err = r.Console.SignOn(r.Context(), api.Credentials{Number: Cashier, PIN: api.Secret(CashierPIN)})
		return err
	})
	if !a.OK {
		r.t.Fatalf("signing on: %+v", a)
	}
}

// patiently asks again where the daemon says that it was asked too often: reading the
// journal and checking PINs have a rate.
func (r *Register) patiently(what string, ask func() error) {
	r.t.Helper()
	Until(r.t, what, func() bool {
		err := ask()
		if errors.Is(err, &api.Error{Code: api.CodeRate}) {
			time.Sleep(time.Second)
			return false
		}
		if err != nil {
			r.t.Fatalf("%s: %v", what, err)
		}
		return true
	})
}

// Ready waits until a drawer could be opened.
func (r *Register) Ready(drawer string) {
	r.t.Helper()
	last := ""
	defer func() {
		if r.t.Failed() {
			r.t.Logf("drawer %s: %s", drawer, last)
		}
	}()
	Until(r.t, "drawer "+drawer+" is ready", func() bool {
		d := r.Drawer(drawer)
		last = d.Problem
		return d.Ready
	})
}

// Drawer is how a drawer is.
func (r *Register) Drawer(name string) api.Drawer {
	r.t.Helper()
	list, err := r.Technician.Drawers(r.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	i := slices.IndexFunc(list.Drawers, func(d api.Drawer) bool { return d.Name == name })
	if i < 0 {
		r.t.Fatalf("there is no drawer %s: %+v", name, list.Drawers)
	}
	return list.Drawers[i]
}

// Device is how a device is.
func (r *Register) Device(name string) api.Device {
	r.t.Helper()
	s, err := r.Technician.Status(r.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	i := slices.IndexFunc(s.Devices, func(d api.Device) bool { return d.Name == name })
	if i < 0 {
		r.t.Fatalf("there is no device %s: %+v", name, s.Devices)
	}
	return s.Devices[i]
}

// Open asks for a sale with the drawer, and gives what became of that.
func (r *Register) Open(drawer string) *api.Answer {
	r.t.Helper()
	a, err := r.POS.Ask(r.Context(), api.AskRequest{Function: "pos.drawer.sale", Drawer: drawer, Open: api.OpenNow})
	if err != nil {
		r.t.Fatal(err)
	}
	if a.Drawer == nil {
		r.t.Fatalf("nothing became of the drawer: %+v", a)
	}
	return a
}

// Opens opens the drawer, and fails if that does not come to a pulse.
func (r *Register) Opens(drawer string) *api.Answer {
	r.t.Helper()
	a := r.Open(drawer)
	if a.Drawer.Result != api.DrawerPulsed {
		r.t.Fatalf("the drawer was not opened: %+v", *a.Drawer)
	}
	return a
}

// Entries are the journal's of one kind, or of all (""), the first thousand.
func (r *Register) Entries(kind string) []api.Entry {
	r.t.Helper()
	var page *api.JournalPage
	r.patiently("reading the journal", func() (err error) {
		page, err = r.Technician.Journal(r.Context(), api.JournalQuery{Filter: api.Filter{Kind: kind}, Limit: 1000})
		return err
	})
	return page.Entries
}

// Journaled waits for an entry of a kind that matches; nil takes any.
func (r *Register) Journaled(what, kind string, match func(*api.Entry) bool) api.Entry {
	r.t.Helper()
	var found api.Entry
	defer func() {
		if r.t.Failed() {
			for _, e := range r.Entries("") {
				r.t.Logf("entry %d: %s %s %s %s %s %s", e.Seq, e.Kind, e.Outcome, e.Reason, e.Source, e.Device, e.Text)
			}
		}
	}()
	Until(r.t, "the journal has "+what, func() bool {
		for _, e := range r.Entries(kind) {
			if match == nil || match(&e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}
