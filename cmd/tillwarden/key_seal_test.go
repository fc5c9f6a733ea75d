package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
)

// keyMachine is a register with a real daemon, and systemd as far as keys go: what it
// seals it opens again, and it hands what is in its store to the daemon that it starts.
type keyMachine struct {
	t     *testing.T
	dir   string
	creds string // what the running daemon was given

	stop  func()
	broke string // what does not work: "encrypt", "decrypt" or "restart"
	flips bool   // what is sealed opens as something else
	deaf  bool   // the unit has no LoadCredentialEncrypted=
	calls []string
}

func newKeyMachine(t *testing.T) *keyMachine {
	t.Helper()
	dir, err := os.MkdirTemp("", "tw") // short, for the sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	m := &keyMachine{t: t, dir: dir}
	m.write("etc/tillwarden/tillwarden.toml", fmt.Sprintf(`
chain = "test"
store = "0001"
register = "r1"
state = %q
run = %q
[policy]
keys = [%q]
[sockets.pos]
group = ""
[sockets.console]
group = ""
[[drawer]]
name = "till"
path = %q
model = "apg-484a"
`, m.path("state"), m.path("run"), m.path("policy.pub"), m.path("tty")))
	m.start()
	t.Cleanup(func() { m.stop() })
	return m
}

func (m *keyMachine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *keyMachine) write(name, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.path(name)), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.path(name), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *keyMachine) start() {
	m.t.Helper()
	if err := m.tryStart(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *keyMachine) tryStart() error {
	m.stop = func() {}
	c, err := daemon.LoadConfig(m.path("etc/tillwarden/tillwarden.toml"))
	if err != nil {
		return err
	}
	m.creds = m.t.TempDir()
	store := filepath.Join(m.dir, credentialStore)
	names, _ := os.ReadDir(store)
	for _, n := range names {
		if m.deaf {
			break
		}
		text, err := m.open(filepath.Join(store, n.Name()))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(m.creds, n.Name()), text, 0o400); err != nil {
			return err
		}
	}
	d, err := daemon.New(m.t.Context(), daemon.Options{Config: c, Version: "test", Credentials: m.creds})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	m.stop = func() {
		cancel()
		if err := <-done; err != nil {
			m.t.Error(err)
		}
		m.stop = func() {}
	}
	return nil
}

// open gives what a sealed file holds.
func (m *keyMachine) open(path string) ([]byte, error) {
	blob, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name, rest, ok := strings.Cut(string(blob), ":")
	if !ok || name != filepath.Base(path) {
		return nil, errors.New("sealed under another name")
	}
	return base64.StdEncoding.DecodeString(rest)
}

// tool is systemd-creds and systemctl.
func (m *keyMachine) tool(_ context.Context, in []byte, name string, args ...string) ([]byte, error) {
	m.calls = append(m.calls, name+" "+strings.Join(args, " "))
	for _, k := range daemon.SecretKeys() {
		if text, err := os.ReadFile(m.path("state/keys/" + k)); err == nil && strings.Contains(strings.Join(args, " "), strings.TrimSpace(string(text))) {
			m.t.Errorf("%s stands in the arguments of %s", k, name)
		}
	}
	if m.broke == args[0] {
		return nil, failedf("%s does not work", args[0])
	}
	switch args[0] {
	case "encrypt":
		if m.flips {
			in = append(bytes.Clone(in), 'x')
		}
		return []byte(strings.TrimPrefix(args[1], "--name=") + ":" + base64.StdEncoding.EncodeToString(in)), nil
	case "decrypt":
		return m.open(args[2])
	case "restart":
		m.stop()
		return nil, m.tryStart()
	}
	return nil, failedf("%s is not known", args[0])
}

func (m *keyMachine) tillwarden(args ...string) (code int, out string) {
	var text bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &text, err: &text, version: "test", tool: m.tool, env: func(name string) string {
		switch name {
		case "TILLWARDEN_ROOT":
			return m.dir
		case "TILLWARDEN_RUN_DIR":
			return m.path("run")
		}
		return ""
	}}
	code = a.main(m.t.Context(), args)
	return code, text.String()
}

// plain and sealed are which keys there are.
func (m *keyMachine) keys() (plain, sealed int) {
	for _, k := range daemon.SecretKeys() {
		if _, err := os.Stat(m.path("state/keys/" + k)); err == nil {
			plain++
		}
		if _, err := os.Stat(filepath.Join(m.dir, credentialStore, daemon.CredentialName(k))); err == nil {
			sealed++
		}
	}
	return plain, sealed
}

