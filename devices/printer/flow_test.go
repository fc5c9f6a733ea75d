package printer

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"tillwarden/devices"
	"tillwarden/enforcer/journal/entry"
)

// uart is a serial line with modem lines, as a pty has none: what is written
// waits in the kernel's queue and leaves at the line's speed, whatever the
// printer says meanwhile.
type uart struct {
	devices.Port
	done chan struct{}

	mu    sync.Mutex
	queue []byte
	lines devices.Lines
	text  int // bytes of text that have left
	held  bool
}

const uartSpeed = 12 // bytes a millisecond, as at 115200 baud

func newUART(p devices.Port) *uart {
	u := &uart{Port: p, done: make(chan struct{}), lines: devices.LineDSR | devices.LineCTS}
	go func() {
		defer close(u.done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			u.mu.Lock()
			n := min(len(u.queue), uartSpeed)
			if u.held {
				n = 0
			}
			out := u.queue[:n]
			u.queue = u.queue[n:]
			for _, b := range out {
				if b >= ' ' || b == '\n' {
					u.text++
				}
			}
			u.mu.Unlock()
			if _, err := u.Port.Write(out); err != nil {
				return
			}
			if _, err := u.Wait(0); err != nil {
				return // closed
			}
		}
	}()
	return u
}

func (u *uart) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queue = append(u.queue, p...)
	return len(p), nil
}

func (u *uart) Queued() (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.queue), nil
}

func (u *uart) Lines() (devices.Lines, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.lines, nil
}

// busy lets the printer drop a line, or raise it.
func (u *uart) busy(l devices.Lines, on bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.lines |= l; on {
		u.lines &^= l
	}
}

// stop is the driver's own flow control.
func (u *uart) stop(held bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held = held
}

// sent is how much text has left.
func (u *uart) sent() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.text
}

func (u *uart) Close() error {
	err := u.Port.Close()
	<-u.done
	return err
}

// TestFlowControlIsHonoured: after a printer has said that it takes no more, no
// more comes than it has room for: what it has no room for is lost, and with it
// where a command ends. It can be asked how it is all the same, and when it goes
// on nothing is missing.
func TestFlowControlIsHonoured(t *testing.T) {
	t.Parallel()
	room := map[Flow]int{
		FlowDSR: 16, FlowCTS: 16, // of a receive buffer that counts as full
		FlowXonXoff: 32, // once it is heard: a printer with as little needs a line for it
	}
	for flow, busy := range map[Flow]func(f *fake, u *uart, on bool){
		FlowDSR: func(_ *fake, u *uart, on bool) { u.busy(devices.LineDSR, on) },
		FlowCTS: func(_ *fake, u *uart, on bool) { u.busy(devices.LineCTS, on) },
		FlowXonXoff: func(f *fake, _ *uart, on bool) {
			b := byte(xon)
			if on {
				b = xoff
			}
			_, _ = f.port.Write([]byte{b})
		},
	} {
		t.Run(flow.String(), func(t *testing.T) {
			t.Parallel()
			var line *uart
			r := ready(t, func(o *Options) {
				open := o.Open
				o.Flow = flow
				o.Open = func(ctx context.Context) (devices.Port, error) {
					p, err := open(ctx)
					if err == nil {
						line = newUART(p)
						p = line
					}
					return p, err
				}
			})
			text := strings.Repeat("0123456789abcde\n", 400)
			pos := r.pos()
			go func() { _, _ = pos.WriteString(text) }()
			for range 3 {
				before := len(r.printer.printed())
				eventually(t, "it prints", func() bool { return len(r.printer.printed()) >= before+500 })
				busy(r.printer, line, true)
				if flow == FlowXonXoff { // it has to be heard first, which takes as long as it takes
					eventually(t, "it is heard", func() bool {
						r.Guard.mu.Lock()
						defer r.Guard.mu.Unlock()
						return r.paused
					})
				}
				at := line.sent()
				time.Sleep(100 * time.Millisecond)
				if late := line.sent() - at; late > room[flow] {
					t.Errorf("%d bytes came after the printer had said that it takes no more", late)
				}
				heard := len(r.printer.raw())
				eventually(t, "it is asked how it is", func() bool { return len(r.printer.raw()) > heard })
				busy(r.printer, line, false)
			}
			eventually(t, "all is printed", func() bool { return r.printer.printed() == text })
		})
	}
}

// TestDriversFlowControl: a printer that takes nothing, by its driver's word, is
// one that no drawer can be opened by now; what it has taken it keeps.
func TestDriversFlowControl(t *testing.T) {
	t.Parallel()
	var line *uart
	r := ready(t, func(o *Options) {
		open := o.Open
		o.Flow = FlowRTSCTS
		o.Open = func(ctx context.Context) (devices.Port, error) {
			p, err := open(ctx)
			if err == nil {
				line = newUART(p)
				p = line
			}
			return p, err
		}
	})
	line.stop(true)
	r.send("the receipt\n")
	eventually(t, "it counts as not ready", func() bool { return r.Status().Reach == "offline" })
	began := time.Now()
	if err := r.Ready(context.Background()); !errors.Is(err, ErrOffline) || time.Since(began) >= maxHold {
		t.Errorf("ready after %v: %v", time.Since(began), err)
	}
	if n, _ := line.Queued(); n > maxKernel+maxWrite {
		t.Errorf("%d bytes wait in the kernel", n)
	}
	line.stop(false)
	eventually(t, "it is online", func() bool { s := r.Status(); return s.Reach == "online" && s.Trusted })
	eventually(t, "all is printed", func() bool { return r.printer.printed() == "the receipt\n" })
	if trust := r.told(entry.KindDeviceTrust); len(trust) != 2 {
		t.Errorf("its trust changed meanwhile: %q", trust)
	}
}

// raw is all that came.
func (f *fake) raw() []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]byte(nil), f.all...)
}
