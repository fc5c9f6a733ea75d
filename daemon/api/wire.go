package api

import "time"

// Seq is the number of a journal entry; sessions and overrides are known by
// the number of the entry that began them.
type Seq uint64

// Credentials are an operator's number and PIN, for what needs an operator.
type Credentials struct {
	Number string `json:"number"`
	PIN    Secret `json:"pin"`
}

// Status is the register at one moment.
type Status struct {
	Version  string `json:"version"`
	Chain    string `json:"chain"`
	Store    string `json:"store"`
	Register string `json:"register"`
	// State is "ready", or "degraded" where something that a drawer needs is missing; Problems says what.
	State    string   `json:"state"`
	Problems []string `json:"problems"`
	// Busy is what is under way that a restart of the daemon would come in between of, in words.
	Busy []string `json:"busy,omitempty"`
	// Enforcing says whether the policy alone decides; Mode says what does where it is false.
	Enforcing bool           `json:"enforcing"`
	Mode      *Mode          `json:"mode,omitempty"`
	Started   time.Time      `json:"started"`
	Uptime    float64        `json:"uptime_seconds"`
	Policy    *PolicyStatus  `json:"policy,omitempty"`
	Session   *Session       `json:"session,omitempty"`
	Override  *Override      `json:"override,omitempty"`
	Journal   *JournalStatus `json:"journal,omitempty"` // not on the POS socket
	Operators *int           `json:"operators,omitempty"`
	Keys      string         `json:"keys,omitempty"` // KeysPlain, KeysSealed or KeysPartly; not on the POS socket
	Clock     string         `json:"clock"`
	Drawers   []Drawer       `json:"drawers"`
	Devices   []Device       `json:"devices,omitempty"` // not on the POS socket
}

// Where the register's own keys are.
const (
	KeysPlain  = "plain"  // files in the state folder
	KeysSealed = "sealed" // systemd's credentials, bound to this machine
	KeysPartly = "partly" // some of each
)

// PolicyStatus says which policy is loaded.
type PolicyStatus struct {
	Epoch      uint64          `json:"epoch"`
	Digest     string          `json:"digest"`
	Functions  int             `json:"functions"`
	WorkGroups []WorkGroupInfo `json:"work_groups,omitempty"` // only from GET /v1/policy
}

// CompiledPolicy is the loaded policy itself, to be compared with others.
type CompiledPolicy struct {
	Epoch  uint64 `json:"epoch"`
	Digest string `json:"digest"`
	// Compiled is the policy's binary form, of which Digest is the SHA-256.
	Compiled []byte `json:"compiled"`
}

// WorkGroupInfo is one work group of the loaded policy.
type WorkGroupInfo struct {
	Name       string `json:"name"`
	Scope      string `json:"scope"`
	SignOn     string `json:"sign_on,omitempty"`
	Approve    string `json:"approve,omitempty"`
	Restricted bool   `json:"restricted,omitempty"`
}

// JournalFailed is the journal's state while nothing can be written to it, for another
// reason than that it is full; the status's problems say which.
const JournalFailed = "failed"

// JournalStatus is the journal's size and space. State is "ok", "alarm" (80 % are used, or the file system is full),
// "reserve" (only what signing on and drawers need is taken), "full" (nothing is), or
// JournalFailed.
type JournalStatus struct {
	Last      Seq    `json:"last"`
	Root      string `json:"root"`
	Bytes     int64  `json:"bytes"`
	FreeBytes int64  `json:"free_bytes"`
	State     string `json:"state"`
}

// Session is who is signed on. On the POS socket WorkGroups and Person are left out.
type Session struct {
	ID         Seq       `json:"id"`
	Operator   string    `json:"operator"`
	Name       string    `json:"name"`
	Person     string    `json:"person,omitempty"`
	WorkGroups []string  `json:"work_groups,omitempty"`
	Method     string    `json:"method"`
	Began      time.Time `json:"began"`
	Locked     bool      `json:"locked"`
	// FellBack: nothing that takes a manager was done for a while, and what only the
	// manager work groups allow takes the own PIN again.
	FellBack bool `json:"fell_back,omitempty"`
}

// SessionState is the answer to who is signed on.
type SessionState struct {
	SignedOn bool     `json:"signed_on"`
	Session  *Session `json:"session,omitempty"`
}

// SignOnAnswer is how a try to sign on or to unlock came out.
type SignOnAnswer struct {
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
	// Say is what the person may be told.
	Say        string   `json:"say"`
	RetryAfter float64  `json:"retry_after,omitempty"`
	Session    *Session `json:"session,omitempty"`
}

// When a drawer that was asked for opens. A closed list.
const (
	OpenNone   = "none"    // a question only
	OpenNow    = "now"     // at once; a kick that follows within 3 s belongs to it
	OpenOnKick = "on-kick" // with the next kick in the print stream, within 60 s
)

