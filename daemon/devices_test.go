package daemon

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/devices/sim"
	"tillwarden/signon/card"
)

// Operator cards of the tests: ten digits on track 2, which the format
// "digits" takes and no payment scheme begins like.
var (
	cardAda = sim.Card{Track2: "0000010019"}
	cardMax = sim.Card{Track2: "0000020016"}
	// A payment scheme's well-known test number.
	cardPayment = sim.Card{Track1: "B4111111111111111^TEST/CARD^29121010000000000", Track2: "4111111111111111=29121010000000000"}
	cardNobody  = sim.Card{Track2: "0000099990"}
	cardBad     = sim.Card{Track2: "0000010019", Bad: []int{2}}
)

// bench is a register with simulated hardware.
type benchRegister struct {
	*register
	station *sim.Station
	sim     *sim.Client
}

func withReader(t *testing.T, more string) *benchRegister {
	t.Helper()
	dir := shortDir(t)
	s, err := sim.NewStation(sim.StationOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	p := s.Paths()
	config := fmt.Sprintf(`
[[reader]]
name = "reader"
path = %q
removed = "OUT"
[[keypad]]
name = "keypad"
path = %q
[[keypad.code]]
code = "*0#"
function = "signoff"
[[keypad.code]]
code = "*7#"
function = "pin"
[[keypad.code]]
code = "*8#"
function = "clock-out"
[[keypad.code]]
code = "*9#"
function = "lock"
`, p.Reader, p.Keypad)
	b := &benchRegister{register: newRegister(t, more+config), station: s, sim: sim.NewClient(p.Control)}
	b.start()
	b.devicesUp("reader", "keypad")
	return b
}

// devicesUp waits until devices are there.
func (b *benchRegister) devicesUp(names ...string) {
	b.t.Helper()
	until(b.t, strings.Join(names, ", ")+" up", func() bool {
		list, err := b.tech.Devices(b.t.Context())
		if err != nil {
			return false
		}
		up := 0
		for _, d := range list.Devices {
			for _, n := range names {
				if d.Name == n && d.State != "down" {
					up++
				}
			}
		}
		return up == len(names)
	})
}

// enrol gives an operator a card at the register's own reader.
func (b *benchRegister) enrol(number string, c sim.Card) error {
	b.t.Helper()
	done := make(chan error, 1)
	go func() {
		_, err := b.con.People(b.t.Context(), api.PeopleEnrolCard, api.PeopleRequest{By: boss(), Number: number})
		done <- err
	}()
	until(b.t, "a card is waited for", func() bool {
		b.d.swipes.mu.Lock()
		defer b.d.swipes.mu.Unlock()
		return b.d.swipes.enrol != nil || len(done) > 0
	})
	b.swipe(c)
	return <-done
}

func (b *benchRegister) swipe(c sim.Card) {
	b.t.Helper()
	if err := b.sim.Swipe(b.t.Context(), c); err != nil {
		b.t.Fatal(err)
	}
}

func (b *benchRegister) enter(line string) {
	b.t.Helper()
	// Nobody types faster than the daemon looks at PINs; a busy machine would.
	until(b.t, "what was typed before is looked at", func() bool {
		for _, p := range b.d.pads {
			if len(p.queue) > 1 {
				return false
			}
		}
		return true
	})
	if err := b.sim.Type(b.t.Context(), line, true); err != nil {
		b.t.Fatal(err)
	}
}

// session waits for a session to be as wanted.
func (b *benchRegister) session(what string, want func(s *api.SessionState) bool) {
	b.t.Helper()
	until(b.t, what, func() bool {
		s, err := b.con.Session(b.t.Context())
		return err == nil && want(s)
	})
}

func signedOn(number string, locked bool) func(*api.SessionState) bool {
	return func(s *api.SessionState) bool {
		return s.SignedOn && s.Session.Operator == number && s.Session.Locked == locked
	}
}

func nobodyOn(s *api.SessionState) bool { return !s.SignedOn }

// TestSwipes: a card is enrolled, asks for its PIN, signs on, locks; cards that
// are no operator's are refused, whatever the state.
func TestSwipes(t *testing.T) {
	t.Parallel()
	b := withReader(t, "")
	b.staffed()
	if err := b.enrol("1001", cardPayment); !isCode(err, api.CodeInvalid) {
		t.Errorf("a payment card is enrolled: %v", err)
	}
	if err := b.enrol("1001", cardAda); err != nil {
		t.Fatal(err)
	}
	if err := b.enrol("1002", cardAda); !isCode(err, api.CodeConflict) {
		t.Errorf("a card that somebody has is enrolled: %v", err)
	}
	for _, c := range []sim.Card{cardPayment, cardNobody, cardBad} {
		b.swipe(c)
	}
	until(t, "three refusals", func() bool { return len(b.entries("card-refused"))+len(denied(b.entries("sign-on"))) >= 3 })

	time.Sleep(2100 * time.Millisecond) // the card that was just enrolled would be the same swipe
	b.swipe(cardAda)
	until(t, "the card waits for its PIN", func() bool {
		b.d.pin.mu.Lock()
		defer b.d.pin.mu.Unlock()
		return b.d.pin.token != ""
	})
	b.enter("25806931")
	b.session("signed on by card and PIN", signedOn("1001", false))
	for _, e := range b.entries("sign-on") {
		if e.Outcome == "allowed" && (e.Method != "card+pin" || e.Source != "keypad") {
			t.Errorf("%+v", e)
		}
	}
	// Another operator's card changes nothing while somebody is signed on.
	if err := b.enrol("2001", cardMax); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond)
	b.swipe(cardMax)
	until(t, "the swipe was refused", func() bool {
		for _, e := range b.entries("identify") {
			if e.Reason == "in-use" && e.Operator == "2001" {
				return true
			}
		}
		return false
	})
	b.session("nothing changed", signedOn("1001", false))
	// The same card within two seconds is the same swipe.
	time.Sleep(2100 * time.Millisecond)
	b.swipe(cardAda)
	b.session("the own card locks", signedOn("1001", true))
	b.noSecrets("0000010019", "4111111111111111", "25806931", bossPIN)
}

