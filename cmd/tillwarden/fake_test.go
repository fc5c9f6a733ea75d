package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/timeclock"
	"tillwarden/enforcer/week"
)

// fake is a daemon for the command line's scripts: the real server of the
// interface, and behind it answers that are always the same. PINs are right
// where they are 4242.
type fake struct {
	mu    sync.Mutex
	calls []string // guarded by mu
	empty bool     // nobody, nothing, no policy
	fresh bool     // a policy, and nobody yet; the PIN 1111 will not do
	mode  *api.Mode
}

const rightPIN = "4242"

var morning = time.Date(2026, 3, 2, 8, 30, 0, 0, time.UTC)

// startFake serves all three sockets in a folder.
func startFake(t *testing.T, dir string, f *fake) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, role := range api.Roles() {
		l, err := net.Listen("unix", filepath.Join(dir, role.String()+".sock"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, role.String()+".sock"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := api.NewServer(api.Options{Backend: f, Role: role, Limits: api.Limits{PINRate: 1000, PINBurst: 1000}})
		go func() { _ = s.Serve(l) }()
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			_ = s.Shutdown(ctx)
		})
	}
}

func (f *fake) note(c api.Caller, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c.Role.String()+" "+fmt.Sprintf(format, args...))
}

// knows refuses who has not shown the right PIN.
func knows(by *api.Credentials) error {
	if by != nil && string(by.PIN) != rightPIN {
		return api.Errorf(api.CodeRefused, "number and PIN were not accepted").WithReason("wrong-pin")
	}
	return nil
}

func knowsPerson(p *api.Person) error {
	if p == nil {
		return nil
	}
	return knows(&p.Credentials)
}

func (f *fake) Status(_ context.Context, c api.Caller) (*api.Status, error) {
	f.note(c, "status")
	n := 2
	s := &api.Status{
		Version: buildVersion(), Chain: "Example", Store: "0042", Register: "1", State: "ready", Enforcing: true, Started: morning, Uptime: 90,
		Policy: &api.PolicyStatus{Epoch: 7, Digest: "c0ffee0123456789", Functions: 220}, Clock: "synchronised", Operators: &n,
		Session: &api.Session{ID: 3, Operator: "101", Name: "Cashier", Method: "card", Began: morning},
		Journal: &api.JournalStatus{Last: 12, Root: "x", Bytes: 65536, FreeBytes: 60e6, State: "ok"},
		Drawers: f.drawers(), Devices: f.devices(),
	}
	if f.fresh {
		n = 0
	}
	if f.mode != nil {
		s.Enforcing, s.Mode = false, f.mode
	}
	if f.empty {
		n = 0
		s.State, s.Policy, s.Session, s.Clock = "degraded", nil, nil, "unsynchronised"
		s.Problems = []string{"no policy is loaded"}
		s.Busy = []string{"printer receipt prints"} // for ever
		s.Journal.State = "reserve"
	}
	return s, nil
}

func (f *fake) drawers() []api.Drawer {
	d := api.Drawer{Name: "drawer", Printer: "printer", State: "closed", Calibrated: true, Ready: true}
	if f.empty {
		d.State, d.Calibrated, d.Ready, d.Problem = "unknown", false, false, "the printer is not there"
	}
	return []api.Drawer{d}
}

func (f *fake) devices() []api.Device {
	v := api.Device{Name: "printer", Kind: "printer", Path: "/dev/ttyUSB0", State: "up", Since: &morning}
	if f.empty {
		v.State, v.Problem = "down", "no such device"
	}
	return []api.Device{v, {Name: "reader", Kind: "reader", Path: "/dev/ttyUSB1", State: "up", Since: &morning}}
}

func (f *fake) Mode(context.Context, api.Caller) (*api.Mode, error) {
	return &api.Mode{Mode: "enforce", Spent: 90_000, Total: api.MaxMonitor.Seconds()}, nil
}

func (f *fake) Monitor(_ context.Context, c api.Caller, r *api.ModeRequest) (*api.ModeAnswer, error) {
	return f.begin(c, "monitor", r)
}

