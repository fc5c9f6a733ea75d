package api

import (
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Stored turns an entry in words back into what the journal has, for whoever
// reckons with it. It fails on a word of a later version.
func (w *Entry) Stored() (e entry.Entry, err error) {
	e = entry.Entry{
		Seq: entry.Seq(w.Seq), Session: entry.Seq(w.Session), Operator: w.Operator, Person: w.Person, WorkGroups: w.WorkGroups,
		Function: w.Function, FunctionID: w.FunctionID, Source: w.Source, Device: w.Device, Drawer: w.Drawer, Claimant: w.Claimant,
		About: entry.Seq(w.About), Lines: w.Lines, Count: w.Count, Subject: w.Subject, Text: w.Text, Why: w.Why, WhyCode: w.WhyCode, Uses: w.Uses, Later: w.Later,
		Stamp: entry.Stamp{Wall: w.Time.UnixNano(), Boot: w.BootTime},
	}
	if w.Rule != nil {
		e.Rule = &entry.Rule{WorkGroup: w.Rule.WorkGroup, Function: w.Rule.Function, Mark: w.Rule.Mark}
	}
	if w.Told != nil {
		e.Told = w.Told.Entry()
	}
	if l := w.Limit; l != nil {
		most := l.Most
		if l.Part == "percent" {
			most *= 100
		}
		e.Limit = &entry.Limit{WorkGroup: l.WorkGroup, Function: l.Function, Part: l.Part, Most: uint64(math.Round(most)), Uses: l.Uses}
	}
	if w.Approver != "" {
		e.Approval = &entry.Approval{
			Operator: w.Approver, Person: w.ApproverID, Override: entry.Seq(w.Override), First: entry.Seq(w.First), Fallback: w.Fallback, At: w.At,
			OffClock: w.OffClock, Transaction: w.Rest,
		}
		err = word(err, w.ApprovedBy, &e.Approval.Method, entry.ParseMethod)
	}
	err = word(err, w.Kind, &e.Kind, entry.ParseKind)
	err = word(err, w.Outcome, &e.Outcome, entry.ParseOutcome)
	err = word(err, w.Reason, &e.Reason, entry.ParseReason)
	err = word(err, w.Method, &e.Method, entry.ParseMethod)
	err = word(err, w.Purpose, &e.Purpose, entry.ParsePurpose)
	err = word(err, w.Mode, &e.Mode, entry.ParseMode)
	if w.Clock != entry.ClockUnknown.String() {
		err = word(err, w.Clock, &e.Stamp.Clock, entry.ParseClock)
	}
	if err == nil {
		err = e.Stamp.BootID.UnmarshalText([]byte(w.BootID))
	}
	if err == nil && w.Digest != "" {
		e.Digest, err = hex.DecodeString(w.Digest)
	}
	if err == nil && w.Policy != "" {
		e.Policy = &entry.PolicyRef{Epoch: w.Epoch}
		var n int
		if n, err = hex.Decode(e.Policy.Digest[:], []byte(w.Policy)[:min(len(w.Policy), 2*len(e.Policy.Digest))]); err == nil && (n != len(e.Policy.Digest) || len(w.Policy) != 2*n) {
			err = fmt.Errorf("policy digest of %d digits", len(w.Policy))
		}
	}
	if err == nil && w.Elapsed != "" {
		var d time.Duration
		d, err = time.ParseDuration(w.Elapsed)
		e.Elapsed = int64(d)
	}
	if err != nil {
		return entry.Entry{}, fmt.Errorf("entry %d: %w", w.Seq, err)
	}
	return e, nil
}

// word reads one word, unless one before was not understood; no word is zero.
func word[T any](before error, s string, into *T, parse func(string) (T, error)) (err error) {
	if before == nil && s != "" {
		*into, err = parse(s)
		return err
	}
	return before
}
