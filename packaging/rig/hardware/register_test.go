package hardware

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
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

// inMachine skips a test that is not in the rig's machine.
func inMachine(t *testing.T) {
	t.Helper()
	if os.Getenv("TILLWARDEN_RIG_MACHINE") == "" {
		t.Skip("it needs a virtual machine to plug devices into: make test-rig")
	}
	if out, err := exec.Command("modprobe", "vhci-hcd").CombinedOutput(); err != nil {
		t.Fatalf("modprobe vhci-hcd: %v\n%s", err, out)
	}
}

// programs is where the rig puts the project's.
const programs = "/rig"

// patience is what anything may take on an emulated processor.
const patience = 60 * time.Second

// until waits for a condition that becomes true by itself.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
	}
}

// register is a register with the real daemon, its people and its policy.
type register struct {
	t       *testing.T
	dir     string
	pos     *api.Client
	console *api.Client
	tech    *api.Client
}

// The operators' work groups and PINs; these are no secrets.
const (
	cashier, cashierPIN = "1001", "25806931"
	boss, bossPIN       = "9000", "75314286"
	groupCashier        = "POS Cashier - Sales Only"
	groupBoss           = "Enterprise Operator Maintenance"
)

// newRegister starts the daemon with devices: its configuration's tables, in
// which DIR is the register's folder. A policy is loaded, and there is a cashier.
func newRegister(t *testing.T, devices string) *register {
	t.Helper()
	dir, err := os.MkdirTemp("", "register") // the sockets' paths have to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &register{t: t, dir: dir}
	key, err := bundle.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r.write("policy.pub", string(key.Public().Text()))
	r.write("tillwarden.toml", strings.ReplaceAll(`
chain = "test"
store = "0001"
state = "DIR/state"
run = "DIR/run"
log = "debug"
[policy]
keys = ["DIR/policy.pub"]
[signon.argon2]
memory_kib = 64
passes = 1
[sockets.pos]
group = ""
[sockets.console]
group = ""
`+devices, "DIR", dir))
	r.start()
	ctx := t.Context()
	if _, err := r.tech.Load(ctx, api.LoadRequest{Type: "policy", Name: "shipped", Bundle: policyFor(t, key)}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.tech.People(ctx, api.PeopleAdd, api.PeopleRequest{Number: boss, Name: "Boss", WorkGroups: []string{groupBoss}, PIN: api.Secret(bossPIN)}); err != nil {
		t.Fatal(err)
	}
	by := &api.Credentials{Number: boss, PIN: api.Secret(bossPIN)}
	if _, err := r.console.People(ctx, api.PeopleAdd, api.PeopleRequest{By: by, Number: cashier, Name: "Cashier", WorkGroups: []string{groupCashier}, PIN: api.Secret(cashierPIN)}); err != nil {
		t.Fatal(err)
	}
	return r
}

// policyFor seals the shipped policy.
func policyFor(t *testing.T, key bundle.PrivateKey) []byte {
	t.Helper()
	compiled, _, diags := source.Compile(presets.Files())
	if compiled == nil {
		t.Fatalf("the shipped policy does not compile: %v", diags)
	}
	blob, err := compiled.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	file, err := bundle.Seal(bundle.Manifest{Type: bundle.TypePolicy, Chain: "test", Store: "*", Epoch: 1}, blob, key)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func (r *register) path(name string) string { return filepath.Join(r.dir, name) }

func (r *register) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// start starts the daemon and waits until it serves. It ends with the test, which
// shows what it logged if it fails.
func (r *register) start() {
	r.t.Helper()
	t, log := r.t, &lockedBuffer{}
	cmd := exec.Command(filepath.Join(programs, "tillwardend"), "--config", r.path("tillwarden.toml"))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("the daemon ended with %v", err)
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			t.Error("the daemon does not stop")
		}
		if t.Failed() {
			t.Logf("the daemon's log:\n%s", log)
		}
	})
	for _, c := range []struct {
		to   **api.Client
		name string
	}{{&r.pos, "pos"}, {&r.console, "console"}, {&r.tech, "technician"}} {
		client := api.NewClient(r.path("run/" + c.name + ".sock"))
		t.Cleanup(client.Close)
		*c.to = client
	}
	until(t, "the daemon serves", func() bool {
		_, err := r.tech.Status(t.Context())
		return err == nil
	})
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// signOn signs the cashier on.
func (r *register) signOn() {
	r.t.Helper()
	a, err := r.console.SignOn(r.t.Context(), api.Credentials{Number: cashier, PIN: api.Secret(cashierPIN)})
	if err != nil || !a.OK {
		r.t.Fatalf("signing on: %+v %v", a, err)
	}
}

