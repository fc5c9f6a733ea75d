package daemon

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
)

// TestFirstDay: an empty register, its first policy, its first operator, and
// what the sockets say at each step.
func TestFirstDay(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start()
	ctx := t.Context()

	s, err := r.tech.Status(ctx)
	if err != nil || s.State != "degraded" || s.Policy != nil || *s.Operators != 0 || !strings.Contains(strings.Join(s.Problems, "\n"), "no policy") {
		t.Fatalf("an empty register: %+v %v", s, err)
	}
	a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.nosale"})
	if err != nil || a.Outcome != "denied" || a.Reason != "no-policy" || a.Seq == 0 {
		t.Fatalf("without a policy: %+v %v", a, err)
	}
	// An operator from the console, where nobody can act yet.
	if _, err := r.con.People(ctx, api.PeopleAdd, staff[0]); !isCode(err, api.CodeRefused) {
		t.Errorf("the console adds the first operator: %v", err)
	}
	r.staffed()
	if s, err = r.tech.Status(ctx); err != nil || s.State != "ready" || s.Policy.Epoch != 1 || *s.Operators != 5 {
		t.Fatalf("a staffed register: %+v %v", s, err)
	}
	// The technician's part with people is over.
	if _, err := r.tech.People(ctx, api.PeopleAdd, api.PeopleRequest{
		Number: "5", Name: "X", WorkGroups: []string{groupOperators}, PIN: api.Secret("2580"),
	}); !isCode(err, api.CodeConflict) {
		t.Errorf("the technician adds a second operator: %v", err)
	}
	wrong := creds("1001")
	wrong.PIN = api.Secret("0001")
	if got, err := r.con.SignOn(ctx, wrong); err != nil || got.OK || got.Session != nil {
		t.Errorf("a wrong PIN: %+v %v", got, err)
	}
	r.signOn("1001")
	if got, err := r.con.SignOn(ctx, creds("1002")); err != nil || got.OK || !strings.Contains(got.Say, "Ada is signed on") {
		t.Errorf("a second sign-on: %+v %v", got, err)
	}
	// What each socket tells of the session.
	onPOS, err := r.pos.Session(ctx)
	if err != nil || onPOS.Session.Operator != "1001" || onPOS.Session.Person != "" || onPOS.Session.WorkGroups != nil {
		t.Errorf("the POS hears %+v %v", onPOS.Session, err)
	}
	onCon, err := r.con.Session(ctx)
	if err != nil || onCon.Session.Person != "ada" || len(onCon.Session.WorkGroups) != 1 {
		t.Errorf("the console hears %+v %v", onCon.Session, err)
	}
	// A question, with its rule in words.
	a, err = r.pos.Ask(ctx, api.AskRequest{Function: "pos.sale.item"})
	if err != nil || a.Outcome != "allowed" || a.Rule == nil || a.Say == "" || a.Name == "" {
		t.Errorf("a sale: %+v %v", a, err)
	}
	a, err = r.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.nosale", NoOverride: true})
	if err != nil || a.Outcome != "override-required" || a.Override != 0 || !strings.Contains(a.Say, "X") {
		t.Errorf("a no-sale, merely asked: %+v %v", a, err)
	}
	a, err = r.pos.Ask(ctx, api.AskRequest{Function: "pos.nothing.such"})
	if err != nil || a.Outcome != "denied" || a.Reason != "unknown-function" {
		t.Errorf("a function that is none: %+v %v", a, err)
	}
	menu, err := r.pos.Menu(ctx)
	if err != nil || len(menu.Items) < 10 {
		t.Fatalf("menu %+v %v", menu, err)
	}
	for _, m := range menu.Items {
		if m.Function == "pos.drawer.nosale" || strings.HasPrefix(m.Function, "backoffice.security") {
			t.Errorf("the menu of a cashier has %s", m.Function)
		}
	}
	if _, err := r.pos.Lock(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.pos.SignOff(ctx); !isCode(err, api.CodeConflict) {
		t.Errorf("signing off a locked register: %v", err)
	}
	if a, _ := r.pos.Ask(ctx, api.AskRequest{Function: "pos.sale.item"}); a == nil || a.Reason != "locked" {
		t.Errorf("locked: %+v", a)
	}
	if got, err := r.con.Unlock(ctx, creds("1001")); err != nil || !got.OK {
		t.Errorf("unlock: %+v %v", got, err)
	}
	if _, err := r.pos.SignOff(ctx); err != nil {
		t.Error(err)
	}
	if _, err := r.pos.SignOff(ctx); !isCode(err, api.CodeConflict) {
		t.Errorf("nobody is signed on: %v", err)
	}
}

// A register that cannot start says why, and lets go of what it had opened.
func TestCannotStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(*register)
		says   string
	}{
		"no folder for its state": {func(r *register) { r.write("state", nil, 0o600) }, "make the state folder"},
		"a key that is none": {func(r *register) {
			r.start().halt()
			r.write("state/keys/journal.key", []byte("nonsense"), 0o600)
		}, "journal.key"},
		"no folder for its sockets": {func(r *register) { r.write("run", nil, 0o600) }, "run"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRegister(t, "")
			c.damage(r)
			cfg, err := LoadConfig(r.write("tillwarden.toml", []byte(r.config), 0o644))
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				d, err := New(t.Context(), Options{Config: cfg})
				if err == nil || d != nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, %v", d, err)
				}
			}
		})
	}
}

