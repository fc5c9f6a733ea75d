package daemon

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// The shipped work groups that the tests use.
const (
	groupSales     = "POS Cashier - Sales Only"
	groupManager   = "POS Cashier - Manager Override"
	groupOperators = "Enterprise Operator Maintenance"
	groupSupport   = "Support"
)

// shippedPolicy is what is shipped, compiled once.
var shippedPolicy = sync.OnceValue(func() *policy.Compiled {
	p, _, diags := source.Compile(presets.Files())
	if p == nil {
		panic(fmt.Sprint("the shipped policy does not compile: ", diags))
	}
	return p
})

// register is a daemon in a temporary folder, with a client for each role.
type register struct {
	t      testing.TB
	dir    string
	config string // the configuration's text
	key    bundle.PrivateKey
	log    *syncBuffer

	committing func() // of the daemon's options

	d    *Daemon
	stop context.CancelFunc
	done chan error
	pos  *api.Client
	con  *api.Client
	tech *api.Client
}

// syncBuffer is a log that goroutines write and the test reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newRegister prepares a register; more is added to its configuration.
func newRegister(t testing.TB, more string) *register {
	t.Helper()
	r := &register{t: t, dir: shortDir(t), log: &syncBuffer{}}
	var err error
	if r.key, err = bundle.NewKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	r.write("policy.pub", r.key.Public().Text(), 0o644)
	r.config = fmt.Sprintf(`
chain = "test"
store = "0001"
register = "r1"
state = %q
run = %q
log = "debug"

[policy]
keys = [%q]

[signon.argon2]
memory_kib = 64
passes = 1

[sockets.pos]
group = ""
[sockets.console]
group = ""
[api]
pin_rate = 1000.0
pin_burst = 1000
`, r.path("state"), r.path("run"), r.path("policy.pub")) + more
	return r
}

// shortDir is a temporary folder whose sockets' paths are short enough.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (r *register) path(name string) string { return filepath.Join(r.dir, name) }

