package api

import (
	"context"
	"time"

	"tillwarden/enforcer/report"
	"tillwarden/enforcer/timeclock"
)

// Backend is what stands behind the handlers. The caller says which socket
// was used and by which uid; role and bounds were checked. Credentials are
// wiped when the call returns. An error that is not an *Error is answered as
// "internal", without its text.
type Backend interface {
	Status(ctx context.Context, c Caller) (*Status, error)
	Policy(ctx context.Context, c Caller) (*PolicyStatus, error)
	CompiledPolicy(ctx context.Context, c Caller) (*CompiledPolicy, error)

	Session(ctx context.Context, c Caller) (*SessionState, error)
	SignOn(ctx context.Context, c Caller, by *Credentials) (*SignOnAnswer, error)
	SignOff(ctx context.Context, c Caller) (*Done, error)
	SignOffBy(ctx context.Context, c Caller, by *Credentials) (*SignOnAnswer, error)
	Lock(ctx context.Context, c Caller) (*Done, error)
	Unlock(ctx context.Context, c Caller, by *Credentials) (*SignOnAnswer, error)

	Punch(ctx context.Context, c Caller, what timeclock.Punch, r *PunchRequest) (*PunchAnswer, error)
	TimeClock(ctx context.Context, c Caller, r *TimeRequest) (*TimeClock, error)

	Mode(ctx context.Context, c Caller) (*Mode, error)
	Monitor(ctx context.Context, c Caller, r *ModeRequest) (*ModeAnswer, error)
	BreakGlass(ctx context.Context, c Caller, r *ModeRequest) (*ModeAnswer, error)
	ModeReport(ctx context.Context, c Caller, q *ModeReportRequest) (*ModeReport, error)
	MakeCodes(ctx context.Context, c Caller, r *CodesRequest) (*Done, error)
	EndMode(ctx context.Context, c Caller, r *EndModeRequest) (*ModeAnswer, error)

	Ask(ctx context.Context, c Caller, ask *AskRequest) (*Answer, error)
	Menu(ctx context.Context, c Caller) (*Menu, error)
	Drawers(ctx context.Context, c Caller) (*Drawers, error)

	Overrides(ctx context.Context, c Caller) (*Overrides, error)
	WaitOverride(ctx context.Context, c Caller, id Seq, wait time.Duration) (*Answer, error)
	Reasons(ctx context.Context, c Caller) (*Reasons, error)
	Approve(ctx context.Context, c Caller, id Seq, by *ApproveRequest) (*Answer, error)
	Confirm(ctx context.Context, c Caller, id Seq, r *ConfirmRequest) (*Answer, error)
	Refuse(ctx context.Context, c Caller, id Seq, by *Credentials) (*Done, error)
	Cancel(ctx context.Context, c Caller, id Seq) (*Done, error)

	Devices(ctx context.Context, c Caller) (*Devices, error)
	Resync(ctx context.Context, c Caller, device string) (*Done, error)
	Test(ctx context.Context, c Caller, device string) (*TestAnswer, error)
	Calibrate(ctx context.Context, c Caller, device string, r *CalibrateRequest) (*CalibrateAnswer, error)
	// Record calls emit for each line of a record of what a POS prints, masked,
	// until its bounds are reached, emit fails or ctx ends.
	Record(ctx context.Context, c Caller, device string, r *RecordRequest, emit func(line []byte) error) error

	Journal(ctx context.Context, c Caller, q *JournalQuery) (*JournalPage, error)
	// JournalStream calls emit for each entry until there is no more, emit fails or ctx ends.
	JournalStream(ctx context.Context, c Caller, q *JournalStream, emit func(*Entry) error) error
	// JournalStored calls emit for pages of entries as they are stored, until there is no
	// more, emit fails or ctx ends.
	JournalStored(ctx context.Context, c Caller, q *JournalStored, emit func(page []byte) error) error
	Checkpoint(ctx context.Context, c Caller) (*Checkpoint, error)
	Prove(ctx context.Context, c Caller, q *ProveRequest) (*Proof, error)
	ActivityReport(ctx context.Context, c Caller, q *ReportRequest) (*report.Activity, error)
	ExceptionReport(ctx context.Context, c Caller, q *ExceptionsRequest) (*report.Exceptions, error)
	OpensReport(ctx context.Context, c Caller, q *OpensRequest) (*report.Opens, error)
	TimeReport(ctx context.Context, c Caller, q *TimeReportRequest) (*report.Time, error)
	// Events calls emit for each event after a sequence number, or from now on where it is nil.
	Events(ctx context.Context, c Caller, after *Seq, emit func(*Event) error) error

	Load(ctx context.Context, c Caller, l *LoadRequest) (*LoadAnswer, error)

	Operators(ctx context.Context, c Caller, r *PeopleRequest) (*Operators, error)
	People(ctx context.Context, c Caller, verb PeopleVerb, r *PeopleRequest) (*PeopleAnswer, error)
	Import(ctx context.Context, c Caller, r *ImportRequest) (*ImportAnswer, error)

	Roster(ctx context.Context, c Caller) (*RosterStatus, error)
	ExportRoster(ctx context.Context, c Caller, r *RosterExport) (*RosterExported, error)
	ApplyRoster(ctx context.Context, c Caller, r *RosterApply) (*RosterApplied, error)
}

// PeopleVerb is what is done with one operator, as in /v1/people/<verb>.
type PeopleVerb string

// The verbs.
const (
	PeopleShow      PeopleVerb = "show"
	PeopleAdd       PeopleVerb = "add"
	PeopleSetGroups PeopleVerb = "set-groups"
	PeopleSetPIN    PeopleVerb = "set-pin"
	PeopleEnrolCard PeopleVerb = "enrol-card"
	PeopleSuspend   PeopleVerb = "suspend"
	PeopleResume    PeopleVerb = "resume"
	PeopleUnlock    PeopleVerb = "unlock"

	PeopleSetName    PeopleVerb = "set-name"
	PeopleRevokeCard PeopleVerb = "revoke-card"

	PeopleSetDays   PeopleVerb = "set-days"
	PeopleSetPlaces PeopleVerb = "set-places"
	PeopleSetPerson PeopleVerb = "set-person"
	PeopleTerminate PeopleVerb = "terminate"
)
