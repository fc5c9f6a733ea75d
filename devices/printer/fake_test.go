package printer

import (
	"bytes"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillwarden/devices"
)

// realtimeOff is what a printer that knows it gets from us.
var realtimeOff = []byte{0x1D, '(', 'D', 3, 0, 20, 1, 0}

// fake is a printer on the far side of a pty, written from the manual: its
// reception acts on real-time commands in whatever they stand, its interpreter
// on everything in order. It knows what the tests print, and drops two bytes of
// what it does not know.
type fake struct {
	t    testing.TB
	port *devices.PTY // nil: its line is no pty
	done chan struct{}
	send func([]byte) // to its line
	came *atomic.Int64

	mu      sync.Mutex
	silent  bool // switched off: takes nothing in, answers nothing
	offline bool
	open    bool // the drawer
	stuck   bool // the drawer does not open
	busy    bool // it prints something long: what comes waits in its buffer
	asb     byte // what it tells of unasked
	off     bool // its real-time kick is switched off
	waits   []byte
	all     []byte
	tail    []byte // for the reception
	hold    []byte // for the interpreter
	text    []byte
	pulses  []string
	cuts    int
	clears  int
	inside  int // how many DLE EOT 1 came in the middle of a command
}

func newFake(t testing.TB) *fake {
	t.Helper()
	return newFakeAt(t, filepath.Join(t.TempDir(), "printer"))
}

