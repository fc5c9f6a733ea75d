package api

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/report"
	"tillwarden/enforcer/timeclock"
	"tillwarden/enforcer/week"
)

// fake answers every route with something of every field, and notes what it was asked.
type fake struct {
	mu    sync.Mutex
	calls []string // guarded by mu
	err   error    // answered by every route, if set
	pins  []string // guarded by mu; PINs as they came in
	kept  []Secret // guarded by mu; the very slices, to see them wiped

	block  chan struct{} // closed or nil: Ask does not wait
	events []Event
	live   chan Event
}

func (f *fake) note(c Caller, format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, c.Role.String()+" "+fmt.Sprintf(format, args...))
}

func (f *fake) pin(by *Credentials) {
	if by == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pins = append(f.pins, string(by.PIN))
	f.kept = append(f.kept, by.PIN)
}

func (f *fake) called() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

var day = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func session() *Session {
	return &Session{ID: 7, Operator: "1001", Name: "Ada", Person: "p1", WorkGroups: []string{"G"}, Method: "card", Began: day, FellBack: true}
}

func override() *Override {
	return &Override{ID: 9, Requester: "1001", Name: "Ada", Function: "pos.drawer.nosale", Prompt: "No Sale", Drawer: "till", ExpiresIn: 180, Needs: 2, Reason: "code", Transaction: true, Approvals: 1, Approved: []string{"2001"}, Source: "keypad"}
}

func policyStatus() *PolicyStatus {
	return &PolicyStatus{Epoch: 3, Digest: "ab", Functions: 200, WorkGroups: []WorkGroupInfo{{Name: "G", Scope: "store", SignOn: "card", Restricted: true}}}
}

func (f *fake) Status(_ context.Context, c Caller) (*Status, error) {
	f.note(c, "status")
	n := 3
	return &Status{
		Version: "1", Chain: "c", Store: "s", Register: "r", State: "degraded", Problems: []string{"the printer is not there"},
		Enforcing: true, Busy: []string{"printer receipt prints"}, Started: day, Uptime: 1.5, Policy: policyStatus(), Session: session(), Override: override(), Mode: mode(),
		Journal:   &JournalStatus{Last: 9, Root: "x", Bytes: 1, FreeBytes: 2, State: "ok"},
		Operators: &n, Clock: "synchronised", Drawers: drawers().Drawers, Devices: devices().Devices,
	}, f.err
}

func (f *fake) person(p *Person) {
	if p != nil {
		f.pin(&p.Credentials)
	}
}

func mode() *Mode {
	return &Mode{
		Mode: "monitor", Seq: 8, Left: 60, Functions: []string{"pos.drawer"}, Reason: "moving in", By: "2001", With: "2002", Spent: 1, Total: 2, Codes: 3,
	}
}

func (f *fake) Mode(_ context.Context, c Caller) (*Mode, error) {
	f.note(c, "mode")
	return mode(), f.err
}

func (f *fake) Monitor(_ context.Context, c Caller, r *ModeRequest) (*ModeAnswer, error) {
	f.note(c, "monitor")
	f.person(r.By)
	f.person(r.With)
	return &ModeAnswer{Say: "done", Mode: *mode()}, f.err
}

func (f *fake) BreakGlass(_ context.Context, c Caller, r *ModeRequest) (*ModeAnswer, error) {
	f.note(c, "break-glass")
	f.person(r.By)
	f.person(r.With)
	f.mu.Lock()
	f.kept = append(f.kept, r.Code)
	f.mu.Unlock()
	return &ModeAnswer{Say: "done", Mode: *mode()}, f.err
}

