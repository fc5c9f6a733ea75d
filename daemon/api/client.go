package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"tillwarden/enforcer/report"
	"tillwarden/enforcer/timeclock"
)

// Client speaks to the daemon over one of its sockets. It is safe for use by
// several goroutines. Errors are *Error, unless the context ended.
type Client struct {
	path string
	http *http.Client
}

// NewClient makes a client for a socket, as /run/tillwarden/console.sock. It
// connects with the first request.
func NewClient(socket string) *Client {
	var d net.Dialer
	return &Client{path: socket, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", socket)
		},
		MaxIdleConns: 64, MaxIdleConnsPerHost: 64, IdleConnTimeout: time.Minute, DisableCompression: true,
	}}}
}

// Socket is the path that the client speaks to.
func (c *Client) Socket() string { return c.path }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Reach returns nil once the daemon answers anything at all. Where systemd holds its
// sockets, one that cannot start takes connections and answers none.
func (c *Client) Reach(ctx context.Context) error {
	_, err := do[struct{}](ctx, c, "GET", "/", nil)
	var said *Error
	if errors.As(err, &said) && said.Code != CodeUnreachable {
		return nil // that there is no such route, or that there are too many
	}
	return err
}

// Status asks how the register is.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return do[Status](ctx, c, "GET", "/v1/status", nil)
}

// Policy asks which policy is loaded, with its work groups.
func (c *Client) Policy(ctx context.Context) (*PolicyStatus, error) {
	return do[PolicyStatus](ctx, c, "GET", "/v1/policy", nil)
}

// CompiledPolicy asks for the loaded policy itself (technician).
func (c *Client) CompiledPolicy(ctx context.Context) (*CompiledPolicy, error) {
	return do[CompiledPolicy](ctx, c, "GET", "/v1/policy/compiled", nil)
}

// Session asks who is signed on.
func (c *Client) Session(ctx context.Context) (*SessionState, error) {
	return do[SessionState](ctx, c, "GET", "/v1/session", nil)
}

// SignOn signs on with number and PIN (console).
func (c *Client) SignOn(ctx context.Context, by Credentials) (*SignOnAnswer, error) {
	return do[SignOnAnswer](ctx, c, "POST", "/v1/session/signon", &by)
}

// SignOff ends the session.
func (c *Client) SignOff(ctx context.Context) (*Done, error) {
	return do[Done](ctx, c, "POST", "/v1/session/signoff", nil)
}

// SignOffBy ends the session with somebody's number and PIN, also a locked one
// (console): the operator's who is signed on, or of who may unlock others' registers.
func (c *Client) SignOffBy(ctx context.Context, by Credentials) (*SignOnAnswer, error) {
	return do[SignOnAnswer](ctx, c, "POST", "/v1/session/signoff-by", &by)
}

// Lock locks the register.
func (c *Client) Lock(ctx context.Context) (*Done, error) {
	return do[Done](ctx, c, "POST", "/v1/session/lock", nil)
}

// Unlock unlocks it with number and PIN (console).
func (c *Client) Unlock(ctx context.Context, by Credentials) (*SignOnAnswer, error) {
	return do[SignOnAnswer](ctx, c, "POST", "/v1/session/unlock", &by)
}

// Mode asks which mode the register is in.
func (c *Client) Mode(ctx context.Context) (*Mode, error) {
	return do[Mode](ctx, c, "GET", "/v1/mode", nil)
}

// Monitor begins monitor mode (console, technician).
func (c *Client) Monitor(ctx context.Context, r ModeRequest) (*ModeAnswer, error) {
	return do[ModeAnswer](ctx, c, "POST", "/v1/mode/monitor", &r)
}

// BreakGlass begins break-glass (console, technician).
func (c *Client) BreakGlass(ctx context.Context, r ModeRequest) (*ModeAnswer, error) {
	return do[ModeAnswer](ctx, c, "POST", "/v1/mode/break-glass", &r)
}

// ModeReport asks what modes let through (console with By, technician).
func (c *Client) ModeReport(ctx context.Context, q ModeReportRequest) (*ModeReport, error) {
	return do[ModeReport](ctx, c, "POST", "/v1/mode/report", &q)
}

// MakeCodes makes a new list of one-time codes for break-glass (console, technician).
func (c *Client) MakeCodes(ctx context.Context, r CodesRequest) (*Done, error) {
	return do[Done](ctx, c, "POST", "/v1/mode/codes", &r)
}

// EndMode ends a mode (technician, or console with By): the policy alone decides again.
func (c *Client) EndMode(ctx context.Context, r EndModeRequest) (*ModeAnswer, error) {
	return do[ModeAnswer](ctx, c, "POST", "/v1/mode/enforce", &r)
}

// Ask asks for one function on behalf of who is signed on.
func (c *Client) Ask(ctx context.Context, ask AskRequest) (*Answer, error) {
	return do[Answer](ctx, c, "POST", "/v1/ask", &ask)
}

