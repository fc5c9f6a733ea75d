package daemon

import (
	"encoding/json"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/devices/sim"
)

// TestTrials: what is swiped or typed for a device's test has no other effect, and
// is in no answer.
func TestTrials(t *testing.T) {
	t.Parallel()
	b := withReader(t, "")
	b.staffed()
	if err := b.enrol("1001", cardAda); err != nil {
		t.Fatal(err)
	}
	try := func(device string, armed func() bool, act func()) *api.TestAnswer {
		t.Helper()
		done := make(chan *api.TestAnswer, 1)
		go func() {
			a, err := b.tech.Test(t.Context(), device)
			if err != nil {
				t.Error(err)
			}
			done <- a
		}()
		until(t, "the daemon waits for "+device, armed)
		act()
		return <-done
	}
	card := func() bool {
		b.d.swipes.mu.Lock()
		defer b.d.swipes.mu.Unlock()
		return b.d.swipes.enrol != nil
	}
	keys := func() bool {
		p := b.d.pads[0]
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.trial != nil
	}
	for _, test := range []struct {
		name  string
		armed func() bool
		act   func()
		want  string
		good  bool
	}{
		{"reader", card, func() { b.swipe(cardAda) }, "an operator card of the format digits, 10 characters", true},
		{"reader", card, func() { b.swipe(cardPayment) }, "a card was read: payment, which signs nobody on", true},
		{"reader", card, func() { b.swipe(sim.Card{Track2: "12=34"}) }, "a card was read that no format fits", false},
		{"keypad", keys, func() { b.enter("25806931") }, "8 keys and Enter", true},
		{"keypad", keys, func() { b.enter("*0#") }, "the code *0#, which asks for signoff", true},
		{"keypad", keys, func() { b.enter("*77#") }, "the code *77#, which asks for nothing yet", true},
	} {
		a := try(test.name, test.armed, test.act)
		if a == nil || !strings.HasPrefix(a.Say, test.want) || a.Good != test.good {
			t.Errorf("%s: %+v, want %q", test.name, a, test.want)
		}
		said, _ := json.Marshal(a)
		for _, secret := range []string{"25806931", "0000010019", "4111"} {
			if strings.Contains(string(said), secret) {
				t.Errorf("%s: what was on it is in the answer", test.name)
			}
		}
	}
	if s, err := b.con.Session(t.Context()); err != nil || s.SignedOn {
		t.Errorf("a test signed somebody on: %+v, %v", s, err)
	}
	if _, err := b.tech.Test(t.Context(), "toaster"); !isCode(err, api.CodeNotFound) {
		t.Errorf("a device that is not there: %v", err)
	}
	b.noSecrets("25806931", "0000010019", bossPIN)
}
