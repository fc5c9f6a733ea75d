package printer

import (
	"fmt"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// refusals gathers what was not forwarded, so that the journal has one entry a
// kind and job, and not one a command.
type refusals struct {
	list  []refusal
	since time.Duration // of the first
}

type refusal struct {
	name, why string
	reason    entry.Reason
	through   bool // it was forwarded all the same
	times     int
	bytes     uint64
}

const (
	maxRefusals   = 64
	refusalsQuiet = 300 * time.Millisecond // a job has ended when nothing came for this long
	refusalsLate  = 5 * time.Second        // what has gathered is told by then
)

func (r *refusals) add(name, why string, reason entry.Reason, bytes int, now time.Duration) {
	r.note(refusal{name, why, reason, false, 1, uint64(bytes)}, now)
}

// passed is for what was forwarded although nobody understood it.
func (r *refusals) passed(name, why string, bytes int, now time.Duration) {
	r.note(refusal{name, why, entry.ReasonUnparsed, true, 1, uint64(bytes)}, now)
}

func (r *refusals) note(x refusal, now time.Duration) {
	if len(r.list) == 0 {
		r.since = now
	}
	if len(r.list) == maxRefusals {
		x.name, x.why = "other commands", "not let through"
	}
	for i := range r.list {
		if l := &r.list[i]; l.name == x.name && l.why == x.why && l.through == x.through {
			l.times++
			l.bytes += x.bytes
			return
		}
	}
	r.list = append(r.list, x)
}

// due is when they are to be told, if nothing more comes after fed.
func (r *refusals) due(fed time.Duration) (time.Duration, bool) {
	return min(max(fed, r.since)+refusalsQuiet, r.since+refusalsLate), len(r.list) > 0
}

func (r *refusals) take() []Event {
	var events []Event
	for _, x := range r.list {
		text := x.name + ": " + x.why
		if x.times > 1 {
			text += fmt.Sprintf(", %d times", x.times)
		}
		e := Event{Kind: entry.KindDeviceRefused, Reason: x.reason, Count: x.bytes, Text: text}
		if x.through {
			e.Kind = entry.KindDevicePassed
		}
		events = append(events, e)
	}
	r.list = nil
	return events
}
