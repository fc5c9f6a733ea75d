package signon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// TestMethods: what each work group must show, and what else will do.
func TestMethods(t *testing.T) {
	for _, c := range []struct {
		site                                 policy.SignOnMethod
		operator                             string
		card, cardPIN, numberPIN             Action
		cardReason, cardPINReason, typReason entry.Reason
	}{
		{policy.SignOnDefault, "1001", SignedOn, SignedOn, SignedOn, 0, 0, 0},
		{policy.SignOnDefault, "3002", AskPIN, SignedOn, SignedOn, entry.ReasonPINRequired, 0, 0},
		{policy.SignOnDefault, "3001", AskPIN, SignedOn, Refused, entry.ReasonPINRequired, 0, entry.ReasonWrongPIN},
		{policy.SignOnNumberPIN, "1001", AskPIN, SignedOn, SignedOn, entry.ReasonPINRequired, 0, 0},
		{policy.SignOnCardPIN, "1001", AskPIN, SignedOn, Refused, entry.ReasonPINRequired, 0, entry.ReasonWrongPIN},
		{policy.SignOnCardPIN, "3002", AskPIN, SignedOn, SignedOn, entry.ReasonPINRequired, 0, 0},
	} {
		t.Run(fmt.Sprintf("site %s, operator %s", c.site, c.operator), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, func(o *Options) { o.Method = c.site })
				pin := pinOf(c.operator)
				off := func() {
					time.Sleep(3 * time.Second)
					if r.signedOn() != "" {
						if _, err := r.s.SignOff(r.ctx, "test"); err != nil {
							t.Fatal(err)
						}
					}
				}
				r.want(r.swipe(c.operator), c.card, c.cardReason)
				off()
				r.want(r.present(Credential{Card: cardOf(c.operator), PIN: []byte(pin)}), c.cardPIN, c.cardPINReason)
				if e := r.last(entry.KindSignOn); e.Method != entry.MethodCardPIN {
					t.Errorf("journaled as %s", e.Method)
				}
				off()
				r.want(r.typed(c.operator, pin), c.numberPIN, c.typReason)
				if c.numberPIN == Refused {
					if e := r.last(entry.KindSignOn); e.Reason != entry.ReasonCardRequired || e.Operator != c.operator {
						t.Errorf("journaled as %s", e.Reason)
					}
				}
			})
		})
	}
}

func pinOf(number string) string {
	for _, o := range testOperators {
		if o.number == number {
			return o.pin
		}
	}
	return ""
}

// TestStrictestWorkGroupWins.
func TestStrictestWorkGroupWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if _, err := r.store.SetGroups(r.ctx, By{}, "1001", []string{cashier, typed, cardPIN}); err != nil {
			t.Fatal(err)
		}
		r.want(r.swipe("1001"), AskPIN, entry.ReasonPINRequired)
		r.want(r.typed("1001", "2580"), Refused, entry.ReasonWrongPIN)
	})
}

func TestCardThenPIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ask := func() Result {
			t.Helper()
			res := r.swipe("3001")
			r.want(res, AskPIN, entry.ReasonPINRequired)
			if !res.NeedPIN || res.Token == "" || res.OK || !strings.Contains(res.Say, "Cleo") {
				t.Fatalf("asks for no PIN: %+v", res)
			}
			return res
		}
		give := func(token, pin string) Result {
			t.Helper()
			b := []byte(pin)
			res, err := r.s.PIN(r.ctx, token, b, "keypad")
			if err != nil {
				t.Fatal(err)
			}
			wiped(t, b)
			return res
		}
		first := ask()
		r.want(give(first.Token, "8521"), Refused, entry.ReasonWrongPIN)
		r.want(give(first.Token, "8520"), Refused, entry.ReasonTimeout) // a token works once
		r.want(give("", "8520"), Refused, entry.ReasonTimeout)
		late := ask()
		time.Sleep(31 * time.Second)
		r.want(give(late.Token, "8520"), Refused, entry.ReasonTimeout)
		cancelled := ask()
		r.s.Drop(cancelled.Token)
		r.want(give(cancelled.Token, "8520"), Refused, entry.ReasonTimeout)
		old, now := ask(), ask() // the same card waits once
		r.want(give(old.Token, "8520"), Refused, entry.ReasonTimeout)
		r.want(give(now.Token, "8520"), SignedOn, entry.ReasonNone)
		r.wantState("3001", false, false)
	})
}

