// Package gauge says what limits are held against: what was told of an action, how
// often a session had a function, and in which minutes of the week hours have to
// be. The gate measures by it, and what answers recorded decisions anew measures
// by the same.
//
// It is pure: the moment, the zone and the entries are given to it. It decides
// nothing: package policy holds the values against the limits, and who asks keeps
// what has to outlive a restart.
package gauge

import (
	"maps"
	"time"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// Told gives an optional number as policies take it; nil: nobody told it.
func Told(n *uint64) policy.Told {
	if n == nil {
		return policy.Told{}
	}
	return policy.Tell(*n)
}

// Times is how often something is done at once, 1 to policy.MaxCount: once, where
// nobody says.
func Times(t *entry.Told) uint32 {
	if t == nil || t.Count == nil || *t.Count == 0 {
		return 1
	}
	return uint32(min(*t.Count, policy.MaxCount))
}

// Values are what limits are held against, without the uses, which only who counts
// them knows.
func Values(t *entry.Told, at []week.Moment, register string) policy.Values {
	v := policy.Values{At: at, Register: register}
	if t != nil {
		v.Amount, v.Percent = Told(t.Amount), Told(t.Percent)
	}
	return v
}

// Right gives the later of two moments at which the kernel held the wall clock to be
// synchronised: the last one that is known, and one that may be.
func Right(known, at entry.Stamp) entry.Stamp {
	if at.Clock == entry.ClockSynchronised && (at.BootID != known.BootID || at.Boot > known.Boot) {
		return at
	}
	return known
}

// Moments are the minutes of the week in which hours have to be. As long as the
// kernel holds the wall clock to be synchronised that is the wall clock's. When
// it does not, somebody may have set it: then hours must also hold at what a clock
// shows that went on since it was last known to be right, in this boot. So a clock
// that is set opens nothing. Where it was never right since the boot, the wall
// clock is all there is. The wall clock's comes first.
func Moments(at, right entry.Stamp, zone *time.Location) []week.Moment {
	list := []week.Moment{week.At(at.Time().In(zone))}
	if right.BootID == at.BootID && right.Wall != 0 && at.Clock != entry.ClockSynchronised {
		list = append(list, week.At(right.Time().Add(time.Duration(at.Boot-right.Boot)).In(zone)))
	}
	return list
}

// Uses is how often a session had functions, by what names them. The zero Uses is a
// session's beginning. A copy does not change with what it was copied from.
type Uses[K comparable] struct {
	Used    map[K]uint64 `json:"used,omitempty"`
	LastUse LastUse[K]   `json:"last_use,omitzero"`
}

// LastUse is the use that may still come to nothing.
type LastUse[K comparable] struct {
	Seq      entry.Seq `json:"seq"`
	Function K         `json:"function"`
	Uses     uint32    `json:"uses"`
}

// Add takes in that the session had a function, by the entry that says so.
func (u *Uses[K]) Add(seq entry.Seq, function K, times uint32) {
	used := maps.Clone(u.Used)
	if used == nil {
		used = map[K]uint64{}
	}
	used[function] += uint64(times)
	u.Used, u.LastUse = used, LastUse[K]{seq, function, times}
}

// GiveBack takes in that what an entry allowed came to nothing (withdrawn, or its
// grant lapsed unused). It is given back if nothing was counted since.
func (u *Uses[K]) GiveBack(about entry.Seq) {
	if about == 0 || u.LastUse.Seq != about {
		return
	}
	if len(u.Used) == 0 { // no Uses of ours, but one may be read from a file
		u.LastUse = LastUse[K]{}
		return
	}
	used := maps.Clone(u.Used)
	used[u.LastUse.Function] -= min(uint64(u.LastUse.Uses), used[u.LastUse.Function])
	u.Used, u.LastUse = used, LastUse[K]{}
}