// TestOverrideByNumberAndPIN: asked, announced, refused to the wrong people,
// approved by the right one, while the POS waits.
func TestOverrideByNumberAndPIN(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	ctx := t.Context()
	r.signOn("1001")
	answers := make(chan *api.Answer, 2)
	go func() {
		a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction", Wait: 30})
		if err != nil {
			t.Errorf("ask: %v", err)
		}
		answers <- a
	}()
	var o api.Override
	until(t, "an override is pending", func() bool {
		list, err := r.con.Overrides(ctx)
		if err != nil || len(list.Overrides) == 0 {
			return false
		}
		o = list.Overrides[0]
		return true
	})
	if o.Requester != "1001" || o.Function != "pos.void.transaction" || o.Prompt == o.Function || o.ExpiresIn <= 0 {
		t.Errorf("pending: %+v", o)
	}
	// Another ask for the same joins; one for something else has to wait its turn.
	joined, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction"})
	if err != nil || !joined.Joined || joined.Override != o.ID {
		t.Errorf("the same again: %+v %v", joined, err)
	}
	other, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.drawer.nosale"})
	if err != nil || other.Outcome != "denied" || other.Reason != "pending" {
		t.Errorf("something else: %+v %v", other, err)
	}
	// Not over yet: waiting says so.
	still, err := r.pos.WaitOverride(ctx, o.ID, 10*time.Millisecond)
	if err != nil || still.Outcome != "override-required" {
		t.Errorf("still pending: %+v %v", still, err)
	}
	until(t, "it was announced for a second", func() bool {
		a, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("1001")})
		return err == nil && a.Reason != "too-early"
	})
	for number, reason := range map[string]string{"1001": "own-request", "2002": "same-person", "1002": "no-manager-override"} {
		a, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds(number)})
		if err != nil || a.Outcome != "denied" || a.Reason != reason {
			t.Errorf("%s approves: %+v %v, want %s", number, a, err, reason)
		}
	}
	bad := creds("2001")
	bad.PIN = api.Secret("0001")
	if _, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: bad}); !isCode(err, api.CodeRefused) {
		t.Errorf("a wrong PIN approves: %v", err)
	}
	a, err := r.con.Approve(ctx, o.ID, api.ApproveRequest{Credentials: creds("2001")})
	if err != nil || a.Outcome != "allowed" || a.Approver != "2001" {
		t.Fatalf("approve: %+v %v", a, err)
	}
	if a := <-answers; a == nil || a.Outcome != "allowed" || a.Approver != "" {
		t.Errorf("the POS hears %+v", a)
	}
	// Who asks late still hears.
	if late, err := r.con.WaitOverride(ctx, o.ID, time.Second); err != nil || late.Outcome != "allowed" || late.Approver != "2001" {
		t.Errorf("late: %+v %v", late, err)
	}
	if _, err := r.con.Approve(ctx, 99999, api.ApproveRequest{Credentials: creds("2001")}); !isCode(err, api.CodeNotFound) {
		t.Errorf("an override that is none: %v", err)
	}

	// Taken back, and refused.
	b, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction"})
	if err != nil || b.Override == 0 {
		t.Fatalf("%+v %v", b, err)
	}
	if _, err := r.pos.Cancel(ctx, b.Override); err != nil {
		t.Error(err)
	}
	if w, err := r.pos.WaitOverride(ctx, b.Override, time.Second); err != nil || w.Outcome != "denied" || w.Reason != "cancelled" {
		t.Errorf("taken back: %+v %v", w, err)
	}
	if _, err := r.pos.Cancel(ctx, b.Override); !isCode(err, api.CodeNotFound) {
		t.Errorf("taken back twice: %v", err)
	}
	b, err = r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction"})
	if err != nil || b.Override == 0 {
		t.Fatalf("%+v %v", b, err)
	}
	until(t, "it was announced for a second", func() bool {
		a, err := r.con.Approve(ctx, b.Override, api.ApproveRequest{Credentials: creds("1002")})
		return err == nil && a.Reason != "too-early"
	})
	if _, err := r.con.Refuse(ctx, b.Override, creds("1002")); !isCode(err, api.CodeRefused) {
		t.Errorf("who could not approve refuses: %v", err)
	}
	if _, err := r.con.Refuse(ctx, b.Override, creds("2001")); err != nil {
		t.Error(err)
	}
	if w, err := r.pos.WaitOverride(ctx, b.Override, time.Second); err != nil || w.Reason != "refused-by-approver" {
		t.Errorf("refused: %+v %v", w, err)
	}
}