// TestPINIsForTheStateOfTheSwipe: who swiped to sign on does not unlock or
// approve something else thirty seconds later.
func TestPINIsForTheStateOfTheSwipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		asked := r.swipe("3001")
		r.want(asked, AskPIN, entry.ReasonPINRequired)
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		res, err := r.s.PIN(r.ctx, asked.Token, []byte("8520"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(res, Refused, entry.ReasonStateChanged)
		r.wantState("1001", false, false)
	})
}

// TestPINOfSomebodySuspendedMeanwhile.
func TestPINOfSomebodySuspendedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		asked := r.swipe("3001")
		if c, err := r.people.Suspend(r.ctx, r.as("2001"), "3001"); err != nil || !c.OK {
			t.Fatal(err, c.Say)
		}
		res, err := r.s.PIN(r.ctx, asked.Token, []byte("8520"), "keypad")
		if err != nil {
			t.Fatal(err)
		}
		r.want(res, Refused, entry.ReasonSuspended)
		asked = r.swipe("3002")
		if c, err := r.people.RevokeCard(r.ctx, r.as("2001"), "3002", 0); err != nil || !c.OK {
			t.Fatal(err, c.Say)
		}
		if res, err = r.s.PIN(r.ctx, asked.Token, []byte("7410"), "keypad"); err != nil {
			t.Fatal(err)
		}
		r.want(res, Refused, entry.ReasonUnknownCredential)
		r.wantState("", false, false)
	})
}

func wiped(t *testing.T, b []byte) {
	t.Helper()
	for _, c := range b {
		if c != 0 {
			t.Fatal("a PIN is left in memory")
		}
	}
}

// TestNobodyCanTellNumbersApart: unknown, wrong, suspended, locked, without a
// PIN and not allowed by number: the same words, the same reason, the same time.
func TestNobodyCanTellNumbersApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, o := range []struct {
			number string
			change func() (Change, error)
		}{
			{"1002", func() (Change, error) { return r.store.Suspend(r.ctx, By{}, "1002") }},
			{"5001", func() (Change, error) {
				return r.store.Add(r.ctx, By{}, NewOperator{Number: "5001", Name: "No PIN", WorkGroups: []string{cashier}}, false)
			}},
		} {
			if c, err := o.change(); err != nil || !c.OK {
				t.Fatal(err, c.Say)
			}
		}
		type answer struct {
			res  Result
			took time.Duration
		}
		try := func(number, pin string) answer {
			time.Sleep(time.Minute) // so that no source is slowed down
			began := time.Now()
			b := []byte(pin)
			res, err := r.s.Present(r.ctx, Credential{Number: number, PIN: b, Source: "keypad"})
			if err != nil {
				t.Fatal(err)
			}
			wiped(t, b)
			return answer{res, time.Since(began)}
		}
		want := try("777777777", "1111")
		if want.took < 300*time.Millisecond || want.res.Say == "" || want.res.Operator != nil {
			t.Fatalf("an unknown number: %+v after %s", want.res, want.took)
		}
		reasons := map[string]entry.Reason{}
		for name, c := range map[string][2]string{
			"wrong": {"1001", "2581"}, "suspended, right": {"1002", "1470"}, "suspended, wrong": {"1002", "1471"},
			"no PIN": {"5001", "1111"}, "card needed, right": {"3001", "8520"}, "card needed, wrong": {"3001", "8521"},
			"no number": {"", "2580"}, "letters": {"abc", "2580"}, "long number": {"1234567890", "2580"}, "short PIN": {"1001", "25"},
			"no PIN given": {"1001", ""}, "long PIN": {"1001", "2580258025802"}, "path": {"../1001", "2580"},
		} {
			got := try(c[0], c[1])
			if got.res.Say != want.res.Say || got.res.Reason != want.res.Reason || got.res.Operator != nil || got.res.LockedUntil != 0 || got.took != want.took ||
				got.res.Method != want.res.Method || got.res.Action != want.res.Action {
				t.Errorf("%s can be told from unknown: %+v after %s", name, got.res, got.took)
			}
			reasons[name] = r.last(entry.KindSignOn).Reason
		}
		for name, reason := range map[string]entry.Reason{
			"wrong": entry.ReasonWrongPIN, "suspended, right": entry.ReasonSuspended, "no PIN": entry.ReasonWrongPIN,
			"card needed, right": entry.ReasonCardRequired, "no number": entry.ReasonUnknownCredential,
		} {
			if reasons[name] != reason {
				t.Errorf("%s is journaled as %s, want %s", name, reasons[name], reason)
			}
		}
		for range 6 {
			try("1001", "2581")
		}
		if got := try("1001", "2580"); got.res.Say != want.res.Say || got.took != want.took || got.res.Operator != nil {
			t.Errorf("a lock can be told from unknown: %+v after %s", got.res, got.took)
		}
		if e := r.last(entry.KindSignOn); e.Reason != entry.ReasonLockedOut || e.Operator != "1001" {
			t.Errorf("locked is journaled as %s", e.Reason)
		}
	})
}