func (f *fake) BreakGlass(_ context.Context, c api.Caller, r *api.ModeRequest) (*api.ModeAnswer, error) {
	return f.begin(c, "break-glass", r)
}

func (f *fake) begin(c api.Caller, mode string, r *api.ModeRequest) (*api.ModeAnswer, error) {
	by, with := "-", "-"
	for _, p := range []struct {
		by  *api.Person
		who *string
	}{{r.By, &by}, {r.With, &with}} {
		if p.by == nil {
			continue
		}
		if *p.who = p.by.Number; p.by.Card {
			*p.who = "a card"
		}
		if err := knowsPerson(p.by); err != nil {
			return nil, err
		}
	}
	f.note(c, "%s %s and %s for %gs functions=%s set-up=%v code=%d: %s", mode, by, with, r.Seconds, strings.Join(r.Functions, "|"), r.SetUp, len(r.Code), r.Reason)
	return &api.ModeAnswer{Say: mode + " begins", Mode: api.Mode{Mode: mode, Left: r.Seconds}}, nil
}

func (f *fake) ModeReport(_ context.Context, c api.Caller, q *api.ModeReportRequest) (*api.ModeReport, error) {
	f.note(c, "report by=%v from=%v", q.By != nil, q.From != nil)
	row := api.ModeReportRow{
		Day: "2026-03-02", Operator: "101", Function: "pos.drawer.nosale", Mode: "monitor", Outcome: "override-required", Reason: "rule",
		Rule: api.Rule{WorkGroup: "Front", Function: "pos.drawer", Mark: "X"}, Count: 3,
	}
	nobody := row
	nobody.Operator, nobody.Function, nobody.Outcome, nobody.Reason, nobody.Rule, nobody.Count = "", "pos.drawer.sale", "denied", "no-session", api.Rule{}, 1
	return &api.ModeReport{Decisions: 40, Through: 4, Rows: []api.ModeReportRow{row, nobody}}, nil
}

func (f *fake) MakeCodes(_ context.Context, c api.Caller, r *api.CodesRequest) (*api.Done, error) {
	if err := errors.Join(knowsPerson(r.By), knowsPerson(r.With)); err != nil {
		return nil, err
	}
	f.note(c, "codes %d of %d characters by=%v with=%v set-up=%v", len(r.Codes), len(r.Codes[0]), r.By != nil, r.With != nil, r.SetUp)
	return &api.Done{Say: "they count"}, nil
}

func (f *fake) EndMode(_ context.Context, c api.Caller, r *api.EndModeRequest) (*api.ModeAnswer, error) {
	if err := knowsPerson(r.By); err != nil {
		return nil, err
	}
	f.note(c, "enforce by=%v", r.By != nil)
	return &api.ModeAnswer{Say: "enforcing", Mode: api.Mode{Mode: "enforce"}}, nil
}

func (f *fake) Policy(context.Context, api.Caller) (*api.PolicyStatus, error) {
	return &api.PolicyStatus{Epoch: 7, WorkGroups: []api.WorkGroupInfo{{Name: "Front"}, {Name: "Back"}}}, nil
}

// CompiledPolicy is the shipped one.
func (f *fake) CompiledPolicy(context.Context, api.Caller) (*api.CompiledPolicy, error) {
	if f.empty {
		return nil, api.Errorf(api.CodeNotFound, "no policy is loaded")
	}
	c, err := presetPolicy()
	if err != nil {
		return nil, err
	}
	raw, err := c.MarshalBinary()
	d := c.Digest()
	return &api.CompiledPolicy{Epoch: 7, Digest: hex.EncodeToString(d[:]), Compiled: raw}, err
}

func (f *fake) Session(context.Context, api.Caller) (*api.SessionState, error) {
	return &api.SessionState{}, nil
}

