package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"tillwarden/enforcer/timeclock"
)

// The sizes of request bodies.
const (
	noBody    = 0
	smallBody = 16 << 10
	// MaxBundle is the largest bundle that can be handed in.
	MaxBundle  = 16 << 20
	bundleBody = MaxBundle/3*4 + smallBody
	importBody = 4 << 20
)

// The longest that a request may wait.
const (
	MaxWait  = 300 * time.Second
	EnrolFor = 30 * time.Second
)

// class says which bound a route counts against.
type class uint8

const (
	classPlain  class = iota
	classPIN          // runs a slow key derivation
	classWait         // may wait for a person
	classStream       // stays open
)

// route is one line of the table that is the whole interface: a test holds
// it to openapi.json in both directions.
type route struct {
	method, path string
	roles        []Role
	body         int64
	class        class
	run          func(s *Server, x *exchange) (any, error)
}

var (
	all        = []Role{RolePOS, RoleConsole, RoleTechnician}
	people     = []Role{RoleConsole, RoleTechnician}
	console    = []Role{RoleConsole}
	technician = []Role{RoleTechnician}
)

var routes = []route{
	{"GET", "/v1/openapi.json", all, noBody, classPlain, func(s *Server, x *exchange) (any, error) { return rawJSON(openAPI), nil }},
	{"GET", "/v1/status", all, noBody, classPlain, get(Backend.Status)},
	{"GET", "/v1/policy", people, noBody, classPlain, get(Backend.Policy)},
	{"GET", "/v1/policy/compiled", technician, noBody, classPlain, get(Backend.CompiledPolicy)},

	{"GET", "/v1/session", all, noBody, classPlain, get(Backend.Session)},
	{"POST", "/v1/session/signon", console, smallBody, classPIN, post(Backend.SignOn)},
	{"POST", "/v1/session/signoff", all, smallBody, classPlain, get(Backend.SignOff)},
	{"POST", "/v1/session/signoff-by", console, smallBody, classPIN, post(Backend.SignOffBy)},
	{"POST", "/v1/session/lock", all, smallBody, classPlain, get(Backend.Lock)},
	{"POST", "/v1/session/unlock", console, smallBody, classPIN, post(Backend.Unlock)},

	{"POST", "/v1/time/in", console, smallBody, classPIN, punch(timeclock.In)},
	{"POST", "/v1/time/out", console, smallBody, classPIN, punch(timeclock.Out)},
	{"POST", "/v1/time/break", console, smallBody, classPIN, punch(timeclock.Break)},
	{"POST", "/v1/time/back", console, smallBody, classPIN, punch(timeclock.Back)},
	{"POST", "/v1/time/list", people, smallBody, classPIN, post(Backend.TimeClock)},

	{"GET", "/v1/mode", all, noBody, classPlain, get(Backend.Mode)},
	{"POST", "/v1/mode/monitor", people, smallBody, classPIN, beginMode(Backend.Monitor, MaxMonitor)},
	{"POST", "/v1/mode/break-glass", people, smallBody, classPIN, beginMode(Backend.BreakGlass, MaxBreakGlass)},
	{"POST", "/v1/mode/report", people, smallBody, classPIN, post(Backend.ModeReport)},
	{"POST", "/v1/mode/codes", people, smallBody, classPIN, makeCodes},
	{"POST", "/v1/mode/enforce", people, smallBody, classPIN, endMode},

	{"POST", "/v1/ask", all, smallBody, classPlain, ask},
	{"GET", "/v1/menu", all, noBody, classPlain, get(Backend.Menu)},
	{"GET", "/v1/drawers", all, noBody, classPlain, get(Backend.Drawers)},
	{"POST", "/v1/drawers/{name}/open", all, smallBody, classPlain, openDrawer},

	{"GET", "/v1/reasons", people, noBody, classPlain, get(Backend.Reasons)},
	{"GET", "/v1/overrides", all, noBody, classPlain, get(Backend.Overrides)},
	{"GET", "/v1/overrides/{id}/wait", all, noBody, classWait, waitOverride},
	{"POST", "/v1/overrides/{id}/approve", console, smallBody, classPIN, onOverride(Backend.Approve)},
	{"POST", "/v1/overrides/{id}/confirm", console, smallBody, classPIN, onOverride(Backend.Confirm)},
	{"POST", "/v1/overrides/{id}/refuse", console, smallBody, classPIN, onOverride(Backend.Refuse)},
	{"POST", "/v1/overrides/{id}/cancel", all, smallBody, classPlain, cancelOverride},

	{"GET", "/v1/devices", people, noBody, classPlain, get(Backend.Devices)},
	{"POST", "/v1/devices/{name}/resync", technician, smallBody, classPlain, resync},
	{"POST", "/v1/devices/{name}/test", technician, smallBody, classWait, testDevice},
	{"POST", "/v1/devices/{name}/calibrate", technician, smallBody, classPlain, calibrate},
	{"POST", "/v1/devices/{name}/record", technician, smallBody, classStream, streamRecord},

	{"POST", "/v1/journal/query", people, smallBody, classPIN, post(Backend.Journal)},
	{"POST", "/v1/journal/stream", people, smallBody, classStream, streamJournal},
	{"POST", "/v1/journal/stored", people, smallBody, classStream, streamStored},
	{"POST", "/v1/journal/prove", people, smallBody, classPIN, post(Backend.Prove)},
	{"POST", "/v1/report/activity", people, smallBody, classPIN, post(Backend.ActivityReport)},
	{"POST", "/v1/report/exceptions", people, smallBody, classPIN, post(Backend.ExceptionReport)},
	{"POST", "/v1/report/opens", people, smallBody, classPIN, post(Backend.OpensReport)},
	{"POST", "/v1/report/time", people, smallBody, classPIN, post(Backend.TimeReport)},
	{"GET", "/v1/journal/checkpoint", people, noBody, classPlain, get(Backend.Checkpoint)},
	{"GET", "/v1/events", all, noBody, classStream, streamEvents},

	{"POST", "/v1/loads", people, bundleBody, classPIN, post(Backend.Load)},

	{"POST", "/v1/people/list", people, smallBody, classPIN, post(Backend.Operators)},
	{"POST", "/v1/people/show", people, smallBody, classPIN, onPeople(PeopleShow)},
	{"POST", "/v1/people/add", people, smallBody, classPIN, onPeople(PeopleAdd)},
	{"POST", "/v1/people/set-groups", people, smallBody, classPIN, onPeople(PeopleSetGroups)},
	{"POST", "/v1/people/set-pin", people, smallBody, classPIN, onPeople(PeopleSetPIN)},
	{"POST", "/v1/people/enrol-card", people, smallBody, classWait, onPeople(PeopleEnrolCard)},
	{"POST", "/v1/people/suspend", people, smallBody, classPIN, onPeople(PeopleSuspend)},
	{"POST", "/v1/people/resume", people, smallBody, classPIN, onPeople(PeopleResume)},
	{"POST", "/v1/people/unlock", people, smallBody, classPIN, onPeople(PeopleUnlock)},
	{"POST", "/v1/people/set-name", people, smallBody, classPIN, onPeople(PeopleSetName)},
	{"POST", "/v1/people/revoke-card", people, smallBody, classPIN, onPeople(PeopleRevokeCard)},
	{"POST", "/v1/people/set-days", people, smallBody, classPIN, onPeople(PeopleSetDays)},
	{"POST", "/v1/people/set-places", people, smallBody, classPIN, onPeople(PeopleSetPlaces)},
	{"POST", "/v1/people/set-person", people, smallBody, classPIN, onPeople(PeopleSetPerson)},
	{"POST", "/v1/people/terminate", people, smallBody, classPIN, onPeople(PeopleTerminate)},
	{"POST", "/v1/people/import", people, importBody, classPIN, post(Backend.Import)},

	{"GET", "/v1/roster", people, noBody, classPlain, get(Backend.Roster)},
	{"POST", "/v1/roster/export", people, smallBody, classPIN, post(Backend.ExportRoster)},
	{"POST", "/v1/roster/apply", people, bundleBody, classPIN, post(Backend.ApplyRoster)},
}

