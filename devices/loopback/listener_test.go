package loopback

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tillwarden/devices"
	"tillwarden/devices/keep/keeptest"
)

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

// TestMain lets the test's own binary be a client that runs as another user.
func TestMain(m *testing.M) {
	if address := os.Getenv("LOOPBACK_TEST_CLIENT"); address != "" {
		os.Exit(client(address, os.Getenv("LOOPBACK_TEST_SAYS")))
	}
	goleak.VerifyTestMain(m)
}

// client prints, and says how that ended.
func client(address, text string) int {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_, err = io.WriteString(conn, text)
	}
	if err == nil && os.Getenv("LOOPBACK_TEST_HASTY") != "" {
		conn.Close()
		return 0
	}
	if err == nil {
		_ = conn.(*net.TCPConn).CloseWrite()
		_, err = io.Copy(io.Discard, conn)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// port is a listener under test: what its connections bring is gathered.
type port struct {
	*Listener
	t    *testing.T
	stop func()

	mu      sync.Mutex
	jobs    []string // of connections that have ended
	unknown []bool   // for each, whether it could be told whose it was
	job     bytes.Buffer
	refused []string
	errs    []error
	greet   string // what each connection is answered
	stuck   bool   // nothing is read
	held    bool   // because of that
}

func newPort(t *testing.T, change func(c *Config), left *Left) *port {
	t.Helper()
	p := &port{t: t}
	c := Config{Address: "127.0.0.1:" + free(t), Users: Users{UIDs: []uint32{uint32(os.Getuid())}}}
	if change != nil {
		change(&c)
	}
	p.listen(c, left)
	p.start()
	return p
}

func (p *port) listen(c Config, left *Left) {
	p.t.Helper()
	c.Refused = func(why string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.refused = append(p.refused, why)
	}
	var err error
	if p.Listener, err = Listen(p.t.Context(), c, left); err != nil {
		p.t.Fatal(err)
	}
}

func (p *port) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx, p.serve) }()
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Errorf("the port ends: %v", err)
		}
	})
	p.t.Cleanup(p.stop)
}

// free is a port that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, number, _ := net.SplitHostPort(l.Addr().String())
	return number
}

func (p *port) serve(ctx context.Context, c *Conn) error {
	err := p.take(ctx, c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.jobs = append(p.jobs, p.job.String())
	p.unknown = append(p.unknown, c.Unknown())
	p.errs = append(p.errs, err)
	p.job.Reset()
	return err
}

func (p *port) take(ctx context.Context, c *Conn) error {
	p.mu.Lock()
	greet := p.greet
	p.mu.Unlock()
	if greet != "" {
		if _, err := io.WriteString(c, greet); err != nil {
			return err
		}
	}
	buf := make([]byte, 100)
	for {
		if _, err := c.Wait(-1); err != nil {
			return err
		}
		p.mu.Lock()
		p.held = p.stuck
		p.mu.Unlock()
		if p.held {
			<-ctx.Done()
			return ctx.Err()
		}
		n, err := c.Read(buf)
		p.mu.Lock()
		p.job.Write(buf[:n])
		p.mu.Unlock()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func (p *port) setStuck() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stuck = true
}

func (p *port) dial() net.Conn {
	p.t.Helper()
	conn, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	return conn
}

func (p *port) has(job string) func() bool {
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.job.String() == job
	}
}

func (p *port) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.job.String()
}

func (p *port) done(jobs ...string) func() bool {
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Equal(p.jobs, jobs)
	}
}

func (p *port) waiting(n int) func() bool {
	return func() bool {
		p.Listener.mu.Lock()
		defer p.Listener.mu.Unlock()
		return len(p.queue) == n
	}
}

func (p *port) hasRefused(why ...string) func() bool {
	return func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return slices.Equal(p.refused, why)
	}
}

// aMinuteIsOver ends the waiting of those that are let in.
func (p *port) aMinuteIsOver() {
	p.Listener.mu.Lock()
	defer p.Listener.mu.Unlock()
	for _, c := range p.queue {
		c.late.Reset(0)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came to be that %s", what)
		}
	}
}