func (f *fake) ModeReport(_ context.Context, c Caller, q *ModeReportRequest) (*ModeReport, error) {
	f.note(c, "mode report")
	f.pin(q.By)
	return &ModeReport{From: &day, To: &day, Decisions: 9, Through: 2, Rows: []ModeReportRow{{
		Day: "2026-03-01", Operator: "1001", Function: "pos.drawer.nosale", Name: "No Sale", Mode: "monitor", Outcome: "denied", Reason: "rule",
		Rule: Rule{WorkGroup: "G", Function: "pos.drawer", Mark: "X"}, Count: 2,
	}}}, f.err
}

func (f *fake) Prove(_ context.Context, c Caller, q *ProveRequest) (*Proof, error) {
	f.note(c, "prove")
	f.pin(q.By)
	return &Proof{Text: "proof"}, f.err
}

func (f *fake) ActivityReport(_ context.Context, c Caller, q *ReportRequest) (*report.Activity, error) {
	f.note(c, "activity")
	f.pin(q.By)
	a := report.NewActivity(map[string]string{"pos.sale": "Sale"})
	e := fullEntry()
	a.Add(&e)
	return a.Result(), f.err
}

func (f *fake) ExceptionReport(_ context.Context, c Caller, q *ExceptionsRequest) (*report.Exceptions, error) {
	f.note(c, "exceptions")
	f.pin(q.By)
	x := 2.5
	return &report.Exceptions{
		Period: report.Period{First: day, Last: day, Entries: 9, Journals: 1},
		Operators: []report.Operator{{Operator: "1001", WorkGroups: []string{"G"}, Sales: 5, Opens: 6, Figures: []report.Figure{
			{Name: report.NoSales, Count: 1, Rate: &x, Median: &x, Deviation: &x, Exceptional: true}, {Name: report.AfterHours, Note: report.NoHours},
		}}},
		Approvers: []report.Approver{{
			Approver: "2001", What: report.OffClock, Count: 1, Approvals: 3, Exceptional: true,
			Latest: []report.Approval{{Journal: 1, Seq: 3, Time: day, Requester: "1001", Function: "pos.drawer.nosale"}},
		}},
		Pairs: []report.Pair{{Requester: "1001", Approver: "2001", Approved: 3, ByNumber: 1, Share: 1, Rate: &x, Median: &x, Deviation: &x, Exceptional: true, Note: "x"}},
	}, f.err
}

func (f *fake) TimeReport(_ context.Context, c Caller, q *TimeReportRequest) (*report.Time, error) {
	f.note(c, "time report")
	f.pin(q.By)
	return &report.Time{
		Period: report.Period{First: day, Last: day, Entries: 9, Journals: 1},
		Days:   []report.TimeDay{{Operator: "1001", Day: "2026-03-01", Worked: 3600, Shifts: 1, Jumps: -60}},
		Shifts: []report.Shift{{Operator: "1001", Person: "p1", In: &day, Out: &day, Last: day, Worked: 3600, Jump: -60, Reboots: 1, Journal: 1, Overlaps: true}},
	}, f.err
}

func (f *fake) Punch(_ context.Context, c Caller, what timeclock.Punch, r *PunchRequest) (*PunchAnswer, error) {
	f.note(c, "punch %v", what)
	f.person(r.By)
	return &PunchAnswer{OK: true, Reason: "none", Say: "clocked in", Rule: &Rule{WorkGroup: "G", Function: "pos", Mark: "check"}, RetryAfter: 1}, f.err
}

func (f *fake) TimeClock(_ context.Context, c Caller, r *TimeRequest) (*TimeClock, error) {
	f.note(c, "time clock")
	f.pin(r.By)
	return &TimeClock{Runs: true, People: []Standing{{
		Operator: "1001", Name: "Ada", Person: "p1", State: "break", In: day, Since: day, Forced: true, Left: 60,
	}}}, f.err
}

func (f *fake) OpensReport(_ context.Context, c Caller, q *OpensRequest) (*report.Opens, error) {
	f.note(c, "opens")
	f.pin(q.By)
	o := report.NewOpens(day, week.Hours{}).Result()
	o.More, o.Slots[0].AfterHours = 2, true
	o.Events = append(o.Events, report.OpenEvent{Journal: 1, Seq: 3, Time: day, Drawer: "till", Operator: "1001", Function: "pos.drawer.nosale"})
	return o, f.err
}

