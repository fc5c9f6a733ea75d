package msr

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Swipe is one card drawn through a reader. Its bytes are shared by its copies
// and gone after Wipe.
type Swipe struct {
	// Source is the reader's name.
	Source string
	// At is when the last of it came in.
	At time.Time
	// Removed says that a card was taken out of the reader, and that is all there is.
	Removed bool
	// Problem says why there is nothing to read, if there is not.
	Problem Problem
	// Encoding is what the reader says of the card, where it says anything.
	Encoding Encoding
	// Present and Bad are the tracks that were sent, and those of them that the
	// reader could not decode.
	Present, Bad Tracks

	// In a function's keeping: fmt looks into another value's unexported fields
	// without asking their methods, and follows a pointer there when it takes a
	// verb to be wrong. It cannot look into a function.
	open func() *secret
}

type secret struct{ report []byte }

func keep(report []byte) func() *secret {
	s := &secret{report}
	return func() *secret { return s }
}

// Report is the swipe's text in one form for all readers: %...? for track 1,
// ;...? for track 2 (@...? if it has letters), +...? for track 3 in this order,
// without check characters; %E?, ;E?, +E? for what was not decoded. It points to
// the swipe's own bytes, so that wiping either wipes both. It is nil when there
// is a Problem, at a removal, and after Wipe.
func (s Swipe) Report() []byte {
	if s.open == nil {
		return nil
	}
	return s.open().report
}

// Wipe empties the swipe and its copies.
func (s Swipe) Wipe() {
	if s.open == nil {
		return
	}
	kept := s.open()
	clear(kept.report[:cap(kept.report)])
	kept.report = nil
}

// String says which reader and what kind of event, never what was read.
func (s Swipe) String() string {
	if s.Removed {
		return "card removed at " + s.Source
	}
	if s.Problem != ProblemNone {
		return fmt.Sprintf("unreadable swipe at %s (%s)", s.Source, s.Problem)
	}
	return "swipe at " + s.Source
}

// Format prints String for every verb.
func (s Swipe) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// GoString is String.
func (s Swipe) GoString() string { return s.String() }

// LogValue is String.
func (s Swipe) LogValue() slog.Value { return slog.StringValue(s.String()) }

// errEncode is why a swipe cannot be encoded. There is no reason to, and a
// swipe that reached an encoder is a mistake that ought to be seen.
var errEncode = errors.New("msr: a swipe is never encoded")

// MarshalText always fails.
func (s Swipe) MarshalText() ([]byte, error) { return nil, errEncode }

// MarshalJSON always fails.
func (s Swipe) MarshalJSON() ([]byte, error) { return nil, errEncode }

// MarshalBinary always fails.
func (s Swipe) MarshalBinary() ([]byte, error) { return nil, errEncode }

// Problem is why a swipe could not be read.
type Problem uint8

// The problems.
const (
	ProblemNone       Problem = iota
	ProblemUnfinished         // it stopped before its end
	ProblemGarbled            // characters that a reader does not send
	ProblemTooLong            // longer than three tracks can be
	ProblemCheck              // an ID TECH frame whose check bytes are wrong
	ProblemNoise              // bytes without any swipe in them: the line's speed may be wrong
)

var problemWords = [...]string{"none", "unfinished", "garbled", "too-long", "check", "noise"}

// String gives the problem's word.
func (p Problem) String() string {
	if int(p) < len(problemWords) {
		return problemWords[p]
	}
	return fmt.Sprintf("problem-%d", uint8(p))
}

// Encoding is what a reader says of a card's coding.
type Encoding uint8

// The encodings.
const (
	EncodingUnknown Encoding = iota
	EncodingISO
	EncodingAAMVA // a driver licence of North America
	EncodingOther
)

// Tracks is a set of tracks.
type Tracks uint8

// The tracks.
const (
	Track1 Tracks = 1 << iota
	Track2
	Track3
)

// Has reports whether a track is in the set.
func (t Tracks) Has(one Tracks) bool { return t&one != 0 }
