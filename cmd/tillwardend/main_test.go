package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
)

// TestMain lets the test's own binary be the daemon, as a process that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv("TILLWARDEND_TEST_RUN") == "1" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

// process is the daemon as a process of its own.
type process struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	out    *bytes.Buffer
	notify *net.UnixConn
	told   chan string
	client *api.Client
}

// folder prepares a register in a short temporary folder.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	k, err := bundle.NewKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "policy.pub"), string(k.Public().Text()))
	write(t, filepath.Join(dir, "tillwarden.toml"), fmt.Sprintf(`
chain = "test"
store = "1"
register = "r"
state = %q
run = %q
[policy]
keys = [%q]
[sockets.pos]
group = ""
[sockets.console]
group = ""
`, filepath.Join(dir, "state"), filepath.Join(dir, "run"), filepath.Join(dir, "policy.pub")))
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start runs the daemon in a folder until it says READY.
func start(t *testing.T, dir string, env ...string) *process {
	t.Helper()
	p, err := startAs(t, dir, nil, env...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// startAs is start with attributes of the process; the error is that of making it.
func startAs(t *testing.T, dir string, attr *syscall.SysProcAttr, env ...string) (*process, error) {
	t.Helper()
	p := &process{t: t, dir: dir, out: &bytes.Buffer{}, told: make(chan string, 64)}
	addr := &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"}
	os.Remove(addr.Name)
	var err error
	if p.notify, err = net.ListenUnixgram("unixgram", addr); err != nil {
		t.Fatal(err)
	}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := p.notify.Read(buf)
			if err != nil {
				close(p.told)
				return
			}
			p.told <- string(buf[:n])
		}
	}()
	p.cmd = exec.Command(os.Args[0], "--config", filepath.Join(dir, "tillwarden.toml"))
	p.cmd.Env = append(os.Environ(), append(env, "TILLWARDEND_TEST_RUN=1", "NOTIFY_SOCKET="+addr.Name)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = p.out, p.out, attr
	if err := p.cmd.Start(); err != nil {
		p.notify.Close()
		return nil, err
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.notify.Close()
	})
	p.hear("READY=1")
	p.client = api.NewClient(filepath.Join(dir, "run", "technician.sock"))
	t.Cleanup(p.client.Close)
	return p, nil
}

// hear waits until systemd is told something, and gives all that was told before.
func (p *process) hear(want string) (before []string) {
	p.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case s, ok := <-p.told:
			if !ok {
				p.t.Fatalf("%s was never told; the daemon says:\n%s", want, p.out)
			}
			if strings.Contains(s, want) {
				return before
			}
			before = append(before, s)
		case <-timeout:
			p.t.Fatalf("%s was never told (but %q)", want, before)
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) kinds() []string {
	p.t.Helper()
	page, err := p.client.Journal(context.Background(), api.JournalQuery{Limit: 1000})
	if err != nil {
		p.t.Fatal(err)
	}
	var kinds []string
	for _, e := range page.Entries {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestLifeUnderSystemd(t *testing.T) {
	dir := folder(t)
	p := start(t, dir, "WATCHDOG_USEC=400000")
	p.hear("WATCHDOG=1")
	p.signal(syscall.SIGHUP)
	p.hear("RELOADING=1")
	p.hear("READY=1")
	p.signal(syscall.SIGTERM)
	p.hear("STOPPING=1")
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, p.out)
	}
	p = start(t, dir)
	kinds := strings.Join(p.kinds(), " ")
	for _, k := range []string{"start config stop", "stop start"} {
		if !strings.Contains(kinds, k) {
			t.Errorf("the journal has %q, want %q in it", kinds, k)
		}
	}
}

// TestInvariant8SIGKILL: what was acknowledged is there after SIGKILL at any
// moment, and the daemon starts again by itself.
func TestInvariant8SIGKILL(t *testing.T) {
	dir := folder(t)
	for round := range 5 {
		p := start(t, dir)
		pos := api.NewClient(filepath.Join(dir, "run", "pos.sock"))
		acked := make(chan api.Seq, 1<<16)
		go func() {
			defer close(acked)
			for {
				a, err := pos.Ask(context.Background(), api.AskRequest{Function: "pos.sale.item"})
				if err != nil {
					return
				}
				acked <- a.Seq
			}
		}()
		first := <-acked
		for range round * 20 {
			first = max(first, <-acked)
		}
		p.signal(syscall.SIGKILL)
		_ = p.cmd.Wait()
		last := first
		for s := range acked {
			last = max(last, s)
		}
		pos.Close()
		p = start(t, dir)
		page, err := p.client.Journal(t.Context(), api.JournalQuery{Filter: api.Filter{After: last - 1, Before: last + 1}})
		if err != nil || len(page.Entries) != 1 {
			t.Errorf("entry %d was acknowledged and is not there: %+v %v", last, page, err)
		}
		p.signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	}
}