// Menu asks what the signed-on operator may run.
func (c *Client) Menu(ctx context.Context) (*Menu, error) {
	return do[Menu](ctx, c, "GET", "/v1/menu", nil)
}

// Drawers asks for the drawers' states.
func (c *Client) Drawers(ctx context.Context) (*Drawers, error) {
	return do[Drawers](ctx, c, "GET", "/v1/drawers", nil)
}

// OpenDrawer asks to open one drawer at once.
func (c *Client) OpenDrawer(ctx context.Context, drawer string, open OpenRequest) (*Answer, error) {
	return do[Answer](ctx, c, "POST", "/v1/drawers/"+url.PathEscape(drawer)+"/open", &open)
}

// Overrides asks what waits for a second person.
func (c *Client) Overrides(ctx context.Context) (*Overrides, error) {
	return do[Overrides](ctx, c, "GET", "/v1/overrides", nil)
}

// WaitOverride waits for an override's end. Where it is still pending after
// wait, the answer's outcome is still "override-required".
func (c *Client) WaitOverride(ctx context.Context, id Seq, wait time.Duration) (*Answer, error) {
	q := url.Values{"seconds": {strconv.FormatFloat(wait.Seconds(), 'f', -1, 64)}}
	return do[Answer](ctx, c, "GET", overridePath(id, "wait")+"?"+q.Encode(), nil)
}

// Reasons asks for the reasons that approvals are given for (console, technician).
func (c *Client) Reasons(ctx context.Context) (*Reasons, error) {
	return do[Reasons](ctx, c, "GET", "/v1/reasons", nil)
}

// Approve approves a pending override (console).
func (c *Client) Approve(ctx context.Context, id Seq, by ApproveRequest) (*Answer, error) {
	return do[Answer](ctx, c, "POST", overridePath(id, "approve"), &by)
}

// Confirm confirms what waits for the own PIN of who is signed on (console).
func (c *Client) Confirm(ctx context.Context, id Seq, pin Secret) (*Answer, error) {
	return do[Answer](ctx, c, "POST", overridePath(id, "confirm"), &ConfirmRequest{PIN: pin})
}

// Refuse refuses a pending override (console).
func (c *Client) Refuse(ctx context.Context, id Seq, by Credentials) (*Done, error) {
	return do[Done](ctx, c, "POST", overridePath(id, "refuse"), &by)
}

// Cancel takes a pending override back.
func (c *Client) Cancel(ctx context.Context, id Seq) (*Done, error) {
	return do[Done](ctx, c, "POST", overridePath(id, "cancel"), nil)
}

func overridePath(id Seq, verb string) string {
	return "/v1/overrides/" + strconv.FormatUint(uint64(id), 10) + "/" + verb
}

// Devices asks for the devices' states (console, technician).
func (c *Client) Devices(ctx context.Context) (*Devices, error) {
	return do[Devices](ctx, c, "GET", "/v1/devices", nil)
}

// Resync gives the technician's word that a printer was just switched on and
// nothing of an unfinished command is left in it (technician).
func (c *Client) Resync(ctx context.Context, device string) (*Done, error) {
	return do[Done](ctx, c, "POST", "/v1/devices/"+url.PathEscape(device)+"/resync", nil)
}

// Test tries a device; of a reader or keypad it waits up to EnrolFor for a card or a
// line (technician).
func (c *Client) Test(ctx context.Context, device string) (*TestAnswer, error) {
	return do[TestAnswer](ctx, c, "POST", "/v1/devices/"+url.PathEscape(device)+"/test", nil)
}

// Calibrate teaches a drawer's sensor what open and closed look like (technician).
func (c *Client) Calibrate(ctx context.Context, device string, r CalibrateRequest) (*CalibrateAnswer, error) {
	return do[CalibrateAnswer](ctx, c, "POST", "/v1/devices/"+url.PathEscape(device)+"/calibrate", &r)
}

// Prove asks for a proof of one entry (console with By, technician).
func (c *Client) Prove(ctx context.Context, q ProveRequest) (*Proof, error) {
	return do[Proof](ctx, c, "POST", "/v1/journal/prove", &q)
}

// ActivityReport asks what was done how often, by function (console with By, technician).
func (c *Client) ActivityReport(ctx context.Context, q ReportRequest) (*report.Activity, error) {
	return do[report.Activity](ctx, c, "POST", "/v1/report/activity", &q)
}

// ExceptionReport asks whose figures differ from their peers' (console with By, technician).
func (c *Client) ExceptionReport(ctx context.Context, q ExceptionsRequest) (*report.Exceptions, error) {
	return do[report.Exceptions](ctx, c, "POST", "/v1/report/exceptions", &q)
}

// OpensReport asks when drawers were opened on a day (console with By, technician).
func (c *Client) OpensReport(ctx context.Context, q OpensRequest) (*report.Opens, error) {
	return do[report.Opens](ctx, c, "POST", "/v1/report/opens", &q)
}