func say(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

// ended waits until the far side has ended a connection, and says whether it
// was in order.
func ended(t *testing.T, conn net.Conn) (inOrder bool) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	_, err := io.Copy(io.Discard, conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection was not ended")
	}
	return err == nil
}

func TestJobsComeWholeAndInTurn(t *testing.T) {
	p := newPort(t, nil, nil)
	first := p.dial()
	say(t, first, "\x1b@first ")
	eventually(t, "the first one prints", p.has("\x1b@first "))
	second := p.dial()
	say(t, second, "second")
	eventually(t, "the second one waits", p.waiting(1))
	second.Close() // content with having sent it
	say(t, first, "goes on")
	eventually(t, "the first one prints on", p.has("\x1b@first goes on"))
	first.Close()
	eventually(t, "both have printed", p.done("\x1b@first goes on", "second"))
	eventually(t, "nobody was refused", p.hasRefused())
}

// TestNobodyWaitsForEver: neither those that are let in, nor those behind them
// in the kernel.
func TestNobodyWaitsForEver(t *testing.T) {
	const behind = 3
	p := newPort(t, nil, nil)
	first := p.dial()
	say(t, first, "first")
	eventually(t, "the first one prints", p.has("first"))
	var late []net.Conn
	var want []string
	for range maxWaiting + behind {
		late = append(late, p.dial())
		say(t, late[len(late)-1], "never printed")
		want = append(want, RefusedLate)
	}
	eventually(t, "they wait", p.waiting(maxWaiting))
	eventually(t, "all were told", func() bool {
		p.aMinuteIsOver()
		return p.hasRefused(want...)()
	})
	for _, conn := range late {
		if ended(t, conn) {
			t.Error("one that waited too long ends in order")
		}
	}
	first.Close()
	eventually(t, "the first one alone has printed", p.done("first"))
}

func TestIdleConnectionsEnd(t *testing.T) {
	// What is said takes longer than a connection may be idle for. Where this machine
	// is slow a pause is too long as well: then it is tried again.
	eventually(t, "it ended as idle, after all was said", func() bool {
		p := newPort(t, func(c *Config) { c.Idle = 100 * time.Millisecond }, nil)
		conn := p.dial()
		for range 4 {
			_, _ = io.WriteString(conn, "x")
			time.Sleep(40 * time.Millisecond)
		}
		ended(t, conn)
		p.stop()
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.errs) != 1 || !errors.Is(p.errs[0], ErrIdle) {
			t.Fatalf("it ended with %v", p.errs)
		}
		return p.jobs[0] == "xxxx"
	})
}

// TestNothingOfABrowserIsPrinted: with a real client, and with the request in
// single bytes.
func TestNothingOfABrowserIsPrinted(t *testing.T) {
	p := newPort(t, nil, nil)
	var want []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT"} {
		r, err := http.NewRequest(method, "http://"+p.Addr().String()+"/", strings.NewReader("\x1b@printed\n\x1bp\x00\x19\xfa"))
		if err != nil {
			t.Fatal(err)
		}
		if method == "CONNECT" {
			r.URL.Path = ""
			r.Host = p.Addr().String()
		}
		if resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r); err == nil {
			resp.Body.Close()
			t.Errorf("%s was answered", method)
		}
		want = append(want, "")
	}
	if _, err := http.Get("https://" + p.Addr().String()); err == nil {
		t.Error("TLS was answered")
	}
	slow := p.dial()
	for _, c := range "POST /print" {
		_, _ = io.WriteString(slow, string(c)) // it is not let finish
	}
	ended(t, slow)
	eventually(t, "all have ended", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.jobs) >= len(want)+2 })
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, job := range p.jobs {
		if job != "" || !errors.Is(p.errs[i], ErrBrowser) {
			t.Errorf("%q was printed, and it ended with %v", job, p.errs[i])
		}
	}
	for _, why := range p.refused {
		if why != RefusedBrowser {
			t.Errorf("refused because %q", why)
		}
	}
}

