package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/devices/sim"
)

// The backend runs as CUPS runs it, as a process of its own: this test's binary
// called again. Behind its port stand a real guard and the simulated printer.

const runAs = "TILLWARDEN_CUPS_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAs) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// counter is a register at which nothing is allowed, and kicks are counted.
type counter struct {
	testing.TB
	ports   string // the folder of the ports
	cache   string // CUPS_CACHEDIR
	station *sim.Station
	guard   *printer.Guard
	stop    func()

	mu    sync.Mutex
	kicks []printer.Kick
}

func (c *counter) Kick(_ context.Context, k printer.Kick) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kicks = append(c.kicks, k)
}

func (c *counter) kicked() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.kicks)
}

// longEnough is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const longEnough = time.Minute

func newCounter(t *testing.T) *counter {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	station, err := sim.NewStation(sim.StationOptions{Dir: filepath.Join(dir, "sim"), Printer: sim.PrinterOptions{Buffer: 512}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { station.Close() })
	c := &counter{TB: t, ports: filepath.Join(dir, "ports"), cache: filepath.Join(dir, "cache"), station: station}
	if err := os.Mkdir(c.cache, 0o700); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	c.guard, err = printer.New(printer.Options{
		Name: "receipt", Link: filepath.Join(c.ports, "receipt"), Group: -1, Path: station.Paths().Printer,
		Open: func(ctx context.Context) (devices.Port, error) {
			return devices.Open(ctx, devices.Config{Path: station.Paths().Printer})
		},
		Drawers: []printer.Drawer{{Name: "till", Connector: 1}}, Poll: 50 * time.Millisecond, Key: []byte("key"),
		Now: func() time.Duration { return time.Hour + time.Since(began) }, Authority: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.guard.Run(ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the guard ends: %v", err)
		}
	})
	t.Cleanup(c.stop)
	c.eventually("the printer is trusted", func() bool { return c.guard.Status().Trusted })
	return c
}

func (c *counter) eventually(what string, holds func() bool) {
	c.Helper()
	for end := time.Now().Add(longEnough); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("it never came to be that %s", what)
		}
	}
}

// paper is what was printed, its lines joined by |.
func (c *counter) paper() string {
	lines, _ := c.station.Printer().Paper(0)
	return strings.Join(lines, "|")
}

func (c *counter) pulses() int {
	list, _ := c.station.Printer().Pulses(0)
	return len(list)
}

func (c *counter) act(a sim.Action) {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), longEnough)
	defer cancel()
	if err := sim.NewClient(c.station.Paths().Control).Printer(ctx, a); err != nil {
		c.Fatal(err)
	}
}

// process is one run of the backend.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   bytes.Buffer
	mu    sync.Mutex
	said  []byte
	ended chan exit
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, b...)
	return len(b), nil
}

// stderr is what it has said.
func (p *process) stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.said)
}

// start runs the backend with a URI, as CUPS does.
func (c *counter) start(uri string, args ...string) *process {
	c.Helper()
	self, err := os.Executable()
	if err != nil {
		c.Fatal(err)
	}
	p := &process{cmd: exec.Command(self), ended: make(chan exit, 1)}
	p.cmd.Args = append([]string{uri}, args...)
	p.cmd.Env = []string{runAs + "=1", "TILLWARDEN_PORTS=" + c.ports, "CUPS_CACHEDIR=" + c.cache, "DEVICE_URI=" + uri, "PRINTER=till"}
	p.cmd.Stdout, p.cmd.Stderr = &p.out, p
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		c.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		c.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		p.ended <- exit(p.cmd.ProcessState.ExitCode())
	}()
	c.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// wait is how it ended.
func (c *counter) wait(p *process) exit {
	c.Helper()
	select {
	case e := <-p.ended:
		return e
	case <-time.After(longEnough):
		c.Fatalf("the backend does not end; it said:\n%s", p.stderr())
		return 0
	}
}

// print runs the backend with a job on its standard input.
func (c *counter) print(uri, data string, args ...string) (exit, string) {
	c.Helper()
	p := c.start(uri, args...)
	go func() {
		_, _ = io.WriteString(p.in, data)
		_ = p.in.Close()
	}()
	return c.wait(p), p.stderr()
}

var jobs atomic.Int64