// TestSlowDownIsTheSameForUnknownNumbers: ten wrong tries in a row of a known and
// of an unknown number take the same time, one by one.
func TestSlowDownIsTheSameForUnknownNumbers(t *testing.T) {
	times := func(number string) (list []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			for range 10 {
				began := time.Now()
				r.want(r.typed(number, "1111"), Refused, entry.ReasonWrongPIN)
				list = append(list, time.Since(began))
			}
		})
		return list
	}
	known, unknown := times("1001"), times("777777777")
	if fmt.Sprint(known) != fmt.Sprint(unknown) {
		t.Errorf("known: %v\nunknown: %v", known, unknown)
	}
	if known[0] != 300*time.Millisecond || known[4] < time.Second {
		t.Errorf("wrong tries do not slow down: %v", known)
	}
}

// TestSpecificAfterAValidCard.
func TestSpecificAfterAValidCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if _, err := r.store.Suspend(r.ctx, By{}, "1001"); err != nil {
			t.Fatal(err)
		}
		began := time.Now().Add(3 * time.Second)
		res := r.swipe("1001")
		r.want(res, Refused, entry.ReasonSuspended)
		if res.Say != "Ann is suspended" || time.Since(began) != 300*time.Millisecond {
			t.Errorf("%q after %s", res.Say, time.Since(began))
		}
		c, err := r.store.Add(r.ctx, By{}, NewOperator{Number: "5001", Name: "Nopin", WorkGroups: []string{cardPIN}, Card: cardOf("5001")}, false)
		if err != nil || !c.OK {
			t.Fatal(err, c.Say)
		}
		res = r.swipe("5001")
		if r.want(res, Refused, entry.ReasonPINRequired); res.NeedPIN || !strings.Contains(res.Say, "no PIN") {
			t.Errorf("a card without a PIN: %q", res.Say)
		}
	})
}

// TestRatesAndSourceSlowDown: one source cannot try many numbers, and another
// is not slowed down by it.
func TestRatesAndSourceSlowDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		began := time.Now()
		for i := range 20 {
			r.typed(fmt.Sprint(500000+i), "2580")
		}
		if took := time.Since(began); took < 30*time.Second {
			t.Errorf("twenty numbers from one source in %s", took)
		}
		began = time.Now()
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("another source was kept waiting for %s", took)
		}
		// More at once than anybody types: refused unseen, and journaled.
		mark := r.journal.mark()
		var wg sync.WaitGroup
		var mu sync.Mutex
		count := map[entry.Reason]int{}
		for i := range 40 {
			wg.Go(func() {
				res, err := r.s.Present(r.ctx, Credential{Number: fmt.Sprint(600000 + i), PIN: []byte("2580"), Source: "console"})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				count[res.Reason]++
				mu.Unlock()
			})
		}
		wg.Wait()
		if count[entry.ReasonRate] < 25 || len(r.journal.since(mark)) != 40 {
			t.Errorf("forty at once: %v, %d entries", count, len(r.journal.since(mark)))
		}
	})
}