func (f *fake) SignOn(_ context.Context, c api.Caller, by *api.Credentials) (*api.SignOnAnswer, error) {
	f.note(c, "signon %s", by.Number)
	if by.Number == "107" { // whose PIN a manager has set
		if string(by.PIN) == rightPIN {
			return &api.SignOnAnswer{Reason: "new-pin", Say: "Cashier: choose a new PIN first"}, nil
		}
		return &api.SignOnAnswer{OK: true, Say: "signed on: " + by.Number}, nil
	}
	if string(by.PIN) != rightPIN {
		return &api.SignOnAnswer{Reason: "wrong-pin", Say: "not accepted"}, nil
	}
	return &api.SignOnAnswer{OK: true, Say: "signed on: " + by.Number}, nil
}

func (f *fake) SignOff(_ context.Context, c api.Caller) (*api.Done, error) {
	f.note(c, "signoff")
	return &api.Done{Say: "signed off"}, nil
}

func (f *fake) SignOffBy(_ context.Context, c api.Caller, by *api.Credentials) (*api.SignOnAnswer, error) {
	f.note(c, "signoff by %s", by.Number)
	return &api.SignOnAnswer{OK: string(by.PIN) == rightPIN, Say: "signed off"}, nil
}

func (f *fake) Lock(_ context.Context, c api.Caller) (*api.Done, error) {
	return nil, api.Errorf(api.CodeConflict, "nobody is signed on").WithHint("sign on first")
}

func (f *fake) Unlock(ctx context.Context, c api.Caller, by *api.Credentials) (*api.SignOnAnswer, error) {
	return f.SignOn(ctx, c, by)
}

func (f *fake) Ask(_ context.Context, c api.Caller, a *api.AskRequest) (*api.Answer, error) {
	f.note(c, "ask %s drawer=%s open=%s wait=%g no-override=%t", a.Function, a.Drawer, a.Open, a.Wait, a.NoOverride)
	w := &api.Answer{
		Outcome: "allowed", Reason: "rule", Function: a.Function, Say: "work group Front has a check on it", Seq: 20,
		Rule: &api.Rule{WorkGroup: "Front", Function: a.Function, Mark: "check"},
	}
	if a.Open != api.OpenNone {
		w.Drawer = &api.DrawerAnswer{Name: "drawer", Result: api.DrawerPulsed}
	}
	if a.Function == "pos.drawer.nosale" {
		w.Outcome, w.Say, w.Override = "override-required", "X at pos.drawer, of work group Front", 21
		if w.Drawer != nil {
			w.Drawer.Result, w.Drawer.Reason = api.DrawerNotOpened, "rule"
		}
	}
	return w, nil
}

func (f *fake) Menu(context.Context, api.Caller) (*api.Menu, error) {
	return &api.Menu{Items: []api.MenuItem{{ID: 1100, Function: "pos.sale", Name: "Sales application", Level: 2}}}, nil
}

func (f *fake) Drawers(context.Context, api.Caller) (*api.Drawers, error) {
	return &api.Drawers{Drawers: f.drawers()}, nil
}

func (f *fake) Overrides(context.Context, api.Caller) (*api.Overrides, error) {
	if f.empty {
		return &api.Overrides{}, nil
	}
	return &api.Overrides{Overrides: []api.Override{{
		ID: 21, Requester: "101", Name: "Cashier", Function: "pos.drawer.nosale", Prompt: "No Sale", Drawer: "drawer", ExpiresIn: 170, Needs: 2, Reason: "code", Approvals: 1, Approved: []string{"201"},
	}}}, nil
}

func (f *fake) WaitOverride(_ context.Context, c api.Caller, id api.Seq, wait time.Duration) (*api.Answer, error) {
	f.note(c, "wait %d %s", id, wait)
	return &api.Answer{Outcome: "denied", Reason: "timed-out", Say: "nobody approved it in time", Seq: 22}, nil
}

func (f *fake) Reasons(context.Context, api.Caller) (*api.Reasons, error) {
	return &api.Reasons{Reasons: []api.Reason{{Code: 9, Name: "change is needed"}}}, nil
}

