package main

import (
	"fmt"
	"strings"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
)

// entryHeading and entryRow are the journal as a table, in 100 columns.
var entryHeading = []string{"SEQ", "TIME", "WHAT", "OUTCOME", "WHO", "ABOUT"}

func entryRow(e *api.Entry, where *time.Location) []string {
	return []string{
		fmt.Sprint(e.Seq), e.Time.In(where).Format("01-02 15:04:05"), e.Kind, orDash(shortOutcome(e.Outcome)), orDash(e.Operator),
		cut(about(e), 46),
	}
}

func shortOutcome(s string) string {
	if s == "override-required" {
		return "override"
	}
	return s
}

// about says in a few words what an entry is about.
func about(e *api.Entry) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	aboutMode := strings.HasPrefix(e.Kind, "mode")
	switch {
	case aboutMode, e.Kind == "codes": // which mode they are for
		add("%s", e.Mode)
	case e.Mode != "":
		add("let through by %s", e.Mode)
	}
	// Signing on, a mode and a punch are said by their kind; a function would only repeat it.
	if e.Function != "" && e.Kind != "sign-on" && !aboutMode && !isPunch(e.Kind) {
		add("%s", e.Function)
	}
	if e.Subject != "" {
		add("%s", e.Subject)
	}
	switch {
	case e.Drawer != "":
		add("%s", e.Drawer)
	case e.Device != "":
		add("%s", e.Device)
	}
	switch e.Kind {
	case "sign-on", "unlock", "identify":
		if e.Method != "" {
			add("%s", e.Method)
		}
	}
	if e.Approver != "" {
		add("by %s", e.Approver)
	}
	if e.Reason != "" && e.Reason != "none" && e.Reason != "rule" {
		add("%s", e.Reason)
	}
	switch {
	case e.Limit != nil && e.Limit.Part != "":
		add("%s", sayLimit(e.Limit))
	case e.Rule != nil && e.Rule.Mark != "" && e.Outcome != "allowed":
		add("%s at %s", e.Rule.Mark, e.Rule.Function)
	}
	if e.Told != nil {
		add("%s", sayTold(*e.Told))
	}
	if e.Lines > 0 {
		add("%d lines", e.Lines)
	}
	if e.Count > 0 && e.Kind != "override" {
		add("%d", e.Count)
	}
	if e.Elapsed != "" && e.Kind != "override" {
		add("%s", round(e.Elapsed, aboutMode))
	}
	if e.About > 0 {
		add("of %d", e.About)
	}
	if e.WhyCode > 0 {
		add("reason %d", e.WhyCode)
	}
	for _, words := range []string{e.Why, e.Text} {
		if words != "" {
			add("%s", words)
		}
	}
	return strings.Join(parts, ", ")
}

// isPunch reports whether a kind is a punch of the time clock.
func isPunch(kind string) bool {
	k, err := entry.ParseKind(kind)
	return err == nil && timeclock.IsPunch(k)
}

func round(elapsed string, mode bool) string {
	d, err := time.ParseDuration(elapsed)
	switch {
	case err != nil:
		return elapsed
	case mode:
		return api.SayLeft(d)
	}
	if d > 10*time.Second {
		return d.Round(time.Second).String()
	}
	return d.Round(time.Millisecond).String()
}

// fields lists what an entry holds, name and value, for showing one in full.
func fields(e *api.Entry, where *time.Location) [][]string {
	var rows [][]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, []string{name, value})
		}
	}
	number := func(name string, n uint64) {
		if n > 0 {
			add(name, fmt.Sprint(n))
		}
	}
	number("entry", uint64(e.Seq))
	add("time", e.Time.In(where).Format("2006-01-02 15:04:05.000 -07:00")+" ("+e.Clock+")")
	add("what", e.Kind)
	add("outcome", e.Outcome)
	add("mode", e.Mode)
	add("reason", e.Reason)
	add("operator", e.Operator)
	add("person", e.Person)
	add("work groups", join(e.WorkGroups))
	number("session", uint64(e.Session))
	add("function", e.Function)
	number("function id", uint64(e.FunctionID))
	if e.Rule != nil {
		rule := e.Rule.Mark + " at " + e.Rule.Function
		if e.Rule.WorkGroup != "" {
			rule += " of " + e.Rule.WorkGroup
		}
		add("rule", rule)
	}
	if e.Told != nil {
		add("told", sayTold(*e.Told))
	}
	if e.Limit != nil {
		add("limit", sayLimit(e.Limit))
	}
	number("counts as", uint64(e.Uses))
	if e.Later {
		add("besides", "fields of a later version, which this one does not know")
	}
	if isPunch(e.Kind) {
		add("done by", e.Approver)
	} else {
		add("approved by", e.Approver)
	}
	add("  person", e.ApproverID)
	add("  method", e.ApprovedBy)
	number("override", uint64(e.Override))
	number("first approval", uint64(e.First))
	add("  from", e.At)
	if e.Rest {
		add("  for", "the rest of the transaction")
	}
	if e.Fallback {
		add("  in place of", "a card")
	}
	if e.OffClock {
		add("  clocked in", "no")
	}
	add("method", e.Method)
	add("source", e.Source)
	add("device", e.Device)
	add("drawer", e.Drawer)
	add("purpose", e.Purpose)
	add("claimed by", e.Claimant)
	if e.Policy != "" {
		add("policy", fmt.Sprintf("epoch %d, %s", e.Epoch, e.Policy))
	}
	number("follows from", uint64(e.About))
	number("lines", uint64(e.Lines))
	add("digest", e.Digest)
	if e.Kind == "override" {
		add("its grant", e.Elapsed) // how long one may wait for a kick
	} else {
		add("took", e.Elapsed)
	}
	if e.Kind == "override" {
		number("approvals needed", e.Count)
	} else {
		number("count", e.Count)
	}
	add("about", e.Subject)
	number("reason's code", uint64(e.WhyCode))
	add("why", e.Why)
	add("remark", e.Text)
	add("boot", fmt.Sprintf("%s + %s", e.BootID, time.Duration(e.BootTime)))
	return rows
}