// TestIdentify: who it is, and nothing changes.
func TestIdentify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		id := func(c Credential, n Need) Verdict {
			t.Helper()
			c.Source = "console"
			v, err := r.s.Identify(r.ctx, c, n)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		mark := r.journal.mark()
		if v := id(Credential{Number: "2001", PIN: []byte("3690")}, NeedSite); !v.OK || v.Operator.Number != "2001" || v.Method != entry.MethodNumberPIN {
			t.Errorf("number and PIN: %+v", v)
		}
		if v := id(Credential{Card: cardOf("2001")}, NeedSite); !v.OK || v.Method != entry.MethodCard {
			t.Errorf("card: %+v", v)
		}
		v := id(Credential{Card: cardOf("2001")}, NeedPIN)
		if v.OK || !v.NeedPIN || v.Token == "" {
			t.Fatalf("card where a PIN is needed: %+v", v)
		}
		if len(r.journal.since(mark)) != 0 {
			t.Error("identifying somebody is journaled by whoever uses it")
		}
		res, err := r.s.PIN(r.ctx, v.Token, []byte("3690"), "keypad")
		if err != nil || res.Action != Identified || !res.OK || res.Method != entry.MethodCardPIN {
			t.Errorf("its PIN: %+v %v", res, err)
		}
		if v := id(Credential{Card: paymentCard()}, NeedSite); v.OK || v.Reason != entry.ReasonPaymentCard {
			t.Errorf("payment card: %+v", v)
		}
		if v := id(Credential{Number: "2001", PIN: []byte("1111")}, NeedSite); v.OK || v.Operator != nil {
			t.Errorf("wrong PIN: %+v", v)
		}
		if e := r.last(entry.KindIdentify); e.Reason != entry.ReasonWrongPIN || e.Operator != "2001" {
			t.Errorf("journaled as %+v", e)
		}
		r.wantState("", false, false)
	})
}

// TestJournalFails: nobody gets in past a journal that cannot be written, and
// a refusal stays one.
func TestJournalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.journal.failing(true)
		for _, c := range []Credential{
			{Card: cardOf("1001"), Source: "reader"},
			{Number: "1001", PIN: []byte("2580"), Source: "keypad"},
			{Number: "1001", PIN: []byte("1111"), Source: "keypad"},
			{Card: paymentCard(), Source: "reader"},
		} {
			res, err := r.s.Present(r.ctx, c)
			if !errors.Is(err, errJournal) || res.Action != Refused {
				t.Errorf("%v: %s, %v", c, res.Action, err)
			}
		}
		r.journal.failing(false)
		r.wantState("", false, false)
		// What restricts does not wait for it.
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
		time.Sleep(3 * time.Second)
		r.journal.failing(true)
		res, err := r.s.Swipe(r.ctx, cardOf("1001"), "reader")
		if !errors.Is(err, errJournal) || res.Action != Locked {
			t.Errorf("locking: %s, %v", res.Action, err)
		}
		time.Sleep(3 * time.Second)
		if res, err = r.s.Swipe(r.ctx, cardOf("1001"), "reader"); !errors.Is(err, errJournal) || res.Action != Refused {
			t.Errorf("unlocking: %s, %v", res.Action, err)
		}
		r.wantState("1001", true, false)
		r.journal.failing(false)
		r.want(r.swipe("1001"), Unlocked, entry.ReasonNone)
		r.journal.failing(true)
		if res, err = r.s.SignOff(r.ctx, "pos"); !errors.Is(err, errJournal) || res.Action != SignedOff {
			t.Errorf("signing off: %s, %v", res.Action, err)
		}
		r.wantState("", false, false)
		r.journal.failing(false)
	})
}

// TestCancelledGetsNoAnswer: whoever hangs up early learns nothing early.
func TestCancelledGetsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		ctx, cancel := context.WithTimeout(r.ctx, 100*time.Millisecond)
		defer cancel()
		res, err := r.s.Present(ctx, Credential{Number: "1001", PIN: []byte("1111"), Source: "keypad"})
		if !errors.Is(err, context.DeadlineExceeded) || res.Say != "" || res.Reason != 0 {
			t.Errorf("%+v %v", res, err)
		}
	})
}