// TestInvariant7NoNetwork: the daemon opens no socket of a network, listening
// or not.
func TestInvariant7NoNetwork(t *testing.T) {
	p := start(t, folder(t))
	if _, err := p.client.Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	own := p.sockets(t)
	if len(own) < 3 {
		t.Errorf("only %d sockets found", len(own))
	}
	unix, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/unix", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(unix)) {
		if f := strings.Fields(line); len(f) > 6 {
			delete(own, f[6])
		}
	}
	// A connection that ended between the two looks is in neither list by now.
	still := p.sockets(t)
	for inode := range own {
		if still[inode] {
			t.Errorf("socket %s is none of AF_UNIX", inode)
		}
	}
}

// sockets are the inodes of the sockets that the process has open.
func (p *process) sockets(t *testing.T) map[string]bool {
	t.Helper()
	own := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.cmd.Process.Pid))
	if err != nil || len(fds) == 0 {
		t.Skip("only root sees the descriptors of a process whose memory is private")
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			own[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
		}
	}
	return own
}

// TestInvariant5NoCoreDumps: the kernel would write none of its memory out.
// TestInvariant7CutOff: a register whose network namespace has nothing in it,
// not even a loopback that is up, decides as ever.
func TestInvariant7CutOff(t *testing.T) {
	p, err := startAs(t, folder(t), &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
	if err != nil {
		t.Skip("network namespaces cannot be made here: ", err)
	}
	a, err := p.client.Ask(t.Context(), api.AskRequest{Function: "pos.sale.item"})
	if err != nil || a.Seq == 0 || a.Reason != "no-policy" {
		t.Errorf("%+v %v", a, err)
	}
}

func TestInvariant5NoCoreDumps(t *testing.T) {
	p := start(t, folder(t))
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
	if err != nil {
		t.Skip("only root sees the limits of a process whose memory is private: ", err)
	}
	for line := range strings.Lines(string(limits)) {
		if strings.HasPrefix(line, "Max core file size") && strings.Fields(line)[4] != "0" {
			t.Error(line)
		}
	}
}

func TestFlags(t *testing.T) {
	dir := folder(t)
	good := filepath.Join(dir, "tillwarden.toml")
	bad := filepath.Join(dir, "bad.toml")
	write(t, bad, "chain = \"c\"\nstoer = \"s\"\n")
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--version"}, exitOK, "tillwardend devel"},
		{[]string{"--help"}, exitOK, "-check-config"},
		{[]string{"--check-config", "--config", good}, exitOK, "tillwarden.toml: good"},
		{[]string{"--check-config", "--config", bad}, exitConfig, "bad.toml:2:1: stoer: there is no such key; did you mean store?"},
		{[]string{"--config", bad}, exitConfig, "did you mean store?"},
		{[]string{"--config", filepath.Join(dir, "none")}, exitConfig, "no such file"},
		{[]string{"--port", "80"}, exitUsage, "not defined"},
		{[]string{"start"}, exitUsage, "takes no arguments"},
	} {
		var out bytes.Buffer
		if code := run(tc.args, &out, &out); code != tc.code || !strings.Contains(out.String(), tc.want) {
			t.Errorf("%q: %d %s, want %d %s", tc.args, code, out.String(), tc.code, tc.want)
		}
	}
}

// TestSocketActivation: sockets that systemd made are used by their names.
func TestSocketActivation(t *testing.T) {
	dir := folder(t)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "given.sock"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// LISTEN_PID is the daemon's own: a shell says it and becomes the daemon.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" --config "$1"`, os.Args[0], filepath.Join(dir, "tillwarden.toml"))
	cmd.Env = append(os.Environ(), "TILLWARDEND_TEST_RUN=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=technician")
	cmd.ExtraFiles = []*os.File{f}
	var out bytes.Buffer
	cmd.Stderr = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := api.NewClient(filepath.Join(dir, "given.sock"))
	defer c.Close()
	// The kernel queues the connection until the daemon serves.
	s, err := c.Status(t.Context())
	if err != nil || s.Register != "r" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "run", "technician.sock")); err == nil {
		t.Error("a second technician's socket was made")
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
}