// get is a route without a request of its own.
func get[A any](f func(Backend, context.Context, Caller) (*A, error)) func(*Server, *exchange) (any, error) {
	return func(s *Server, x *exchange) (any, error) {
		if err := x.empty(); err != nil {
			return nil, err
		}
		return answer(f(s.backend, x.ctx, x.caller))
	}
}

// post is a route with a JSON request.
func post[R, A any](f func(Backend, context.Context, Caller, *R) (*A, error)) func(*Server, *exchange) (any, error) {
	return func(s *Server, x *exchange) (any, error) {
		var req R
		defer wipe(&req)
		if err := x.decode(&req); err != nil {
			return nil, err
		}
		return answer(f(s.backend, x.ctx, x.caller, &req))
	}
}

// answer keeps a nil pointer from becoming a non-nil answer.
func answer[A any](a *A, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return a, nil
}

func ask(s *Server, x *exchange) (any, error) {
	var req AskRequest
	if err := x.decode(&req); err != nil {
		return nil, err
	}
	return answer(s.ask(x, &req))
}

func openDrawer(s *Server, x *exchange) (any, error) {
	var open OpenRequest
	if err := x.decode(&open); err != nil {
		return nil, err
	}
	if open.Function == "" {
		open.Function = "pos.drawer.nosale"
	}
	return answer(s.ask(x, &AskRequest{
		Function: open.Function, Drawer: x.r.PathValue("name"), Open: OpenNow, Wait: open.Wait, Told: open.Told,
	}))
}

