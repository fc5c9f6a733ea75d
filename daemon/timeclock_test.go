package daemon

import (
	"context"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/timeclock"
)

// At a register whose POS does not know us, the time clock is at the keypad: a code,
// and then who it is.
func TestTimeClockAtTheKeypad(t *testing.T) {
	b := withReader(t, "")
	b.staffed()
	b.signOn("1001") // no clock runs yet
	b.enter("*0#")
	b.session("signed off", nobodyOn)
	if a, err := b.con.Punch(t.Context(), timeclock.In, api.PunchRequest{By: &api.Person{Credentials: creds("1001")}}); err != nil || a.OK || a.Reason != "no-time-clock" {
		t.Fatalf("%+v %v", a, err)
	}
	b.config = strings.Replace(b.config, "[[keypad.code]]", `[[keypad.code]]
code = "*1#"
function = "clock-in"
[[keypad.code]]
code = "*2#"
function = "break-begin"
[[keypad.code]]`, 1) + `
[timeclock]
run = true
`
	b.halt()
	b.start()
	b.devicesUp("reader", "keypad")

	if a, err := b.con.SignOn(t.Context(), creds("1001")); err != nil || a.OK || a.Reason != "off-clock" {
		t.Fatalf("%+v %v", a, err)
	}
	b.enter("*1#")
	b.enter("1001")
	b.enter(string(creds("1001").PIN))
	in := func() *api.TimeClock {
		w, err := b.tech.TimeClock(t.Context(), api.TimeRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	until(t, "clocked in", func() bool { w := in(); return len(w.People) == 1 && w.People[0].State == "in" })
	if w := in(); !w.Runs || w.People[0].Operator != "1001" || w.People[0].Name != "Ada" {
		t.Errorf("%+v", w)
	}
	b.signOn("1001")
	b.enter("*2#")
	b.enter("1001")
	b.enter(string(creds("1001").PIN))
	b.session("signed off by the break", nobodyOn)
	until(t, "on a break", func() bool { return in().People[0].State == "break" })
	// The next number and PIN sign on again, as ever.
	b.enter("1001")
	b.enter(string(creds("1001").PIN))
	until(t, "refused on the break", func() bool {
		list := b.entries("sign-on")
		return list[len(list)-1].Reason == "on-break"
	})

	// Reports: the technician's own right, or an operator's who may.
	r, err := b.tech.TimeReport(t.Context(), api.TimeReportRequest{Operator: "1001"})
	if err != nil || len(r.Days) != 1 || r.Days[0].Open != 1 || r.Days[0].Breaks != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	by := creds("1001")
	if _, err := b.con.TimeReport(t.Context(), api.TimeReportRequest{ReportRequest: api.ReportRequest{By: &by}}); !isCode(err, api.CodeRefused) {
		t.Fatal(err)
	}
	if _, err := b.con.TimeClock(t.Context(), api.TimeRequest{}); !isCode(err, api.CodeRefused) {
		t.Fatal(err)
	}
	b.noSecrets(string(creds("1001").PIN))
}

// A card that a console waits for is asked for at the register, so that nobody who swipes
// for something else punches unawares.
func TestConsoleSaysWhatTheNextCardIsFor(t *testing.T) {
	tl := newTill(t, "")
	tl.staffed()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := tl.con.Punch(ctx, timeclock.Out, api.PunchRequest{By: &api.Person{Card: true}})
		done <- err
	}()
	until(t, "the slip says so", func() bool {
		return strings.Contains(strings.Join(strings.Fields(tl.paper()), " "), "a console asks to clock out: the next card swiped here is for that")
	})
	cancel()
	if err := <-done; err == nil {
		t.Error("punched without a card")
	}
}

// A manager who did nothing that takes one for a while types the own PIN again.
func TestManagerFallsBackAtTheRegister(t *testing.T) {
	b := withReader(t, "")
	b.staffed()
	soon := *b.d.config()
	soon.SignOn.Manager = Duration(50 * time.Millisecond)
	b.d.cfg.Store(&soon)
	b.signOn("2001")
	b.session("fallen back", func(s *api.SessionState) bool { return s.SignedOn && s.Session.FellBack })
	a, err := b.con.Ask(t.Context(), api.AskRequest{Function: "pos.manageroverride"})
	if err != nil || a.Outcome != "override-required" || a.Reason != "fell-back" || !strings.Contains(a.Say, "your own PIN again: nothing that takes a manager") {
		t.Fatalf("%+v %v", a, err)
	}
	later := soon
	later.SignOn.Manager = Duration(time.Hour)
	b.d.cfg.Store(&later)
	until(t, "the PIN counts", func() bool {
		c, err := b.con.Confirm(t.Context(), a.Override, creds("2001").PIN)
		return err == nil && c.Outcome == "allowed"
	})
	b.session("back", func(s *api.SessionState) bool { return s.SignedOn && !s.Session.FellBack })
	if n := len(b.entries("fall-back")); n != 1 {
		t.Errorf("journaled %d times", n)
	}
}

// What waits for approval comes first: neither a console that waits for the next card,
// nor a punch that was asked for at the keypad, takes the manager's.
func TestPendingOverrideComesBeforePunches(t *testing.T) {
	t.Parallel()
	for words, begins := range map[string]func(b *benchRegister){
		"a console waits for a card": func(b *benchRegister) {
			ctx, cancel := context.WithCancel(b.t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = b.con.Punch(ctx, timeclock.Out, api.PunchRequest{By: &api.Person{Card: true}})
			}()
			b.t.Cleanup(func() { cancel(); <-done })
			until(b.t, "a card is waited for", func() bool {
				b.d.swipes.mu.Lock()
				defer b.d.swipes.mu.Unlock()
				return b.d.swipes.enrol != nil
			})
		},
		"a code of the keypad": func(b *benchRegister) {
			b.enter("*8#")
			until(b.t, "a punch is waited for", b.d.punch.waits)
		},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			b := withReader(t, "[signon]\nmethod = \"card\"\n[override]\nmethod = \"card\"\n[timeclock]\nrun = true\n")
			b.staffed()
			if err := b.enrol("2001", cardMax); err != nil {
				t.Fatal(err)
			}
			for _, number := range []string{"1001", "2001"} {
				if a, err := b.con.Punch(t.Context(), timeclock.In, api.PunchRequest{By: &api.Person{Credentials: creds(number)}}); err != nil || !a.OK {
					t.Fatalf("%+v %v", a, err)
				}
			}
			b.signOn("1001")
			begins(b)
			o := b.waiting("pos.void.transaction")
			b.swipe(cardMax)
			if w, err := b.pos.WaitOverride(t.Context(), o.ID, longEnough); err != nil || w.Outcome != "allowed" {
				t.Errorf("%+v %v", w, err)
			}
			if outs := b.entries("clock-out"); len(outs) != 0 {
				t.Errorf("journaled: %+v", outs)
			}
		})
	}
}

// Nothing is begun with the next card, or number and PIN, while something waits for approval.
func TestNoPunchIsBegunBeforeAPendingOverride(t *testing.T) {
	t.Parallel()
	b := withReader(t, byNumber)
	b.staffed()
	b.signOn("1001")
	b.waiting("pos.void.transaction")
	if _, err := b.con.Punch(t.Context(), timeclock.Out, api.PunchRequest{By: &api.Person{Card: true}}); !isCode(err, api.CodeConflict) {
		t.Errorf("over the console's socket: %v", err)
	}
	b.enter("*8#")
	until(t, "the code was looked at", func() bool {
		done := make(chan struct{})
		b.d.pads[0].probes <- done
		<-done
		return len(b.d.pads[0].queue) == 0
	})
	if b.d.punch.waits() {
		t.Error("a punch waits all the same")
	}
}