func (f *fake) Approve(_ context.Context, c api.Caller, id api.Seq, by *api.ApproveRequest) (*api.Answer, error) {
	f.note(c, "approve %d by %s reason=%d %s", id, by.Number, by.ReasonCode, by.Reason)
	if err := knows(&by.Credentials); err != nil {
		return nil, err
	}
	return &api.Answer{
		Outcome: "allowed", Say: "approved", Approver: by.Number, Seq: 23,
		Drawer: &api.DrawerAnswer{Name: "drawer", Result: api.DrawerPulsed},
	}, nil
}

func (f *fake) Confirm(_ context.Context, c api.Caller, id api.Seq, r *api.ConfirmRequest) (*api.Answer, error) {
	f.note(c, "confirm %d", id)
	if err := knows(&api.Credentials{PIN: r.PIN}); err != nil {
		return nil, err
	}
	return &api.Answer{Outcome: "allowed", Say: "confirmed", Seq: 23}, nil
}

func (f *fake) Refuse(_ context.Context, c api.Caller, id api.Seq, by *api.Credentials) (*api.Done, error) {
	f.note(c, "refuse %d by %s", id, by.Number)
	return &api.Done{Say: "refused"}, knows(by)
}

func (f *fake) Cancel(_ context.Context, c api.Caller, id api.Seq) (*api.Done, error) {
	f.note(c, "cancel %d", id)
	return &api.Done{Say: "cancelled"}, nil
}

func (f *fake) Devices(context.Context, api.Caller) (*api.Devices, error) {
	return &api.Devices{Devices: f.devices()}, nil
}

func (f *fake) Resync(_ context.Context, c api.Caller, device string) (*api.Done, error) {
	f.note(c, "resync %s", device)
	return &api.Done{Say: "printer " + device + " is trusted"}, nil
}

func (f *fake) Test(_ context.Context, c api.Caller, device string) (*api.TestAnswer, error) {
	f.note(c, "test %s", device)
	if f.empty {
		return &api.TestAnswer{Say: "something was swiped that could not be read"}, nil
	}
	return &api.TestAnswer{Good: true, Say: device + " is well"}, nil
}

func (f *fake) Calibrate(_ context.Context, c api.Caller, device string, r *api.CalibrateRequest) (*api.CalibrateAnswer, error) {
	f.note(c, "calibrate %s %s open=%t", device, r.Drawer, r.Open)
	return &api.CalibrateAnswer{Calibrated: r.Open, Say: fmt.Sprintf("%s noted as open=%t", r.Drawer, r.Open)}, nil
}

func (f *fake) Record(_ context.Context, c api.Caller, device string, r *api.RecordRequest, emit func([]byte) error) error {
	f.note(c, "record %s seconds=%g max=%d text=%t", device, r.Seconds, r.MaxBytes, r.MaskText)
	if r.Seconds == time.Hour.Seconds() {
		return api.Errorf(api.CodeUnavailable, "it is recorded already")
	}
	for _, line := range []string{
		`{"record":"tillwarden print","version":1,"printer":"printer","dialect":"epson"}`,
		`{"at":0,"job":1,"bytes":"QQpCCkMKRApFCkYKHVZCAA=="}`, `{"at":200,"job":2,"bytes":"G3AAGfo="}`, `{"at":1200,"end":"size"}`,
	} {
		if err := emit([]byte(line + "\n")); err != nil {
			return err
		}
	}
	return nil
}

func journalEntries() []api.Entry {
	return []api.Entry{
		{Seq: 1, Time: morning, Kind: "start", Clock: "synchronised", BootID: strings.Repeat("0", 32)},
		{Seq: 2, Time: morning.Add(time.Minute), Kind: "sign-on", Outcome: "allowed", Operator: "101", Method: "card", WorkGroups: []string{"Front"}, Clock: "synchronised"},
		{
			Seq: 3, Time: morning.Add(2 * time.Minute), Kind: "decision", Outcome: "override-required", Reason: "rule", Operator: "101",
			Function: "pos.drawer.nosale", FunctionID: 1602, Drawer: "drawer", Purpose: "none", Clock: "synchronised",
			Rule: &api.Rule{WorkGroup: "Front", Function: "pos.drawer", Mark: "X"},
		},
		{Seq: 4, Time: morning.Add(3 * time.Minute), Kind: "drawer-opened", Reason: "no-grant", Device: "printer", Drawer: "drawer", Clock: "synchronised"},
	}
}