// ready waits until a drawer could be opened.
func (r *register) ready(drawer string) {
	r.t.Helper()
	var last string
	defer func() {
		if r.t.Failed() {
			r.t.Logf("drawer %s: %s", drawer, last)
		}
	}()
	until(r.t, "drawer "+drawer+" is ready", func() bool {
		d := r.drawer(drawer)
		last = d.Problem
		return d.Ready
	})
}

func (r *register) drawer(name string) api.Drawer {
	r.t.Helper()
	list, err := r.tech.Drawers(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	i := slices.IndexFunc(list.Drawers, func(d api.Drawer) bool { return d.Name == name })
	if i < 0 {
		r.t.Fatalf("there is no drawer %s: %+v", name, list.Drawers)
	}
	return list.Drawers[i]
}

// open asks for a sale with the drawer, and gives what became of that.
func (r *register) open(drawer string) *api.Answer {
	r.t.Helper()
	a, err := r.pos.Ask(r.t.Context(), api.AskRequest{Function: "pos.drawer.sale", Drawer: drawer, Open: api.OpenNow})
	if err != nil {
		r.t.Fatal(err)
	}
	if a.Drawer == nil {
		r.t.Fatalf("nothing became of the drawer: %+v", a)
	}
	return a
}

// opens opens the drawer, and fails if that does not come to a pulse.
func (r *register) opens(drawer string) *api.Answer {
	r.t.Helper()
	a := r.open(drawer)
	if a.Drawer.Result != api.DrawerPulsed {
		r.t.Fatalf("the drawer was not opened: %+v", *a.Drawer)
	}
	return a
}

// entries are the journal's of one kind.
func (r *register) entries(kind string) []api.Entry {
	r.t.Helper()
	page, err := r.tech.Journal(r.t.Context(), api.JournalQuery{Filter: api.Filter{Kind: kind}, Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	return page.Entries
}

// journaled waits for an entry of a kind that matches.
func (r *register) journaled(what, kind string, match func(*api.Entry) bool) api.Entry {
	r.t.Helper()
	var found api.Entry
	until(r.t, "the journal has "+what, func() bool {
		for _, e := range r.entries(kind) {
			if match(&e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// device is how a device is.
func (r *register) device(name string) api.Device {
	r.t.Helper()
	s, err := r.tech.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	i := slices.IndexFunc(s.Devices, func(d api.Device) bool { return d.Name == name })
	if i < 0 {
		r.t.Fatalf("there is no device %s: %+v", name, s.Devices)
	}
	return s.Devices[i]
}

// write writes to a port as a POS application does.
func posWrite(t *testing.T, port, text string) {
	t.Helper()
	if err := posWrites(port, text); err != nil {
		t.Fatal(err)
	}
}

func posWrites(port, text string) error {
	f, err := os.OpenFile(port, os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text)
	return errors.Join(err, f.Close())
}

// node waits for udev to make a device's node, or to remove it.
func node(t *testing.T, path string, there bool) {
	t.Helper()
	until(t, fmt.Sprintf("%s is there: %v", path, there), func() bool {
		_, err := os.Stat(path)
		return (err == nil) == there
	})
}