// TestShortJobs: what could become a request, and does not, is printed.
func TestShortJobs(t *testing.T) {
	p := newPort(t, nil, nil)
	for _, job := range []string{"G", "POST", "PUT ", "GET WELL", ""} {
		conn := p.dial()
		say(t, conn, job)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if !ended(t, conn) {
			t.Errorf("%q does not end in order", job)
		}
	}
	eventually(t, "they are printed", p.done("G", "POST", "PUT ", "GET WELL", ""))
}

// TestUnreadAnswers: a client that does not read is answered as long as there is
// room, and printing is not held up for long.
func TestUnreadAnswers(t *testing.T) {
	p := newPort(t, nil, nil)
	p.mu.Lock()
	p.greet = "hello"
	p.mu.Unlock()
	conn := p.dial()
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	conn.Close()
	p.mu.Lock()
	p.greet = strings.Repeat("x", 8<<20)
	p.mu.Unlock()
	deaf := p.dial()
	eventually(t, "the answers end", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.errs) == 2 && errors.Is(p.errs[1], devices.ErrStalled)
	})
	deaf.Close()
}

// TestAClientIsHeldUp: what nobody reads does not gather without bound.
func TestAClientIsHeldUp(t *testing.T) {
	p := newPort(t, nil, nil)
	p.setStuck()
	conn := p.dial().(*net.TCPConn)
	if err := conn.SetWriteBuffer(4096); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Write(make([]byte, 4<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) || n > 256<<10 {
		t.Errorf("%d bytes were taken, %v", n, err)
	}
}

// TestUsers: whose a connection is, is the kernel's word, whatever family the
// client's socket has; who is not on the list, or cannot be told, prints nothing.
func TestUsers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	self := forEverybody(t)
	for _, tc := range []struct {
		name    string
		users   Users
		uid     uint32
		address string
		want    bool
	}{
		{"on the list", Users{UIDs: []uint32{4321}}, 4321, "127.0.0.1", true},
		{"not on the list", Users{UIDs: []uint32{4321}}, 4322, "127.0.0.1", false},
		{"root is nobody special", Users{UIDs: []uint32{4321}}, 0, "127.0.0.1", false},
		{"nobody", Users{}, 4321, "127.0.0.1", false},
		{"nobody's number", Users{UIDs: []uint32{65534}}, 65534, "127.0.0.1", false},
		{"by group", Users{GIDs: []uint32{1}}, 1, "127.0.0.1", true}, // daemon's own
		{"another group", Users{GIDs: []uint32{2}}, 1, "127.0.0.1", false},
		{"a group of somebody unknown", Users{GIDs: []uint32{1}}, 4321, "127.0.0.1", false},
		{"another loopback address", Users{UIDs: []uint32{4321}}, 4321, "127.0.0.2", true},
		{"IPv6", Users{UIDs: []uint32{4321}}, 4321, "[::1]", true},
		{"IPv6, not on the list", Users{UIDs: []uint32{4321}}, 4322, "[::1]", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPort(t, func(c *Config) { c.Address, c.Users = tc.address+":"+free(t), tc.users }, nil)
			cmd := exec.Command(self)
			cmd.Env = []string{"LOOPBACK_TEST_CLIENT=" + p.Addr().String(), "LOOPBACK_TEST_SAYS=hello"}
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: tc.uid, Gid: 4321}}
			out, err := cmd.CombinedOutput()
			if (err == nil) != tc.want {
				t.Errorf("the client ends with %v: %s", err, out)
			}
			if tc.want {
				eventually(t, "it is printed", p.done("hello"))
				return
			}
			eventually(t, "it was refused", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.refused) == 1 })
			p.stop()
			p.mu.Lock()
			defer p.mu.Unlock()
			if len(p.jobs) > 0 || p.job.Len() > 0 {
				t.Errorf("%q was printed", p.jobs)
			}
		})
	}
}

