package printer

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// heard takes what the guard has for the POS.
func (r *counterRig) heard() string {
	synctest.Wait()
	r.Guard.mu.Lock()
	defer r.Guard.mu.Unlock()
	b := string(r.replies)
	r.replies = nil
	return b
}

// steps are what a POS, its printer and a manager do, in any order.
var steps = []string{
	"\x10\x04\x01", "\x10\x04\x02", "\x10\x04\x03", "\x10\x04\x04", "\x10\x04\x04\x10\x04\x01\x10\x04\x02",
	"\x1dr\x01", "\x1dr1", "\x1dIC", "\x1dr\x01\x10\x04\x03\x1dIC", "\x1bu\x00",
	"\x1da\x01", "\x1da\x00", "\x1da\xff", "\x1b@", "text\n", "\x83\x65", "\x1bE\x01", "\x1dV\x00",
	"the drawer", "busy", "full", "another POS", "the drawer is wanted", "a moment", "a second",
}

// TestEachAnswerGoesToWhoAsked: a POS hears through the guard, byte for byte,
// what it would hear from the bare printer: the answers to its questions, and the
// status that it asked to be sent, however that falls together with our polls,
// drains and settings. And we see the drawer as it is.
func TestEachAnswerGoesToWhoAsked(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		script := rapid.SliceOfN(rapid.SampledFrom(steps), 1, 60).Draw(rt, "script")
		flow := rapid.SampledFrom([]Flow{FlowXonXoff, FlowDSR}).Draw(rt, "flow")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = asBare(t, flow, script) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func asBare(t *testing.T, flow Flow, script []string) (wrong string) {
	r := newCounterRig(t, flow)
	time.Sleep(3 * time.Second)
	heard := ""
	bare := &fake{t: t, send: func(b []byte) { heard += string(b) }}
	waits, stopped, busy := "", false, false
	both := func(change func(*fake)) {
		r.printer.set(change)
		bare.set(change)
	}
	fullness := func(yes bool) {
		stopped = yes
		switch {
		case flow == FlowDSR:
			r.cable.change(func() { r.cable.takes = !yes })
			time.Sleep(2 * fullest)
		case yes:
			r.printer.send([]byte{xoff})
		default:
			r.printer.send([]byte{xon})
		}
		synctest.Wait()
		if !yes {
			bare.arrives([]byte(waits))
			waits = ""
		}
	}
	got, want := "", ""
	for i, s := range script {
		switch s {
		case "the drawer":
			both(func(f *fake) { f.open = !f.open })
		case "busy":
			busy = !busy
			both(func(f *fake) { f.busy = busy })
		case "full":
			fullness(!stopped)
		case "another POS":
			if busy || stopped {
				continue // what is asked then and answered later is another test's
			}
			got, want = got+r.heard(), want+heard
			heard = ""
			r.posClosed()
			synctest.Wait()
			r.posOpened()
		case "the drawer is wanted":
			ctx, cancel := context.WithTimeout(r.ctx, 100*time.Millisecond)
			err := r.Ready(ctx)
			cancel()
			if err == nil && len(bare.waits) > 0 || err != nil && !busy && !stopped {
				return fmt.Sprintf("step %d: ready: %v, and %q is not printed; busy %v, full %v", i, err, bare.waits, busy, stopped)
			}
			time.Sleep(2 * holdFor)
		case "a moment":
			time.Sleep(7 * time.Millisecond)
		case "a second":
			time.Sleep(time.Second)
		default:
			r.prints(s)
			if waits += s; !stopped {
				bare.arrives([]byte(waits))
				waits = ""
			}
			time.Sleep(2 * full)
		}
		synctest.Wait()
	}
	if stopped {
		fullness(false)
	}
	both(func(f *fake) { f.busy = false })
	time.Sleep(2 * time.Second)
	got, want = got+r.heard(), want+heard
	switch {
	case got != want:
		return fmt.Sprintf("the POS hears % X, and from the bare printer % X", got, want)
	case r.printer.printed() != bare.printed():
		return fmt.Sprintf("printed %q, by the bare printer %q", r.printer.printed(), bare.printed())
	case !r.DrawerState().Known || r.DrawerState().Open != bare.open:
		return fmt.Sprintf("the drawer %+v, and it is open: %v", r.DrawerState(), bare.open)
	case r.printer.inside > 0:
		return fmt.Sprintf("%d questions in the middle of a command", r.printer.inside)
	}
	return ""
}
