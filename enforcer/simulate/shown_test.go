package simulate_test

import (
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/simulate"
)

// asking is the shipped policy, with what work groups ask their operators to show.
func asking(t *testing.T, cashier, manager string) *policy.Compiled {
	t.Helper()
	head := func(group string) string { return "work_group \"" + group + "\" {\n" }
	return shipped(t, head(journaltest.Sales), head(journaltest.Sales)+cashier+"\n", head(journaltest.Override), head(journaltest.Override)+manager+"\n")
}

// What somebody showed is held against what the new policy's work groups ask for.
func TestShown(t *testing.T) {
	for what, tc := range map[string]struct {
		cashier, manager string // what their work groups say
		signOn, approval entry.Method
		refused          string // "sign-on", "approval" or nothing
		withPIN          int64
	}{
		"nobody asks for anything":                    {signOn: entry.MethodNumberPIN, approval: entry.MethodNumberPIN},
		"the card is wanted, and was shown":           {cashier: `sign_on = "card+pin"`, signOn: entry.MethodCardPIN, approval: entry.MethodCardPIN},
		"the card is wanted to sign on":               {cashier: `sign_on = "card+pin"`, signOn: entry.MethodNumberPIN, approval: entry.MethodNumberPIN, refused: "sign-on"},
		"the card is wanted to approve":               {manager: `approve = "card+pin"`, signOn: entry.MethodNumberPIN, approval: entry.MethodNumberPIN, refused: "approval"},
		"the card is wanted, from afar":               {manager: `approve = "card+pin"`, signOn: entry.MethodCard, approval: entry.MethodRemote, refused: "approval"},
		"what is wanted to approve is not to sign on": {cashier: `approve = "card+pin"`, manager: `sign_on = "card+pin"`, signOn: entry.MethodNumberPIN, approval: entry.MethodNumberPIN},
		"a PIN is wanted, too":                        {cashier: `sign_on = "number+pin"`, manager: `approve = "card+pin"`, signOn: entry.MethodCard, approval: entry.MethodCard, withPIN: 2},
		"more was shown than is wanted":               {cashier: `sign_on = "card"`, manager: `approve = "number+pin"`, signOn: entry.MethodNumberPIN, approval: entry.MethodCardPIN},
	} {
		s := simulate.New(asking(t, tc.cashier, tc.manager), time.UTC)
		var d day
		d.add(entry.Entry{
			Kind: entry.KindSignOn, Operator: "9", WorkGroups: []string{journaltest.Override}, Outcome: entry.OutcomeDenied, Reason: entry.ReasonWrongPIN,
		})
		session := d.add(entry.Entry{
			Kind: entry.KindSignOn, Operator: "1", WorkGroups: []string{journaltest.Sales}, Function: "pos.signon", FunctionID: 1001,
			Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule, Method: tc.signOn,
		})
		d.noSale(session, nil, false)
		d.add(entry.Entry{
			Kind: entry.KindApproval, Session: session, Operator: "1", WorkGroups: []string{journaltest.Sales}, Function: "pos.drawer.nosale", FunctionID: 1602, Drawer: "till",
			Outcome: entry.OutcomeAllowed, Reason: entry.ReasonRule, About: entry.Seq(len(d.es)),
			Approval: &entry.Approval{Operator: "9", Method: tc.approval, Override: entry.Seq(len(d.es))},
		})
		for i := range d.es {
			s.Add(&d.es[i])
		}
		r := s.Result()
		refused := ""
		for _, c := range r.Changes {
			if refused = "sign-on"; c.Approving {
				refused = "approval"
			}
			if c.Was != policy.Allowed || c.Would != policy.Denied || c.Reason != entry.ReasonCardRequired || c.Asks.Method != policy.SignOnCardPIN || c.Asks.Approving != c.Approving {
				t.Errorf("%s: %+v", what, c)
			}
			if want := map[bool]string{false: journaltest.Sales, true: journaltest.Override}[c.Approving]; c.Asks.WorkGroup != want {
				t.Errorf("%s: it is for %q, want %q", what, c.Asks.WorkGroup, want)
			}
		}
		if refused != tc.refused || len(r.Changes) > 1 {
			t.Errorf("%s: refused is %q, want %q: %+v", what, refused, tc.refused, r.Changes)
		}
		if r.WithPIN != tc.withPIN || r.ByState != 1 || r.Decisions != 4 {
			t.Errorf("%s: %+v", what, r)
		}
		if unmade := r.InUnmadeSessions > 0; unmade != (tc.refused == "sign-on") {
			t.Errorf("%s: %d decisions in sessions that would not have begun", what, r.InUnmadeSessions)
		}
	}
}