// TestRestartResumesSession: the session and what was loaded are there after a
// stop and start of the same boot, and the policy's epoch is remembered.
func TestRestartResumesSession(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	ctx := t.Context()
	r.signOn("1001")
	a, err := r.pos.Ask(ctx, api.AskRequest{Function: "pos.void.transaction"})
	if err != nil || a.Override == 0 {
		t.Fatalf("%+v %v", a, err)
	}
	r.halt()
	r.start()
	s, err := r.pos.Session(ctx)
	if err != nil || !s.SignedOn || s.Session.Operator != "1001" || s.Session.Name != "Ada" {
		t.Fatalf("after a restart: %+v %v", s, err)
	}
	st, err := r.tech.Status(ctx)
	if err != nil || st.Policy == nil || st.Policy.Epoch != 1 || st.Override == nil || st.Override.ID != a.Override {
		t.Fatalf("after a restart: %+v %v", st, err)
	}
	until(t, "the resumed override is approved", func() bool {
		got, err := r.con.Approve(ctx, a.Override, api.ApproveRequest{Credentials: creds("2001")})
		return err == nil && got.Outcome == "allowed"
	})
	if w, err := r.pos.WaitOverride(ctx, a.Override, time.Second); err != nil || w.Outcome != "allowed" {
		t.Errorf("%+v %v", w, err)
	}
	if _, err := r.tech.Load(ctx, api.LoadRequest{Type: "policy", Name: "old", Bundle: r.bundle(shippedPolicy(), 0+1)}); err != nil {
		t.Errorf("the same epoch and content again: %v", err)
	}
	kinds := map[string]bool{}
	for _, e := range r.entries("") {
		kinds[e.Kind] = true
	}
	for _, k := range []string{"start", "stop", "sign-on", "session", "load", "people"} {
		if !kinds[k] {
			t.Errorf("the journal has no %s", k)
		}
	}
}