func (r *register) write(name string, data []byte, mode os.FileMode) string {
	r.t.Helper()
	path := r.path(name)
	if err := os.WriteFile(path, data, mode); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// start starts the daemon and waits until it serves.
func (r *register) start() *register {
	r.t.Helper()
	file := r.write("tillwarden.toml", []byte(r.config), 0o644)
	c, err := LoadConfig(file)
	if err != nil {
		r.t.Fatal(err)
	}
	level := &slog.LevelVar{}
	level.Set(slog.LevelDebug)
	r.d, err = New(r.t.Context(), Options{ConfigFile: file, Config: c, Version: "test", Log: NewLog(r.log, level), Level: level, committing: r.committing})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop, r.done = stop, make(chan error, 1)
	go func() { r.done <- r.d.Run(ctx) }()
	r.pos = api.NewClient(SocketPath(c, api.RolePOS))
	r.con = api.NewClient(SocketPath(c, api.RoleConsole))
	r.tech = api.NewClient(SocketPath(c, api.RoleTechnician))
	r.t.Cleanup(r.halt)
	if _, err := r.tech.Status(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return r
}

// halt stops the daemon in good order. It may be called twice.
func (r *register) halt() {
	r.t.Helper()
	if r.stop == nil {
		return
	}
	r.stop()
	select {
	case err := <-r.done:
		if err != nil {
			r.t.Errorf("stopping: %v", err)
		}
	case <-time.After(longEnough):
		r.t.Fatal("the daemon does not stop")
	}
	for _, c := range []*api.Client{r.pos, r.con, r.tech} {
		c.Close()
	}
	r.stop = nil
	if r.t.Failed() {
		r.t.Logf("the daemon's log:\n%s", r.log)
	}
}

// bundle seals a policy for this register.
func (r *register) bundle(p *policy.Compiled, epoch uint64) []byte {
	r.t.Helper()
	blob, err := p.MarshalBinary()
	if err != nil {
		r.t.Fatal(err)
	}
	file, err := bundle.Seal(bundle.Manifest{Type: bundle.TypePolicy, Chain: "test", Store: "*", Epoch: epoch}, blob, r.key)
	if err != nil {
		r.t.Fatal(err)
	}
	return file
}

// people are the operators of a staffed register. PINs are no secrets here.
var staff = []api.PeopleRequest{
	{Number: "1001", Name: "Ada", Person: "ada", WorkGroups: []string{groupSales}, PIN: api.Secret("25806931")},
	{Number: "1002", Name: "Bo", Person: "bo", WorkGroups: []string{groupSales}, PIN: api.Secret("14702583")},
	{Number: "2001", Name: "Max", Person: "max", WorkGroups: []string{groupManager}, PIN: api.Secret("36901472")},
	// The same person as 1001, with another number.
	{Number: "2002", Name: "Ada M", Person: "ada", WorkGroups: []string{groupManager}, PIN: api.Secret("95137046")},
}

const bossPIN = "75314286"

// boss is who maintains operators; each call has a PIN of its own, for the
// client does not wipe it and the daemon does.
func boss() *api.Credentials { return &api.Credentials{Number: "9000", PIN: api.Secret(bossPIN)} }

// staffed loads the shipped policy and adds operators.
func (r *register) staffed() *register {
	r.t.Helper()
	return r.staffedUnder(shippedPolicy())
}

// shippedWith is the shipped policy where one function has more attributes, as
// its source says them.
func shippedWith(t testing.TB, function, attributes string) *policy.Compiled {
	t.Helper()
	files := presets.Files()
	head := fmt.Sprintf("function %q {\n", function)
	if !bytes.Contains(files[presets.CatalogueFile], []byte(head)) {
		t.Fatalf("the shipped catalogue has no %s", function)
	}
	files[presets.CatalogueFile] = bytes.Replace(files[presets.CatalogueFile], []byte(head), []byte(head+"  "+attributes+"\n"), 1)
	p, _, diags := source.Compile(files)
	if p == nil {
		t.Fatal(diags)
	}
	return p
}

// staffedUnder loads a policy and adds operators.
func (r *register) staffedUnder(p *policy.Compiled) *register {
	r.t.Helper()
	if _, err := r.tech.Load(r.t.Context(), api.LoadRequest{Type: "policy", Name: "shipped.bundle", Bundle: r.bundle(p, 1)}); err != nil {
		r.t.Fatal(err)
	}
	first := api.PeopleRequest{Number: "9000", Name: "Cleo", WorkGroups: []string{groupOperators}, PIN: api.Secret(bossPIN)}
	if _, err := r.tech.People(r.t.Context(), api.PeopleAdd, first); err != nil {
		r.t.Fatal(err)
	}
	for _, p := range staff {
		p.By = boss()
		if _, err := r.con.People(r.t.Context(), api.PeopleAdd, p); err != nil {
			r.t.Fatalf("add %s: %v", p.Number, err)
		}
	}
	return r
}

func creds(number string) api.Credentials {
	for _, p := range staff {
		if p.Number == number {
			return api.Credentials{Number: number, PIN: append(api.Secret(nil), p.PIN...)}
		}
	}
	return *boss()
}

// signOn signs an operator on at the console.
func (r *register) signOn(number string) {
	r.t.Helper()
	a, err := r.con.SignOn(r.t.Context(), creds(number))
	if err != nil || !a.OK {
		r.t.Fatalf("sign %s on: %+v %v", number, a, err)
	}
}

// entries are the journal's entries of a kind.
func (r *register) entries(kind string) []api.Entry {
	r.t.Helper()
	page, err := r.tech.Journal(r.t.Context(), api.JournalQuery{Filter: api.Filter{Kind: kind}, Limit: 1000})
	if err != nil {
		r.t.Fatal(err)
	}
	return page.Entries
}

// longEnough is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const longEnough = 30 * time.Second

// until waits for a condition that becomes true by itself.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(longEnough); !cond(); {
		if time.Now().After(end) {
			t.Fatalf("it never came to this: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func isCode(err error, code api.Code) bool { return errors.Is(err, &api.Error{Code: code}) }

// noSecrets looks for what must be nowhere: in the state folder, the log, the
// journal as the API gives it.
func (r *register) noSecrets(secrets ...string) {
	r.t.Helper()
	places := map[string][]byte{"the log": []byte(r.log.String())}
	err := filepath.WalkDir(r.path("state"), func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		places[path], err = os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil // it was on its way to another name
		}
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	var lines bytes.Buffer
	if err := r.tech.JournalStream(r.t.Context(), api.JournalStream{}, func(_ *api.Entry, line []byte) error {
		lines.Write(line)
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
	places["the journal"] = lines.Bytes()
	for where, text := range places {
		for i, s := range secrets {
			if bytes.Contains(text, []byte(s)) {
				r.t.Errorf("secret %d is in %s", i, where)
			}
		}
	}
}
