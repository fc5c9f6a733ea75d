package loopback

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/time/rate"

	"tillwarden/devices/keep/keeptest"
)

// hasty prints as a client that is content with having sent its job.
func hasty(t *testing.T, address, job string) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := conn.Write([]byte(job)); err != nil {
		t.Error(err)
	}
	conn.Close()
}

// gone is a port at which some clients have been before anybody looked.
func gone(t *testing.T, change func(c *Config), jobs ...string) *port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs {
		hasty(t, l.Addr().String(), job)
	}
	return newPort(t, func(c *Config) {
		c.Address, c.Given = l.Addr().String(), l.(*net.TCPListener)
		if change != nil {
			change(c)
		}
	}, nil)
}

// ended says how the connections so far have ended: the jobs, and which are of
// clients that nobody knows.
func (p *port) ended() (jobs []string, unknown []bool, refused []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.jobs), slices.Clone(p.unknown), slices.Clone(p.refused)
}

// TestAJobWhoseClientIsGoneIsServed, as nobody's known; whoever sends nothing has
// nothing to lose.
func TestAJobWhoseClientIsGoneIsServed(t *testing.T) {
	for name, users := range map[string]Users{"somebody on the list": {UIDs: []uint32{4321}}, "nobody on it": {}} {
		p := gone(t, func(c *Config) { c.Users = users }, "one", "", "GET / HTTP/1.1\r\n", "two")
		eventually(t, "they are served", p.done("one", "", "two"))
		eventually(t, "and the browser's is not", p.hasRefused(RefusedBrowser))
		if _, unknown, _ := p.ended(); slices.Contains(unknown, false) {
			t.Errorf("%s: unknown %v", name, unknown)
		}
	}
	p := gone(t, func(c *Config) { c.Users = Users{Any: true} }, "one")
	eventually(t, "it is served", p.done("one"))
	if _, unknown, _ := p.ended(); unknown[0] {
		t.Error("where everybody may print it is unknown whose it is")
	}
}

// TestGoneClientsHaveTime: who does not wait is not told that it waited too
// long; not even one whose job we have no room for.
func TestGoneClientsHaveTime(t *testing.T) {
	p := newPort(t, nil, nil)
	first := p.dial()
	say(t, first, "first")
	eventually(t, "the first one prints", p.has("first"))
	long := strings.Repeat("a long job\n", 6000)
	hasty(t, p.Addr().String(), "short")
	hasty(t, p.Addr().String(), long)
	waits := p.dial()
	say(t, waits, "waits")
	eventually(t, "all wait", p.waiting(3))
	p.aMinuteIsOver()
	ended(t, waits)
	first.Close()
	eventually(t, "those that are gone have their turn", p.done("first", "short", long))
	eventually(t, "and the one that waited was told", p.hasRefused(RefusedLate))
}

// TestAFloodIsBounded: by jobs and by bytes, and it is said.
func TestAFloodIsBounded(t *testing.T) {
	few := func(jobs, bytes int) func(p *port) {
		return func(p *port) {
			p.flood = allowance{jobs: rate.NewLimiter(0, jobs), bytes: rate.NewLimiter(0, bytes)}
		}
	}
	run := func(bound func(p *port), jobs ...string) *port {
		p := &port{t: t}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		for _, job := range jobs {
			hasty(t, l.Addr().String(), job)
		}
		p.listen(Config{Address: l.Addr().String(), Given: l.(*net.TCPListener), Users: Users{UIDs: []uint32{uint32(os.Getuid())}}}, nil)
		bound(p)
		p.start()
		return p
	}
	p := run(few(2, 1000), "one", "two", "three", "", "four")
	eventually(t, "two are served", p.done("one", "two"))
	eventually(t, "the others are refused", p.hasRefused(RefusedFlood, RefusedFlood))
	p = run(few(9, 1000), strings.Repeat("x", 600), strings.Repeat("y", 5000), "z")
	eventually(t, "the long one is cut short, and the next one is too much", p.hasRefused(RefusedFlood, RefusedFlood))
	jobs, _, _ := p.ended()
	if len(jobs[0]) != 600 || len(jobs[1]) != 400 || jobs[2] != "" {
		t.Errorf("%d, %d and %q", len(jobs[0]), len(jobs[1]), jobs[2])
	}
	// Who is known is not counted.
	p = run(few(0, 0))
	conn := p.dial()
	say(t, conn, "known")
	eventually(t, "it prints", p.has("known"))
}