// TestInvariant6BadBundlesChangeNothing: each is refused with the check that
// failed, journaled, and what is loaded stays loaded.
func TestInvariant6BadBundlesChangeNothing(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	ctx := t.Context()
	other := newRegister(t, "")
	good := r.bundle(shippedPolicy(), 5)
	if _, err := r.tech.Load(ctx, api.LoadRequest{Type: "policy", Name: "five", Bundle: good}); err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), good...)
	flipped[len(flipped)-1] ^= 1
	for reason, file := range map[string][]byte{
		"epoch": r.bundle(shippedPolicy(), 4), "signature": other.bundle(shippedPolicy(), 6), "digest": flipped, "malformed": []byte("x"),
		"size": good[:len(good)-1],
	} {
		_, err := r.tech.Load(ctx, api.LoadRequest{Type: "policy", Name: reason, Bundle: file})
		var e *api.Error
		if !errors.As(err, &e) || e.Code != api.CodeInvalid || e.Reason != reason {
			t.Errorf("%s: %+v", reason, err)
		}
	}
	st, err := r.tech.Status(ctx)
	if err != nil || st.Policy.Epoch != 5 {
		t.Errorf("%+v %v", st.Policy, err)
	}
	refused := 0
	for _, e := range r.entries("load") {
		if e.Outcome == "denied" {
			refused++
		}
	}
	if refused != 5 {
		t.Errorf("%d refused loads in the journal, want 5", refused)
	}
	// Without a right to publish, and with one, from the console.
	if _, err := r.con.Load(ctx, api.LoadRequest{Type: "policy", Name: "x", Bundle: r.bundle(shippedPolicy(), 6)}); !isCode(err, api.CodeRefused) {
		t.Errorf("nobody loads from the console: %v", err)
	}
	by := creds("1001")
	if _, err := r.con.Load(ctx, api.LoadRequest{Type: "policy", Name: "x", Bundle: r.bundle(shippedPolicy(), 6), By: &by}); !isCode(err, api.CodeRefused) {
		t.Errorf("a cashier loads: %v", err)
	}
	r.halt()
	r.start()
	if st, err := r.tech.Status(ctx); err != nil || st.Policy == nil || st.Policy.Epoch != 5 {
		t.Errorf("after a restart: %+v %v", st.Policy, err)
	}
}

// TestPolicyOnItsWayIn: a crash between writing a verified policy and naming
// it leaves one that loads.
func TestPolicyOnItsWayIn(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	r.halt()
	if err := os.Rename(r.path("state/policy.bundle"), r.path("state/policy.bundle.next")); err != nil {
		t.Fatal(err)
	}
	r.start()
	if st, err := r.tech.Status(t.Context()); err != nil || st.Policy == nil {
		t.Errorf("%+v %v", st, err)
	}
}

// A start takes no space for a policy that is there: the disk may be full.
func TestRestartLeavesThePolicyFile(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	before, err := os.Stat(r.path("state/" + policyFile))
	if err != nil {
		t.Fatal(err)
	}
	r.halt()
	r.start()
	after, err := os.Stat(r.path("state/" + policyFile))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("it was written again: %v", err)
	}
	if s, err := r.tech.Status(t.Context()); err != nil || s.Policy == nil {
		t.Errorf("%+v %v", s, err)
	}
}

// TestReload takes over what can be, and says what needs a restart.
func TestReloadTakesOver(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start().staffed()
	next := strings.Replace(r.config, `log = "debug"`, "log = \"warn\"", 1) + "\n[override]\nwait = \"60s\"\n"
	r.write("tillwarden.toml", []byte(next), 0o644)
	if err := r.d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.d.config().Log; got != "warn" {
		t.Errorf("log level %s", got)
	}
	if got := time.Duration(r.d.config().Override.Wait); got != 180*time.Second {
		t.Errorf("an override waits %s before the restart", got)
	}
	if !strings.Contains(r.log.String(), "override.wait") {
		t.Error("nobody is told that override.wait needs a restart")
	}
	r.write("tillwarden.toml", []byte("nonsense"), 0o644)
	if err := r.d.Reload(t.Context()); err == nil {
		t.Error("nonsense was taken over")
	}
	r.signOn("1001")
	texts := ""
	for _, e := range r.entries("config") {
		texts += e.Outcome + ": " + e.Text + "\n"
	}
	if !strings.Contains(texts, "allowed: ") || !strings.Contains(texts, "error: ") {
		t.Errorf("the journal says of reloads:\n%s", texts)
	}
}

// TestStopIsJournaled: also where something does not end in time.
func TestStopIsJournaled(t *testing.T) {
	t.Parallel()
	r := newRegister(t, "").start()
	end := make(chan struct{})
	defer close(end)
	r.d.running.Go(func() { <-end })
	r.halt()
	if !strings.Contains(r.log.String(), "stopping without it") {
		t.Error("nothing was busy: the test tries nothing")
	}
	r.start()
	if n := len(r.entries("stop")); n != 1 {
		t.Errorf("the journal has %d stops", n)
	}
}
