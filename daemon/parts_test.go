package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"tillwarden/enforcer/journal/entry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBootClock(t *testing.T) {
	c, err := newBootClock()
	if err != nil {
		t.Fatal(err)
	}
	a, b := c.Boot(), c.Boot()
	if b < a || a <= 0 {
		t.Errorf("boot time %v then %v", a, b)
	}
	if s := c.Stamp(); s.BootID != c.id || s.Wall == 0 || s.Clock.String() == "" {
		t.Errorf("stamp %+v", s)
	}
	rung := make(chan struct{})
	c.After(time.Millisecond, func() { close(rung) })
	<-rung
	stop := c.After(time.Hour, func() { t.Error("a stopped alarm rang") })
	if !stop() || stop() {
		t.Error("stop says the wrong thing")
	}
	// After a suspend, what is due rings.
	again := make(chan struct{})
	c.After(time.Hour, func() { close(again) })
	c.mu.Lock()
	for a := range c.pending {
		a.due = c.Boot()
	}
	c.mu.Unlock()
	c.rearm()
	<-again
}

func TestStepWatcherEnds(t *testing.T) {
	c, err := newBootClock()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.watchSteps(ctx, func(time.Duration) { t.Error("no clock was set") }) }()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestLogPrefixes(t *testing.T) {
	var out bytes.Buffer
	l := slog.New(newPrefixed(&out, slog.LevelInfo)).With("part", "x").WithGroup("g")
	l.Debug("no")
	l.Info("one", "k", 1)
	l.Warn("two")
	l.Error("three")
	l.Log(t.Context(), levelAlways, "four")
	want := "<6>msg=one part=x g.k=1\n<4>msg=two part=x\n<3>msg=three part=x\n<5>msg=four part=x\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
	if strings.Contains(out.String(), "no") {
		t.Error("debug was logged")
	}
}

// TestComplaintsAreErrorsInTheSystemJournal: with the level on each line there, and as
// they are for everybody else.
func TestComplaintsAreErrorsInTheSystemJournal(t *testing.T) {
	err := errors.New("a.toml:1: no\na.toml:2: no")
	var plain bytes.Buffer
	Complain(&plain, err)
	if plain.String() != err.Error()+"\n" {
		t.Errorf("%q", plain.String())
	}
	out, in, pipeErr := os.Pipe()
	if pipeErr != nil {
		t.Fatal(pipeErr)
	}
	defer out.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(in.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	t.Setenv("JOURNAL_STREAM", fmt.Sprintf("%d:%d", st.Dev, st.Ino))
	Complain(in, err)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(out); err != nil || string(got) != "<3>a.toml:1: no\n<3>a.toml:2: no\n" {
		t.Errorf("%q %v", got, err)
	}
}

func TestSocketsAreForTheirGroups(t *testing.T) {
	dir := t.TempDir()
	c := DefaultConfig()
	c.Run = dir
	c.Sockets.POS.Group, c.Sockets.Console.Group = "", ""
	ls, err := openSockets(&c, nil)
	if err != nil {
		t.Fatal(err)
	}
	for role, l := range ls {
		st, err := os.Stat(SocketPath(&c, role))
		if err != nil {
			t.Fatal(err)
		}
		if got := st.Mode().Perm(); got&0o007 != 0 {
			t.Errorf("%s has mode %v", role, got)
		}
		defer l.Close()
	}
	if _, err := openSockets(&c, nil); !errors.Is(err, errRuns) {
		t.Errorf("a second daemon: %v", err)
	}
	c.Sockets.POS.Group = "no-such-group-here"
	c.Run = t.TempDir()
	if _, err := openSockets(&c, nil); err == nil || !strings.Contains(err.Error(), "no-such-group-here") {
		t.Errorf("a group that is not there: %v", err)
	}
}

// TestInvariant5Harden: no core dump, and no other process of the same user
// reads this one's memory.
func TestInvariant5Harden(t *testing.T) {
	if err := Harden(); err != nil {
		t.Fatal(err)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	if err != nil || dumpable != 0 {
		t.Errorf("dumpable %d, %v", dumpable, err)
	}
	var after unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &after); err != nil || after.Max != 0 {
		t.Errorf("%+v %v", after, err)
	}
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) // for the tests after this one
}

