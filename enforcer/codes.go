package enforcer

import (
	"context"
	"fmt"
	"slices"

	"tillwarden/enforcer/journal/entry"
)

// MaxCodes is how many one-time codes a list may have.
const MaxCodes = 50

// savedCodes is the list of one-time codes that counts: the last one made.
type savedCodes struct {
	List  digest `json:"list"`
	Count int    `json:"count"`
	Used  []int  `json:"used,omitempty"` // their numbers, from 1
}

// CodesRequest asks for a new list of one-time codes for break-glass, in place
// of the one before. The gate knows no code: only how many there are, which were
// used, and the digest of what they are checked against.
type CodesRequest struct {
	List   [32]byte
	Count  int
	Source string
	// By and With are two different persons who may begin break-glass. SetUp
	// instead of them is for a register at which nobody has ever signed on.
	By, With *Party
	SetUp    bool
}

// Codes is the digest of the list that counts, and how many of its codes are left.
func (g *Gate) Codes() (list [32]byte, left int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c := g.state.Codes; c != nil {
		return c.List, c.Count - len(c.Used)
	}
	return list, 0
}

// MakeCodes makes a list of codes the one that counts, as soon as the journal has
// it. Denied is an answer, and journaled.
func (g *Gate) MakeCodes(ctx context.Context, r CodesRequest) (Decision, error) {
	if r.Count < 1 || r.Count > MaxCodes || len(r.Source) > maxWord {
		return failed(), fmt.Errorf("making codes: %w: %d codes, want 1 to %d", ErrRequest, r.Count, MaxCodes)
	}
	if err := g.loading.acquire(ctx); err != nil {
		return failed(), fmt.Errorf("making codes: %w", err)
	}
	defer g.loading.release()
	s := g.Snapshot()
	e := modeEntry(s, entry.ModeBreakGlass, r.By, r.With, r.Source)
	e.Kind, e.Count, e.Digest = entry.KindCodes, uint64(r.Count), r.List[:]
	g.mu.Lock()
	signedOn := g.state.SignedOn
	g.mu.Unlock()
	var d Decision
	switch {
	case r.SetUp && signedOn:
		d = deny(d, &e, entry.ReasonUsed)
	case r.SetUp:
		e.Claimant = claimSetUp
		d = agree(d, &e, entry.ReasonTechnician)
	default:
		d = g.mayBoth(s, r.By, r.With, &e)
	}
	if d.Outcome != entry.OutcomeAllowed {
		if err := g.record(ctx, true, &e); err != nil {
			return failed(), fmt.Errorf("making codes: %w", err)
		}
	} else {
		done, err := g.commit(ctx, true, e)
		if err != nil {
			return failed(), fmt.Errorf("making codes: %w", err)
		}
		e = done[0]
	}
	d.Seq = e.Seq
	g.emit(e, &d, nil)
	return d, nil
}

// makeCodes folds a list in. The codes of it that are known to be used stay used: a
// journal that was put back from a copy may be older than that.
func (s *state) makeCodes(e *entry.Entry) {
	c := &savedCodes{Count: int(e.Count)}
	copy(c.List[:], e.Digest)
	if was := s.Codes; was != nil && was.List == c.List {
		c.Used = was.Used
	}
	s.Codes = c
}

// useCode folds in that a code began a mode.
func (s *state) useCode(e *entry.Entry) {
	if c := s.Codes; c != nil && e.Claimant == claimCode && !slices.Contains(c.Used, int(e.Count)) {
		c.Used = append(slices.Clone(c.Used), int(e.Count))
	}
}

// mayByCode decides whether one person and a code may begin break-glass.
func (g *Gate) mayByCode(s *Snapshot, r *ModeRequest, e *entry.Entry) Decision {
	var d Decision
	if r.By == nil {
		return deny(d, e, entry.ReasonCardRequired)
	}
	if d = g.mayChange(s, r.By, e); d.Outcome != entry.OutcomeAllowed {
		return d
	}
	e.Claimant = claimCode
	g.mu.Lock()
	c := g.state.Codes
	g.mu.Unlock()
	switch n := r.Code.Number; {
	case c == nil || n < 1 || n > c.Count || [32]byte(c.List) != r.Code.List:
		return deny(d, e, entry.ReasonUnknownCredential)
	case slices.Contains(c.Used, n):
		e.Count = uint64(n)
		return deny(d, e, entry.ReasonUsed)
	default:
		e.Count = uint64(n)
	}
	return d
}
