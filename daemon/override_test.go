package daemon

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
)

// waiting asks for a function over the POS socket, and gives the override once
// an approval of it would count.
func (r *register) waiting(function string) api.Override {
	r.t.Helper()
	a, err := r.pos.Ask(r.t.Context(), api.AskRequest{Function: function})
	if err != nil || a.Outcome != "override-required" || a.Override == 0 {
		r.t.Fatalf("ask for %s: %+v %v", function, a, err)
	}
	until(r.t, "it was announced for a second", func() bool {
		a, err := r.con.Approve(r.t.Context(), a.Override, api.ApproveRequest{Credentials: creds("9000")})
		return err == nil && a.Reason != "too-early"
	})
	return r.pending(r.con)
}

// byNumber lets number and PIN approve at a register that has a reader.
const byNumber = "[override]\nfallback = \"yes\"\n"

// pending is the override that a socket shows.
func (r *register) pending(c *api.Client) api.Override {
	r.t.Helper()
	list, err := c.Overrides(r.t.Context())
	if err != nil || len(list.Overrides) != 1 {
		r.t.Fatalf("pending: %+v %v", list, err)
	}
	return list.Overrides[0]
}

// TestDualControlOverTheAPI: two different managers, and what each side sees
// in between.
func TestDualControlOverTheAPI(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffedUnder(shippedWith(t, "pos.void.transaction", "dual_control = true"))
	ctx := t.Context()
	r.signOn("1002")
	o := r.waiting("pos.void.transaction")
	if o.Needs != 2 || o.Approvals != 0 {
		t.Errorf("announced: %+v", o)
	}
	a, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2001")})
	if err != nil || a.Outcome != "override-required" || a.Reason != "one-of-two" || a.Approver != "2001" || !strings.Contains(a.Say, "another person") {
		t.Fatalf("the first: %+v %v", a, err)
	}
	if o := r.pending(r.con); o.Approvals != 1 || !slices.Equal(o.Approved, []string{"2001"}) {
		t.Errorf("the console sees %+v", o)
	}
	if o := r.pending(r.pos); o.Approvals != 1 || o.Approved != nil {
		t.Errorf("the POS sees %+v", o)
	}
	if w, err := r.pos.WaitOverride(ctx, o.ID, time.Millisecond); err != nil || w.Outcome != "override-required" || w.Reason != "one-of-two" {
		t.Errorf("who waits hears %+v %v", w, err)
	}
	if a, err = r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2001")}); err != nil || a.Outcome != "denied" || a.Reason != "approved-already" {
		t.Errorf("the same again: %+v %v", a, err)
	}
	if a, err = r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2002")}); err != nil || a.Outcome != "allowed" {
		t.Fatalf("the second: %+v %v", a, err)
	}
	es := r.entries("approval")
	if last := es[len(es)-1]; last.First == 0 || last.Approver != "2002" {
		t.Errorf("journaled: %+v", last)
	}
}

// TestStepUpOverTheAPI: the POS sees what it waits for, and cannot give it.
func TestStepUpOverTheAPI(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffedUnder(shippedWith(t, "pos.void.line", "step_up = true"))
	ctx := t.Context()
	r.signOn("2001")
	a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.line"})
	if err != nil || a.Outcome != "override-required" || a.Reason != "step-up" || !strings.Contains(a.Say, "your own PIN") {
		t.Fatalf("ask: %+v %v", a, err)
	}
	if o := r.pending(r.pos); !o.StepUp || o.ID != a.Override {
		t.Errorf("the POS sees %+v", o)
	}
	if w, err := r.pos.WaitOverride(ctx, a.Override, time.Millisecond); err != nil || w.Reason != "step-up" {
		t.Errorf("who waits hears %+v %v", w, err)
	}
	if _, err := r.pos.Confirm(ctx, a.Override, creds("2001").PIN); !isCode(err, api.CodeForbidden) {
		t.Errorf("over the POS socket: %v", err)
	}
	if _, err := r.con.Confirm(ctx, a.Override, api.Secret("00001111")); !isCode(err, api.CodeRefused) {
		t.Errorf("a wrong PIN: %v", err)
	}
	until(t, "it was announced for a second", func() bool {
		got, err := r.con.Confirm(ctx, a.Override, creds("2001").PIN)
		if err == nil && got.Outcome == "allowed" && got.Approver != "" {
			t.Errorf("approved by %q", got.Approver)
		}
		return err == nil && got.Outcome == "allowed"
	})
	if w, err := r.pos.WaitOverride(ctx, a.Override, time.Second); err != nil || w.Outcome != "allowed" {
		t.Errorf("who waited: %+v %v", w, err)
	}
	if es := r.entries("step-up"); es[len(es)-1].Method != "pin" || es[len(es)-1].Operator != "2001" {
		t.Errorf("journaled: %+v", es)
	}
	r.noSecrets("36901472")
}

