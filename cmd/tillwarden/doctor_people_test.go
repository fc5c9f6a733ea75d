package main

import (
	"strings"
	"testing"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/enforcer/policy"
)

// approversPolicy has work groups of which the policy says what approvers show, and not.
const approversPolicy = `
work_group "Leaders" {
  scope    = "store"
  reviewed = 1
  allow    = ["pos", "pos.manageroverride"]
  deny     = ["backoffice"]
}
work_group "Auditors" {
  scope    = "store"
  reviewed = 1
  approve  = "card+pin"
  allow    = ["pos", "pos.manageroverride"]
  deny     = ["backoffice"]
}
`

// TestDoctorApprovers: a register at which nobody can approve says so, and what to do.
func TestDoctorApprovers(t *testing.T) {
	t.Parallel()
	p, err := presetPolicy()
	if err != nil {
		t.Fatal(err)
	}
	const manager, cashier = "POS Cashier - Manager Override", "POS Cashier - Sales Only"
	reader, keypad := []daemon.ReaderConfig{{}}, []daemon.KeypadConfig{{}}
	boss := func(number string, cards int) api.Operator {
		return api.Operator{Number: number, WorkGroups: []string{manager}, HasPIN: true, Cards: cards}
	}
	for name, c := range map[string]struct {
		method, fallback string
		readers          []daemon.ReaderConfig
		keypads          []daemon.KeypadConfig
		people           []api.Operator
		away             bool
		want             string
	}{
		"no reader: number and PIN do": {"card+pin", "auto", nil, nil, []api.Operator{boss("201", 0)}, false, "ok: can be approved by 1 operator"},
		"a reader and no keypad": {
			"card+pin", "auto", reader, nil,
			[]api.Operator{boss("201", 1)},
			false,
			"problem: an override is approved with card and PIN here, and there is no keypad for the PIN: nobody can approve one",
		},
		"no card": {
			"card+pin", "auto", reader, keypad,
			[]api.Operator{boss("201", 0)},
			false,
			"problem: an override is approved with card and PIN here, and nobody who may has a card: nobody can approve one",
		},
		"one of two has none": {
			"card+pin", "auto", reader, keypad,
			[]api.Operator{boss("201", 1), boss("202", 0)},
			false,
			"note: an override is approved with card and PIN here, and 202 cannot, without a card",
		},
		"the same, to go elsewhere": {
			"card+pin", "auto", reader, keypad,
			[]api.Operator{boss("201", 1), boss("202", 0)},
			true,
			"note: an override is approved with card and PIN here, and 1 operator cannot, without a card",
		},
		"all have one":                     {"card+pin", "auto", reader, keypad, []api.Operator{boss("201", 1), boss("202", 2)}, false, "ok: can be approved by 2 operators"},
		"number and PIN stand for it":      {"card+pin", "yes", reader, nil, []api.Operator{boss("201", 0)}, false, "ok: can be approved by 1 operator"},
		"the site wants a card and no PIN": {"card", "auto", reader, nil, []api.Operator{boss("201", 0)}, false, "ok: can be approved by 1 operator"},
		"no reader, and nothing stands for it": {
			"card+pin", "no", nil, keypad,
			[]api.Operator{boss("201", 0)},
			false,
			"problem: an override is approved with card and PIN here, and there is no card reader: nobody can approve one",
		},
		"cashiers alone": {
			"card+pin", "auto", reader, keypad,
			[]api.Operator{{Number: "101", WorkGroups: []string{cashier}}},
			false,
			"note: nobody has Manager Override: what needs a second person nobody can approve",
		},
	} {
		d := doctor{away: c.away}
		cfg := &daemon.Config{Readers: c.readers, Keypads: c.keypads}
		cfg.Override.Method, cfg.Override.Fallback = c.method, c.fallback
		examineApprovers(&d, cfg, p, c.people)
		if len(d.findings) != 1 {
			t.Errorf("%s: %v", name, d.findings)
			continue
		}
		f := d.findings[0]
		if got := f.State + ": " + f.Says; got != c.want || f.State != "ok" && f.Do == "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestDoctorOfADeviceThatIsDown: what to do about it depends on why it is.
func TestDoctorOfADeviceThatIsDown(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ path, problem, do string }{
		"not there":      {"/dev/x", "its line is not there", "check its cable and power; its path is /dev/x"},
		"no right":       {"/dev/x", "its line may not be opened", "sudo tillwarden setup gives /dev/x to the daemon again"},
		"a reader's":     {"/dev/x", "open /dev/x: permission denied", "sudo tillwarden setup gives /dev/x"},
		"somebody's":     {"/dev/x", "its line is in use by another program", "a side door below may name who has it"},
		"in the network": {"tcp://192.0.2.1", "its line may not be opened", "check that it is switched on and can be reached"},
	} {
		var d doctor
		examineDevice(&d, &api.Device{Name: "receipt", Kind: "printer", State: "down", Path: c.path, Problem: c.problem})
		if len(d.findings) != 1 || d.findings[0].State != "problem" || !strings.HasPrefix(d.findings[0].Do, c.do) {
			t.Errorf("%s: %v", name, d.findings)
		}
	}
}

// TestDoctorKnowsWhatThePolicyWants: the site's word does not soften a work group's.
func TestDoctorKnowsWhatThePolicyWants(t *testing.T) {
	t.Parallel()
	l := compileSources(map[string][]byte{"p.hcl": []byte(approversPolicy)}, true)
	if l.compiled == nil {
		t.Fatal(l.findings)
	}
	c := &daemon.Config{}
	c.Override.Method, c.Override.Fallback = policy.SignOnCardPIN.String(), "yes"
	for groups, want := range map[string]bool{"Leaders": false, "Auditors": true, "Leaders,Auditors": true, "No Such Group": false} {
		if got := needsCard(c, l.compiled, strings.Split(groups, ",")); got != want {
			t.Errorf("%s: %v", groups, got)
		}
	}
}

// TestDoctorTimeClock: who could neither clock in nor do without would be shut out.
func TestDoctorTimeClock(t *testing.T) {
	p, err := presetPolicy()
	if err != nil {
		t.Fatal(err)
	}
	seller := api.Operator{Number: "101", WorkGroups: []string{"POS Cashier - Sales Only"}}
	manager := api.Operator{Number: "201", WorkGroups: []string{"Manager"}}
	plain := api.Operator{Number: "102", WorkGroups: []string{"Cashier"}} // signs on, and may not use the clock
	office := api.Operator{Number: "301", WorkGroups: []string{"Store/Local Operator Maintenance"}}
	for words, c := range map[string]struct {
		off         bool
		people      []api.Operator
		state, says string
	}{
		"no clock runs":         {true, []api.Operator{plain}, "", ""},
		"everybody can":         {false, []api.Operator{seller, manager, office}, "ok", "runs"},
		"somebody is shut out":  {false, []api.Operator{seller, manager, plain}, "problem", "neither clock in nor do without: 102"},
		"nobody ends any break": {false, []api.Operator{seller}, "note", "nobody may send others on a break"},
	} {
		cfg := daemon.DefaultConfig()
		cfg.TimeClock.Run = !c.off
		var d doctor
		examineTimeClock(&d, &cfg, p, c.people)
		switch {
		case c.state == "" && len(d.findings) == 0:
		case len(d.findings) != 1 || d.findings[0].State != c.state || !strings.Contains(d.findings[0].Says, c.says):
			t.Errorf("%s: %+v", words, d.findings)
		}
	}
}