func (m *keyMachine) checkpointKey() string {
	m.t.Helper()
	c := api.NewClient(m.path("run/technician.sock"))
	defer c.Close()
	w, err := c.Checkpoint(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	return w.PublicKey
}

// TestKeysAreSealedAndUnsealed: there and back, with the same keys all the while,
// and what doctor says of it.
func TestKeysAreSealedAndUnsealed(t *testing.T) {
	m := newKeyMachine(t)
	before := m.checkpointKey()
	if _, out := m.tillwarden("doctor"); !strings.Contains(out, "who copies the disk has them") || !strings.Contains(out, "sudo tillwarden key seal") {
		t.Errorf("plain keys: %s", out)
	}
	for range 2 { // again changes nothing
		code, out := m.tillwarden("key", "seal")
		if plain, sealed := m.keys(); code != exitDone || plain != 0 || sealed != 3 || !strings.Contains(out, "no plain ones are left") {
			t.Fatalf("seal: %d %q, %d plain and %d sealed", code, out, plain, sealed)
		}
	}
	if got := m.checkpointKey(); got != before {
		t.Errorf("the journal's key is %q, and was %q", got, before)
	}
	if _, out := m.tillwarden("doctor"); !strings.Contains(out, "ok       keys") {
		t.Errorf("sealed keys: %s", out)
	}
	for range 2 {
		code, out := m.tillwarden("key", "unseal", "--json")
		if plain, sealed := m.keys(); code != exitDone || plain != 3 || sealed != 0 || !strings.Contains(out, `"keys": "plain"`) {
			t.Fatalf("unseal: %d %q, %d plain and %d sealed", code, out, plain, sealed)
		}
	}
	if got := m.checkpointKey(); got != before {
		t.Errorf("the journal's key is %q, and was %q", got, before)
	}
	info, err := os.Stat(m.path("state/keys/journal.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// TestKeysAreKeptWhenSealingFails: whatever goes wrong, the plain keys stay until
// the daemon has said that it has the sealed ones.
func TestKeysAreKeptWhenSealingFails(t *testing.T) {
	for name, c := range map[string]struct {
		ail  func(m *keyMachine)
		args []string
		code int
		says string
	}{
		"no systemd-creds":        {func(m *keyMachine) { m.broke = "encrypt" }, nil, exitFailed, "encrypt does not work"},
		"it does not open":        {func(m *keyMachine) { m.broke = "decrypt" }, nil, exitFailed, "decrypt does not work"},
		"it opens as another":     {func(m *keyMachine) { m.flips = true }, nil, exitRefused, "another key"},
		"no restart":              {func(m *keyMachine) { m.broke = "restart" }, nil, exitFailed, "left as they were"},
		"the unit does not load":  {func(m *keyMachine) { m.deaf = true }, nil, exitFailed, "LoadCredentialEncrypted="},
		"not started again yet":   {func(*keyMachine) {}, []string{"--no-restart"}, exitDone, "key seal --no-restart"},
		"bound to what is nobody": {func(*keyMachine) {}, []string{"--with", "luck"}, exitUsage, "auto, tpm2 or host"},
		"another one is sealed": {func(m *keyMachine) {
			m.write(credentialStore+"/tillwarden.receipt.key", "tillwarden.receipt.key:"+base64.StdEncoding.EncodeToString([]byte("another")))
		}, nil, exitRefused, "only you can know"},
		"the state folder leads elsewhere": {func(m *keyMachine) {
			m.write("elsewhere", "a secret of somebody else")
			if err := errors.Join(os.Remove(m.path("state/keys/receipt.key")), os.Symlink(m.path("elsewhere"), m.path("state/keys/receipt.key"))); err != nil {
				m.t.Fatal(err)
			}
		}, nil, exitFailed, "escapes"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newKeyMachine(t)
			c.ail(m)
			code, out := m.tillwarden(append([]string{"key", "seal"}, c.args...)...)
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("%d %q, want %d and %q", code, out, c.code, c.says)
			}
			for _, k := range daemon.SecretKeys() {
				if _, err := os.Lstat(m.path("state/keys/" + k)); err != nil && !daemon.OptionalKey(k) {
					t.Errorf("a key is gone: %v", err)
				}
			}
		})
	}
}

// TestSealAfterARestartByHand: --no-restart seals, and removes the plain keys when
// it is run again after the restart.
func TestSealAfterARestartByHand(t *testing.T) {
	m := newKeyMachine(t)
	if code, out := m.tillwarden("key", "seal", "--no-restart", "--with", "tpm2"); code != exitDone {
		t.Fatalf("%d %q", code, out)
	}
	if plain, sealed := m.keys(); plain != 3 || sealed != 3 {
		t.Errorf("%d plain and %d sealed", plain, sealed)
	}
	if !strings.Contains(strings.Join(m.calls, "\n"), "--with-key=host+tpm2 --tpm2-pcrs=23 ") {
		t.Errorf("asked for %q", m.calls)
	}
	m.stop()
	m.start()
	if _, out := m.tillwarden("status"); !strings.Contains(out, "copies that are not lie in") {
		t.Errorf("status does not say that plain copies are left: %s", out)
	}
	if code, out := m.tillwarden("key", "seal", "--no-restart"); code != exitDone || !strings.Contains(out, "no plain ones are left") {
		t.Errorf("%d %q", code, out)
	}
	if plain, sealed := m.keys(); plain != 0 || sealed != 3 {
		t.Errorf("%d plain and %d sealed", plain, sealed)
	}
	// A daemon that gets nothing from systemd any more does not start, and makes no key.
	m.stop()
	m.deaf = true
	if err := m.tryStart(); err == nil || !strings.Contains(err.Error(), "the key is gone") {
		t.Errorf("without its credentials: %v", err)
	}
	if plain, _ := m.keys(); plain != 0 {
		t.Errorf("%d keys were made", plain)
	}
}

// TestStoreKeyIsInstalled: once, at a register with plain keys and at one with sealed
// ones, and another one only when that is said.
func TestStoreKeyIsInstalled(t *testing.T) {
	m := newKeyMachine(t)
	for _, name := range []string{"a.key", "b.key"} {
		if code, out := m.tillwarden("key", "new-store", "-o", m.path(name)); code != exitDone {
			t.Fatalf("%d %q", code, out)
		}
	}
	if code, out := m.tillwarden("key", "new-store", "-o", m.path("a.key")); code != exitRefused {
		t.Errorf("overwritten: %d %q", code, out)
	}
	secret, err := os.ReadFile(m.path("a.key"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("no.key", "tillwarden-store-1 abc\n")
	for _, step := range []struct {
		args        []string
		code        int
		says        string
		plain, shut int // keys afterwards
	}{
		{[]string{"install-store", m.path("no.key")}, exitRefused, "not a store key", 3, 0},
		{[]string{"install-store", m.path("a.key"), "--no-restart"}, exitDone, "once it was started again", 4, 0},
		{[]string{"install-store", m.path("a.key")}, exitDone, "installed already", 4, 0},
		{[]string{"install-store", m.path("b.key")}, exitRefused, "another store key", 4, 0},
		{[]string{"seal"}, exitDone, "no plain ones are left", 0, 4},
		{[]string{"install-store", m.path("a.key")}, exitDone, "installed already", 0, 4},
		{[]string{"install-store", m.path("b.key")}, exitRefused, "--replace", 0, 4},
		{[]string{"install-store", m.path("b.key"), "--replace"}, exitDone, "operators can be carried now", 1, 3},
		{[]string{"seal"}, exitDone, "no plain ones are left", 0, 4},
		{[]string{"unseal"}, exitDone, "plain files again", 4, 0},
	} {
		code, out := m.tillwarden(append([]string{"key"}, step.args...)...)
		plain, sealed := m.keys()
		if code != step.code || !strings.Contains(out, step.says) || plain != step.plain || sealed != step.shut {
			t.Errorf("%v: %d %q, %d plain and %d sealed", step.args, code, out, plain, sealed)
		}
		if strings.Contains(out, strings.Fields(string(secret))[1]) {
			t.Errorf("%v shows the key", step.args)
		}
	}
}

// TestSetupKeepsTheNameOfSealedKeys: set-up gives no other name to a register whose keys are
// sealed, which the daemon would not start with.
func TestSetupKeepsTheNameOfSealedKeys(t *testing.T) {
	m := newKeyMachine(t)
	a := &app{tool: m.tool}
	here := &machine{root: m.dir, command: func(context.Context, string, ...string) (string, error) { return "", nil }}
	as := func(register string) error {
		return a.sealedAs(t.Context(), here, &daemon.Config{Chain: "test", Store: "0001", Register: register, State: "/state"})
	}
	if err := as("r2"); err != nil {
		t.Errorf("plain keys: %v", err)
	}
	if code, out := m.tillwarden("key", "seal"); code != 0 {
		t.Fatal(out)
	}
	if err := as("r1"); err != nil {
		t.Errorf("its own name: %v", err)
	}
	refused := func(hint string) {
		t.Helper()
		err := as("r2")
		if err == nil || !strings.Contains(err.Error(), "bear the name tillwarden/test/0001/r1") {
			t.Fatalf("another name: %v", err)
		}
		if hints := strings.Join(classify(err).hints, "; "); !strings.Contains(hints, hint) {
			t.Errorf("hints: %s", hints)
		}
	}
	refused("tillwarden key unseal")
	m.stop()
	if err := os.Rename(m.path("state/journal.db"), m.path("journal.db")); err != nil {
		t.Fatal(err)
	}
	refused("their journal is not here")
	m.broke = "decrypt"
	if err := as("r2"); err != nil {
		t.Errorf("keys that do not open here: %v", err) // the daemon says it
	}
}
