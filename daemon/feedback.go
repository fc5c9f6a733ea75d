package daemon

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// Lane feedback: what happens shows where the people are. Events reach pages
// and the POS from the journal; here the same entries become slips, printed
// between receipts.

const (
	slipWidth   = 40               // what the guard prints in a line
	slipQueue   = 8                // slips that wait for a printer
	slipQuiet   = 10 * time.Second // the same slip again within this time is not printed
	slipTimeout = 20 * time.Second // a slip that could not be printed by then is dropped: it would only confuse
)

// slips prints on one register.
type slips struct {
	log    func(err error)
	now    func() time.Duration
	queue  chan string
	mu     sync.Mutex
	recent map[string]time.Duration // guarded by mu; text -> when it was printed
}

func newSlips(now func() time.Duration, log func(error)) *slips {
	return &slips{log: log, now: now, queue: make(chan string, slipQueue), recent: map[string]time.Duration{}}
}

// add queues a slip. key tells one from another: the same one again within a
// while is not printed, however often a POS kicks.
func (s *slips) add(key, text string) {
	now := s.now()
	s.mu.Lock()
	for k, at := range s.recent {
		if now-at > slipQuiet {
			delete(s.recent, k)
		}
	}
	_, again := s.recent[key]
	if !again {
		s.recent[key] = now
	}
	s.mu.Unlock()
	if again {
		return
	}
	select {
	case s.queue <- text:
	default: // the printer does not keep up; the journal has it all
	}
}

