package journal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// storedNote is a checkpoint with the tree size that it is stored under.
type storedNote struct {
	origin string
	size   int64
	text   []byte
}

// checkpoint is what a checkpoint says.
type checkpoint struct {
	origin string
	size   int64
	root   tlog.Hash
	keys   []string // names of the given keys that signed it
}

var errCheckpoint = errors.New("not a checkpoint")

// signCheckpoint makes a checkpoint as C2SP tlog-checkpoint has it.
func signCheckpoint(key note.Signer, origin string, size int64, root tlog.Hash) ([]byte, error) {
	text, err := note.Sign(&note.Note{Text: checkpointText(origin, size, root)}, key)
	if err != nil {
		return nil, fmt.Errorf("signing a checkpoint: %w", err)
	}
	return text, nil
}

func checkpointText(origin string, size int64, root tlog.Hash) string {
	return origin + "\n" + strconv.FormatInt(size, 10) + "\n" + root.String() + "\n"
}

// parseCheckpoint reads a checkpoint and checks the signatures of the keys
// given. It takes one form only: whatever byte of it is changed, the result
// is an error or a different checkpoint. signed is whether a key signed it.
func parseCheckpoint(raw []byte, keys []note.Verifier) (c checkpoint, signed bool, err error) {
	n, err := note.Open(raw, note.VerifierList(keys...))
	var unverified *note.UnverifiedNoteError
	switch {
	case errors.As(err, &unverified):
		n = unverified.Note
	case err != nil:
		return c, false, fmt.Errorf("%w: %w", errCheckpoint, err)
	default:
		signed = true
	}
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) != 4 || lines[0] == "" {
		return c, false, errCheckpoint
	}
	c.origin = lines[0]
	if c.size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.size < 0 {
		return c, false, errCheckpoint
	}
	if c.root, err = tlog.ParseHash(lines[2]); err != nil {
		return c, false, errCheckpoint
	}
	if !strings.HasPrefix(n.Text, checkpointText(c.origin, c.size, c.root)) {
		return c, false, fmt.Errorf("%w: it is not written as it should be", errCheckpoint)
	}
	for _, sig := range n.Sigs {
		c.keys = append(c.keys, fmt.Sprintf("%s+%08x", sig.Name, sig.Hash))
	}
	sigs := slices.Concat(n.Sigs, n.UnverifiedSigs)
	for _, sig := range sigs {
		// Base64 has spare bits at its end, which a decoder does not mind.
		if b, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil || base64.StdEncoding.EncodeToString(b) != sig.Base64 {
			return c, false, fmt.Errorf("%w: a signature is not written as it should be", errCheckpoint)
		}
	}
	// Nothing repeated, nothing left out: as many lines as there are signatures.
	if bytes.Count(raw[len(n.Text):], []byte("\n")) != 1+len(sigs) {
		return c, false, fmt.Errorf("%w: it has lines to spare", errCheckpoint)
	}
	return c, signed, nil
}

// lastCheckpoint is the newest checkpoint that is stored, size 0 where there is none.
func (v *view) lastCheckpoint() (size int64, text []byte, err error) {
	k, text, err := v.im.cursor(v.checkpoints).edge(-1)
	if err != nil || k == nil {
		return 0, nil, err
	}
	n, ok := unkey(k)
	if !ok || n > 1<<48 {
		return 0, nil, damaged(0, "a checkpoint has no place in it")
	}
	return int64(n), text, nil
}

// agree checks a checkpoint against the tree: it must be of this journal, and
// of the entries as they are.
func (v *view) agree(c *checkpoint) error {
	if c.origin != v.header.Origin {
		return fmt.Errorf("it is of another journal: %q, this one is %q", c.origin, v.header.Origin)
	}
	if c.size > v.size {
		return fmt.Errorf("it covers %d entries, the journal has %d", c.size, v.size)
	}
	root, err := tlog.TreeHash(c.size, v)
	if err != nil {
		return err
	}
	if root != c.root {
		return fmt.Errorf("its root is not that of the first %d entries", c.size)
	}
	return nil
}
