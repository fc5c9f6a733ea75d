// Package wire is how the rig speaks to its agent in a guest: a JSON object a
// line, in both directions, over a virtual serial port. It is pure, and both ends
// import it.
package wire

// Port is the name of the virtual serial port.
const Port = "tillwarden.rig"

// Ready is the number of the one answer that nobody asked for: the agent runs.
const Ready = -1

// Request asks the agent to run a shell command as root.
type Request struct {
	ID      int    `json:"id"`
	Command string `json:"command"`
	Stdin   []byte `json:"stdin,omitempty"`
	// Seconds is what the command has; what runs then is killed.
	Seconds int `json:"seconds"`
}

// Answer is what became of it.
type Answer struct {
	ID int `json:"id"`
	// Code is the exit code; -1: it was killed, or could not be run.
	Code   int    `json:"code"`
	Output []byte `json:"output,omitempty"`
	Err    string `json:"err,omitempty"`
}
