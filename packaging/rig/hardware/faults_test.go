package hardware

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/packaging/rig/register"
)

// receipt is what pays for a kick, with the kick that it pays for.
func receipt(n int) string {
	var b strings.Builder
	for i := range 6 {
		fmt.Fprintf(&b, "receipt %05d, line %d\n", n, i)
	}
	return b.String() + "\x1dV\x00" + kick
}

// survivesTheCableUnderLoad: the POS prints receipts that pay for their kicks, and the
// cable is out again and again. Its port stays, printing goes on, and what the drawer got
// is what the journal has.
func (r *installed) survivesTheCableUnderLoad() {
	ctx, stop := context.WithCancel(r.t.Context())
	before := pulses(r.printer.Printer)
	n := 0
	var printing sync.WaitGroup
	var broken error
	printing.Go(func() {
		for tick := time.NewTicker(500 * time.Millisecond); ctx.Err() == nil && broken == nil; <-tick.C {
			_, broken = io.WriteString(r.pos, receipt(n))
			n++
		}
	})
	for range 3 {
		had := pulses(r.printer.Printer)
		register.Until(r.t, "a receipt opens the drawer", func() bool { return pulses(r.printer.Printer) > had })
		if err := r.printer.Unplug(); err != nil {
			r.t.Fatal(err)
		}
		register.Until(r.t, "the printer is away", func() bool { return r.Device("receipt").State == "down" })
		if err := r.printer.Plug(); err != nil {
			r.t.Fatal(err)
		}
		r.Ready("till")
	}
	stop()
	printing.Wait()
	if broken != nil {
		r.t.Fatalf("the POS's port: %v", broken)
	}
	register.Until(r.t, "all is printed", func() bool {
		s, err := r.Technician.Status(r.Context())
		return err == nil && len(s.Busy) == 0
	})
	got := pulses(r.printer.Printer) - before
	if got > n {
		r.t.Errorf("%d receipts opened the drawer %d times", n, got)
	}
	r.works("after the cable was out under load")
	r.t.Logf("%d receipts, %d pulses", n, got)
}

// survivesSIGSTOP: a daemon that stands still opens nothing, systemd's watchdog ends it,
// and what was asked of it while it stood still opens nothing later.
func (r *installed) survivesSIGSTOP() {
	before, was := pulses(r.printer.Printer), r.mainPID()
	shell(r.t, "systemctl kill --kill-who=main --signal=STOP tillwardend.service")
	// Between the watchdog's signals it runs for a moment: what it reads then may be gone
	// with it, so that this line need not come out.
	r.sends(kick + "while it stood still\n")
	impatient, cancel := context.WithTimeout(r.t.Context(), 3*time.Second)
	defer cancel()
	if a, err := r.POS.Ask(impatient, api.AskRequest{Function: "pos.drawer.sale", Drawer: "till", Open: api.OpenNow}); err == nil {
		r.t.Errorf("standing still, it answers %+v", a)
	}
	register.Until(r.t, "systemd's watchdog ends it and starts another", func() bool {
		now := r.mainPID()
		return now != was && now != "0"
	})
	r.works("after it stood still")
	if n := pulses(r.printer.Printer) - before; n != 1 {
		r.t.Errorf("%d pulses, where one was asked for by somebody who still waited", n)
	}
	if said := shell(r.t, "journalctl -b --no-pager -u tillwardend.service | grep -i watchdog"); said == "" {
		r.t.Error("the system's journal does not say why it was ended")
	}
}

func (r *installed) mainPID() string {
	r.t.Helper()
	return shell(r.t, "systemctl show -P MainPID tillwardend.service")
}

// Operators who may change the mode together; their PINs are no secrets.
const (
	managers   = "POS Cashier - Manager Override"
	managerPIN = "86420975"
)

func (r *installed) manager(number string) *api.Person {
	r.t.Helper()
	boss := &api.Credentials{Number: register.Boss, PIN: api.Secret(register.BossPIN)}
	if _, err := r.Console.People(r.Context(), api.PeopleAdd, api.PeopleRequest{
		By: boss, Number: number, Name: "Manager " + number, WorkGroups: []string{managers}, PIN: api.Secret(managerPIN),
	}); err != nil {
		r.t.Fatal(err)
	}
	return &api.Person{Credentials: api.Credentials{Number: number, PIN: api.Secret(managerPIN)}}
}

