package printer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillwarden/devices/keep/keeptest"
	"tillwarden/enforcer/journal/entry"
)

func noAnswer(context.Context, Kick) {}

func (r *rig) answers(f func(context.Context, Kick)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// canned is a front at which all has come that will.
type canned struct{ strings.Reader }

func (c *canned) Wait(time.Duration) (bool, error) { return true, nil }
func (c *canned) Write(p []byte) (int, error)      { return len(p), nil }

// unknown prints as a connection of which nobody can say whose it is, and ends
// as serve has it.
func (r *rig) unknown(job string) {
	r.Helper()
	s := &seat{number: 1 << 30, unknown: true, front: &canned{*strings.NewReader(job)}, came: r.arrival()}
	if err := r.pump(context.Background(), s); !errors.Is(err, io.EOF) {
		r.Errorf("the connection ends with %v", err)
	}
	r.leave(s)
}

const receiptOf5 = "a\nb\nc\nd\ne\n\x1dV\x00"

// TestInvariant1NobodysKickIsNotThePOSs: what opens a drawer in a connection of
// which nobody knows whose it is, is refused and told, in every form; it neither
// uses up a function that was asked for, nor an opening that it could belong to;
// and what prints there pays for no kick of the POS's.
func TestInvariant1NobodysKickIsNotThePOSs(t *testing.T) {
	t.Parallel()
	r := ready(t)
	r.answers(noAnswer)
	r.Ask(7, "till", "pos.drawer.nosale", "operator 12")
	r.Absorb("second")
	r.unknown("hello\n" + kick1 + "\x10\x14\x01\x00\x01" + "\x1bp\x01\x19\xfa" + receiptOf5)
	eventually(t, "its text is printed", func() bool { return r.printer.printed() == "hello\na\nb\nc\nd\ne\n|" })
	eventually(t, "its kicks are told", func() bool {
		told := strings.Join(r.told(entry.KindDeviceRefused), "; ")
		return strings.Count(told, whyUnknown) >= 2
	})
	stays(t, 100*time.Millisecond, "nothing is to be decided", func() bool { return len(r.kicked()) == 0 })
	// The POS's own kicks find what was meant for them, and no receipt.
	r.send("\x1bp\x01\x19\xfa" + kick1)
	eventually(t, "its kick is the one that was asked for", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Ask != 7 || k.Drawer != "till" || k.Lines != 0 {
		t.Errorf("%+v", k)
	}
	r.send(kick1)
	eventually(t, "the next one is decided", func() bool { return len(r.kicked()) == 2 })
	if k := r.kicked()[1]; k.Function != "pos.drawer.nosale" || k.Purpose != entry.PurposeNone || k.Lines != 0 {
		t.Errorf("%+v", k)
	}
}

// TestInvariant3NobodyCompletesAKick: a kick of which a part is the POS's and a
// part nobody's, whichever comes first, is no kick of the POS's. Nor is what is
// found in a command that is none.
func TestInvariant3NobodyCompletesAKick(t *testing.T) {
	for at := 1; at < len(kick1); at++ {
		for _, first := range []string{"nobody's", "the POS's"} {
			t.Run(fmt.Sprintf("%d bytes are %s", at, first), func(t *testing.T) {
				t.Parallel()
				r := ready(t, func(o *Options) { o.Rules.Order = OrderAsked })
				begin, end := r.unknown, func(job string) { r.send(job) }
				if first != "nobody's" {
					begin, end = end, begin
				}
				begin("begun\n" + kick1[:at])
				eventually(t, "it has begun", func() bool { return r.printer.printed() == "begun\n" })
				end(kick1[at:] + "\nended\n")
				eventually(t, "both are printed", func() bool { return strings.HasSuffix(r.printer.printed(), "\nended\n") })
				stays(t, 20*time.Millisecond, "nothing is to be decided", func() bool { return len(r.kicked()) == 0 && len(r.printer.pulsed()) == 0 })
			})
		}
	}
	t.Run("in a bar code that is none", func(t *testing.T) {
		t.Parallel()
		r := ready(t, func(o *Options) { o.Rules.Order = OrderAsked })
		r.unknown("\x1dk\x02\x1bp0\x19\xfa")
		eventually(t, "it is told", func() bool { return r.refusedKicks() == 1 })
		stays(t, 20*time.Millisecond, "nothing is to be decided", func() bool { return len(r.kicked()) == 0 })
	})
}

// TestNothingOfNobodysPassesInBreakGlass that would not at other times.
func TestNothingOfNobodysPassesInBreakGlass(t *testing.T) {
	t.Parallel()
	const order = "\x1b\x7eQ" // no command of this dialect
	r := ready(t, func(o *Options) { o.Pass = func() bool { return true } })
	r.unknown("nobody's " + order + "\n")
	r.send("the POS's " + order + "\n")
	eventually(t, "the POS's arrives", func() bool { return strings.Contains(string(r.printer.everything()), "the POS's "+order) })
	if got := string(r.printer.everything()); strings.Contains(got, "nobody's "+order) || !strings.Contains(got, "nobody's ") {
		t.Errorf("the printer got %q", got)
	}
}

// TestNobodyIsNotAtWork: what prints there does not keep a session from idling.
func TestNobodyIsNotAtWork(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	n := 0
	r := ready(t, func(o *Options) { o.Printed = func() { mu.Lock(); defer mu.Unlock(); n++ } })
	times := func() int { mu.Lock(); defer mu.Unlock(); return n }
	r.unknown(receiptOf5)
	eventually(t, "it is printed", func() bool { return strings.HasSuffix(r.printer.printed(), "|") })
	r.send(receiptOf5)
	eventually(t, "the POS's receipt counts", func() bool { return times() == 1 })
	eventually(t, "it is printed as well", func() bool { return strings.Count(r.printer.printed(), "|") == 2 })
	if n := times(); n != 1 {
		t.Errorf("%d receipts count", n)
	}
}

// TestAKickBelongsToWhenItsConnectionCame, not to who is signed on when its turn
// comes.
func TestAKickBelongsToWhenItsConnectionCame(t *testing.T) {
	t.Parallel()
	var address string
	var arrivals atomic.Int64
	r := ready(t, listening(&address), func(o *Options) { o.Generation = func() uint64 { arrivals.Add(1); return 0 } })
	r.answers(noAnswer)
	first := r.dial(address)
	write(t, first, "first\n")
	eventually(t, "the first one prints", func() bool { return r.printer.printed() == "first\n" })
	was, before := r.session.Load(), arrivals.Load()
	second := r.dial(address)
	write(t, second, receiptOf5+kick1)
	eventually(t, "it is looked at", func() bool { return arrivals.Load() > before })
	time.Sleep(50 * time.Millisecond) // and let in
	r.session.Store(was + 1)
	first.Close()
	eventually(t, "its kick is to be decided", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; uint64(k.Session) != was {
		t.Errorf("it belongs to session %d, not %d", k.Session, was)
	}
	// Who has been there for long, and sends now, sends now.
	r.session.Store(was + 2)
	write(t, second, receiptOf5+kick1)
	eventually(t, "the next kick is to be decided", func() bool { return len(r.kicked()) == 2 })
	if k := r.kicked()[1]; uint64(k.Session) != was+2 {
		t.Errorf("it belongs to session %d, not %d", k.Session, was+2)
	}
}

// TestInvariant1NobodysKickOverARestart: half of a job that nobody knows whose it
// is, in this process and half in the next: no part of it becomes the POS's.
func TestInvariant1NobodysKickOverARestart(t *testing.T) {
	s := keeptest.NewShelf(t)
	var address string
	l := hasty(t, &address, strings.Repeat("a line of it\n", 8000)+kick1+"\nend\n")
	r := newRig(t, kept(s), listening(&address), func(o *Options) { o.Listen.Address, o.Listen.Given = l.Addr().String(), l })
	r.answers(noAnswer)
	eventually(t, "it prints", func() bool { return strings.HasPrefix(r.printer.printed(), "a line") })
	r.stop()
	m := takeMemo(s)
	if m == nil || m.Floor == 0 || !m.FloorUnknown {
		t.Fatalf("the memo says %+v", m)
	}
	if err := leaveMemo(s, m); err != nil {
		t.Fatal(err)
	}
	again, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r.again(func(o *Options) { o.Listen.Given = again.(*net.TCPListener) })
	eventually(t, "its end is printed", func() bool { return strings.HasSuffix(r.printer.printed(), "end\n") })
	eventually(t, "its kick is told", func() bool { return strings.Contains(strings.Join(r.told(entry.KindDeviceRefused), "; "), whyUnknown) })
	stays(t, 50*time.Millisecond, "nothing is to be decided", func() bool { return len(r.kicked()) == 0 })
}

// hasty is a port where some clients have been that were gone at once, before
// anybody looked.
func hasty(t *testing.T, address *string, jobs ...string) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	*address = l.Addr().String()
	for _, job := range jobs {
		sendAndGo(t, *address, job)
	}
	return l.(*net.TCPListener)
}

func sendAndGo(t *testing.T, address, job string) {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_, err = io.WriteString(conn, job)
	}
	if err == nil {
		err = conn.Close()
	}
	if err != nil {
		t.Error(err)
	}
}

// TestInvariant1HastyClients: three hundred jobs, each with a kick. Where all
// their clients are gone before anybody looks, all is printed and no kick is
// decided. Where they come while the machine is busy, some known in time and
// some not, all is printed, and each kick is decided, or refused and told, once.
func TestInvariant1HastyClients(t *testing.T) {
	const jobs, together = 300, 12
	job := func(i int) string { return fmt.Sprintf("job %03d\n%s", i, kick1) }
	var all []string
	for i := range jobs {
		all = append(all, job(i))
	}
	asked := func(o *Options) { o.Rules.Order = OrderAsked }
	printed := func(r *rig) {
		r.Helper()
		eventually(r, "all is printed", func() bool { return strings.Count(r.printer.printed(), "\n") == jobs })
		for i := range jobs {
			if n := strings.Count(r.printer.printed(), fmt.Sprintf("job %03d\n", i)); n != 1 {
				r.Errorf("job %d is printed %d times", i, n)
			}
		}
	}
	t.Run("gone", func(t *testing.T) {
		var address string
		l := hasty(t, &address, all...)
		r := ready(t, listening(&address), asked, func(o *Options) { o.Listen.Address, o.Listen.Given = l.Addr().String(), l })
		r.answers(noAnswer)
		printed(r)
		eventually(t, "its kicks are told", func() bool { return r.refusedKicks() == jobs })
		if n := len(r.kicked()); n > 0 {
			t.Errorf("%d kicks are decided", n)
		}
	})
	t.Run("going", func(t *testing.T) {
		var address string
		r := ready(t, listening(&address), asked)
		r.answers(noAnswer)
		var stop atomic.Bool
		var load, wg sync.WaitGroup
		for range runtime.NumCPU() {
			load.Go(func() {
				for n := 0; !stop.Load(); n++ {
				}
			})
		}
		next := make(chan string)
		for range together {
			wg.Go(func() {
				for j := range next {
					sendAndGo(t, address, j)
				}
			})
		}
		for _, j := range all {
			next <- j
		}
		close(next)
		wg.Wait()
		stop.Store(true)
		load.Wait()
		printed(r)
		eventually(t, "each kick is decided, or refused and told", func() bool { return len(r.kicked())+r.refusedKicks() >= jobs })
		if n := len(r.kicked()) + r.refusedKicks(); n != jobs {
			t.Errorf("%d kicks of %d are decided or told", n, jobs)
		}
		t.Logf("%d of %d kicks were refused", r.refusedKicks(), jobs)
	})
}

var refusedKick = regexp.MustCompile(`unknown-client \(ESC p: ` + whyUnknown + `(?:, (\d+) times)?\)`)

// refusedKicks counts the kicks that were told to be nobody's.
func (r *rig) refusedKicks() (n int) {
	for _, told := range r.told(entry.KindDeviceRefused) {
		if m := refusedKick.FindStringSubmatch(told); m != nil {
			times, err := strconv.Atoi(m[1])
			n += max(times, 1)
			if err != nil && m[1] != "" {
				r.Fatal(err)
			}
		}
	}
	return n
}