func (f *fake) Journal(_ context.Context, c api.Caller, q *api.JournalQuery) (*api.JournalPage, error) {
	if err := knows(q.By); err != nil {
		return nil, err
	}
	f.note(c, "journal limit=%d reverse=%t kind=%s from=%s", q.Limit, q.Reverse, q.Kind, when(q.From))
	page := &api.JournalPage{Last: 4}
	for _, e := range journalEntries() {
		if (q.Kind == "" || q.Kind == e.Kind) && e.Seq > q.After && (q.Before == 0 || e.Seq < q.Before) {
			page.Entries = append(page.Entries, e)
		}
	}
	if q.Reverse {
		for i, n := 0, len(page.Entries); i < n/2; i++ {
			page.Entries[i], page.Entries[n-1-i] = page.Entries[n-1-i], page.Entries[i]
		}
	}
	page.Entries = page.Entries[:min(len(page.Entries), q.Limit)]
	return page, nil
}

func when(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

func (f *fake) JournalStream(_ context.Context, c api.Caller, q *api.JournalStream, emit func(*api.Entry) error) error {
	f.note(c, "stream follow=%t after=%d acts=%t operator=%q keyword=%q", q.Follow, q.After, q.Acts, q.Operator, q.Keyword)
	for _, e := range journalEntries() {
		if e.Seq > q.After {
			if err := emit(&e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fake) JournalStored(_ context.Context, c api.Caller, q *api.JournalStored, _ func([]byte) error) error {
	f.note(c, "stored by=%t", q.By != nil)
	return knows(q.By)
}

func (f *fake) Prove(_ context.Context, c api.Caller, q *api.ProveRequest) (*api.Proof, error) {
	f.note(c, "prove %d by=%t", q.Seq, q.By != nil)
	return &api.Proof{Text: "proof\n"}, knows(q.By)
}

func (f *fake) ActivityReport(_ context.Context, c api.Caller, q *api.ReportRequest) (*report.Activity, error) {
	f.note(c, "activity by=%t from=%t to=%t", q.By != nil, q.From != nil, q.To != nil)
	return &report.Activity{
		Period: report.Period{First: morning, Last: morning.Add(time.Hour), Entries: 40, Journals: 1},
		Rows:   []report.Function{{Function: "pos.drawer.nosale", Name: "No Sale", Override: 3, Approved: 2, Opens: 2, Operators: 1, First: morning, Last: morning}},
	}, knows(q.By)
}

func (f *fake) ExceptionReport(_ context.Context, c api.Caller, q *api.ExceptionsRequest) (*report.Exceptions, error) {
	f.note(c, "exceptions by=%t hours=%q deviation=%v sales=%d peers=%d least=%d", q.By != nil, q.Hours, q.Deviation, q.Sales, q.Peers, q.Least)
	x := report.NewExceptions(report.Options{})
	x.Add(&entry.Entry{Seq: 2, Kind: entry.KindSignOn, Operator: "101", WorkGroups: []string{"Front"}, Outcome: entry.OutcomeAllowed, Stamp: entry.Stamp{Wall: morning.UnixNano()}})
	return x.Result(), knows(q.By)
}

func (f *fake) TimeReport(_ context.Context, c api.Caller, q *api.TimeReportRequest) (*report.Time, error) {
	f.note(c, "time report by=%t operator=%q from=%t", q.By != nil, q.Operator, q.From != nil)
	out := morning.Add(8 * time.Hour)
	return &report.Time{
		Period: report.Period{First: morning, Last: out, Entries: 40, Journals: 1},
		Days: []report.TimeDay{
			{Operator: "101", Day: "2026-03-02", Worked: 27000, Paused: 1800, Shifts: 1, Breaks: 1, Forced: 1, Others: 1},
			{Operator: "102", Day: "2026-03-02", Shifts: 1, Open: 1, Jumps: 3600, Reboots: 2},
		},
		Shifts: []report.Shift{
			{Operator: "101", Person: "p-101", In: &morning, Out: &out, Last: out, Worked: 27000, Paused: 1800, Breaks: 1, Forced: 1, Others: 1},
			{Operator: "102", Person: "p-102", In: &morning, Last: morning, Jump: 3600, Reboots: 2},
		},
	}, knows(q.By)
}

func (f *fake) Punch(_ context.Context, c api.Caller, what timeclock.Punch, r *api.PunchRequest) (*api.PunchAnswer, error) {
	f.note(c, "punch %v by=%q card=%t of=%q for=%vs", what, r.By.Number, r.By.Card, r.Number, r.Seconds)
	if r.Number == "102" {
		return &api.PunchAnswer{Reason: "off-clock", Say: "Bo is not clocked in"}, nil
	}
	return &api.PunchAnswer{OK: true, Say: "Ada is clocked in"}, knows(&r.By.Credentials)
}

func (f *fake) TimeClock(_ context.Context, c api.Caller, r *api.TimeRequest) (*api.TimeClock, error) {
	f.note(c, "time clock by=%t", r.By != nil)
	return &api.TimeClock{Runs: true, People: []api.Standing{
		{Operator: "101", Name: "Ada", Person: "p-101", State: "in", In: morning, Since: morning},
		{Operator: "102", Name: "Bo", Person: "p-102", State: "break", In: morning, Since: morning, Forced: true, Left: 600},
	}}, knows(r.By)
}

func (f *fake) OpensReport(_ context.Context, c api.Caller, q *api.OpensRequest) (*report.Opens, error) {
	f.note(c, "opens by=%t day=%s", q.By != nil, q.Day)
	return report.NewOpens(morning, week.Hours{}).Result(), knows(q.By)
}

func (f *fake) Checkpoint(context.Context, api.Caller) (*api.Checkpoint, error) {
	return &api.Checkpoint{Text: "tillwarden/Example/0042/1\n4\nroot\n\n— signature\n", PublicKey: "tillwarden/Example/0042/1+00000000+key"}, nil
}

func (f *fake) Events(_ context.Context, _ api.Caller, _ *api.Seq, emit func(*api.Event) error) error {
	return emit(&api.Event{Entry: api.Entry{Seq: 5, Time: morning, Kind: "lock", Clock: "synchronised"}, Say: "the register is locked"})
}

func (f *fake) Load(_ context.Context, c api.Caller, l *api.LoadRequest) (*api.LoadAnswer, error) {
	f.note(c, "load %s %s %d bytes by=%t", l.Type, l.Name, len(l.Bundle), l.By != nil)
	if strings.HasPrefix(string(l.Bundle), "bad") {
		return nil, api.Errorf(api.CodeInvalid, "the bundle was not loaded: signature does not verify").WithReason("signature")
	}
	return &api.LoadAnswer{Say: "policy of epoch 8 is loaded", Policy: &api.PolicyStatus{Epoch: 8}}, nil
}

func (f *fake) Operators(_ context.Context, c api.Caller, r *api.PeopleRequest) (*api.Operators, error) {
	f.note(c, "operators by=%t", r.By != nil)
	if f.empty {
		return &api.Operators{Operators: []api.Operator{}}, nil
	}
	return &api.Operators{Operators: []api.Operator{
		{Number: "101", Name: "Cashier", WorkGroups: []string{"Front"}, HasPIN: true, Cards: 1},
		{Number: "102", Name: "Cashier", WorkGroups: []string{"Front", "Back"}, HasPIN: true, LockedFor: 1790},
		{Number: "103", Name: "Cashier", WorkGroups: []string{"Back"}, Suspended: true},
	}}, knows(r.By)
}

func (f *fake) People(_ context.Context, c api.Caller, verb api.PeopleVerb, r *api.PeopleRequest) (*api.PeopleAnswer, error) {
	by := "-"
	if r.By != nil {
		by = r.By.Number
	}
	if err := knows(r.By); err != nil {
		return nil, err
	}
	if f.fresh && string(r.PIN) == "1111" {
		return nil, api.Errorf(api.CodeRefused, "this PIN is too easy to guess")
	}
	more := ""
	for _, m := range []string{r.From, r.Until, strings.Join(r.Stores, "|"), strings.Join(r.Registers, "|"), r.Person} {
		if m != "" {
			more += " " + m
		}
	}
	if r.With != nil {
		more += " with=" + r.With.Number
	}
	if r.Temporary || r.ChangePIN {
		more += fmt.Sprintf(" temporary=%t change-pin=%t", r.Temporary, r.ChangePIN)
	}
	f.note(c, "%s %s by=%s name=%s groups=%s pin=%d%s", verb, r.Number, by, r.Name, strings.Join(r.WorkGroups, "|"), len(r.PIN), more)
	return &api.PeopleAnswer{
		Say: fmt.Sprintf("%s: done for operator %s", verb, r.Number),
		Operator: &api.Operator{
			Number: r.Number, Name: "Cashier", Person: "p-" + r.Number, WorkGroups: []string{"Front"}, HasPIN: true, Cards: 1,
			CardList: []api.OperatorCard{{ID: 3, Format: "digits", Enrolled: morning, Until: &morning}}, Until: "2026-12-31", Registers: []string{"1", "2"},
			Standing: "not-here",
		},
	}, nil
}

func (f *fake) Import(_ context.Context, c api.Caller, r *api.ImportRequest) (*api.ImportAnswer, error) {
	if err := knows(r.By); err != nil {
		return nil, err
	}
	f.note(c, "import %d rows by=%s dry-run=%t", len(r.Rows), r.By.Number, r.DryRun)
	w := &api.ImportAnswer{Applied: !r.DryRun, Say: "done"}
	for _, row := range r.Rows {
		if row.Number == "bad" {
			w.Errors = append(w.Errors, api.ImportError{Line: row.Line, Say: "an operator number has 1 to 9 digits", Reason: "malformed"})
			w.Applied = false
			continue
		}
		w.Added++
		w.Rows = append(w.Rows, api.ImportChange{Line: row.Line, Number: row.Number, Say: "added; work groups: " + strings.Join(row.WorkGroups, ", ")})
	}
	return w, nil
}

func (f *fake) Roster(context.Context, api.Caller) (*api.RosterStatus, error) {
	return &api.RosterStatus{StoreKey: "0123456789abcdef", Own: 3, OfRoster: 5, Roster: &api.AppliedBundle{Epoch: 4, MadeAt: "0042/2", Applied: morning}}, nil
}

func (f *fake) ExportRoster(_ context.Context, c api.Caller, r *api.RosterExport) (*api.RosterExported, error) {
	if err := knows(r.By); err != nil {
		return nil, err
	}
	f.note(c, "export by=%s revocations=%t", r.By.Number, r.Revocations)
	return &api.RosterExported{Type: "roster", Epoch: 5, Operators: 8, Without: []string{"103"}, Bundle: []byte("bundle")}, nil
}

func (f *fake) ApplyRoster(_ context.Context, c api.Caller, r *api.RosterApply) (*api.RosterApplied, error) {
	f.note(c, "apply %s %d bytes by=%t replace-own=%t", r.Name, len(r.Bundle), r.By != nil, r.ReplaceOwn)
	if strings.HasPrefix(string(r.Bundle), "bad") {
		return nil, api.Errorf(api.CodeInvalid, "it was refused: its epoch is not above one that was loaded before").WithReason("epoch")
	}
	if strings.HasPrefix(string(r.Bundle), "fired") {
		return &api.RosterApplied{Say: "list of revocations 2 is applied", Type: "revocations", Epoch: 2, MadeAt: "0042/2", Revoked: []string{"103"}, Unchanged: 1}, nil
	}
	return &api.RosterApplied{Say: "roster 5 is applied", Type: "roster", Epoch: 5, MadeAt: "0042/2", Added: 1, Changed: 2, Removed: 3, Unchanged: 4, Terminated: []string{"103"}}, nil
}