// args are those of a job of its own.
func args(options string, more ...string) []string {
	a := []string{fmt.Sprint(jobs.Add(1)), "lp", "a receipt", "1", options}
	return append(a, more...)
}

const (
	kick    = "\x1bp\x00\x19\xfa"
	receipt = "\x1b@MILK 1.19\nBREAD 2.40\nEGGS 3.00\nTEA 4.99\nTOTAL 11.58\n\x1dV\x00"
)

func TestListsPorts(t *testing.T) {
	c := newCounter(t)
	for _, name := range []string{"stranger", "li\"nk"} {
		if err := os.Symlink("/dev/null", filepath.Join(c.ports, name)); err != nil {
			t.Fatal(err)
		}
	}
	p := c.start("tillwarden")
	if e := c.wait(p); e != exitOK {
		t.Errorf("exit %d: %s", e, p.stderr())
	}
	if got, want := p.out.String(), "direct tillwarden:/receipt \"Unknown\" \"tillwarden receipt\" \"\" \"\"\n"; got != want {
		t.Errorf("lists %q, want %q", got, want)
	}
}

// TestInvariant1KickInAJob: a job is printed, and what is in it to open a drawer
// is asked about, and does not open it.
func TestInvariant1KickInAJob(t *testing.T) {
	c := newCounter(t)
	for _, uri := range []string{"tillwarden:/receipt", "tillwarden://" + c.ports + "/receipt"} {
		before := c.kicked()
		if e, said := c.print(uri, receipt+kick, args("")...); e != exitOK {
			t.Fatalf("%s: exit %d: %s", uri, e, said)
		}
		c.eventually("the kick is decided", func() bool { return c.kicked() == before+1 })
	}
	c.eventually("both are printed", func() bool { return strings.Count(c.paper(), "TOTAL 11.58") == 2 })
	if n := c.pulses(); n != 0 {
		t.Errorf("%d pulses", n)
	}
}

// TestCopies: of a file as many as asked for; what comes over standard input was
// repeated by a filter already.
func TestCopies(t *testing.T) {
	c := newCounter(t)
	file := filepath.Join(t.TempDir(), "job")
	if err := os.WriteFile(file, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := args("", file)
	a[3] = "3"
	if e, said := c.print("tillwarden:/receipt", "", a...); e != exitOK {
		t.Fatalf("exit %d: %s", e, said)
	}
	a = args("")
	a[3] = "3"
	if e, said := c.print("tillwarden:/receipt", "from a pipe\n", a...); e != exitOK {
		t.Fatalf("exit %d: %s", e, said)
	}
	want := "from a file|from a file|from a file|from a pipe"
	c.eventually("all is printed", func() bool { return len(c.paper()) >= len(want) })
	if got := c.paper(); got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

// TestPrinterThatTakesNothing holds the job up, which is said, and not lost.
func TestPrinterThatTakesNothing(t *testing.T) {
	c := newCounter(t)
	c.act(sim.ActionHold)
	p := c.start("tillwarden:/receipt", args("")...)
	const lines = 4900 // more than two terminals keep
	go func() {
		_, _ = io.WriteString(p.in, strings.Repeat("0123456789012345678901234567890\n", lines))
		_ = p.in.Close()
	}()
	c.eventually("it is said", func() bool { return strings.Contains(p.stderr(), "STATE: +offline-report\n") })
	select {
	case e := <-p.ended:
		t.Fatalf("exit %d: %s", e, p.stderr())
	default:
	}
	c.act(sim.ActionRelease)
	if e := c.wait(p); e != exitOK {
		t.Errorf("exit %d: %s", e, p.stderr())
	}
	_, after, _ := strings.Cut(p.stderr(), "STATE: +offline-report\n")
	if !strings.Contains(after, "STATE: -connecting-to-device,offline-report\n") {
		t.Errorf("that it goes on is not said:\n%s", p.stderr())
	}
	c.eventually("all is printed", func() bool { n, _ := c.station.Printer().Paper(0); return len(n) == lines })
}

// TestCancelledInACommand: the printer is left between two commands, no half of a
// kick waits for the next job, and the job is not begun again.
func TestCancelledInACommand(t *testing.T) {
	for name, part := range map[string]string{
		"a picture": "before\n\x1dv0\x00\x10\x00\x40\x00" + strings.Repeat("\xaa", 100),
		"a kick":    "before\n\x1bp\x00",
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			a := args("")
			p := c.start("tillwarden:/receipt", a...)
			if _, err := io.WriteString(p.in, part); err != nil {
				t.Fatal(err)
			}
			c.eventually("it has begun", func() bool { return c.paper() == "before" })
			if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if e := c.wait(p); e != exitCancel || !strings.Contains(p.stderr(), "is cancelled") {
				t.Errorf("exit %d: %s", e, p.stderr())
			}
			c.eventually("the guard is between commands", func() bool { return c.guard.Ready(context.Background()) == nil })
			if e, said := c.print("tillwarden:/receipt", "\x19\xfanext\n", args("")...); e != exitOK {
				t.Errorf("the next job: exit %d: %s", e, said)
			}
			c.eventually("the next job is printed", func() bool { return strings.HasSuffix(c.paper(), "next") })
			if e, said := c.print("tillwarden:/receipt", part, a...); e != exitCancel || !strings.Contains(said, "printed in part before") {
				t.Errorf("the job again: exit %d: %s", e, said)
			}
			if n := c.pulses(); n != 0 || strings.Count(c.paper(), "before") != 1 {
				t.Errorf("%d pulses; printed %q", n, c.paper())
			}
		})
	}
}