// TimeReport asks for hours at work by operator and day (console with By, technician).
func (c *Client) TimeReport(ctx context.Context, q TimeReportRequest) (*report.Time, error) {
	return do[report.Time](ctx, c, "POST", "/v1/report/time", &q)
}

// Punch punches the time clock (console). With a card it waits up to EnrolFor for
// the card to be swiped at the register's reader.
func (c *Client) Punch(ctx context.Context, what timeclock.Punch, r PunchRequest) (*PunchAnswer, error) {
	return do[PunchAnswer](ctx, c, "POST", "/v1/time/"+what.String(), &r)
}

// TimeClock asks who is clocked in (console with By, technician).
func (c *Client) TimeClock(ctx context.Context, r TimeRequest) (*TimeClock, error) {
	return do[TimeClock](ctx, c, "POST", "/v1/time/list", &r)
}

// Journal asks for one page of the journal (console with By, technician).
func (c *Client) Journal(ctx context.Context, q JournalQuery) (*JournalPage, error) {
	return do[JournalPage](ctx, c, "POST", "/v1/journal/query", &q)
}

// Checkpoint asks for the journal's signed tree head (console, technician).
func (c *Client) Checkpoint(ctx context.Context) (*Checkpoint, error) {
	return do[Checkpoint](ctx, c, "GET", "/v1/journal/checkpoint", nil)
}

// Load hands in a signed bundle (technician, or console with By).
func (c *Client) Load(ctx context.Context, l LoadRequest) (*LoadAnswer, error) {
	return do[LoadAnswer](ctx, c, "POST", "/v1/loads", &l)
}

// Roster says which roster was applied (console, technician).
func (c *Client) Roster(ctx context.Context) (*RosterStatus, error) {
	return do[RosterStatus](ctx, c, "GET", "/v1/roster", nil)
}

// ExportRoster makes what is carried to the store's other lanes (console, technician; with By).
func (c *Client) ExportRoster(ctx context.Context, r RosterExport) (*RosterExported, error) {
	return do[RosterExported](ctx, c, "POST", "/v1/roster/export", &r)
}

// ApplyRoster hands in what was made at another lane (technician, or console with By).
func (c *Client) ApplyRoster(ctx context.Context, r RosterApply) (*RosterApplied, error) {
	return do[RosterApplied](ctx, c, "POST", "/v1/roster/apply", &r)
}

// Import takes a list of operators in, all or none (technician or console, with By).
func (c *Client) Import(ctx context.Context, r ImportRequest) (*ImportAnswer, error) {
	return do[ImportAnswer](ctx, c, "POST", "/v1/people/import", &r)
}

// Operators lists the roster (technician, or console with By). Only By is read.
func (c *Client) Operators(ctx context.Context, r PeopleRequest) (*Operators, error) {
	return do[Operators](ctx, c, "POST", "/v1/people/list", &r)
}

// People does one thing with one operator. PeopleEnrolCard waits up to 30 s
// for the card to be swiped at the register's reader.
func (c *Client) People(ctx context.Context, verb PeopleVerb, r PeopleRequest) (*PeopleAnswer, error) {
	return do[PeopleAnswer](ctx, c, "POST", "/v1/people/"+url.PathEscape(string(verb)), &r)
}

// OpenAPI gives the interface's own description.
func (c *Client) OpenAPI(ctx context.Context) (json.RawMessage, error) {
	raw, err := do[json.RawMessage](ctx, c, "GET", "/v1/openapi.json", nil)
	if err != nil {
		return nil, err
	}
	return *raw, nil
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// do sends one request and reads its answer.
func do[A any](ctx context.Context, c *Client, method, path string, body any) (*A, error) {
	res, err := c.send(ctx, method, path, body, nil)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	var a A
	if err := json.Unmarshal(raw, &a); err != nil {
		return nil, Errorf(CodeMalformed, "the daemon's answer to %s %s cannot be read: %v", method, path, err)
	}
	return &a, nil
}

// send sends one request and turns every status but 200 into an error.
func (c *Client) send(ctx context.Context, method, path string, body any, header http.Header) (*http.Response, error) {
	var rd io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write the request for %s: %w", path, err)
		}
		defer clear(raw)
		rd = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://tillwarden"+path, rd)
	if err != nil {
		return nil, fmt.Errorf("make the request for %s: %w", path, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	var failed errorBody
	if err := json.Unmarshal(raw, &failed); err != nil || failed.Error == nil {
		return nil, Errorf(CodeMalformed, "the daemon answered %s %s with %s and no reason", method, path, res.Status)
	}
	return nil, failed.Error
}

// broken says what to do about a connection that failed.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	e := Errorf(CodeUnreachable, "cannot speak to tillwardend at %s: %v", c.path, err)
	switch {
	case errors.Is(err, errNoEntry), errors.Is(err, errConnRefused):
		return e.WithHint("is the daemon running? try: systemctl status tillwardend")
	case errors.Is(err, errAccess):
		return e.WithHint("your user may not use this socket: join its group, or use another socket")
	}
	return e
}
