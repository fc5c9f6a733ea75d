package enforcer

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
)

func TestAuthorisation(t *testing.T) {
	good := Authorisation{Mode: "monitor", Registers: []string{"1"}, Seconds: 3600, Functions: []string{fnForce}, Reason: "new rules", NotAfter: time.Unix(2e9, 0).UTC()}
	raw, err := good.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseAuthorisation(raw); err != nil || !reflect.DeepEqual(got, &good) {
		t.Errorf("%+v, %v", got, err)
	}
	if !good.For("1") || good.For("2") || !(&Authorisation{}).For("2") {
		t.Error("registers are mixed up")
	}
	for name, change := range map[string]func(a *Authorisation){
		"enforce":                   func(a *Authorisation) { a.Mode = "enforce" },
		"no mode":                   func(a *Authorisation) { a.Mode = "" },
		"no time":                   func(a *Authorisation) { a.Seconds = 0 },
		"15 days":                   func(a *Authorisation) { a.Seconds = 15 * 24 * 3600 },
		"5 hours of break-glass":    func(a *Authorisation) { a.Mode, a.Functions, a.Seconds = "break-glass", nil, 5*3600 },
		"break-glass for functions": func(a *Authorisation) { a.Mode = "break-glass" },
		"no reason":                 func(a *Authorisation) { a.Reason = "" },
		"no end":                    func(a *Authorisation) { a.NotAfter = time.Time{} },
		"a register without a name": func(a *Authorisation) { a.Registers = []string{""} },
	} {
		bad := good
		change(&bad)
		if _, err := bad.Marshal(); !errors.Is(err, ErrRequest) {
			t.Errorf("%s is written: %v", name, err)
		}
		raw, _ := json.Marshal(bad)
		if _, err := ParseAuthorisation(raw); !errors.Is(err, ErrRequest) {
			t.Errorf("%s is read: %v", name, err)
		}
	}
	for name, raw := range map[string]string{
		"nothing": "", "an unknown key": strings.Replace(string(raw), "{", `{"more":1,`, 1), "something after it": string(raw) + "{}",
	} {
		if _, err := ParseAuthorisation([]byte(raw)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s is read: %v", name, err)
		}
	}
}

// TestSignedMode: used once and before its end, over restarts, and not at the
// cost of what the installation has.
func TestSignedMode(t *testing.T) {
	r := moding(t)
	begin := func(epoch uint64, until time.Duration) Decision {
		t.Helper()
		m := monitor(MonitorLimit)
		m.By, m.With = nil, nil
		m.Signed = &Signed{Epoch: epoch, Digest: [32]byte{byte(epoch)}, NotAfter: r.clock.Stamp().Time().Add(until)}
		d, err := r.BeginMode(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	want(t, "too late", begin(5, 0), entry.OutcomeDenied, entry.ReasonExpired)
	want(t, "in time", begin(5, time.Hour), entry.OutcomeAllowed, entry.ReasonRule)
	if e := r.journal.last(t, entry.KindMode); e.Claimant != "authorisation" || e.Count != 5 || e.Digest[0] != 5 || e.Operator != "" {
		t.Errorf("journaled as %+v", e)
	}
	r.clock.advance(2 * time.Hour)
	if spent, _ := r.MonitorTime(); spent != 0 {
		t.Errorf("%v are taken off the installation's", spent)
	}
	r.EndMode(ctx, nil, "test")
	want(t, "again", begin(5, time.Hour), entry.OutcomeDenied, entry.ReasonUsed)
	want(t, "an older one", begin(4, time.Hour), entry.OutcomeDenied, entry.ReasonEpoch)
	r.lose()
	r.kill()
	r.load(1, modePolicy())
	want(t, "again after a restart", begin(5, time.Hour), entry.OutcomeDenied, entry.ReasonUsed)
	r.begin(monitor(MonitorLimit)) // the people's own 14 days
	r.clock.advance(MonitorLimit)
	if d, _ := r.BeginMode(ctx, monitor(time.Minute)); d.Reason != entry.ReasonSpent {
		t.Errorf("two persons after their 14 days: %+v", d)
	}
	want(t, "the chain after those", begin(6, time.Hour), entry.OutcomeAllowed, entry.ReasonRule)
}