// TestPortGoesAwayInAJob: the job is over, and is never begun again, by whatever
// number it comes.
func TestPortGoesAwayInAJob(t *testing.T) {
	c := newCounter(t)
	a := args("media=x job-uuid=urn:uuid:01234567-89ab-cdef-0123-456789abcdef number-up=1")
	p := c.start("tillwarden:/receipt?wait=0", a...)
	if _, err := io.WriteString(p.in, "one\n"+kick); err != nil {
		t.Fatal(err)
	}
	c.eventually("it has begun", func() bool { return c.paper() == "one" && c.kicked() == 1 })
	c.stop()
	if _, err := io.WriteString(p.in, "two\n"); err != nil {
		t.Fatal(err)
	}
	if e := c.wait(p); e != exitCancel || !strings.Contains(p.stderr(), "ERROR: tillwarden's port went away") {
		t.Errorf("exit %d: %s", e, p.stderr())
	}
	a[0] = "4711"
	if e, said := c.print("tillwarden:/receipt?wait=0", "one\n"+kick, a...); e != exitCancel || !strings.Contains(said, "printed in part before") {
		t.Errorf("again: exit %d: %s", e, said)
	}
}

// TestNoPort: nothing was sent, so CUPS may try it again.
func TestNoPort(t *testing.T) {
	c := newCounter(t)
	a := args("")
	for range 2 {
		e, said := c.print("tillwarden:/kitchen?wait=0", "x\n", a...)
		if e != exitRetry || !strings.Contains(said, "STATE: +connecting-to-device\n") || !strings.Contains(said, "does tillwardend run?") {
			t.Errorf("exit %d: %s", e, said)
		}
	}
	// And once it is there, the job is printed.
	if e, said := c.print("tillwarden:/receipt", "x\n", a...); e != exitOK {
		t.Errorf("exit %d: %s", e, said)
	}
}