// TestCardTakenOut: the card stays in its reader while its operator is signed on; taken
// out before its PIN was typed, the PIN is nothing; taken out later, it signs off. What is
// taken out is no card for who waits for one. An unplugged reader is one whose card was taken out.
func TestCardTakenOut(t *testing.T) {
	t.Parallel()
	b := withReader(t, "[signon]\nremoved = \"sign-off\"\n")
	b.staffed()
	out := sim.Card{Raw: "OUT\r"}
	b.swipe(out)
	if err := b.enrol("1001", cardAda); err != nil {
		t.Fatal(err)
	}
	b.swipe(out)
	waits := func(want bool) func() bool {
		return func() bool {
			b.d.pin.mu.Lock()
			defer b.d.pin.mu.Unlock()
			return (b.d.pin.token != "") == want
		}
	}
	time.Sleep(2100 * time.Millisecond) // the card that was just enrolled would be the same swipe
	b.swipe(cardAda)
	until(t, "the card waits for its PIN", waits(true))
	b.swipe(out)
	until(t, "nobody waits", waits(false))
	b.swipe(cardAda)
	until(t, "the card waits again", waits(true))
	b.enter("25806931")
	b.session("signed on", signedOn("1001", false))
	b.swipe(out)
	b.session("signed off", nobodyOn)
	// It holds at once, and is journaled then.
	until(t, "the sign-off is journaled", func() bool { return len(b.entries("sign-off")) > 0 })
	off := b.entries("sign-off")
	if len(off) != 1 || off[0].Reason != "card-removed" || off[0].Source != "reader" || off[0].Operator != "1001" {
		t.Errorf("journaled: %+v", off)
	}
	b.swipe(cardAda)
	until(t, "the card waits again", waits(true))
	b.enter("25806931")
	b.session("signed on", signedOn("1001", false))
	if err := b.station.Close(); err != nil {
		t.Fatal(err)
	}
	b.session("signed off, for the reader is unplugged", nobodyOn)
}