// ask checks what the words of a question may be.
func (s *Server) ask(x *exchange, req *AskRequest) (*Answer, error) {
	if req.Function == "" || len(req.Function) > 128 {
		return nil, Errorf(CodeInvalid, "function is missing or too long").WithHint(`name a function by its key, as "pos.drawer.nosale"`)
	}
	if len(req.Drawer) > 64 {
		return nil, Errorf(CodeInvalid, "drawer is too long")
	}
	switch req.Open {
	case "":
		req.Open = OpenNone
	case OpenNone, OpenNow, OpenOnKick:
	default:
		return nil, Errorf(CodeInvalid, "open is none of none, now, on-kick")
	}
	if req.NoOverride && req.Open != OpenNone {
		return nil, Errorf(CodeInvalid, "no_override only asks: open has to be none")
	}
	if err := req.Told.Check(); err != nil {
		return nil, err
	}
	if err := checkWait(req.Wait); err != nil {
		return nil, err
	}
	if req.Wait > 0 {
		leave, err := s.bounds.enter(classWait)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	return s.backend.Ask(x.ctx, x.caller, req)
}

// beginMode checks for how long a mode may be asked for.
func beginMode(f func(Backend, context.Context, Caller, *ModeRequest) (*ModeAnswer, error), most time.Duration) func(*Server, *exchange) (any, error) {
	return func(s *Server, x *exchange) (any, error) {
		var req ModeRequest
		defer wipe(&req)
		if err := x.decode(&req); err != nil {
			return nil, err
		}
		if !(req.Seconds >= 60 && req.Seconds <= most.Seconds()) {
			return nil, Errorf(CodeInvalid, "seconds is not between 60 and %.0f", most.Seconds())
		}
		if err := x.setUp(req.SetUp); err != nil {
			return nil, err
		}
		leave, err := s.waitsForCards(req.By, req.With)
		if err != nil {
			return nil, err
		}
		defer leave()
		return answer(f(s.backend, x.ctx, x.caller, &req))
	}
}

// waitsForCards takes a place of those who wait, where a card is to be swiped.
func (s *Server) waitsForCards(persons ...*Person) (leave func(), err error) {
	for _, p := range persons {
		if p != nil && p.Card {
			if p.Number != "" {
				return nil, Errorf(CodeInvalid, "card stands for a number: leave number out")
			}
			leave = func() {}
		}
	}
	if leave == nil {
		return func() {}, nil
	}
	return s.bounds.enter(classWait)
}

func endMode(s *Server, x *exchange) (any, error) {
	var req EndModeRequest
	defer wipe(&req)
	if err := x.decode(&req); err != nil {
		return nil, err
	}
	leave, err := s.waitsForCards(req.By)
	if err != nil {
		return nil, err
	}
	defer leave()
	return answer(s.backend.EndMode(x.ctx, x.caller, &req))
}

// setUp refuses whoever claims to set the register up over another socket.
func (x *exchange) setUp(claimed bool) error {
	if claimed && x.caller.Role != RoleTechnician {
		return Errorf(CodeForbidden, "set_up is for the technician's socket")
	}
	return nil
}

func makeCodes(s *Server, x *exchange) (any, error) {
	var req CodesRequest
	defer wipe(&req)
	if err := x.decode(&req); err != nil {
		return nil, err
	}
	if err := x.setUp(req.SetUp); err != nil {
		return nil, err
	}
	leave, err := s.waitsForCards(req.By, req.With)
	if err != nil {
		return nil, err
	}
	defer leave()
	return answer(s.backend.MakeCodes(x.ctx, x.caller, &req))
}

// checkWait refuses what is no number of seconds to wait; NaN cannot come out of JSON.
func checkWait(seconds float64) error {
	if !(seconds >= 0 && seconds <= MaxWait.Seconds()) {
		return Errorf(CodeInvalid, "wait is not between 0 and %.0f seconds", MaxWait.Seconds())
	}
	return nil
}

func overrideID(x *exchange) (Seq, error) {
	id, err := strconv.ParseUint(x.r.PathValue("id"), 10, 64)
	if err != nil || id == 0 {
		return 0, Errorf(CodeNotFound, "there is no such override").WithHint("an override's id is a number; GET /v1/overrides lists what is pending")
	}
	return Seq(id), nil
}

func waitOverride(s *Server, x *exchange) (any, error) {
	if err := x.empty(); err != nil {
		return nil, err
	}
	id, err := overrideID(x)
	if err != nil {
		return nil, err
	}
	seconds := 60.0
	if q := x.r.URL.Query().Get("seconds"); q != "" {
		if seconds, err = strconv.ParseFloat(q, 64); err != nil {
			return nil, Errorf(CodeInvalid, "seconds is no number")
		}
	}
	if err := checkWait(seconds); err != nil {
		return nil, err
	}
	return answer(s.backend.WaitOverride(x.ctx, x.caller, id, time.Duration(seconds*float64(time.Second))))
}

func onOverride[R, A any](f func(Backend, context.Context, Caller, Seq, *R) (*A, error)) func(*Server, *exchange) (any, error) {
	return func(s *Server, x *exchange) (any, error) {
		id, err := overrideID(x)
		if err != nil {
			return nil, err
		}
		var req R
		defer wipe(&req)
		if err := x.decode(&req); err != nil {
			return nil, err
		}
		return answer(f(s.backend, x.ctx, x.caller, id, &req))
	}
}

func cancelOverride(s *Server, x *exchange) (any, error) {
	if err := x.empty(); err != nil {
		return nil, err
	}
	id, err := overrideID(x)
	if err != nil {
		return nil, err
	}
	return answer(s.backend.Cancel(x.ctx, x.caller, id))
}

func resync(s *Server, x *exchange) (any, error) {
	if err := x.empty(); err != nil {
		return nil, err
	}
	return answer(s.backend.Resync(x.ctx, x.caller, x.r.PathValue("name")))
}

func testDevice(s *Server, x *exchange) (any, error) {
	if err := x.empty(); err != nil {
		return nil, err
	}
	return answer(s.backend.Test(x.ctx, x.caller, x.r.PathValue("name")))
}

func calibrate(s *Server, x *exchange) (any, error) {
	var req CalibrateRequest
	if err := x.decode(&req); err != nil {
		return nil, err
	}
	return answer(s.backend.Calibrate(x.ctx, x.caller, x.r.PathValue("name"), &req))
}

func onPeople(verb PeopleVerb) func(*Server, *exchange) (any, error) {
	return func(s *Server, x *exchange) (any, error) {
		var req PeopleRequest
		defer wipe(&req)
		if err := x.decode(&req); err != nil {
			return nil, err
		}
		if req.Number == "" {
			return nil, Errorf(CodeInvalid, "number is missing").WithHint("number is the operator that it is about; by is who acts")
		}
		if err := checkPeople(verb, &req); err != nil {
			return nil, err
		}
		return answer(s.backend.People(x.ctx, x.caller, verb, &req))
	}
}

// checkPeople refuses what a verb has no use for, rather than ignoring it.
func checkPeople(verb PeopleVerb, r *PeopleRequest) error {
	add := verb == PeopleAdd
	switch {
	case !add && verb != PeopleSetPerson && r.Person != "":
		return Errorf(CodeInvalid, "person is for add and set-person only")
	case verb == PeopleSetPerson && r.Person == "":
		return Errorf(CodeInvalid, "person is missing")
	case verb != PeopleSetPerson && r.With != nil:
		return Errorf(CodeInvalid, "with is for set-person only")
	case verb == PeopleSetPerson && (r.By == nil || r.With == nil):
		return Errorf(CodeInvalid, "set-person takes two operators: by and with")
	case !add && r.ChangePIN:
		return Errorf(CodeInvalid, "change_pin is for add only")
	case verb != PeopleEnrolCard && r.Temporary:
		return Errorf(CodeInvalid, "temporary is for enrol-card only")
	case !add && verb != PeopleSetDays && (r.From != "" || r.Until != ""):
		return Errorf(CodeInvalid, "from and until are for add and set-days only")
	case !add && verb != PeopleSetPlaces && (r.Stores != nil || r.Registers != nil):
		return Errorf(CodeInvalid, "stores and registers are for add and set-places only")
	case !add && verb != PeopleSetName && r.Name != "":
		return Errorf(CodeInvalid, "name is for add and set-name only")
	case verb != PeopleRevokeCard && r.Card != 0:
		return Errorf(CodeInvalid, "card is for revoke-card only")
	case !add && verb != PeopleSetGroups && r.WorkGroups != nil:
		return Errorf(CodeInvalid, "work_groups are for add and set-groups only")
	case !add && verb != PeopleSetPIN && len(r.PIN) > 0:
		return Errorf(CodeInvalid, "pin is for add and set-pin only").WithHint("the acting operator's PIN stands in by")
	case verb == PeopleSetPIN && len(r.PIN) == 0:
		return Errorf(CodeInvalid, "pin is missing")
	}
	return nil
}

// allowed reports whether a role may use the route.
func (r *route) allowed(role Role) bool {
	for _, a := range r.roles {
		if a == role {
			return true
		}
	}
	return false
}

// sockets names the sockets that a route is on, for the hint.
func (r *route) sockets() string {
	var names []string
	for _, a := range r.roles {
		names = append(names, a.String())
	}
	return strings.Join(names, " or ")
}