func (f *fake) MakeCodes(_ context.Context, c Caller, r *CodesRequest) (*Done, error) {
	f.note(c, "codes")
	f.person(r.By)
	f.person(r.With)
	f.mu.Lock()
	f.kept = append(f.kept, r.Codes...)
	f.mu.Unlock()
	return &Done{Say: "done"}, f.err
}

func (f *fake) EndMode(_ context.Context, c Caller, r *EndModeRequest) (*ModeAnswer, error) {
	f.note(c, "enforce")
	f.person(r.By)
	return &ModeAnswer{Say: "done", Mode: Mode{Mode: "enforce"}}, f.err
}

func (f *fake) Policy(_ context.Context, c Caller) (*PolicyStatus, error) {
	f.note(c, "policy")
	return policyStatus(), f.err
}

func (f *fake) CompiledPolicy(_ context.Context, c Caller) (*CompiledPolicy, error) {
	f.note(c, "compiled policy")
	return &CompiledPolicy{Epoch: 3, Digest: "ab", Compiled: []byte{1, 2}}, f.err
}

func (f *fake) Session(_ context.Context, c Caller) (*SessionState, error) {
	f.note(c, "session")
	return &SessionState{SignedOn: true, Session: session()}, f.err
}

func (f *fake) SignOn(_ context.Context, c Caller, by *Credentials) (*SignOnAnswer, error) {
	f.note(c, "signon %s", by.Number)
	f.pin(by)
	return &SignOnAnswer{OK: true, Reason: "rule", Say: "hello", RetryAfter: 1, Session: session()}, f.err
}

func (f *fake) SignOff(_ context.Context, c Caller) (*Done, error) {
	f.note(c, "signoff")
	return &Done{Say: "signed off"}, f.err
}

func (f *fake) SignOffBy(_ context.Context, c Caller, by *Credentials) (*SignOnAnswer, error) {
	f.note(c, "signoff-by %s", by.Number)
	f.pin(by)
	return &SignOnAnswer{OK: true, Say: "signed off"}, f.err
}

func (f *fake) Lock(_ context.Context, c Caller) (*Done, error) {
	f.note(c, "lock")
	return &Done{Say: "locked"}, f.err
}

func (f *fake) Unlock(_ context.Context, c Caller, by *Credentials) (*SignOnAnswer, error) {
	f.note(c, "unlock %s", by.Number)
	f.pin(by)
	return &SignOnAnswer{OK: false, Reason: "wrong-pin", Say: "not accepted"}, f.err
}

func answered() *Answer {
	return &Answer{
		Outcome: "override-required", Reason: "rule", Function: "pos.drawer.nosale", Name: "No Sale", Rule: &Rule{"G", "pos.drawer", "X"},
		Say: "a manager has to approve", Seq: 8, Override: 9, Joined: true, Mode: "monitor", Policy: "denied", ExpiresIn: 10, Approver: "2001",
		Drawer: &DrawerAnswer{Name: "till", Result: DrawerNotOpened, Reason: "rule"},
	}
}