// askedOwnPIN is a register at which the own PIN is waited for, and counts.
func askedOwnPIN(t *testing.T) (*benchRegister, *api.Answer) {
	t.Helper()
	b := withReader(t, "")
	b.staffedUnder(shippedWith(t, "pos.void.line", "step_up = true"))
	b.signOn("2001")
	a, err := b.pos.Ask(t.Context(), api.AskRequest{Function: "pos.void.line"})
	if err != nil || a.Reason != "step-up" {
		t.Fatalf("%+v %v", a, err)
	}
	time.Sleep(1100 * time.Millisecond) // what is announced counts after a second
	return b, a
}

// TestStepUpAtTheKeypad: the next line is the own PIN, not a number.
func TestStepUpAtTheKeypad(t *testing.T) {
	t.Parallel()
	b, a := askedOwnPIN(t)
	b.enter("36901472")
	if w, err := b.pos.WaitOverride(t.Context(), a.Override, longEnough); err != nil || w.Outcome != "allowed" {
		t.Errorf("%+v %v", w, err)
	}
	b.noSecrets("36901472")
}

// TestCodesAreNoTriesOfThePIN: while the own PIN is waited for, codes do what they
// always do, and neither they nor Enter alone count as wrong PINs.
func TestCodesAreNoTriesOfThePIN(t *testing.T) {
	t.Parallel()
	b, a := askedOwnPIN(t)
	for n := range 2 * b.d.config().SignOn.Tries {
		b.enter("")
		b.enter("*61#") // no code of this keypad
		until(t, "it was looked at", func() bool { return strings.Count(b.log.String(), "an unknown code was entered") == n+1 })
	}
	b.enter("36901472")
	if w, err := b.pos.WaitOverride(t.Context(), a.Override, longEnough); err != nil || w.Outcome != "allowed" {
		t.Errorf("%+v %v", w, err)
	}
	if es := b.entries("step-up"); len(es) != 1 || len(b.entries("identify"))+len(b.entries("lockout")) != 0 {
		t.Errorf("journaled: %+v, %+v, %+v", es, b.entries("identify"), b.entries("lockout"))
	}
	// A code that locks does lock, and ends what waits.
	if a, err := b.pos.Ask(t.Context(), api.AskRequest{Function: "pos.void.line"}); err != nil || a.Reason != "step-up" {
		t.Fatalf("%+v %v", a, err)
	}
	b.enter("*9#")
	b.session("locked", func(s *api.SessionState) bool { return s.SignedOn && s.Session.Locked })
	b.noSecrets("36901472")
}

// TestReasonOverTheAPI: checked before the PIN, journaled as a code or as words.
func TestReasonOverTheAPI(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "[[override.reason]]\ncode = 3\nname = \"the shelf says otherwise\"\n").start().
		staffedUnder(shippedWith(t, "pos.void.transaction", `reason = "code"`))
	ctx := t.Context()
	r.signOn("1002")
	if list, err := r.con.Reasons(ctx); err != nil || len(list.Reasons) != 1 || list.Reasons[0] != (api.Reason{Code: 3, Name: "the shelf says otherwise"}) {
		t.Errorf("reasons: %+v %v", list, err)
	}
	o := r.waiting("pos.void.transaction")
	if o.Reason != "code" {
		t.Errorf("announced: %+v", o)
	}
	for _, bad := range []api.ApproveRequest{{ReasonCode: 4}, {Reason: "short"}, {Reason: "4111 1111 1111 1111"}} {
		bad.Credentials = creds("2001")
		if _, err := r.con.Approve(ctx, o.ID, bad); !isCode(err, api.CodeInvalid) {
			t.Errorf("%d %q: %v", bad.ReasonCode, bad.Reason, err)
		}
	}
	a, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2001")})
	if err != nil || a.Outcome != "denied" || a.Reason != "why-needed" {
		t.Errorf("without: %+v %v", a, err)
	}
	a, err = r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2001"), ReasonCode: 3, Reason: "sign in aisle four"})
	if err != nil || a.Outcome != "allowed" {
		t.Fatalf("with: %+v %v", a, err)
	}
	es := r.entries("approval")
	if e := es[len(es)-1]; e.WhyCode != 3 || e.Why != "sign in aisle four" {
		t.Errorf("journaled: %+v", e)
	}
	r.noSecrets("4111 1111")
}

