package enforcer

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// TestApprovalsTakeAReason: where the function wants one, of the kind that it
// wants, and nothing is granted without.
func TestApprovalsTakeAReason(t *testing.T) {
	words := "the queue is long"
	for _, x := range []struct {
		words    string
		function string
		why      Why
		reason   entry.Reason
	}{
		{"none, and none is wanted", fnNoSale, Why{}, entry.ReasonRule},
		{"one is kept where none is wanted", fnNoSale, Why{Code: 2}, entry.ReasonRule},
		{"none, and a code is wanted", fnCode, Why{}, entry.ReasonWhyNeeded},
		{"a code of the list", fnCode, Why{Code: 2}, entry.ReasonRule},
		{"a code that is in no list", fnCode, Why{Code: 77}, entry.ReasonWhyNeeded},
		{"such a code besides words", fnCode, Why{Code: 77, Text: words}, entry.ReasonWhyNeeded},
		{"words in place of a code", fnCode, Why{Text: words}, entry.ReasonRule},
		{"a code with words", fnCode, Why{Code: 2, Text: words}, entry.ReasonRule},
		{"none, and words are wanted", fnWords, Why{}, entry.ReasonWhyNeeded},
		{"a code is not words", fnWords, Why{Code: 2}, entry.ReasonWhyNeeded},
		{"words", fnWords, Why{Text: words}, entry.ReasonRule},
	} {
		t.Run(x.words, func(t *testing.T) {
			r := ready(t)
			r.opt.WhyKnown = func(code uint16) bool { return code < 50 }
			r.signOn(ann)
			d, _ := r.ask(x.function, "")
			r.clock.advance(DefaultAnnounce)
			got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr", Why: x.why})
			if err != nil {
				t.Fatal(err)
			}
			outcome, why := entry.OutcomeAllowed, x.why
			if x.reason != entry.ReasonRule {
				outcome, why = entry.OutcomeDenied, Why{} // what is no reason is not kept
			}
			want(t, x.words, got, outcome, x.reason)
			if e := r.journal.last(t, entry.KindApproval); e.WhyCode != why.Code || e.Why != why.Text {
				t.Errorf("journaled: %d %q", e.WhyCode, e.Why)
			}
		})
	}
}

// TestReasonIsAskedLast: who may not approve is told that, and not asked why;
// and nobody needs a reason to refuse.
func TestReasonIsAskedLast(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	d, _ := r.ask(fnCode, "")
	if o := r.Snapshot().Override; o.Why.String() != "code" {
		t.Errorf("announced: %+v", o)
	}
	r.clock.advance(DefaultAnnounce)
	want(t, "a cashier", r.approve(d.Override, bob), entry.OutcomeDenied, entry.ReasonNoManagerOverride)
	want(t, "the requester", r.approve(d.Override, ann), entry.OutcomeDenied, entry.ReasonOwnRequest)
	if err := r.Refuse(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr"}); err != nil {
		t.Error(err)
	}
}

// TestInvariant5NoCardNumberInAReason: words that could hold one go nowhere.
func TestInvariant5NoCardNumberInAReason(t *testing.T) {
	r := ready(t)
	r.signOn(ann)
	d, _ := r.ask(fnWords, "")
	r.clock.advance(DefaultAnnounce)
	before := len(r.journal.all())
	for _, text := range []string{
		"4111111111111111", "card 4111 1111 1111 1111", "4111-1111-1111-1111 of hers", "short", "two\nlines of it", strings.Repeat("x", MaxWhy+1), "\xff\xfe broken text",
	} {
		got, err := r.Approve(ctx, d.Override, Approver{Subject: lea, Method: entry.MethodCard, Source: "msr", Why: Why{Text: text}})
		if !errors.Is(err, ErrRequest) || got.Outcome != entry.OutcomeError {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	if es := r.journal.all(); len(es) != before {
		t.Errorf("journaled: %+v", es[before:])
	}
}

// TestShippedWhyCodes: each has a code of its own that fits a keypad, and says
// what it is in a line of the list that is printed.
func TestShippedWhyCodes(t *testing.T) {
	seen := map[uint16]bool{}
	for _, w := range ShippedWhyCodes() {
		if w.Code == 0 || w.Code > MaxWhyCode || seen[w.Code] || len(fmt.Sprint(w.Code, w.Name)) > 60 || w.Name == "" {
			t.Errorf("%+v", w)
		}
		seen[w.Code] = true
	}
	if len(seen) < 8 {
		t.Errorf("%d reasons", len(seen))
	}
}