func newFakeAt(t testing.TB, link string) *fake {
	t.Helper()
	came := meter(link)
	port, err := devices.OpenPTY(devices.PTYConfig{Link: link, Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, port: port, done: make(chan struct{}), came: came}
	f.send = func(b []byte) { _, _ = port.Write(b) }
	go f.run()
	t.Cleanup(func() {
		port.Close()
		<-f.done
	})
	return f
}

func (f *fake) run() {
	defer close(f.done)
	buf := make([]byte, 256)
	for {
		if _, err := f.port.Wait(-1); err != nil {
			return
		}
		n, err := f.port.Read(buf)
		if err != nil {
			return
		}
		f.arrives(buf[:n])
		f.came.Add(int64(n))
	}
}

// meters count what has come to the printers at the other ends of ptys, by their links.
var meters sync.Map

func meter(link string) *atomic.Int64 {
	came := &atomic.Int64{}
	meters.Store(link, came)
	return came
}

// metered is a line that says what its printer has not taken yet, as a serial line
// does. A pty says nothing of up to 64 KB, and a printer that has them to read on a
// slow machine counts as one that answers nothing.
type metered struct {
	devices.Port
	came  *atomic.Int64
	base  int64 // what had come before it was opened
	wrote atomic.Int64
}

// withMeter meters a line to a printer of which it is known what has come.
func withMeter(path string, p devices.Port) devices.Port {
	came, ok := meters.Load(path)
	if !ok {
		return p
	}
	return &metered{Port: p, came: came.(*atomic.Int64), base: came.(*atomic.Int64).Load()}
}

func (m *metered) Write(p []byte) (int, error) {
	n, err := m.Port.Write(p)
	m.wrote.Add(int64(n))
	return n, err
}

func (m *metered) Queued() (int, error) {
	n, err := m.Port.Queued()
	return max(n, int(m.wrote.Load()-m.came.Load()+m.base)), err
}

// arrives is what comes over its line.
func (f *fake) arrives(p []byte) {
	var answers []byte
	f.mu.Lock()
	for _, b := range p {
		if f.silent {
			continue
		}
		f.all = append(f.all, b)
		answers = append(answers, f.receive(b)...)
		f.waits = append(f.waits, b)
		answers = append(answers, f.work()...)
	}
	f.mu.Unlock()
	if len(answers) > 0 {
		f.send(answers)
	}
}

// work interprets what waits in the buffer.
func (f *fake) work() (answers []byte) {
	for len(f.waits) > 0 && !f.busy {
		b := f.waits[0]
		f.waits = f.waits[1:]
		answers = append(answers, f.interpret(b)...)
	}
	return answers
}

// receive is the reception.
func (f *fake) receive(b byte) []byte {
	f.tail = append(f.tail, b)
	ends := func(p ...byte) bool { return bytes.HasSuffix(f.tail, p) }
	n := len(f.tail)
	switch {
	case n >= 3 && f.tail[n-3] == 0x10 && f.tail[n-2] == 0x04 && b >= 1 && b <= 4:
		if b == 1 && !f.busy && len(f.hold) > 0 {
			f.inside++
		}
		return []byte{f.answer(b)}
	case n >= 5 && f.tail[n-5] == 0x10 && f.tail[n-4] == 0x14 && f.tail[n-3] == 1:
		if !f.off {
			f.pulse("real-time")
		}
	case ends(0x10, 0x14, 0x08, 0x01, 0x03, 0x14, 0x01, 0x06, 0x02, 0x08):
		f.clears++
		f.hold, f.waits = nil, nil
		return []byte{0x37, 0x25, 0x00}
	}
	return nil
}

func (f *fake) answer(n byte) byte {
	if n != 1 {
		return 0x12 | n<<5&0x60
	}
	s := byte(0x12)
	if f.open {
		s |= 0x04
	}
	if f.offline {
		s |= 0x08
	}
	return s
}

func (f *fake) pulse(what string) {
	f.pulses = append(f.pulses, what)
	if !f.stuck {
		f.open = true
	}
}

// unasked is the status that is sent of a change.
func (f *fake) unasked() []byte { return []byte{0x10 | f.answer(1)&0x0C, 0, 0, 0x0F} }

// interpret is the interpreter.
func (f *fake) interpret(b byte) []byte {
	f.hold = append(f.hold, b)
	h := f.hold
	done := func() { f.hold = nil }
	switch {
	case h[0] >= 0x20 || h[0] == '\n':
		f.text = append(f.text, b)
		done()
	case h[0] == 0x1B && len(h) >= 2:
		size := map[byte]int{'@': 2, 'u': 3, 'p': 5, 'a': 3, 'E': 3, '!': 3, 't': 3, 'd': 3, '=': 3, '3': 3}[h[1]]
		if len(h) < max(size, 2) {
			return nil
		}
		done()
		switch {
		case h[1] == 'u':
			return []byte{0x00}
		case h[1] == '@':
			f.asb, f.off = 0, false
		case h[1] == 'p' && h[3] != 0:
			was := f.open
			f.pulse(string([]byte{'p', '0' + h[2]&1}))
			if f.asb&1 != 0 && was != f.open {
				return f.unasked()
			}
		}
	case h[0] == 0x1D && len(h) >= 3:
		switch h[1] {
		case 'V':
			if h[2] >= 65 && len(h) < 4 {
				return nil
			}
			f.cuts++
			f.text = append(f.text, "|"...)
			done()
		case 'r':
			done()
			return []byte{0x00}
		case 'a':
			f.asb = h[2]
			done()
			if f.asb != 0 {
				return f.unasked()
			}
		case 'I':
			done()
			return []byte("_FAKE\x00")
		case 'v':
			if len(h) < 8 || len(h) < 8+(int(h[4])+int(h[5])<<8)*(int(h[6])+int(h[7])<<8) {
				return nil
			}
			f.text = append(f.text, "#"...)
			done()
		case '(':
			if len(h) < 5 || len(h) < 5+int(h[3])+int(h[4])<<8 {
				return nil
			}
			if bytes.Equal(h, realtimeOff) {
				f.off = true
			}
			done()
		case '!', 'h', 'w', 'H':
			done()
		case 'k':
			if len(h) < 4 || len(h) < 4+int(h[3]) {
				return nil
			}
			f.text = append(f.text, "%"...)
			done()
		default:
			done()
		}
	case h[0] != 0x1B && h[0] != 0x1D:
		done()
	}
	return nil
}

// set changes the printer, which tells of it where it was asked to.
func (f *fake) set(change func(f *fake)) {
	f.mu.Lock()
	was := f.open
	change(f)
	answers := f.work()
	if f.asb&1 != 0 && was != f.open {
		answers = append(answers, f.unasked()...)
	}
	f.mu.Unlock()
	if len(answers) > 0 {
		f.send(answers)
	}
}

// power switches it off, or on: what it had is gone.
func (f *fake) power(on bool) {
	f.set(func(f *fake) { f.silent, f.hold, f.tail, f.waits, f.asb, f.off = !on, nil, nil, nil, 0, false })
}

func (f *fake) printed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return string(f.text)
}

func (f *fake) pulsed() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.pulses)
}

// received is all but what is ours: polls, clears, questions, settings.
func (f *fake) received() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := bytes.ReplaceAll(f.all, harmless, nil)
	all = bytes.ReplaceAll(all, clearOrder, nil)
	all = bytes.ReplaceAll(all, realtimeOff, nil)
	all = bytes.ReplaceAll(all, orderedAsk, nil)
	return bytes.ReplaceAll(all, statusAsk, nil)
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(longEnough); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("it never came to be that %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// stays fails if a condition ceases to hold within d.
func stays(t testing.TB, d time.Duration, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		if !holds() {
			t.Fatalf("it ceased to be that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