// AskRequest asks for one function on behalf of who is signed on.
type AskRequest struct {
	// Function is the function's dotted key.
	Function string `json:"function"`
	// Drawer is the drawer to open with it; empty: the only drawer, where Open wants one.
	Drawer string `json:"drawer,omitempty"`
	// Open is "none", "now" or "on-kick"; empty is "none".
	Open string `json:"open,omitempty"`
	// Wait is how many seconds to wait for an override, 0 to 300.
	Wait float64 `json:"wait,omitempty"`
	// NoOverride only asks: no override is announced.
	NoOverride bool `json:"no_override,omitempty"`
	Told
}

// Rule is what decided: which function's which mark, of which work group.
type Rule struct {
	WorkGroup string `json:"group,omitempty"`
	Function  string `json:"function,omitempty"`
	Mark      string `json:"mark,omitempty"`
}

// Answer is a decision. Denied is an answer, not an error.
type Answer struct {
	// Outcome is "allowed", "override-required", "denied" or "error".
	Outcome string `json:"outcome"`
	Reason  string `json:"reason"`
	// Function and Name say what was asked for, as key and as people read it.
	Function string `json:"function"`
	Name     string `json:"name,omitempty"`
	Rule     *Rule  `json:"rule,omitempty"`
	// Limit is the limit that it was measured by, where the function is limited.
	Limit *Limit `json:"limit,omitempty"`
	// Say is the rule in words, fit for a display.
	Say string `json:"say"`
	// Seq is the journal entry of the decision.
	Seq Seq `json:"seq"`
	// Override is the pending override, where one was announced or joined.
	Override Seq  `json:"override,omitempty"`
	Joined   bool `json:"joined,omitempty"`
	// Mode is the mode that let it through ("monitor", "break-glass"): Outcome is
	// "allowed" then, and Policy what the policy says.
	Mode      string  `json:"mode,omitempty"`
	Policy    string  `json:"policy_outcome,omitempty"`
	ExpiresIn float64 `json:"expires_in,omitempty"`
	// Approver is who approved, where somebody did.
	Approver string `json:"approver,omitempty"`
	// Drawer is what became of the drawer that was asked for.
	Drawer *DrawerAnswer `json:"drawer,omitempty"`
}

// DrawerAnswer is what became of a drawer that was asked for.
type DrawerAnswer struct {
	Name string `json:"name"`
	// Result is "opened" (the pulse was written), "armed" (the next kick opens it) or "not-opened".
	Result string `json:"result"`
	Reason string `json:"reason,omitempty"`
}

// The results of a drawer that was asked for.
const (
	DrawerPulsed    = "opened"
	DrawerArmed     = "armed"
	DrawerNotOpened = "not-opened"
)

// Override is a pending override.
type Override struct {
	ID        Seq     `json:"id"`
	Requester string  `json:"requester"`
	Name      string  `json:"requester_name,omitempty"`
	Function  string  `json:"function"`
	Prompt    string  `json:"prompt"` // the function's name
	Drawer    string  `json:"drawer,omitempty"`
	ExpiresIn float64 `json:"expires_in"`
	Source    string  `json:"source,omitempty"`
	// Needs is how many persons have to approve it, 1 or 2; Approvals how many did,
	// and Approved who: not on the POS socket.
	Needs int `json:"needs"`
	// StepUp: it waits for the own PIN of the operator who asked, and for nobody else.
	StepUp bool `json:"step_up,omitempty"`
	// Transaction: an approval may hold for the rest of the transaction.
	Transaction bool `json:"transaction,omitempty"`
	// Reason says which reason an approval takes: "code" (of the list, or words), or "text".
	Reason    string   `json:"reason,omitempty"`
	Approvals int      `json:"approvals"`
	Approved  []string `json:"approved,omitempty"`
	Told
	// Limit is the limit that was exceeded, where that is why it waits.
	Limit *Limit `json:"limit,omitempty"`
}

// ApproveRequest is the second person, with the reason where one is wanted.
type ApproveRequest struct {
	Credentials
	// ReasonCode is a code of GET /v1/reasons, Reason the own words: 8 to 200 bytes,
	// without long numbers.
	ReasonCode uint16 `json:"reason_code,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// Remote is where the approver is signed on, if not here.
	Remote string `json:"remote,omitempty"`
	// Transaction: for the rest of the transaction, where the function allows it.
	Transaction bool `json:"transaction,omitempty"`
}

// Reason is one reason that approvals are given for.
type Reason struct {
	Code uint16 `json:"code"`
	Name string `json:"name"`
}

// Reasons lists the site's reasons for approvals.
type Reasons struct {
	Reasons []Reason `json:"reasons"`
}

// ConfirmRequest gives the own PIN of the operator who is signed on.
type ConfirmRequest struct {
	PIN Secret `json:"pin"`
}

// Overrides lists what waits for a second person: one at most.
type Overrides struct {
	Overrides []Override `json:"overrides"`
}

// Drawer is one drawer.
type Drawer struct {
	Name string `json:"name"`
	// Printer is the device that it hangs on: a printer, or itself where it has a
	// line of its own.
	Printer string `json:"printer"`
	// State is "open", "closed", or "unknown" where there is no sensor or it is not calibrated.
	State      string `json:"state"`
	Calibrated bool   `json:"calibrated"`
	// NoSensor: nothing reports whether it is open, and nothing could be calibrated.
	NoSensor bool       `json:"no_sensor,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
	// Ready says whether a pulse could be written now; Problem says why not.
	Ready   bool   `json:"ready"`
	Problem string `json:"problem,omitempty"`
}