// TestCardTakenOutWhileAnotherIsLookedAt: what was read before is no reason to leave the
// session open, and a reader that says over and over that it is empty keeps no card from
// being read.
func TestCardTakenOutWhileAnotherIsLookedAt(t *testing.T) {
	t.Parallel()
	b := withReader(t, "[signon]\nremoved = \"lock\"\n")
	b.staffed()
	if err := b.enrol("1001", cardAda); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2100 * time.Millisecond) // the card that was just enrolled would be the same swipe
	b.swipe(cardAda)
	until(t, "the card waits for its PIN", func() bool { return b.d.pin.waits() })
	b.enter("25806931")
	b.session("signed on", signedOn("1001", false))

	began, release := make(chan struct{}), make(chan struct{})
	b.d.swipes.arm(&enrolment{take: func(c *card.Card) {
		close(began)
		<-release
		c.Wipe()
	}})
	b.swipe(sim.Card{Raw: ";99999999?\r"})
	<-began
	b.swipe(sim.Card{Raw: strings.Repeat("OUT\r", 100)})
	b.session("locked at once", signedOn("1001", true))
	b.swipe(cardAda)
	until(t, "the card is read", func() bool {
		b.d.swipes.taking.Lock()
		defer b.d.swipes.taking.Unlock()
		return b.d.swipes.waiting == 1
	})
	close(release)
	until(t, "the card waits for its PIN", func() bool { return b.d.pin.waits() })
	b.enter("25806931")
	b.session("unlocked", signedOn("1001", false))
	until(t, "the lock is journaled", func() bool { return len(b.entries("lock")) > 0 })
	if locks := b.entries("lock"); len(locks) != 1 || locks[0].Reason != "card-removed" {
		t.Errorf("journaled: %+v", locks)
	}
}

func denied(es []api.Entry) (some []api.Entry) {
	for _, e := range es {
		if e.Outcome == "denied" {
			some = append(some, e)
		}
	}
	return some
}

// TestKeypad: number, Enter, PIN, Enter signs on; Clear forgets; a code signs off.
func TestKeypad(t *testing.T) {
	t.Parallel()
	b := withReader(t, "")
	b.staffed()
	b.enter("1001")
	if err := b.sim.Type(t.Context(), "C", false); err != nil {
		t.Fatal(err)
	}
	// After Clear this is a number again, and no PIN.
	b.enter("1001")
	b.enter("25806931")
	b.session("signed on by number and PIN", signedOn("1001", false))
	if n := len(denied(b.entries("sign-on"))); n != 0 {
		t.Errorf("%d refused sign-ons", n)
	}
	b.enter("*99#")
	b.enter("*0#")
	b.session("signed off by code", nobodyOn)
	b.noSecrets("25806931", bossPIN)
}

// TestEnrolmentGivesUp where nobody swipes, and the next swipe signs on.
func TestEnrolmentOneAtATime(t *testing.T) {
	t.Parallel()
	b := withReader(t, "")
	b.staffed()
	// Who may not enrol does not keep the reader from swipes.
	for _, c := range []api.PeopleRequest{{Number: "1001"}, {By: boss(), Number: "5555"}} {
		if _, err := b.tech.People(t.Context(), api.PeopleEnrolCard, c); !isCode(err, api.CodeRefused) && !isCode(err, api.CodeNotFound) {
			t.Errorf("enrolling %s: %v", c.Number, err)
		}
	}
	e := &enrolment{}
	if !b.d.swipes.arm(e) {
		t.Fatal("cannot be armed")
	}
	if _, err := b.con.People(t.Context(), api.PeopleEnrolCard, api.PeopleRequest{By: boss(), Number: "1001"}); !isCode(err, api.CodeConflict) {
		t.Errorf("two cards at once: %v", err)
	}
	if !b.d.swipes.disarm(e) || b.d.swipes.disarm(e) {
		t.Error("disarm says the wrong thing")
	}
}