// TestEntriesHaveWords: whatever is journaled reads as a sentence or as
// nothing, never as a number or a broken one.
func TestEntriesHaveWords(t *testing.T) {
	for _, w := range entry.Kinds() {
		kind, err := entry.ParseKind(w)
		if err != nil {
			t.Fatal(err)
		}
		for _, outcome := range []entry.Outcome{entry.OutcomeAllowed, entry.OutcomeDenied, entry.OutcomeOverrideRequired, entry.OutcomeError} {
			e := entry.Entry{
				Kind: kind, Outcome: outcome, Reason: entry.ReasonLocked, Function: "pos.drawer.nosale", Drawer: "till", Device: "receipt",
				Rule: &entry.Rule{WorkGroup: "G", Function: "pos.drawer", Mark: "X"}, Elapsed: int64(time.Minute), Text: "words", Why: "words",
			}
			say := sayEntry(nil, &e)
			if strings.Contains(say, "%!") || strings.HasSuffix(say, ": ") {
				t.Errorf("%s %s: %q", w, outcome, say)
			}
			for _, line := range strings.Split(slipText(time.Now(), slipTitle(&e), say, ""), "\n") {
				if len(line) > slipWidth {
					t.Errorf("%s: a line of %d characters", w, len(line))
				}
			}
		}
	}
	if got := sayReason(entry.ReasonUnplugged); got != "unplugged" {
		t.Errorf("a reason without a sentence reads %q", got)
	}
}

// What a slip says is a sentence, also where the rule refused.
func TestRefusalsHaveSentences(t *testing.T) {
	for _, c := range []struct {
		e    entry.Entry
		want string
	}{
		{entry.Entry{Kind: entry.KindUnlock, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRule}, "not unlocked: somebody else is signed on"},
		{entry.Entry{Kind: entry.KindIdentify, Reason: entry.ReasonUnknownCredential, Method: entry.MethodCard}, "card not accepted"},
		{entry.Entry{Kind: entry.KindIdentify, Reason: entry.ReasonWrongPIN, Method: entry.MethodNumberPIN}, "number and PIN not accepted"},
		{entry.Entry{Kind: entry.KindCardRefused, Reason: entry.ReasonPaymentCard}, "card not accepted: that is a payment card"},
		{entry.Entry{Kind: entry.KindDeviceRefused, Reason: entry.ReasonUnknownClient, Count: 5}, "the drawer stays shut: the kick came over a connection that was closed before it could be told whose it was; call a technician"},
		{entry.Entry{Kind: entry.KindDeviceRefused, Reason: entry.ReasonUnknownClient}, ""},
	} {
		if got := sayEntry(nil, &c.e); got != c.want {
			t.Errorf("%q, not %q", got, c.want)
		}
	}
}

// TestSlipsAreNotRepeated: a POS that kicks again and again prints one slip.
func TestSlipsAreNotRepeated(t *testing.T) {
	now := time.Duration(0)
	s := newSlips(func() time.Duration { return now }, func(error) {})
	for range 50 {
		s.add("same", "text")
	}
	s.add("other", "text")
	if len(s.queue) != 2 {
		t.Errorf("%d slips, want 2", len(s.queue))
	}
	now += slipQuiet + time.Second
	for i := range 50 {
		s.add(fmt.Sprint(i), "text")
	}
	if len(s.queue) != slipQueue {
		t.Errorf("%d slips wait, want %d", len(s.queue), slipQueue)
	}
}

func TestAProblemNamesItsPartOnce(t *testing.T) {
	d := &Daemon{problems: map[string]string{}}
	d.problem("printer receipt", "printer receipt: its link is taken")
	if got := d.problems["printer receipt"]; got != "its link is taken" {
		t.Errorf("says %q of it, after its name", got)
	}
}
