package api

import (
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Filter selects journal entries. Empty fields select all.
type Filter struct {
	From     *time.Time `json:"from,omitempty"`
	To       *time.Time `json:"to,omitempty"`
	Operator string     `json:"operator,omitempty"` // who acted
	Approver string     `json:"approver,omitempty"` // the second person
	Function string     `json:"function,omitempty"` // dotted key
	Source   string     `json:"source,omitempty"`
	Outcome  string     `json:"outcome,omitempty"`
	Kind     string     `json:"kind,omitempty"`
	After    Seq        `json:"after,omitempty"`  // only entries with a higher number
	Before   Seq        `json:"before,omitempty"` // only entries with a lower number
}

// JournalQuery asks for one page of entries.
type JournalQuery struct {
	By *Credentials `json:"by,omitempty"`
	Filter
	// Limit is at most 1,000; 0 is 100.
	Limit int `json:"limit,omitempty"`
	// Reverse gives the newest first.
	Reverse bool `json:"reverse,omitempty"`
	// Cursor continues where a page ended (its Next).
	Cursor string `json:"cursor,omitempty"`
}

// JournalPage is one page of entries.
type JournalPage struct {
	Entries []Entry `json:"entries"`
	// Next continues after this page; empty: there is no more.
	Next string `json:"next,omitempty"`
	Last Seq    `json:"last"`
}

// JournalStream asks for all entries that a filter selects, oldest first, one
// JSON object a line; with Follow the stream goes on as entries are written.
type JournalStream struct {
	By *Credentials `json:"by,omitempty"`
	Filter
	Follow bool `json:"follow,omitempty"`
	// Acts leaves out what the register and its devices did by themselves.
	Acts bool `json:"acts,omitempty"`
	// Keyword gives only acts in which it stands (report.Keyword).
	Keyword string `json:"keyword,omitempty"`
}

// JournalStored asks for all entries that a filter selects, oldest first, as they are
// stored: a CBOR sequence (RFC 8742), which a journal.Decoder reads. For whoever
// reckons with many: it takes a tenth of what JSON takes.
type JournalStored struct {
	By *Credentials `json:"by,omitempty"`
	Filter
}

// ProveRequest asks for a proof of one entry.
type ProveRequest struct {
	By  *Credentials `json:"by,omitempty"`
	Seq Seq          `json:"seq"`
}

// Proof is a proof of one entry (journal.Proof), as text.
type Proof struct {
	Text string `json:"proof"`
}

// Entry is a journal entry in words, field for field as entry.Entry writes
// itself in JSON.
type Entry struct {
	Seq        Seq       `json:"seq"`
	Time       time.Time `json:"time"`
	Kind       string    `json:"kind"`
	Outcome    string    `json:"outcome,omitempty"`
	Reason     string    `json:"reason,omitempty"`
	Operator   string    `json:"operator,omitempty"`
	Person     string    `json:"person,omitempty"`
	WorkGroups []string  `json:"work_groups,omitempty"`
	Session    Seq       `json:"session,omitempty"`
	Function   string    `json:"function,omitempty"`
	FunctionID uint32    `json:"function_id,omitempty"`
	Rule       *Rule     `json:"rule,omitempty"`
	Approver   string    `json:"approver,omitempty"`
	ApproverID string    `json:"approver_person,omitempty"`
	ApprovedBy string    `json:"approver_method,omitempty"`
	Override   Seq       `json:"override,omitempty"`
	First      Seq       `json:"first_approval,omitempty"`
	Fallback   bool      `json:"approver_fallback,omitempty"`
	At         string    `json:"approver_at,omitempty"`
	OffClock   bool      `json:"approver_off_clock,omitempty"`
	Rest       bool      `json:"for_transaction,omitempty"`
	Method     string    `json:"method,omitempty"`
	Source     string    `json:"source,omitempty"`
	Device     string    `json:"device,omitempty"`
	Drawer     string    `json:"drawer,omitempty"`
	Purpose    string    `json:"purpose,omitempty"`
	Claimant   string    `json:"claimant,omitempty"`
	Epoch      uint64    `json:"policy_epoch,omitempty"`
	Policy     string    `json:"policy_digest,omitempty"`
	About      Seq       `json:"about,omitempty"`
	Lines      uint32    `json:"lines,omitempty"`
	Digest     string    `json:"digest,omitempty"`
	Elapsed    string    `json:"elapsed,omitempty"`
	Count      uint64    `json:"count,omitempty"`
	Subject    string    `json:"subject,omitempty"`
	Text       string    `json:"text,omitempty"`
	Mode       string    `json:"mode,omitempty"`
	Why        string    `json:"why,omitempty"`
	WhyCode    uint16    `json:"why_code,omitempty"`
	Told       *Told     `json:"told,omitempty"`
	Limit      *Limit    `json:"limit,omitempty"`
	Uses       uint32    `json:"uses,omitempty"`
	Later      bool      `json:"later_fields,omitempty"`
	BootTime   int64     `json:"boot_ns"`
	BootID     string    `json:"boot_id"`
	Clock      string    `json:"clock"`
}

// Event is what happened, as server-sent events give it: the journal entry's
// number is the event's id. On the POS socket only the signed-on operator is
// named, and approvers, persons, rules' work groups and subjects are left out.
type Event struct {
	Entry
	// Say is the event in words, fit for a display.
	Say string `json:"say,omitempty"`
}

// Words turns a journal entry into its wire form.
func Words(e *entry.Entry) Entry {
	w := Entry{
		Seq: Seq(e.Seq), Time: e.Stamp.Time(), Kind: e.Kind.String(), Operator: e.Operator, Person: e.Person,
		WorkGroups: e.WorkGroups, Session: Seq(e.Session), Function: e.Function, FunctionID: e.FunctionID,
		Source: e.Source, Device: e.Device, Drawer: e.Drawer, Claimant: e.Claimant, About: Seq(e.About), Lines: e.Lines,
		Digest: hexString(e.Digest), Count: e.Count, Subject: e.Subject, Text: e.Text, Why: e.Why, WhyCode: e.WhyCode,
		Limit: LimitOf(e.Limit), Uses: e.Uses, Later: e.Later,
		BootTime: e.Stamp.Boot, BootID: e.Stamp.BootID.String(), Clock: e.Stamp.Clock.String(),
	}
	if e.Rule != nil {
		w.Rule = &Rule{WorkGroup: e.Rule.WorkGroup, Function: e.Rule.Function, Mark: e.Rule.Mark}
	}
	if e.Told != nil {
		told := ToldOf(e.Told)
		w.Told = &told
	}
	if e.Outcome != 0 {
		w.Outcome = e.Outcome.String()
	}
	if e.Reason != 0 {
		w.Reason = e.Reason.String()
	}
	if e.Method != 0 {
		w.Method = e.Method.String()
	}
	if e.Mode != 0 {
		w.Mode = e.Mode.String()
	}
	if e.Purpose != 0 {
		w.Purpose = e.Purpose.String()
	}
	if e.Approval != nil {
		w.Approver, w.ApproverID, w.Override = e.Approval.Operator, e.Approval.Person, Seq(e.Approval.Override)
		w.First, w.Fallback, w.At, w.OffClock = Seq(e.Approval.First), e.Approval.Fallback, e.Approval.At, e.Approval.OffClock
		w.Rest = e.Approval.Transaction
		if e.Approval.Method != 0 {
			w.ApprovedBy = e.Approval.Method.String()
		}
	}
	if e.Policy != nil {
		w.Epoch, w.Policy = e.Policy.Epoch, hexString(e.Policy.Digest[:])
	}
	if e.Elapsed != 0 {
		w.Elapsed = time.Duration(e.Elapsed).String()
	}
	return w
}