// TestReasonAtTheKeypad: number, PIN, and then the reason's code.
func TestReasonAtTheKeypad(t *testing.T) {
	t.Parallel()
	b := withReader(t, byNumber)
	b.staffedUnder(shippedWith(t, "pos.void.transaction", `reason = "code"`))
	b.signOn("1002")
	o := b.waiting("pos.void.transaction")
	b.enter("2001")
	b.enter("36901472")
	until(t, "the reason is waited for", b.d.why.waits)
	b.enter("9")
	if w, err := b.pos.WaitOverride(t.Context(), o.ID, longEnough); err != nil || w.Outcome != "allowed" {
		t.Errorf("%+v %v", w, err)
	}
	if es := b.entries("approval"); es[len(es)-1].WhyCode != 9 {
		t.Errorf("journaled: %+v", es[len(es)-1])
	}
}

// TestRemoteApprovalOverTheAPI: only where the site allows it, only over the
// console's socket, and journaled with the place.
func TestRemoteApprovalOverTheAPI(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "[override]\nremote = true\nfallback = \"no\"\n").start().staffed()
	ctx := t.Context()
	r.signOn("1002")
	a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction"})
	if err != nil || a.Override == 0 {
		t.Fatalf("%+v %v", a, err)
	}
	here := api.ApproveRequest{Credentials: creds("2001")}
	if _, err := r.con.Approve(ctx, a.Override, here); !isCode(err, api.CodeRefused) || !strings.Contains(err.Error(), "take the card") {
		t.Errorf("by number and PIN, here: %v", err)
	}
	far := func(where string) api.ApproveRequest {
		return api.ApproveRequest{Credentials: creds("2001"), Remote: where}
	}
	if _, err := r.pos.Approve(ctx, a.Override, far("register 4")); !isCode(err, api.CodeForbidden) {
		t.Errorf("over the POS socket: %v", err)
	}
	for _, where := range []string{"4111 1111 1111 1111", "two\nlines", strings.Repeat("x", 65)} {
		if _, err := r.con.Approve(ctx, a.Override, far(where)); !isCode(err, api.CodeInvalid) {
			t.Errorf("from %q: %v", where, err)
		}
	}
	until(t, "it is approved from afar", func() bool {
		got, err := r.con.Approve(ctx, a.Override, far("register 4"))
		return err == nil && got.Outcome == "allowed"
	})
	es := r.entries("approval")
	if e := es[len(es)-1]; e.ApprovedBy != "remote" || e.At != "register 4" || e.Approver != "2001" || e.Fallback {
		t.Errorf("journaled: %+v", e)
	}
}

// TestApprovalForATransaction: allowed again until a receipt is cut.
func TestApprovalForATransaction(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffedUnder(shippedWith(t, "pos.void.transaction", "transaction = true"))
	ctx := t.Context()
	r.signOn("1002")
	ask := func() *api.Answer {
		t.Helper()
		a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction"})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	ask()
	o := r.pending(r.con)
	if !o.Transaction {
		t.Errorf("announced: %+v", o)
	}
	until(t, "it is approved", func() bool {
		got, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2001"), Transaction: true})
		return err == nil && got.Outcome == "allowed"
	})
	for range 2 {
		if a := ask(); a.Outcome != "allowed" || a.Reason != "approved" || !strings.Contains(a.Say, "this transaction") {
			t.Errorf("again: %+v", a)
		}
	}
	r.d.printed()
	if a := ask(); a.Outcome != "override-required" {
		t.Errorf("after the receipt: %+v", a)
	}
	until(t, "the end is journaled", func() bool {
		es := r.entries("scope-end")
		return len(es) == 1 && es[0].Count == 2 && es[0].Rest && es[0].Reason == "transaction-over"
	})
}
