package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
)

// systemd stands in for what systemd does for a service: it hears it, keeps its
// descriptors, and gives them back at the next start.
type systemd struct {
	t      *testing.T
	socket *net.UnixConn
	path   string

	mu    sync.Mutex
	store map[string]*os.File // guarded by mu
	told  []string            // guarded by mu
}

func newSystemd(t *testing.T, dir string) *systemd {
	t.Helper()
	s := &systemd{t: t, path: filepath.Join(dir, "notify"), store: map[string]*os.File{}}
	var err error
	if s.socket, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: s.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		s.hear()
	}()
	t.Cleanup(func() {
		s.socket.Close()
		<-heard
		for _, f := range s.store {
			f.Close()
		}
	})
	return s
}

func (s *systemd) hear() {
	text, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(8*4))
	for {
		n, m, _, _, err := s.socket.ReadMsgUnix(text, rights)
		if err != nil {
			return
		}
		var fds []int
		if messages, err := unix.ParseSocketControlMessage(rights[:m]); err == nil && len(messages) > 0 {
			fds, _ = unix.ParseUnixRights(&messages[0])
		}
		field := map[string]string{}
		for line := range strings.Lines(string(text[:n])) {
			k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
			field[k] = v
		}
		s.mu.Lock()
		s.told = append(s.told, string(text[:n]))
		name := field["FDNAME"]
		switch {
		case field["FDSTORE"] == "1" && len(fds) == 1 && field["FDPOLL"] == "0" && s.store[name] == nil:
			unix.CloseOnExec(fds[0])
			s.store[name] = os.NewFile(uintptr(fds[0]), name)
		case field["FDSTOREREMOVE"] == "1":
			if f := s.store[name]; f != nil {
				f.Close()
				delete(s.store, name)
			}
		case len(fds) > 0:
			s.t.Errorf("systemd was given %d descriptors with %q", len(fds), field)
		}
		s.mu.Unlock()
	}
}

func (s *systemd) names() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.store))
}

// start runs the daemon as a service, with what is in the store.
func (s *systemd) start(dir string) *exec.Cmd {
	s.t.Helper()
	s.mu.Lock()
	s.told = nil
	var files []*os.File
	var names []string
	for name, f := range s.store {
		names, files = append(names, name), append(files, f)
	}
	// LISTEN_PID is the daemon's own: a shell says it and becomes the daemon.
	cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" --config "$1"`, os.Args[0], filepath.Join(dir, "tillwarden.toml"))
	cmd.Env = append(os.Environ(), "TILLWARDEND_TEST_RUN=1", "NOTIFY_SOCKET="+s.path,
		fmt.Sprint("LISTEN_FDS=", len(files)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	cmd.ExtraFiles = files
	log := &bytes.Buffer{}
	cmd.Stderr = log
	err := cmd.Start()
	s.mu.Unlock()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("the daemon says:\n%s", log)
		}
	})
	await(s.t, "the daemon is ready", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.ContainsFunc(s.told, func(m string) bool { return strings.Contains(m, "READY=1") })
	})
	return cmd
}

