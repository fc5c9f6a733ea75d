package journal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// Proof is one entry with what proves that it stands in a register's journal: a
// signed checkpoint, and the hashes that lead from the entry to its root. It
// needs no journal to be checked, and stays true when the journal has removed
// the entry or is lost.
type Proof struct {
	Checkpoint []byte
	Index      int64 // the entry's place in the tree, from 0
	Hashes     tlog.RecordProof
	Entry      []byte // in CBOR, as it is stored
}

// The lines that a proof's text is made of (C2SP tlog-proof names its parts
// so; the entry stands in front, since it is what is proved).
const (
	proofHead  = "tillwarden/journal-proof@v1"
	proofEntry = "entry "
	proofIndex = "index "
)

// Marshal gives the proof's text: a head line, the entry in hexadecimal digits,
// its index, the hashes in base64, an empty line, and the checkpoint.
func (p *Proof) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n%s%x\n%s%d\n", proofHead, proofEntry, p.Entry, proofIndex, p.Index)
	for _, h := range p.Hashes {
		fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(h[:]))
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ErrProof: a proof does not prove what it says, or is none.
var ErrProof = errors.New("not proved")

// maxProof bounds a proof's text: an entry, 48 hashes, a checkpoint.
const maxProof = 64 << 10

// ParseProof reads what Marshal writes, and nothing else: whatever byte of it is
// changed, the result is an error or another proof.
func ParseProof(text []byte) (*Proof, error) {
	if len(text) > maxProof {
		return nil, fmt.Errorf("%w: %d bytes are too many for a proof", ErrProof, len(text))
	}
	head, checkpoint, ok := strings.Cut(string(text), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || lines[0] != proofHead || !strings.HasPrefix(lines[1], proofEntry) || !strings.HasPrefix(lines[2], proofIndex) {
		return nil, fmt.Errorf("%w: it is no proof of an entry", ErrProof)
	}
	p := &Proof{Checkpoint: []byte(checkpoint)}
	var err error
	if p.Entry, err = hex.DecodeString(lines[1][len(proofEntry):]); err != nil {
		return nil, fmt.Errorf("%w: its entry cannot be read", ErrProof)
	}
	if p.Index, err = strconv.ParseInt(lines[2][len(proofIndex):], 10, 64); err != nil || p.Index < 0 {
		return nil, fmt.Errorf("%w: its index cannot be read", ErrProof)
	}
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return nil, fmt.Errorf("%w: one of its hashes cannot be read", ErrProof)
		}
		p.Hashes = append(p.Hashes, h)
	}
	if !bytes.Equal(p.Marshal(), text) { // base64 has spare bits, numbers leading noughts
		return nil, fmt.Errorf("%w: it is not written as it should be", ErrProof)
	}
	return p, nil
}

// Proved is what a proof proves.
type Proved struct {
	Entry entry.Entry `json:"entry"`
	// Origin names the register and the journal's file, Size is how many entries
	// the checkpoint covers.
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	// Keys are the names of those of the given keys that signed the checkpoint. Whose
	// other signatures there are is not told: anybody can write a name below a text.
	Keys []string `json:"keys"`
}

// Check checks a proof with the register's public key alone. The error wraps
// ErrProof where it does not hold.
func (p *Proof) Check(keys ...note.Verifier) (*Proved, error) {
	c, signed, err := parseCheckpoint(p.Checkpoint, keys)
	if err != nil {
		return nil, fmt.Errorf("%w: its checkpoint: %w", ErrProof, err)
	}
	if !signed {
		return nil, fmt.Errorf("%w: none of the given keys has signed its checkpoint", ErrProof)
	}
	if p.Index >= c.size {
		return nil, fmt.Errorf("%w: the checkpoint covers %d entries, and there is none at place %d among them, from 0", ErrProof, c.size, p.Index)
	}
	body := append([]byte{0}, p.Entry...)
	if err := tlog.CheckRecord(p.Hashes, c.size, c.root, p.Index, leafHash(body)); err != nil {
		return nil, fmt.Errorf("%w: the entry is not what the checkpoint covers at its place", ErrProof)
	}
	out := &Proved{Origin: c.origin, Size: c.size, Keys: c.keys}
	if err := decodeBody(body, &out.Entry); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	return out, nil
}

// prove makes a proof by a checkpoint.
func (v *view) prove(seq entry.Seq, text []byte) (*Proof, error) {
	_, body, err := v.record(seq)
	if err != nil {
		return nil, err
	}
	p := &Proof{Checkpoint: bytes.Clone(text), Index: v.place(seq), Entry: bytes.Clone(body[1:])}
	c, _, err := parseCheckpoint(text, nil)
	if err != nil || c.origin != v.header.Origin || p.Index >= c.size {
		return nil, fmt.Errorf("%w: no checkpoint covers entry %d", ErrProof, seq)
	}
	p.Hashes, err = tlog.ProveRecord(c.size, p.Index, v)
	return p, err
}

// Prove makes a proof of one entry. It returns ErrNotFound where this copy has no
// such entry, and ErrProof where none of its checkpoints covers it.
func (r *Reader) Prove(seq entry.Seq) (p *Proof, err error) {
	defer guard(&err)()
	_, text, err := r.v.lastCheckpoint()
	if err == nil {
		p, err = r.v.prove(seq, text)
	}
	if err != nil {
		return nil, fmt.Errorf("proving entry %d: %w", seq, err)
	}
	return p, nil
}

// Prove makes a proof of one entry; where no checkpoint covers it yet, one is made.
// It returns ErrNotFound where this file has no such entry, and ErrProof without a key.
func (s *Store) Prove(ctx context.Context, seq entry.Seq) (p *Proof, err error) {
	// It may wait for an append to be stored with, and is good all the same.
	text, err := s.Checkpoint(ctx)
	if err != nil {
		return nil, err
	}
	err = s.read(func(v *view) (err error) {
		p, err = v.prove(seq, text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("proving entry %d: %w", seq, err)
	}
	return p, nil
}
