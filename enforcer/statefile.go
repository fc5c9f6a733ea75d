package enforcer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// stateVersion is the version of the state file's form.
const stateVersion = 1

// maxStateSize bounds what is read of a state file: nothing in it grows but
// the list of persons, by one a sign-on at most.
const maxStateSize = 4 << 20

// stateFile is the file: the state, and a digest over exactly its bytes. The
// digest finds damage, not malice: whoever can write the file can write both.
type stateFile struct {
	Version int             `json:"version"`
	SHA256  string          `json:"sha256"`
	State   json.RawMessage `json:"state"`
}

// readState reads a state file. The error is fs.ErrNotExist if there is none,
// and ErrState if it is damaged.
func readState(path string) (*state, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the state file: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxStateSize {
		return nil, fmt.Errorf("reading the state file: %w: %d bytes, mode %v", ErrState, info.Size(), info.Mode())
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the state file: %w", err)
	}
	return parseState(raw)
}

func parseState(raw []byte) (*state, error) {
	var f stateFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("reading the state file: %w: %v", ErrState, err)
	}
	if f.Version != stateVersion {
		return nil, fmt.Errorf("reading the state file: %w: version %d, want %d", ErrState, f.Version, stateVersion)
	}
	if sum := sha256.Sum256(f.State); f.SHA256 != hex.EncodeToString(sum[:]) {
		return nil, fmt.Errorf("reading the state file: %w: digest does not match", ErrState)
	}
	s := new(state)
	if err := json.Unmarshal(f.State, s); err != nil {
		return nil, fmt.Errorf("reading the state file: %w: %v", ErrState, err)
	}
	slices.Sort(s.Persons) // what heldSession searches in
	return s, nil
}

func (s *state) marshal() ([]byte, error) {
	inner, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing the state file: %w", err)
	}
	sum := sha256.Sum256(inner)
	raw, err := json.Marshal(stateFile{stateVersion, hex.EncodeToString(sum[:]), inner})
	if err != nil {
		return nil, fmt.Errorf("writing the state file: %w", err)
	}
	return append(raw, '\n'), nil
}
