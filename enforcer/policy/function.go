package policy

// ID is the permanent number of a function. Once shipped it keeps its meaning
// for ever and is never given to another function.
type ID uint32

// FirstChainID is the lowest id that a chain may give to functions of its own.
// The ids below belong to the shipped catalogue.
const FirstChainID ID = 10000

// Index is a function's place in Compiled.Functions. It is good for one
// compiled policy only; in files and in the journal a function is its ID or key.
type Index uint16

// KeyManagerOverride is the function that makes an operator an approver.
const KeyManagerOverride = "pos.manageroverride"

// Bounds of a policy. They keep Decode's work bounded and an Index in 16 bits.
const (
	MaxFunctions  = 16384
	MaxWorkGroups = 4096
	MaxKey        = 64  // bytes of a function's key
	MaxName       = 120 // bytes of a function's or a work group's name
)

// Function is what access is given to.
type Function struct {
	ID   ID
	Key  string // dotted, for people and files: "pos.drawer.nosale"
	Name string // the same in prompts, in Security Maintenance and in reports
	// Level is 1 for a tree, 2 for a function or application in it, 3 for a
	// function of that application. Compile fills it in where it is 0.
	Level  uint8
	Parent ID     // 0 at level 1
	Since  uint32 // the catalogue version that brought it

	Override    Override
	Reason      ReasonMode
	DualControl bool // two different persons besides the requester
	StepUp      bool // the operator's own PIN again
	Accountable bool // not approved by who held a session on this till since it was opened
	Protected   bool // not editable from Security Maintenance, never overridable
	Drawer      bool // causes or needs an open cash drawer
	Transaction bool // an approval may hold for the rest of the transaction
}

// Catalogue is the list of functions with their attributes.
type Catalogue struct {
	Version   uint32
	Functions []Function
}