// restart is `systemctl restart`, or a crash.
func (s *systemd) restart(cmd *exec.Cmd, how syscall.Signal, dir string, meanwhile func()) *exec.Cmd {
	s.t.Helper()
	if err := cmd.Process.Signal(how); err != nil {
		s.t.Fatal(err)
	}
	_ = cmd.Wait()
	meanwhile()
	return s.start(dir)
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

// lane is a register with a simulated printer, and systemd.
type lane struct {
	*systemd
	dir, link, address string
	printer            *sim.Printer
	technician         *api.Client
}

func newLane(t *testing.T) *lane {
	t.Helper()
	dir := folder(t)
	hw := filepath.Join(dir, "hw")
	if err := os.Mkdir(hw, 0o700); err != nil {
		t.Fatal(err)
	}
	station, err := sim.NewStation(sim.StationOptions{Dir: hw})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { station.Close() })
	// At an address of this process's own: nobody else takes the port before the daemon does.
	pid := os.Getpid()
	free, err := net.Listen("tcp", fmt.Sprintf("127.%d.%d.%d:0", 100+pid>>16, pid>>8&0xFF, pid&0xFF))
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	l := &lane{dir: dir, link: filepath.Join(dir, "pos"), address: free.Addr().String(), printer: station.Printer()}
	f, err := os.OpenFile(filepath.Join(dir, "tillwarden.toml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintf(f, `
[[printer]]
name = "receipt"
path = %q
link = %q
listen = %q
listen_users = [%q]
  [[printer.drawer]]
  name = "till"
  connector = 1
`, station.Paths().Printer, l.link, l.address, fmt.Sprint(os.Getuid()))
	l.systemd = newSystemd(t, dir)
	l.technician = api.NewClient(filepath.Join(dir, "run", "technician.sock"))
	t.Cleanup(l.technician.Close)
	return l
}

func (l *lane) trusted() {
	l.t.Helper()
	await(l.t, "the printer is trusted", func() bool {
		s, err := l.technician.Status(l.t.Context())
		return err == nil && len(s.Devices) > 0 && s.Devices[0].State == "up"
	})
}

// looks is what is on the paper, with its pictures and how each line is printed.
func (l *lane) looks() string {
	lines, _ := l.printer.Look(0)
	return strings.Join(lines, "\n")
}

func (l *lane) cuts() int {
	b, _ := l.printer.Received(0)
	return bytes.Count(b, []byte("\x1dVB\x00"))
}

func (l *lane) pulses() int {
	p, _ := l.printer.Pulses(0)
	return len(p)
}

func (l *lane) open() *os.File {
	l.t.Helper()
	f, err := os.OpenFile(l.link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { f.Close() })
	return f
}

// receipt has everything that takes more than a byte.
func receipt() []byte {
	picture := make([]byte, 12*64)
	for i := range picture {
		picture[i] = byte(i * 11)
	}
	return slices.Concat([]byte("\x1b@\x1ba\x01Corner shop\n\x1ba\x00\x1bE\x01Milk 1.20\n\x1bE\x00"), []byte("\x1dv0\x00\x0c\x00\x40\x00"), picture,
		[]byte("Bread 2.40\n\x1d(k\x08\x001P0hello\x1d(k\x03\x001Q0Total 3.60\n\x1dVB\x00"))
}

// TestARestartIsNotSeenAtTheRegister: the daemon is restarted in the middle of a
// receipt: in text, in a picture, in a command. The POS holds its port open and
// writes on; what the printer prints is what it prints without a restart.
func TestARestartIsNotSeenAtTheRegister(t *testing.T) {
	in := receipt()
	plain := newLane(t)
	cmd := plain.start(plain.dir)
	plain.trusted()
	pos := plain.open()
	pour(t, pos, in)
	await(t, "the receipt is printed", func() bool { return plain.cuts() == 1 })
	want := plain.looks()
	_ = cmd.Process.Kill()
	text, picture, symbol := 20, bytes.Index(in, []byte("\x1dv0"))+300, bytes.Index(in, []byte("hello"))+2
	for front, places := range map[string][]int{"pty": {text, picture, symbol}, "port": {picture}} {
		for _, at := range places {
			l := newLane(t)
			cmd := l.start(l.dir)
			l.trusted()
			var pos io.ReadWriter = l.open()
			if front == "port" {
				conn, err := net.Dial("tcp", l.address)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				pos = conn
			}
			pour(t, pos, in[:at])
			cmd = l.restart(cmd, syscall.SIGTERM, l.dir, func() { pour(t, pos, in[at:at+15]) })
			pour(t, pos, in[at+15:])
			await(t, "the receipt is printed", func() bool { return l.cuts() == 1 })
			if got := l.looks(); got != want {
				t.Errorf("%s: restarted after %d bytes, the paper has\n%s\nnot\n%s", front, at, got, want)
			}
			pour(t, pos, []byte("\x10\x04\x01"))
			answer := make([]byte, 1)
			if _, err := io.ReadFull(pos, answer); err != nil || answer[0]&0x93 != 0x12 {
				t.Errorf("%s: asked after the restart, it answers %x, %v", front, answer, err)
			}
			if slices.Contains(l.names(), "receipt.memo") {
				t.Error("a memo that was used is kept")
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
}

func pour(t *testing.T, w io.Writer, p []byte) {
	t.Helper()
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
}

// TestInvariant1KilledInTheMiddle: SIGKILL in the middle of a receipt, and of a
// kick. The POS's ports stay open, the printer's state is not trusted, nothing
// pulses, and the next job prints whole.
func TestInvariant1KilledInTheMiddle(t *testing.T) {
	in := receipt()
	// Of a picture that the crash cuts in two the rest is read as text. Its dots are
	// no commands here: one that announces many bytes would take the next job's for its own.
	picture := []byte("text\n\x1dv0\x00\x10\x00\x40\x00" + strings.Repeat("\xaa", 300))
	for _, tc := range []struct{ half, arrives []byte }{
		{in[:20], []byte("Corner shop\n")},
		{picture, picture},
		{[]byte("text\n\x1bp\x00"), []byte("text\n")},
		{[]byte("text\n\x10\x14\x01"), []byte("text\n")},
	} {
		half := tc.half
		l := newLane(t)
		cmd := l.start(l.dir)
		l.trusted()
		pos := l.open()
		conn, err := net.Dial("tcp", l.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		pour(t, pos, half)
		await(t, "all is kept", func() bool { return len(l.names()) == 5 })
		await(t, "it has arrived", func() bool {
			b, _ := l.printer.Received(0)
			return bytes.Contains(b, tc.arrives)
		})
		name, err := os.Readlink(l.link)
		if err != nil {
			t.Fatal(err)
		}
		cmd = l.restart(cmd, syscall.SIGKILL, l.dir, func() { pour(t, pos, []byte("\x00\x19\xfa\x01meanwhile\n")) })
		if again, err := os.Readlink(l.link); err != nil || again != name {
			t.Errorf("the link leads to %s, and led to %s: %v", again, name, err)
		}
		await(t, "the printer is not trusted after a crash", func() bool {
			page, err := l.technician.Journal(t.Context(), api.JournalQuery{Limit: 1000})
			if err != nil {
				t.Fatal(err)
			}
			starts, untrusted := 0, false
			slices.SortFunc(page.Entries, func(a, b api.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
			for _, e := range page.Entries {
				if e.Kind == "start" {
					starts++
				}
				untrusted = untrusted || starts == 2 && e.Kind == "device-trust" && e.Reason == "untrusted"
			}
			return untrusted
		})
		l.trusted()
		cuts := l.cuts()
		pour(t, pos, slices.Concat([]byte("\n"), in))
		await(t, "the next job is printed", func() bool { return l.cuts() == cuts+1 })
		if got := l.looks(); !strings.Contains(got, "Corner shop") || !strings.Contains(got, "Total 3.60") || !strings.Contains(got, "meanwhile") {
			t.Errorf("after %q the paper has\n%s", half, got)
		}
		pos.Close()
		pour(t, conn, []byte("over the port\n\x1dVB\x00"))
		await(t, "the connection prints", func() bool { return l.cuts() == cuts+2 })
		if n := l.pulses(); n != 0 {
			t.Errorf("after %q it pulsed %d times", half, n)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// TestWhatIsNoLongerConfiguredIsLetGo: the store holds nothing for ever.
func TestWhatIsNoLongerConfiguredIsLetGo(t *testing.T) {
	l := newLane(t)
	cmd := l.start(l.dir)
	l.trusted()
	file := filepath.Join(l.dir, "tillwarden.toml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cmd = l.restart(cmd, syscall.SIGTERM, l.dir, func() {
		write(t, file, strings.ReplaceAll(string(text), `name = "receipt"`, `name = "other"`))
	})
	await(t, "the other printer's ports alone are kept", func() bool {
		return slices.Equal(l.names(), []string{"other.listener", "other.pty.master", "other.pty.slave", "other.pty.watch"})
	})
	l.restart(cmd, syscall.SIGTERM, l.dir, func() {
		plain, _, _ := strings.Cut(string(text), "[[printer]]")
		write(t, file, plain)
	})
	await(t, "nothing is kept", func() bool { return len(l.names()) == 0 })
}

// TestPrinterSocketActivation: the loopback port comes from a socket unit.
func TestPrinterSocketActivation(t *testing.T) {
	l := newLane(t)
	given, err := net.Listen("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	defer given.Close()
	f, err := given.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.store["printer-receipt"] = f
	l.mu.Unlock()
	l.start(l.dir)
	l.trusted()
	conn, err := net.Dial("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	pour(t, conn, []byte("hello\n\x1dVB\x00"))
	await(t, "it is printed", func() bool { return l.cuts() == 1 })
	if slices.Contains(l.names(), "receipt.listener") {
		t.Error("systemd's own socket is kept a second time")
	}
}
