package drawer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

// TestKicks: the code is a kick, whole or in pieces; the rest is dropped and told
// of once a job. No receipt comes with it: unasked, it is a no-sale.
func TestKicks(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Code = []byte("\x1b\x07") })
	r.send("\x1b")
	r.send("\x07")
	eventually(t, "a kick", func() bool { return len(r.kicked()) == 1 })
	k := r.kicked()[0]
	if k.Function != "pos.drawer.nosale" || k.Purpose != entry.PurposeNone || k.Session != entry.Seq(r.session.Load()) || k.Drawer != "till" || k.Printer != "till" {
		t.Errorf("%+v", k)
	}
	r.send("hello \x07\x1b\x1b\x07 world")
	eventually(t, "the second kick", func() bool { return len(r.kicked()) == 2 })
	eventually(t, "what was dropped", func() bool { return len(r.told(entry.KindDeviceRefused)) == 1 })
	if e := r.told(entry.KindDeviceRefused)[0]; e.Count != 14 || e.Reason != entry.ReasonNotForwarded || strings.Contains(e.Text, "hello") {
		t.Errorf("%+v", e)
	}
	if _, written := r.reached(); written != "" {
		t.Errorf("%q reached the drawer", written)
	}
}

// TestAskedKicks: an ask before its kick names it, an opening at once absorbs it.
func TestAskedKicks(t *testing.T) {
	t.Parallel()
	r := newRig(t, inTime)
	r.Ask(7, "till", "pos.drawer.sale", "pos")
	r.send("\x07")
	eventually(t, "a kick", func() bool { return len(r.kicked()) == 1 })
	if k := r.kicked()[0]; k.Ask != 7 || k.Function != "pos.drawer.sale" || k.Purpose != entry.PurposeAsked || k.Claimant != "pos" {
		t.Errorf("%+v", k)
	}
	r.Ask(8, "till", "pos.drawer.sale", "pos")
	r.Unask(8)
	r.Absorb("till")
	r.send("\x07") // absorbed
	r.send("\x07")
	eventually(t, "the next kick", func() bool { return len(r.kicked()) == 2 })
	if k := r.kicked()[1]; k.Ask != 0 || k.Purpose != entry.PurposeNone {
		t.Errorf("%+v", k)
	}
}

// TestTriggerKicks: on a port on which everything is a kick, so is an opening of
// it, however short; opening and writing are one; the next session's is another.
func TestTriggerKicks(t *testing.T) {
	t.Parallel()
	r := newRig(t, onGrant, inTime)
	f, err := os.Open(r.link)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	eventually(t, "a kick by opening", func() bool { return len(r.kicked()) == 1 })
	r.send("abc")
	r.era.Add(1)
	r.send("x")
	eventually(t, "the next session's kick", func() bool { return len(r.kicked()) == 2 })
	time.Sleep(50 * time.Millisecond)
	if n := len(r.kicked()); n != 2 {
		t.Errorf("%d kicks", n)
	}
	if k := r.kicked()[1]; k.Generation != 1 {
		t.Errorf("%+v", k)
	}
	if n, _ := r.reached(); n != 0 {
		t.Errorf("the port was opened %d times", n)
	}
}

// TestOtherCodes: what else opens a Posiflex drawer is a kick too.
func TestOtherCodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) { o.Model, o.Status = model(t, "posiflex-jiva"), StatusRI })
	r.send("\x17\x07")
	eventually(t, "both are kicks", func() bool { return len(r.kicked()) == 2 })
}

// TestFinder: pieces do not matter, and each byte is a code's or is counted.
func TestFinder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]byte{'a', 'b'})
		code := rapid.SliceOfN(alphabet, 1, 4).Draw(t, "code")
		stream := rapid.SliceOfN(alphabet, 0, 40).Draw(t, "stream")
		whole := finder{codes: [][]byte{code}}
		kicks, dropped := whole.feed(stream, time.Minute)
		if got := kicks*len(code) + dropped + len(whole.pending); got != len(stream) {
			t.Fatalf("%d of %d bytes are accounted for", got, len(stream))
		}
		if want := strings.Count(string(stream), string(code)); kicks != want {
			t.Fatalf("%d kicks, want %d", kicks, want)
		}
		pieces := finder{codes: [][]byte{code}}
		for len(stream) > 0 {
			n := rapid.IntRange(1, len(stream)).Draw(t, "piece")
			k, d := pieces.feed(stream[:n], time.Minute)
			kicks, dropped, stream = kicks-k, dropped-d, stream[n:]
		}
		if kicks != 0 || dropped != 0 {
			t.Fatalf("in pieces: %d kicks and %d bytes less", kicks, dropped)
		}
	})
	late := finder{codes: [][]byte{[]byte("ab")}}
	late.feed([]byte("a"), time.Minute)
	if kicks, dropped := late.feed([]byte("b"), time.Minute+staleAfter+1); kicks != 0 || dropped != 2 {
		t.Errorf("a code whose rest is late: %d kicks, %d dropped", kicks, dropped)
	}
}