// forEverybody is this program where every user can run it.
func forEverybody(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	text, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(dir+"/client", text, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir + "/client"
}

// TestMappedAddresses: a socket of the other family that connects by an IPv4
// address, as Java's do, is found.
func TestMappedAddresses(t *testing.T) {
	p := newPort(t, nil, nil)
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet6{Port: p.Addr().(*net.TCPAddr).Port}
	copy(to.Addr[:], net.ParseIP("127.0.0.1").To16())
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.Write(fd, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it prints", p.has("hello"))
}

// TestAPortOutlivesUs: its connections are served on by the next process, the
// one that was being served first, each byte once and in order; who connects
// meanwhile waits.
func TestAPortOutlivesUs(t *testing.T) {
	s := keeptest.NewShelf(t)
	address := "127.0.0.1:" + free(t)
	kept := func(c *Config) { c.Address, c.Keep = address, s }
	p := newPort(t, kept, nil)
	first := p.dial()
	say(t, first, "\x1b@first ")
	eventually(t, "the first one prints", p.has("\x1b@first "))
	second, third := p.dial(), p.dial()
	say(t, second, "second")
	eventually(t, "two wait", p.waiting(2))
	second.Close()
	say(t, third, "POST") // what it is going to be cannot be told yet
	p.setStuck()          // what comes now is read ahead, and not given out
	say(t, first, "read ahead ")
	eventually(t, "it was read ahead", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.held })
	p.stop()
	left := p.Left()
	if left == nil || left.Number != 1 || !left.Judged || string(left.Unread) != "read ahead " {
		t.Fatalf("left is %+v", left)
	}
	say(t, first, "meanwhile ")
	fourth := p.dial()
	say(t, fourth, "fourth")
	next := newPort(t, kept, left)
	say(t, first, "after")
	eventually(t, "the first one prints on", func() bool { return strings.HasSuffix(next.printed(), "after") })
	if got := next.printed(); got != "read ahead meanwhile after" {
		t.Errorf("after the restart came %q", got)
	}
	first.Close()
	say(t, third, " /print")
	say(t, fourth, " waited")
	fourth.Close()
	eventually(t, "the others had their turn", next.done("read ahead meanwhile after", "second", "", "fourth waited"))
	eventually(t, "the browser was refused", next.hasRefused(RefusedBrowser))
	if names := s.Names(); names != KeptListener {
		t.Errorf("kept is %q, want the port alone", names)
	}
	next.stop()
	// Another address, and other users: nothing of it is taken over.
	other := newPort(t, func(c *Config) { c.Keep, c.Users = s, Users{UIDs: []uint32{1}} }, nil)
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Error("somebody listens at the old address")
	}
	other.stop()
}

// TestACrashKeepsConnections: nobody says how far they had come; they are
// served on, as connections that have just come.
func TestACrashKeepsConnections(t *testing.T) {
	s := keeptest.NewShelf(t)
	address := "127.0.0.1:" + free(t)
	p := newPort(t, func(c *Config) { c.Address, c.Keep = address, s }, nil)
	first := p.dial()
	say(t, first, "half ")
	eventually(t, "the first one prints", p.has("half "))
	p.stop()
	say(t, first, "more")
	other := newPort(t, func(c *Config) { c.Address, c.Keep, c.Users = address, s, Users{UIDs: []uint32{1}} }, nil)
	ended(t, first) // a user that may print no more is not served on
	other.stop()
	if got := other.printed(); got != "" {
		t.Errorf("%q was printed", got)
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:9100": true, "[::1]:9100": true, "127.1.2.3:9100": true, "0.0.0.0:9100": false, ":9100": false, "localhost:9100": false,
		"192.168.1.2:9100": false, "[::]:9100": false, "127.0.0.1:0": false, "127.0.0.1": false, "[::1%lo]:9100": false, "": false,
		"[::ffff:127.0.0.1]:9100": true,
	} {
		if err := CheckAddress(address); (err == nil) != want {
			t.Errorf("%q: %v", address, err)
		}
	}
}