// Drawers lists the drawers.
type Drawers struct {
	Drawers []Drawer `json:"drawers"`
}

// OpenRequest asks to open one drawer at once.
type OpenRequest struct {
	// Function is what it is opened for; empty is "pos.drawer.nosale".
	Function string  `json:"function,omitempty"`
	Wait     float64 `json:"wait,omitempty"`
	Told
}

// MenuItem is one function that the signed-on operator may run.
type MenuItem struct {
	ID       uint32 `json:"id"`
	Function string `json:"function"`
	Name     string `json:"name"`
	Level    uint8  `json:"level"`
	Drawer   bool   `json:"drawer,omitempty"`
	// Within are the limits that it is given within: any one is enough. None: it has no limit.
	Within []MenuLimit `json:"within,omitempty"`
}

// MenuLimit is how far a function is given: within all that stands in it.
type MenuLimit struct {
	Amount    uint64  `json:"amount,omitempty"`  // the POS has to tell it
	Percent   float64 `json:"percent,omitempty"` // likewise
	Count     uint32  `json:"count,omitempty"`   // in a session
	Hours     string  `json:"hours,omitempty"`
	Registers string  `json:"registers,omitempty"`
}

// Menu lists what the signed-on operator may run without an override.
type Menu struct {
	Items []MenuItem `json:"items"`
}

// Device is one device of the register.
type Device struct {
	Name string `json:"name"`
	// Kind is "printer", "drawer" (on a line of its own), "reader" or "keypad".
	Kind string `json:"kind"`
	Path string `json:"path,omitempty"`
	// State is "up", "down", or for a printer "untrusted" until it was resynchronised.
	State   string `json:"state"`
	Problem string `json:"problem,omitempty"`
	// Since is when it came to be so.
	Since *time.Time `json:"since,omitempty"`
}

// Devices lists the devices.
type Devices struct {
	Devices []Device `json:"devices"`
}

// CalibrateRequest teaches a drawer's sensor which level means open: with
// Open false the drawer stands closed now, with Open true it stands open now.
// Both are needed, in either order.
type CalibrateRequest struct {
	Drawer string `json:"drawer"`
	Open   bool   `json:"open"`
}

// CalibrateAnswer says what is still needed.
type CalibrateAnswer struct {
	Calibrated bool   `json:"calibrated"`
	Say        string `json:"say"`
}

// TestAnswer says what came of a device's test.
type TestAnswer struct {
	// Good is false where something is to be done about it.
	Good bool   `json:"good"`
	Say  string `json:"say"`
	// Code is a code that was typed at a keypad, as [[keypad.code]] has it.
	Code string `json:"code,omitempty"`
}

// RecordRequest says how long and how much of what a POS prints is recorded.
type RecordRequest struct {
	// Seconds is for how long, at most MaxRecordFor; 0: 600.
	Seconds float64 `json:"seconds,omitempty"`
	// MaxBytes is how much, at most MaxRecord; 0: 1 MiB.
	MaxBytes int64 `json:"max_bytes,omitempty"`
	// MaskText: all text is masked, not only card numbers.
	MaskText bool `json:"mask_text,omitempty"`
}

// The bounds of a record.
const (
	MaxRecordFor = time.Hour
	MaxRecord    = 16 << 20
)

// LoadRequest hands in a signed bundle.
type LoadRequest struct {
	// Type is "policy", or "mode" for an authorisation of one, which needs nobody.
	Type string `json:"type"`
	// Name is what the journal calls it, usually the file's name.
	Name string `json:"name"`
	// Bundle is the file, in base64 within JSON.
	Bundle []byte       `json:"bundle"`
	By     *Credentials `json:"by,omitempty"`
}

// LoadAnswer says what was loaded. A bundle that is refused changes nothing:
// the Error says which check failed.
type LoadAnswer struct {
	Say    string        `json:"say"`
	Policy *PolicyStatus `json:"policy"`
	Mode   *Mode         `json:"mode,omitempty"`
}

// Done is the answer where there is nothing else to say than what was done.
type Done struct {
	Say string `json:"say"`
}

// Checkpoint is the journal's signed tree head, with what verifies it.
type Checkpoint struct {
	Text string `json:"text"`
	// PublicKey is the verifier's key (golang.org/x/mod/sumdb/note).
	PublicKey string `json:"public_key"`
}