// counting is a drawer's device on a real pty, which counts what reaches it.
type counting struct {
	*devices.PTY
	mu    sync.Mutex
	opens int
	bytes int
}

func newCounting(t testing.TB) *counting {
	t.Helper()
	c := &counting{}
	p, err := devices.OpenPTY(devices.PTYConfig{Link: filepath.Join(t.TempDir(), "drawer"), Group: -1, OnVisit: func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.opens++
	}})
	if err != nil {
		t.Fatal(err)
	}
	c.PTY = p
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 64)
		for {
			if _, err := p.Wait(-1); err != nil {
				return
			}
			n, err := p.Read(buf)
			if err != nil {
				return
			}
			c.mu.Lock()
			c.bytes += n
			c.mu.Unlock()
		}
	})
	t.Cleanup(func() { p.Close(); wg.Wait() })
	return c
}

func (c *counting) reached() (opens, bytes int) {
	_ = c.Settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opens, c.bytes
}

// TestInvariant1NoByteNoOpen: whatever the POS writes, opens and closes, whatever
// is asked for and announced, with a decision that is no grant: no byte reaches a
// drawer's port, and no open() one that is not held. A grant is one code, once.
//
// The device is a real pty, whose openings and bytes are counted. A pty has no
// modem lines, so status is none here; those are the fake line's matter above.
func TestInvariant1NoByteNoOpen(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]func(*Options){
		"held": func(o *Options) { o.Status, o.Code = StatusNone, []byte("\x1bA") }, "on grant": onGrant,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			device := newCounting(t)
			r := newRig(t, func(o *Options) {
				how(o)
				o.Path = device.Link()
				o.Open = func(context.Context) (devices.Port, error) {
					return devices.OpenSerial(devices.Config{Path: device.Link()})
				}
			})
			opens, bytes := device.reached()
			if bytes != 0 || r.o.OnGrant && opens != 0 {
				t.Fatalf("at the start: %d openings, %d bytes", opens, bytes)
			}
			ctx := context.Background()
			grants := 0
			rapid.Check(t, func(rt *rapid.T) {
				r.era.Add(1) // kicks of another state are others
				for range rapid.IntRange(1, 6).Draw(rt, "steps") {
					switch rapid.IntRange(0, 9).Draw(rt, "step") {
					case 0, 1, 2, 3:
						r.send(strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"\x1bA", "\x1b", "A", "\x07", "\x00", "text"}), 1, 9).Draw(rt, "writes"), ""))
					case 4:
						f, err := os.Open(r.link)
						if err != nil {
							rt.Fatal(err)
						}
						f.Close()
					case 5:
						r.Ask(1, "till", "pos.drawer.sale", "pos")
					case 6:
						r.Absorb("till")
						_ = r.Ready(ctx)
					case 7:
						_ = r.Pulse(ctx, enforcer.Redemption{})
					case 8:
						_ = r.gate.Redeem(ctx, r.grant("safe"), "safe", func(red enforcer.Redemption) error { return r.Pulse(ctx, red) })
					case 9:
						if grants == 3 {
							continue // each takes its time
						}
						grants++
						before, had := device.reached()
						if err := r.redeem(r.grant("till")); err != nil && !errors.Is(err, printer.ErrBusy) {
							rt.Fatal(err)
						}
						eventually(t, "the code is there", func() bool { _, n := device.reached(); return n == had+len(r.o.Code) })
						after, _ := device.reached()
						if r.o.OnGrant == (after == before) {
							rt.Fatalf("%d openings by a grant", after-before)
						}
						opens, bytes = after, had+len(r.o.Code)
					}
				}
				if o, b := device.reached(); o != opens || b != bytes {
					rt.Fatalf("%d openings and %d bytes without a grant", o-opens, b-bytes)
				}
			})
			// What was announced may have absorbed all kicks until here; in the end one
			// is left over. By then nothing is on its way any more.
			eventually(t, "what the POS writes is a kick", func() bool {
				r.era.Add(1)
				r.send("\x1bA")
				return len(r.kicked()) > 0
			})
			if o, b := device.reached(); o != opens || b != bytes {
				t.Errorf("%d openings and %d bytes without a grant", o-opens, b-bytes)
			}
		})
	}
}

// TestAPortThatCannotBeHadIsTriedAgain: the drawer opens for grants meanwhile, and
// the port is there as soon as what is in its way is gone.
func TestAPortThatCannotBeHadIsTriedAgain(t *testing.T) {
	t.Parallel()
	said := make(chan error, 2)
	r := newRig(t, func(o *Options) {
		o.Attached = func(_ string, err error) { said <- err }
		if err := os.WriteFile(o.Link, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if err := <-said; !errors.Is(err, fs.ErrExist) {
		t.Errorf("it is said that %v", err)
	}
	if err := r.redeem(r.grant("till")); err != nil {
		t.Errorf("a granted opening: %v", err)
	}
	if err := os.Remove(r.link); err != nil {
		t.Fatal(err)
	}
	if err := <-said; err != nil {
		t.Errorf("then it is said that %v", err)
	}
	r.send("\x07")
	eventually(t, "a kick", func() bool { return len(r.kicked()) == 1 })
}