// run prints slips on a printer until ctx ends.
func (s *slips) run(ctx context.Context, print func(ctx context.Context, text string) error) {
	for {
		select {
		case text := <-s.queue:
			limit, cancel := context.WithTimeout(ctx, slipTimeout)
			err := print(limit, text)
			cancel()
			if err != nil && ctx.Err() == nil {
				s.log(err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// slip prints a few words, where slips are configured.
func (d *Daemon) slip(text string) {
	if d.slips != nil && d.feedsBack("slip") {
		d.slips.add(text, slipText(d.clock.Stamp().Time(), "", text, ""))
	}
}

func (d *Daemon) feedsBack(how string) bool {
	for _, f := range d.config().Feedback {
		if f == how {
			return true
		}
	}
	return false
}

// toldJournal is the journal as gate and sign-on write it: what it has taken
// is told to people at the register, too, without reading it back.
type toldJournal struct {
	*journal.Store
	tell func(e entry.Entry)
}

// Append writes entries and, once they are on disk, tells of them.
func (j toldJournal) Append(ctx context.Context, essential bool, es ...entry.Entry) ([]entry.Seq, error) {
	seqs, err := j.Store.Append(ctx, essential, es...)
	if err == nil {
		for i := range es {
			e := es[i]
			e.Seq = seqs[i]
			j.tell(e)
		}
	}
	return seqs, err
}

// noticeQueue is how many entries may wait to be told. Beyond, people have
// enough to read, and the journal has them all.
const noticeQueue = 64

// tell hands over an entry that people should know of. It never waits: whoever
// writes entries may hold what telling needs.
func (d *Daemon) tell(e entry.Entry) {
	if slipTitle(&e) == "" && !checkedPIN(&e) {
		return
	}
	select {
	case d.notices <- e:
	default:
	}
}

// feedback tells what was handed over, until ctx ends.
func (d *Daemon) feedback(ctx context.Context) {
	for {
		select {
		case e := <-d.notices:
			d.notice(&e)
		case <-ctx.Done():
			return
		}
	}
}

// checkedPIN reports whether a PIN was checked for this.
func checkedPIN(e *entry.Entry) bool {
	return e.Method == entry.MethodCardPIN || e.Method == entry.MethodNumberPIN
}

// notice deals with one entry that is on disk.
func (d *Daemon) notice(e *entry.Entry) {
	if checkedPIN(e) {
		d.tidy.soon()
	}
	if e.Kind == entry.KindModeEnd { // its time is up
		d.notify.status(d.statusLine())
	}
	if d.slips == nil || !d.feedsBack("slip") {
		return
	}
	title := slipTitle(e)
	if title == "" {
		return
	}
	s := d.gate.Snapshot()
	text := sayEntry(s, e)
	if e.Outcome == entry.OutcomeAllowed && (e.Kind == entry.KindSignOn || timeclock.IsPunch(e.Kind)) {
		if o, err := d.roster.Get(e.Operator); err == nil && o != nil {
			text = o.Name + " is " + text
		}
	}
	key := fmt.Sprint(e.Kind, e.Function, e.Drawer, e.Reason, e.Operator)
	hint := slipHint(s, e, d.config().approves())
	if e.Kind == entry.KindApproval && e.Reason == entry.ReasonWhyNeeded {
		hint = d.sayWhyNeeded(s)
	}
	d.slips.add(key, slipText(d.clock.Stamp().Time(), title, text, hint))
}

// slipTitle is the head of an entry's slip; empty where none is printed: what
// went as it should shows by itself, and a POS that only asks shows the answer.
func slipTitle(e *entry.Entry) string {
	denied := e.Outcome == entry.OutcomeDenied || e.Outcome == entry.OutcomeError
	switch e.Kind {
	case entry.KindSignOn:
		if denied {
			return "SIGN-ON REFUSED"
		}
		if e.Outcome == entry.OutcomeOverrideRequired {
			return "MANAGER NEEDED"
		}
		return "SIGNED ON"
	case entry.KindUnlock:
		if denied {
			return "NOT UNLOCKED"
		}
	case entry.KindClockIn, entry.KindClockOut, entry.KindBreakBegin, entry.KindBreakEnd:
		return "TIME CLOCK"
	case entry.KindIdentify, entry.KindCardRefused:
		return "NOT ACCEPTED"
	case entry.KindDecision:
		if denied && e.Drawer != "" && e.Mode == entry.ModeEnforce {
			return "DRAWER STAYS SHUT"
		}
	case entry.KindWithdrawn, entry.KindLapsed:
		return "DRAWER STAYS SHUT"
	case entry.KindOverride:
		if e.Reason.OwnPIN() {
			return "PIN NEEDED"
		}
		return "MANAGER NEEDED"
	case entry.KindStepUp:
		if denied {
			return "NOT CONFIRMED"
		}
	case entry.KindApproval:
		if e.Outcome == entry.OutcomeOverrideRequired {
			return "ANOTHER MANAGER NEEDED"
		}
		if e.Reason == entry.ReasonWhyNeeded {
			return "REASON NEEDED"
		}
		if denied {
			return "NOT APPROVED"
		}
	case entry.KindOverrideEnd:
		return "NOT APPROVED"
	case entry.KindRedeemed:
		if denied {
			return "DRAWER STAYS SHUT"
		}
	case entry.KindDrawerOpened:
		if e.About == 0 {
			return "DRAWER OPENED BY HAND"
		}
	case entry.KindDrawerLeftOpen:
		return "CLOSE THE DRAWER"
	case entry.KindDrawerNoOpen:
		return "DRAWER DID NOT OPEN"
	case entry.KindDeviceRefused:
		if e.Reason == entry.ReasonPrintLost {
			return "PRINT INCOMPLETE"
		}
		if e.Reason == entry.ReasonUnknownClient && e.Count > 0 {
			return "DRAWER STAYS SHUT"
		}
	case entry.KindLockout:
		return "LOCKED"
	case entry.KindMode:
		if !denied {
			return strings.ToUpper(sayMode(e.Mode))
		}
	case entry.KindModeLeft:
		if e.Reason != entry.ReasonNone { // after a restart, when people look whether it still holds
			return strings.ToUpper(sayMode(e.Mode))
		}
	case entry.KindModeEnd:
		return "ENFORCING"
	case entry.KindSpace:
		return "CALL A TECHNICIAN"
	}
	return ""
}

// slipHint says what to do next; approves is what a manager shows here.
func slipHint(s *enforcer.Snapshot, e *entry.Entry, approves string) string {
	switch e.Kind {
	case entry.KindOverride:
		if e.Reason.OwnPIN() {
			return "Enter your own PIN."
		}
		return "A manager " + approves + "."
	case entry.KindApproval:
		if e.Outcome == entry.OutcomeOverrideRequired {
			return "Another manager " + approves + "."
		}
		if s.Override != nil {
			return "Somebody else may still approve."
		}
	}
	return ""
}

// slipText lays a slip out: ASCII, so that it prints on every code page.
func slipText(at time.Time, title, text, hint string) string {
	var b strings.Builder
	line := strings.Repeat("-", slipWidth)
	b.WriteString(line + "\n")
	if title != "" {
		fmt.Fprintf(&b, "%s\n", title)
	}
	for _, part := range []string{text, hint} {
		for _, l := range wrap(ascii(part), slipWidth) {
			b.WriteString(l + "\n")
		}
	}
	fmt.Fprintf(&b, "%s\n%s\n", at.Local().Format("2006-01-02 15:04:05"), line)
	return b.String()
}

// ascii writes what is not ASCII as "?": printers' code pages differ.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, s)
}

// wrap breaks a text at spaces.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for len(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, word[:width]), word[width:]
		}
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