func (f *fake) Ask(ctx context.Context, c Caller, a *AskRequest) (*Answer, error) {
	f.note(c, "ask %s %s %s %g", a.Function, a.Drawer, a.Open, a.Wait)
	if f.block != nil && a.Wait > 0 {
		select {
		case <-f.block:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return answered(), f.err
}

func (f *fake) Menu(_ context.Context, c Caller) (*Menu, error) {
	f.note(c, "menu")
	return &Menu{Items: []MenuItem{{
		ID: 1, Function: "pos.sale", Name: "Sale", Level: 2, Drawer: true,
		Within: []MenuLimit{{Amount: 5000, Percent: 12.5, Count: 3, Hours: "mon 08:00-20:00", Registers: "front"}},
	}}}, f.err
}

func drawers() *Drawers {
	return &Drawers{Drawers: []Drawer{{Name: "till", Printer: "p", State: "closed", Calibrated: true, Since: &day, Ready: true, Problem: "x"}}}
}

func devices() *Devices {
	return &Devices{Devices: []Device{{Name: "p", Kind: "printer", Path: "/dev/x", State: "untrusted", Problem: "y", Since: &day}}}
}

func (f *fake) Drawers(_ context.Context, c Caller) (*Drawers, error) {
	f.note(c, "drawers")
	return drawers(), f.err
}

func (f *fake) Overrides(_ context.Context, c Caller) (*Overrides, error) {
	f.note(c, "overrides")
	return &Overrides{Overrides: []Override{*override()}}, f.err
}

func (f *fake) WaitOverride(_ context.Context, c Caller, id Seq, wait time.Duration) (*Answer, error) {
	f.note(c, "wait %d %s", id, wait)
	return answered(), f.err
}

func (f *fake) Reasons(context.Context, Caller) (*Reasons, error) {
	return &Reasons{Reasons: []Reason{{Code: 1, Name: "change"}}}, f.err
}

func (f *fake) Approve(_ context.Context, c Caller, id Seq, by *ApproveRequest) (*Answer, error) {
	f.note(c, "approve %d %s", id, by.Number)
	f.pin(&by.Credentials)
	return answered(), f.err
}

func (f *fake) Confirm(_ context.Context, c Caller, id Seq, r *ConfirmRequest) (*Answer, error) {
	f.note(c, "confirm %d", id)
	f.pin(&Credentials{PIN: r.PIN})
	return answered(), f.err
}

func (f *fake) Refuse(_ context.Context, c Caller, id Seq, by *Credentials) (*Done, error) {
	f.note(c, "refuse %d %s", id, by.Number)
	f.pin(by)
	return &Done{Say: "refused"}, f.err
}

func (f *fake) Cancel(_ context.Context, c Caller, id Seq) (*Done, error) {
	f.note(c, "cancel %d", id)
	return &Done{Say: "cancelled"}, f.err
}

func (f *fake) Devices(_ context.Context, c Caller) (*Devices, error) {
	f.note(c, "devices")
	return devices(), f.err
}

func (f *fake) Resync(_ context.Context, c Caller, d string) (*Done, error) {
	f.note(c, "resync %s", d)
	return &Done{Say: "trusted"}, f.err
}

func (f *fake) Test(_ context.Context, c Caller, d string) (*TestAnswer, error) {
	f.note(c, "test %s", d)
	return &TestAnswer{Good: true, Say: "the code *61#", Code: "*61#"}, f.err
}

func (f *fake) Calibrate(_ context.Context, c Caller, d string, r *CalibrateRequest) (*CalibrateAnswer, error) {
	f.note(c, "calibrate %s %s %v", d, r.Drawer, r.Open)
	return &CalibrateAnswer{Calibrated: false, Say: "now with the drawer open"}, f.err
}

func (f *fake) Record(_ context.Context, c Caller, d string, r *RecordRequest, emit func([]byte) error) error {
	f.note(c, "record %s %g %d %t", d, r.Seconds, r.MaxBytes, r.MaskText)
	for _, line := range []string{
		`{"record":"tillwarden print","version":1,"printer":"till","dialect":"epson"}`, `{"at":0,"job":1,"bytes":"QQo="}`, `{"at":1,"lost":3,"end":"size"}`,
	} {
		if err := emit([]byte(line + "\n")); err != nil {
			return err
		}
	}
	return f.err
}

// fullEntry has every field.
func fullEntry() entry.Entry {
	return entry.Entry{
		Seq: 7, Kind: entry.KindDecision, Stamp: entry.Stamp{Wall: day.UnixNano(), Boot: 5, BootID: entry.BootID{1}, Clock: entry.ClockSynchronised},
		Session: 3, Operator: "1001", Person: "p", WorkGroups: []string{"G"}, Function: "pos.drawer.nosale", FunctionID: 1602,
		Outcome: entry.OutcomeDenied, Reason: entry.ReasonRule, Rule: &entry.Rule{WorkGroup: "G", Function: "pos.drawer", Mark: "X"},
		Approval: &entry.Approval{
			Operator: "2001", Person: "q", Method: entry.MethodRemote, Override: 6, First: 6, Fallback: true, At: "register 4", OffClock: true, Transaction: true,
		}, Method: entry.MethodPOS,
		Source: "socket:pos uid=1000", Device: "p", Drawer: "till", Purpose: entry.PurposeAsked, Claimant: "pos",
		Policy: &entry.PolicyRef{Epoch: 3, Digest: [32]byte{1}}, About: 5, Lines: 9, Digest: []byte{1, 2}, Elapsed: 1e9, Count: 4,
		Subject: "2002", Text: "words", Mode: entry.ModeMonitor, Why: "moving in", WhyCode: 9, Told: &entry.Told{Amount: ptr(uint64(4999)), Percent: ptr(uint64(1250)), Count: ptr(uint64(2))},
		Limit: &entry.Limit{WorkGroup: "G", Function: "pos.sale", Part: "percent", Most: 1000, Uses: 3}, Uses: 2,
	}
}

func (f *fake) Journal(_ context.Context, c Caller, q *JournalQuery) (*JournalPage, error) {
	f.note(c, "journal %s %d", q.Kind, q.Limit)
	f.pin(q.By)
	e := fullEntry()
	return &JournalPage{Entries: []Entry{Words(&e)}, Next: "7", Last: 9}, f.err
}

func (f *fake) JournalStored(_ context.Context, c Caller, q *JournalStored, emit func([]byte) error) error {
	f.note(c, "stored %s", q.Kind)
	f.pin(q.By)
	for _, page := range [][]byte{{0xa1, 0x01, 0x05, 0xa1, 0x01, 0x06}, {0xa1, 0x01, 0x07}} {
		if err := emit(page); err != nil {
			return err
		}
	}
	return f.err
}

func (f *fake) JournalStream(_ context.Context, c Caller, q *JournalStream, emit func(*Entry) error) error {
	f.note(c, "stream %v", q.Follow)
	f.pin(q.By)
	e := fullEntry()
	w := Words(&e)
	for i := 0; i < 2; i++ {
		if err := emit(&w); err != nil {
			return err
		}
	}
	return f.err
}

func (f *fake) Checkpoint(_ context.Context, c Caller) (*Checkpoint, error) {
	f.note(c, "checkpoint")
	return &Checkpoint{Text: "t", PublicKey: "k"}, f.err
}

func (f *fake) Events(ctx context.Context, c Caller, after *Seq, emit func(*Event) error) error {
	f.note(c, "events")
	if after != nil {
		for i := range f.events {
			if f.events[i].Seq > *after {
				if err := emit(&f.events[i]); err != nil {
					return err
				}
			}
		}
	}
	for {
		select {
		case e, ok := <-f.live:
			if !ok {
				return f.err
			}
			if err := emit(&e); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Load(_ context.Context, c Caller, l *LoadRequest) (*LoadAnswer, error) {
	f.note(c, "load %s %d", l.Name, len(l.Bundle))
	f.pin(l.By)
	return &LoadAnswer{Say: "loaded", Policy: policyStatus(), Mode: mode()}, f.err
}

func operator() Operator {
	return Operator{
		Number: "1001", Name: "Ada", Person: "p", WorkGroups: []string{"G"}, Suspended: true, HasPIN: true, Cards: 1, LockedFor: 2, Changed: &day,
		CardList: []OperatorCard{{ID: 1, Format: "digits", Enrolled: day, Until: &day}}, From: "2026-11-27", Until: "2026-12-31",
		Stores: []string{"12"}, Registers: []string{"3"}, Terminated: true, MustChangePIN: true, Standing: "suspended", Roster: 4,
	}
}

func (f *fake) Operators(_ context.Context, c Caller, r *PeopleRequest) (*Operators, error) {
	f.note(c, "people list")
	f.pin(r.By)
	return &Operators{Operators: []Operator{operator()}}, f.err
}

func (f *fake) People(_ context.Context, c Caller, verb PeopleVerb, r *PeopleRequest) (*PeopleAnswer, error) {
	f.note(c, "people %s %s", verb, r.Number)
	f.pin(r.By)
	f.pin(r.With)
	if len(r.PIN) > 0 {
		f.pin(&Credentials{PIN: r.PIN})
	}
	o := operator()
	return &PeopleAnswer{Say: "done", Operator: &o}, f.err
}

func (f *fake) Import(_ context.Context, c Caller, r *ImportRequest) (*ImportAnswer, error) {
	f.note(c, "people import %d", len(r.Rows))
	f.pin(r.By)
	return &ImportAnswer{
		Applied: true, Say: "done", Added: 1, Changed: 2, Unchanged: 3, Rows: []ImportChange{{Line: 2, Number: "1002", Say: "added"}},
		Errors: []ImportError{{Line: 3, Number: "1003", Say: "no", Reason: "restricted", Rule: &Rule{WorkGroup: "G"}}},
	}, f.err
}

func (f *fake) Roster(_ context.Context, c Caller) (*RosterStatus, error) {
	f.note(c, "roster")
	a := &AppliedBundle{Epoch: 4, MadeAt: "12/1", Applied: day}
	return &RosterStatus{StoreKey: "0123456789abcdef", Own: 1, OfRoster: 2, Roster: a, Revocations: a, Revoked: 3}, f.err
}

func (f *fake) ExportRoster(_ context.Context, c Caller, r *RosterExport) (*RosterExported, error) {
	f.note(c, "roster export %t", r.Revocations)
	f.pin(r.By)
	return &RosterExported{Type: "roster", Epoch: 5, Operators: 2, Without: []string{"1001"}, Bundle: []byte("bundle")}, f.err
}

func (f *fake) ApplyRoster(_ context.Context, c Caller, r *RosterApply) (*RosterApplied, error) {
	f.note(c, "roster apply %s %d", r.Name, len(r.Bundle))
	f.pin(r.By)
	return &RosterApplied{
		Say: "applied", Type: "roster", Epoch: 5, MadeAt: "12/1", Added: 1, Changed: 2, Removed: 3, Unchanged: 4,
		Revoked: []string{"1"}, Freed: []string{"2"}, Terminated: []string{"3"}, Foreign: []string{"4"},
	}, f.err
}

// serveOn starts a server for one role, and gives a client for its socket.
func serveOn(t testing.TB, role Role, f *fake, limits Limits) (*Server, *Client) {
	t.Helper()
	path := filepath.Join(t.TempDir(), role.String()+".sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return serveAt(t, l, role, f, limits)
}

// serveAt is serveOn at a listener that is there, and may have been for a while.
func serveAt(t testing.TB, l net.Listener, role Role, f *fake, limits Limits) (*Server, *Client) {
	t.Helper()
	s := NewServer(Options{Backend: f, Role: role, Limits: limits})
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	c := NewClient(l.Addr().String())
	t.Cleanup(func() {
		c.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return s, c
}

// raw sends a request as written and gives the answer as it came.
func raw(t testing.TB, c *Client, method, path, body string, header ...string) (*http.Response, string) {
	t.Helper()
	var rd io.Reader
	if body != "" {
		rd = strings.NewReader(body)
	}
	req, err := http.NewRequest(method, "http://x"+path, rd)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return res, string(b)
}

func ptr[T any](v T) *T { return &v }