// TestReaderComesAndGoes is journaled, and shown.
func TestReaderComesAndGoes(t *testing.T) {
	t.Parallel()
	b := withReader(t, "")
	if err := b.station.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "both are gone", func() bool { return len(b.entries("device-down")) >= 2 })
	s, err := b.tech.Status(t.Context())
	if err != nil || s.State != "degraded" {
		t.Errorf("%+v %v", s, err)
	}
	if b.station, err = sim.NewStation(sim.StationOptions{Dir: filepath.Dir(b.station.Paths().Control)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.station.Close() })
	until(t, "both are back", func() bool { return len(b.entries("device-up")) >= 4 })
}

// TestPrinterIsWaitedForWhereItAppears: a device file is watched for; in the
// network nothing tells of a printer, which is tried again within seconds.
func TestPrinterIsWaitedForWhereItAppears(t *testing.T) {
	for path, watched := range map[string]bool{
		"/dev/ttyS0": true, "/dev/usb/lp0": true, "tcp://192.0.2.10:9100": false,
	} {
		p := PrinterConfig{Name: "p", Link: "/l", LineConfig: LineConfig{Path: path}}
		p.setDefaults()
		d := &Daemon{keys: &keys{}, clock: &bootClock{}}
		o, err := d.guardOptions(&p)
		if err != nil {
			t.Fatal(err)
		}
		if (o.Path == path) != watched || (o.Backoff == networkBackoff) == watched || !watched && o.Path != "" {
			t.Errorf("%s: watched at %q, backoff %+v", path, o.Path, o.Backoff)
		}
	}
}

// TestPrinterThatKeepsWhatIsPrinted: a printer that answers, and takes nothing of what
// waits, is one whose drawers cannot be opened; one that is only full is not.
func TestPrinterThatKeepsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		s              printer.Status
		state, problem string
	}{
		"well":                    {printer.Status{Reach: "online", Trusted: true}, "up", ""},
		"full":                    {printer.Status{Reach: "online", Trusted: true, Queued: 900, Kept: 3 * time.Second}, "up", ""},
		"takes nothing":           {printer.Status{Reach: "online", Trusted: true, Queued: 9, Kept: 40 * time.Second}, "up", "it has taken nothing for 40s: "},
		"takes nothing, no paper": {printer.Status{Reach: "offline", Trusted: true, Queued: 9, Kept: 40 * time.Second}, "up", "it is offline"},
		"not trusted":             {printer.Status{Reach: "online"}, "untrusted", "its state is not known"},
		"silent":                  {printer.Status{Reach: "silent", Trusted: true}, "down", "it does not answer"},
		"away":                    {printer.Status{Reach: "away"}, "down", "its line is not there"},
		"away, not plugged in":    {printer.Status{Reach: "away", Gone: devices.Why(fs.ErrNotExist)}, "down", "its line is not there"},
		"away, no right":          {printer.Status{Reach: "away", Gone: devices.Why(fs.ErrPermission)}, "down", "its line may not be opened"},
		"away, somebody's":        {printer.Status{Reach: "away", Gone: devices.Why(devices.ErrBusy)}, "down", "its line is in use by another program"},
		"away, silent":            {printer.Status{Reach: "away", Gone: "the printer does not answer"}, "down", "the printer does not answer"},
	} {
		state, problem := sayPrinter(&c.s)
		if state != c.state || !strings.HasPrefix(problem, c.problem) || c.problem == "" && problem != "" {
			t.Errorf("%s: %s, %q", name, state, problem)
		}
	}
}
