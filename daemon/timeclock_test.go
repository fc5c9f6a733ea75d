package daemon

import (
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/timeclock"
)

// At a register whose POS does not know us, the time clock is at the keypad: a code,
// and then who it is.
func TestTimeClockAtTheKeypad(t *testing.T) {
	b := withReader(t, "")
	b.staffed()
	b.signOn("1001") // no clock runs yet
	b.enter("*0#")
	b.session("signed off", nobodyOn)
	if a, err := b.con.Punch(t.Context(), timeclock.In, api.PunchRequest{By: &api.Person{Credentials: creds("1001")}}); err != nil || a.OK || a.Reason != "no-time-clock" {
		t.Fatalf("%+v %v", a, err)
	}
	b.config = strings.Replace(b.config, "[[keypad.code]]", `[[keypad.code]]
code = "*1#"
function = "clock-in"
[[keypad.code]]
code = "*2#"
function = "break-begin"
[[keypad.code]]`, 1) + `
[timeclock]
run = true
`
	b.halt()
	b.start()
	b.devicesUp("reader", "keypad")

	if a, err := b.con.SignOn(t.Context(), creds("1001")); err != nil || a.OK || a.Reason != "off-clock" {
		t.Fatalf("%+v %v", a, err)
	}
	b.enter("*1#")
	b.enter("1001")
	b.enter(string(creds("1001").PIN))
	in := func() *api.TimeClock {
		w, err := b.tech.TimeClock(t.Context(), api.TimeRequest{})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	until(t, "clocked in", func() bool { w := in(); return len(w.People) == 1 && w.People[0].State == "in" })
	if w := in(); !w.Runs || w.People[0].Operator != "1001" || w.People[0].Name != "Ada" {
		t.Errorf("%+v", w)
	}
	b.signOn("1001")
	b.enter("*2#")
	b.enter("1001")
	b.enter(string(creds("1001").PIN))
	b.session("signed off by the break", nobodyOn)
	until(t, "on a break", func() bool { return in().People[0].State == "break" })
	// The next number and PIN sign on again, as ever.
	b.enter("1001")
	b.enter(string(creds("1001").PIN))
	until(t, "refused on the break", func() bool {
		list := b.entries("sign-on")
		return list[len(list)-1].Reason == "on-break"
	})

	// Reports: the technician's own right, or an operator's who may.
	r, err := b.tech.TimeReport(t.Context(), api.TimeReportRequest{Operator: "1001"})
	if err != nil || len(r.Days) != 1 || r.Days[0].Open != 1 || r.Days[0].Breaks != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	by := creds("1001")
	if _, err := b.con.TimeReport(t.Context(), api.TimeReportRequest{ReportRequest: api.ReportRequest{By: &by}}); !isCode(err, api.CodeRefused) {
		t.Fatal(err)
	}
	if _, err := b.con.TimeClock(t.Context(), api.TimeRequest{}); !isCode(err, api.CodeRefused) {
		t.Fatal(err)
	}
	b.noSecrets(string(creds("1001").PIN))
}