// clockIsSet: to and fro, by hours and by a year. The session goes on, a mode and an
// override end when their time is up and neither sooner nor later, and the entries keep
// their order.
func (r *installed) clockIsSet() {
	shell(r.t, "systemctl stop '*.timer'") // what a day that passes would start
	began := time.Now()
	truth := func() int64 { return began.Add(time.Since(began)).Unix() } // by the monotonic clock
	r.t.Cleanup(func() { shell(r.t, fmt.Sprintf("date -s @%d && systemctl start timers.target", truth())) })

	const lasts = time.Hour
	one, other := r.manager("2001"), r.manager("2002")
	modeBegan := time.Now()
	if _, err := r.Console.Monitor(r.Context(), api.ModeRequest{
		By: one, With: other, Seconds: lasts.Seconds(), Functions: []string{"pos.price.override"}, Reason: "the clock is set meanwhile",
	}); err != nil {
		r.t.Fatal(err)
	}
	asked := time.Now()
	a, err := r.POS.Ask(r.Context(), api.AskRequest{Function: "pos.drawer.nosale"})
	if err != nil || a.Override == 0 {
		r.t.Fatalf("a no-sale is %+v %v", a, err)
	}
	const hour, year = time.Hour, 365 * 24 * time.Hour
	for _, by := range []time.Duration{year, -2 * year, 5 * hour, -3 * hour, 0} {
		had := len(r.Entries("clock-step"))
		shell(r.t, fmt.Sprintf("date -s @%d", truth()+int64(by.Seconds())))
		register.Until(r.t, "the step is journaled", func() bool { return len(r.Entries("clock-step")) > had })
		if !r.signedOn() {
			r.t.Errorf("with the clock %s off, the cashier is not signed on", by)
		}
		s, err := r.Technician.Status(r.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		if s.Mode == nil {
			r.t.Errorf("with the clock %s off, the mode has ended", by)
		} else if left, most := s.Mode.Left, (lasts - time.Since(modeBegan) + 30*time.Second).Seconds(); left > most || left < most-60 {
			r.t.Errorf("with the clock %s off, %.0f s of the mode are left, want about %.0f", by, left, most)
		}
		if passed := time.Since(asked); passed < overrideWait-5*time.Second && s.Override == nil {
			r.t.Errorf("with the clock %s off, the override ended %s after it was asked for", by, passed)
		}
	}
	end := r.Journaled("the override's end", "override-end", func(e *api.Entry) bool { return e.About == a.Override })
	var pending api.Entry
	all := r.Entries("")
	for _, e := range all {
		if e.Kind == "override" && e.Seq == a.Override {
			pending = e
		}
	}
	if stood := time.Duration(end.BootTime - pending.BootTime); pending.Seq == 0 || stood < overrideWait || stood > overrideWait+20*time.Second {
		r.t.Errorf("the override %d stood for %s, want %s", pending.Seq, stood, overrideWait)
	}
	for i := 1; i < len(all); i++ {
		if is, was := all[i], all[i-1]; is.Seq != was.Seq+1 || is.BootID == was.BootID && is.BootTime < was.BootTime {
			r.t.Errorf("entry %d (%d ns after the boot) follows on entry %d (%d ns)", is.Seq, is.BootTime, was.Seq, was.BootTime)
		}
	}
	r.works("after the clock was set")
}

// state is the state folder, a file system of its own.
const state = "/var/lib/tillwarden"

// diskIsFull: at first what is kept for decisions is left, then nothing is.
func (r *installed) diskIsFull() {
	fill := func() {
		r.t.Helper()
		shell(r.t, "for size in 1M 64k 4k; do while fallocate -l $size "+state+"/filler.$(date +%s%N) 2>/dev/null; do :; done; done; rm -f $(find "+state+" -name 'filler.*' -empty)")
	}
	fill()
	r.t.Cleanup(func() { shell(r.t, "rm -f "+state+"/filler.*") })
	r.works("with only the reserve left")
	r.says("space is at alarm", "alarm")

	// Somebody takes that as well: what is set aside beyond what the file uses.
	s, err := r.Technician.Status(r.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	shell(r.t, fmt.Sprintf("cd %s && size=$(stat -c %%s journal.db) && truncate -s $size journal.db && fallocate --punch-hole --offset %d --length $((size - %[2]d)) journal.db", state, s.Journal.Bytes))
	fill()
	r.cannotDecide("journal-full")
	r.says("space is at full", "full: ")
	shell(r.t, "rm -f "+state+"/filler.*")
	register.Until(r.t, "it decides again", func() bool { return r.decides() })
	r.works("after there was room again")
	r.saysNothingOf("journal")
}

// diskIsReadOnly: its file system meets an error, and takes nothing any more.
func (r *installed) diskIsReadOnly() {
	loop := strings.TrimPrefix(shell(r.t, "findmnt -n -o SOURCE "+state), "/dev/")
	shell(r.t, "echo 1 > /sys/fs/ext4/"+loop+"/trigger_fs_error; ! touch "+state+"/written 2>/dev/null")
	r.cannotDecide("")
	r.says("read-only", "it cannot be written: nothing is decided, and no drawer opens")

	// Started again, it cannot even begin; the doctor says why. systemd keeps the ports for
	// a daemon that ends, not for one that is stopped: so here the POS ends first.
	r.closePort()
	shell(r.t, "systemctl restart tillwardend.service || true")
	register.Until(r.t, "the doctor says why", func() bool {
		return strings.Contains(doctor(), "it said last: tillwardend: ")
	})
	shell(r.t, "systemctl stop tillwardend.service && umount "+state+" && { e2fsck -fy "+stateImage+" || test $? = 1; } && mount "+stateImage+" "+state+" -o loop,errors=remount-ro && systemctl start tillwardend.service")
	node(r.t, "/dev/tillwarden/receipt", true)
	r.openPort()
	r.works("after the disk was repaired")
	r.saysNothingOf("journal")
}

// cannotDecide: nothing is decided, so that nothing opens, and printing goes on. What is
// left of the file at first is used up.
func (r *installed) cannotDecide(reason string) {
	r.t.Helper()
	for range 1000 {
		if !r.decides() {
			break
		}
	}
	before := pulses(r.printer.Printer)
	_, err := r.POS.Ask(r.Context(), api.AskRequest{Function: "pos.drawer.sale", Drawer: "till", Open: api.OpenNow})
	var said *api.Error
	if !errors.As(err, &said) || said.Code != api.CodeUnavailable || said.Reason != reason || said.Hint == "" {
		r.t.Errorf("with nothing to journal on, a sale is %#v", err)
	}
	r.sends(receipt(90000))
	paper(r.t, r.printer.Printer, "receipt 90000, line 5")
	r.prints("printed without a journal")
	if n := pulses(r.printer.Printer); n != before {
		r.t.Errorf("%d pulses with nothing to journal on", n-before)
	}
}

// decides: something that opens nothing is decided.
func (r *installed) decides() bool {
	_, err := r.POS.Ask(r.Context(), api.AskRequest{Function: "pos.sale.item"})
	return err == nil
}

// says: status and doctor say what is wrong, in these words.
func (r *installed) says(word, doctors string) {
	r.t.Helper()
	if said := doctor(); !strings.Contains(said, doctors) {
		r.t.Errorf("the doctor does not say %q:\n%s", doctors, said)
	}
	s, err := r.Technician.Status(r.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if s.State == "ready" || !strings.Contains(strings.Join(s.Problems, "\n"), word) {
		r.t.Errorf("the status (%s) says nothing of %q: %q", s.State, word, s.Problems)
	}
}

// saysNothingOf: what was wrong with a part is no more.
func (r *installed) saysNothingOf(part string) {
	r.t.Helper()
	s, err := r.Technician.Status(r.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range s.Problems {
		if strings.Contains(p, part) {
			r.t.Errorf("the status still says %q", p)
		}
	}
}