// TestWaitsForThePort that comes while it waits.
func TestWaitsForThePort(t *testing.T) {
	c := newCounter(t)
	late := filepath.Join(c.ports, "late")
	p := c.start("tillwarden:/late", args("")...)
	go func() { _, _ = io.WriteString(p.in, "late\n"); _ = p.in.Close() }()
	c.eventually("it waits", func() bool { return strings.Contains(p.stderr(), "waiting for tillwarden's port") })
	to, err := os.Readlink(filepath.Join(c.ports, "receipt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, late); err != nil {
		t.Fatal(err)
	}
	if e := c.wait(p); e != exitOK {
		t.Errorf("exit %d: %s", e, p.stderr())
	}
	c.eventually("it is printed", func() bool { return c.paper() == "late" })
}

// TestNothingButPorts: what is no port of tillwarden's is not written to, least of
// all the printer past tillwarden.
func TestNothingButPorts(t *testing.T) {
	c := newCounter(t)
	dir := t.TempDir()
	file, null := filepath.Join(dir, "file"), filepath.Join(dir, "null")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.Symlink("/dev/null", null)); err != nil {
		t.Fatal(err)
	}
	pts, err := os.Readlink(filepath.Join(c.ports, "receipt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, null, "/dev/null", pts, dir} {
		e, said := c.print("tillwarden://"+path+"?wait=0", "x", args("")...)
		if e != exitStop || !strings.Contains(said, "is no port of tillwarden's") {
			t.Errorf("%s: exit %d: %s", path, e, said)
		}
	}
	if b, err := os.ReadFile(file); err != nil || len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	c := newCounter(t)
	for _, tc := range []struct {
		uri  string
		args []string
		want exit
		says string
	}{
		{"tillwarden:/a/b", args(""), exitStop, "is no port's name"},
		{"tillwarden:/..", args(""), exitStop, "is no port's name"},
		{"tillwarden:", args(""), exitStop, "is no port's name"},
		{"tillwarden://host/receipt", args(""), exitStop, "write tillwarden:/receipt"},
		{"tillwarden:/receipt?wait=soon", args(""), exitStop, "only ?wait=SECONDS"},
		{"tillwarden:/receipt?copies=2", args(""), exitStop, "only ?wait=SECONDS"},
		{"serial:/dev/ttyS0", args(""), exitStop, "no device URI of tillwarden's"},
		{"tillwarden:/receipt", []string{"1", "lp", "title"}, exitFailed, "3 arguments"},
		{"tillwarden:/receipt", []string{"one", "lp", "title", "1", ""}, exitFailed, "no job's number"},
		{"tillwarden:/receipt", []string{"1", "lp", "title", "none", "", "/dev/null"}, exitFailed, "copies"},
		{"tillwarden:/receipt", []string{"1", "lp", "title", "1", "", "/not/there"}, exitFailed, "reading the job"},
	} {
		e, said := c.print(tc.uri, "", tc.args...)
		if e != tc.want || !strings.HasPrefix(said, "ERROR: ") || !strings.Contains(said, tc.says) {
			t.Errorf("%s %q: exit %d, want %d: %s", tc.uri, tc.args, e, tc.want, said)
		}
	}
}

func TestHelp(t *testing.T) {
	c := newCounter(t)
	for _, flag := range []string{"--help", "--version"} {
		p := c.start("tillwarden", flag)
		if e := c.wait(p); e != exitOK || !strings.Contains(p.out.String(), "tillwarden-cups") {
			t.Errorf("%s: exit %d: %s", flag, e, p.out.String())
		}
	}
}

// TestMemory: jobs are told apart, and forgotten when they ended or long after.
func TestMemory(t *testing.T) {
	m := memory{dir: filepath.Join(t.TempDir(), "tillwarden")}
	uuid := jobName("7", "media=a job-uuid=urn:uuid:01234567-89AB-cdef-0123-456789abcdef")
	if uuid != "01234567-89ab-cdef-0123-456789abcdef" {
		t.Errorf("named %s", uuid)
	}
	for _, options := range []string{"", "job-uuid=urn:uuid:../../../../../../etc/passwd", "job-uuid=urn:uuid:short", "xjob-uuid=urn:uuid:01234567-89ab-cdef-0123-456789abcdef"} {
		if name := jobName("7", options); name != "7" {
			t.Errorf("%q is named %s", options, name)
		}
	}
	if m.begun("7") {
		t.Error("known before it began")
	}
	for _, job := range []string{"7", "8", uuid} {
		if err := m.begin(job); err != nil {
			t.Fatal(err)
		}
	}
	m.ended("8")
	var known []string
	for _, job := range []string{"7", "8", "9", uuid} {
		if m.begun(job) {
			known = append(known, job)
		}
	}
	if !slices.Equal(known, []string{"7", uuid}) {
		t.Errorf("known are %q", known)
	}
	old := time.Now().Add(-forgetAfter - time.Hour)
	if err := os.Chtimes(m.file("7"), old, old); err != nil {
		t.Fatal(err)
	}
	if err := m.begin("10"); err != nil {
		t.Fatal(err)
	}
	if m.begun("7") || !m.begun(uuid) {
		t.Error("what is old is known, or what is not is forgotten")
	}
	if none := (memory{}); none.begun("7") || none.begin("7") == nil {
		t.Error("without a folder something is known")
	}
}