// TestNobodyBecomesKnownByARestart: what the next process takes over is as
// unknown as it was; and so is what came while nobody was asked about.
func TestNobodyBecomesKnownByARestart(t *testing.T) {
	s := keeptest.NewShelf(t)
	self := Users{UIDs: []uint32{uint32(os.Getuid()), 0}}
	p := gone(t, func(c *Config) { c.Keep, c.Users = s, self }, "one", "two", "three")
	p.setStuck()
	address := p.Addr().String()
	eventually(t, "they are kept", func() bool { return strings.Count(s.Names(), nobodyKnows) >= 2 })
	p.stop()
	next := newPort(t, func(c *Config) { c.Address, c.Keep, c.Users = address, s, self }, p.Left())
	eventually(t, "the rest is served", func() bool { jobs, _, _ := next.ended(); return slices.Contains(jobs, "three") })
	if _, unknown, _ := next.ended(); slices.Contains(unknown, false) {
		t.Errorf("unknown %v", unknown)
	}
	next.stop()
	any := newPort(t, func(c *Config) { c.Address, c.Keep, c.Users = address, s, Users{Any: true} }, nil)
	first := any.dial()
	say(t, first, "half")
	eventually(t, "it prints", any.has("half"))
	any.stop()
	say(t, first, " whole")
	listed := newPort(t, func(c *Config) { c.Address, c.Keep, c.Users = address, s, self }, any.Left())
	first.Close()
	eventually(t, "it is served on", listed.done(" whole"))
	if _, unknown, _ := listed.ended(); !unknown[0] {
		t.Error("whom nobody asked about is somebody on the list")
	}
}

// TestANoteIsTakenWhenAConnectionComes, and not when it has its turn.
func TestANoteIsTakenWhenAConnectionComes(t *testing.T) {
	var mu sync.Mutex
	now := 1
	p := newPort(t, func(c *Config) { c.Note = func() any { mu.Lock(); defer mu.Unlock(); return now } }, nil)
	first := p.dial()
	say(t, first, "first")
	eventually(t, "the first one prints", p.has("first"))
	second := p.dial()
	say(t, second, "second")
	eventually(t, "the second one waits", p.waiting(1))
	mu.Lock()
	now = 2
	mu.Unlock()
	p.Listener.mu.Lock()
	note := p.queue[0].Note()
	p.Listener.mu.Unlock()
	if note != 1 {
		t.Errorf("noted is %v", note)
	}
}

// TestHastyClientsLoseNothing: three hundred that connect, send and close without
// a pause, on a busy machine, some known in time and some not. Each job is served,
// whole and once, and nobody is refused.
func TestHastyClientsLoseNothing(t *testing.T) {
	const clients, together = 300, 12
	p := newPort(t, nil, nil)
	busy(t)
	var wg sync.WaitGroup
	next := make(chan int)
	for range together {
		wg.Go(func() {
			for i := range next {
				hasty(t, p.Addr().String(), job(i))
			}
		})
	}
	for i := range clients {
		next <- i
	}
	close(next)
	wg.Wait()
	eventually(t, "all are served", func() bool { jobs, _, _ := p.ended(); return len(jobs) == clients })
	jobs, unknown, refused := p.ended()
	slices.Sort(jobs)
	for i := range clients {
		if _, found := slices.BinarySearch(jobs, job(i)); !found {
			t.Errorf("job %d is not served", i)
		}
	}
	if len(refused) > 0 {
		t.Errorf("refused are %q", refused)
	}
	n := 0
	for _, u := range unknown {
		if u {
			n++
		}
	}
	t.Logf("of %d clients %d could not be told", clients, n)
}

func job(i int) string { return fmt.Sprintf("job %03d %s\n", i, strings.Repeat("x", i*7%900)) }

// busy keeps the processors at work until the test has ended.
func busy(t *testing.T) {
	t.Helper()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for n := uint64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	t.Cleanup(func() { close(stop); wg.Wait() })
}

// TestAnEndThatIsClosedTellsOnNewKernels: where the client has sent more than
// there is room for, its end lives on, and has its user.
func TestAnEndThatIsClosedTellsOnNewKernels(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can be somebody else")
	}
	l, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cmd := exec.Command(forEverybody(t))
	cmd.Env = []string{"LOOPBACK_TEST_CLIENT=" + l.Addr().String(), "LOOPBACK_TEST_SAYS=" + strings.Repeat("x", 100<<10), "LOOPBACK_TEST_HASTY=1"}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4321, Gid: 4321}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	conn, err := l.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	want := owner{}
	if keepsUsers() {
		want = owner{uid: 4321, told: true}
	}
	if got := whose(t, conn); got != want {
		t.Errorf("it is %+v, want %+v", got, want)
	}
}
