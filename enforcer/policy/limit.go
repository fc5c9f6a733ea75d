package policy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unique"

	"tillwarden/enforcer/week"
)

// Bounds of limits.
const (
	MaxAmount         = 999_999_999_999_999 // in the smallest unit: exact in JSON and in every POS
	MaxPercent        = 1_000_000           // in hundredths of a percent
	MaxCount          = 65535
	MaxLimits         = 1 << 20
	MaxRegisterGroups = 1024
	MaxRegister       = 64 // bytes of a register's name
)

// Limit is how far a work group gives a function: within all parts that are
// set. A part that is zero is not set. A limit holds for the one function that
// it names, not for what is below it.
type Limit struct {
	// Amount is the most, in the smallest unit of the till's currency.
	Amount uint64
	// Percent is the most, in hundredths of a percent.
	Percent uint32
	// Count is how often in a session.
	Count uint32
	// Hours are when, by the register's own clock.
	Hours week.Hours
	// Registers names the register group where it is given.
	Registers string
}

// Set reports whether there is a limit at all.
func (l Limit) Set() bool { return l != Limit{} }

// String gives the limit in words, with the names of the policy source.
func (l Limit) String() string {
	var parts []string
	for part := range limitPartEnd {
		if l.has(part) {
			parts = append(parts, part.String()+" "+l.value(part))
		}
	}
	return strings.Join(parts, ", ")
}

// IsZero reports whether there is no limit, so that JSON leaves it out.
func (l Limit) IsZero() bool { return !l.Set() }

// MarshalJSON writes the parts that are set, as the policy source has them.
func (l Limit) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Amount    uint64     `json:"amount,omitempty"`
		Percent   float64    `json:"percent,omitempty"`
		Count     uint32     `json:"count,omitempty"`
		Hours     week.Hours `json:"hours,omitzero"`
		Registers string     `json:"registers,omitempty"`
	}{l.Amount, float64(l.Percent) / 100, l.Count, l.Hours, l.Registers})
}

func (l Limit) has(part LimitPart) bool {
	switch part {
	case LimitAmount:
		return l.Amount != 0
	case LimitPercent:
		return l.Percent != 0
	case LimitCount:
		return l.Count != 0
	case LimitHours:
		return l.Hours.Set()
	case LimitRegisters:
		return l.Registers != ""
	}
	return false
}

func (l Limit) value(part LimitPart) string {
	switch part {
	case LimitAmount:
		return strconv.FormatUint(l.Amount, 10)
	case LimitPercent:
		return PercentWords(uint64(l.Percent))
	case LimitCount:
		return strconv.FormatUint(uint64(l.Count), 10)
	case LimitHours:
		return l.Hours.String()
	}
	return l.Registers
}

// most is the part as a number, 0 where it is none.
func (l Limit) most(part LimitPart) uint64 {
	switch part {
	case LimitAmount:
		return l.Amount
	case LimitPercent:
		return uint64(l.Percent)
	case LimitCount:
		return uint64(l.Count)
	}
	return 0
}

// PercentWords gives hundredths of a percent as people write it: "12.5".
func PercentWords(hundredths uint64) string {
	s := fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

// Check says what is wrong with a limit, the register group's name left aside.
func (l Limit) Check() error {
	switch {
	case !l.Set():
		return errors.New("a limit says nothing")
	case l.Amount > MaxAmount:
		return fmt.Errorf("amount %d, at most %d is possible", l.Amount, uint64(MaxAmount))
	case l.Percent > MaxPercent:
		return fmt.Errorf("percent %s, at most %s is possible", PercentWords(uint64(l.Percent)), PercentWords(MaxPercent))
	case l.Count > MaxCount:
		return fmt.Errorf("count %d, at most %d is possible", l.Count, MaxCount)
	}
	return nil
}

// RegisterGroup names a set of registers, for limits.
type RegisterGroup struct {
	Name      string
	Registers []string // by the names that their configuration gives them
}

// LimitRef is a Limit where there are very many: small, and equal where the limits
// are. The zero one is none.
type LimitRef struct{ of unique.Handle[Limit] }

// Ref gives the limit's reference.
func (l Limit) Ref() LimitRef {
	if !l.Set() {
		return LimitRef{}
	}
	return LimitRef{unique.Make(l)}
}

// Limit is what it refers to.
func (r LimitRef) Limit() Limit {
	if r.IsZero() {
		return Limit{}
	}
	return r.of.Value()
}

// IsZero reports whether there is no limit, so that JSON leaves it out.
func (r LimitRef) IsZero() bool { return r == LimitRef{} }

// MarshalJSON writes the limit.
func (r LimitRef) MarshalJSON() ([]byte, error) { return r.Limit().MarshalJSON() }

// limited is a limit in its place.
type limited struct {
	group int
	index Index
	Limit
	ref LimitRef
}

// setLimits puts the limits in order, by work group and function.
func (c *Compiled) setLimits(groups []WorkGroup) error {
	place := make(map[string]int, len(c.groups))
	for n := range c.groups {
		place[c.groups[n].Name] = n
	}
	at := c.places()
	for _, g := range groups {
		for id, l := range g.Limits {
			i, ok := at[id]
			if !ok {
				return fmt.Errorf("work group %q limits function %d, which is not in the catalogue", g.Name, id)
			}
			c.limits = append(c.limits, limited{group: place[g.Name], index: i, Limit: l})
		}
	}
	slices.SortFunc(c.limits, func(a, b limited) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.index, b.index)) })
	return nil
}

func (c *Compiled) setRegisterGroups(groups []RegisterGroup) {
	for _, g := range groups {
		registers := slices.Clone(g.Registers)
		slices.Sort(registers)
		c.registers = append(c.registers, RegisterGroup{Name: g.Name, Registers: registers})
	}
	slices.SortFunc(c.registers, func(a, b RegisterGroup) int { return cmp.Compare(a.Name, b.Name) })
}

// checkLimits says what is wrong with the register groups and the limits.
func (c *Compiled) checkLimits() error {
	if len(c.registers) > MaxRegisterGroups || len(c.limits) > MaxLimits {
		return fmt.Errorf("more than %d register groups or %d limits", MaxRegisterGroups, MaxLimits)
	}
	names := make(map[string]struct{}, len(c.registers))
	for n, g := range c.registers {
		switch {
		case !ValidName(g.Name):
			return fmt.Errorf("register group %q: the name is empty, too long or not plain text", g.Name)
		case n > 0 && c.registers[n-1].Name >= g.Name:
			return fmt.Errorf("register group %q is there twice, or out of order", g.Name)
		case len(g.Registers) > 0xffff:
			return fmt.Errorf("register group %q has more than %d registers", g.Name, 0xffff)
		}
		for k, r := range g.Registers {
			if len(r) > MaxRegister || !ValidName(r) {
				return fmt.Errorf("register group %q: %q is no register's name", g.Name, r)
			}
			if k > 0 && g.Registers[k-1] >= r {
				return fmt.Errorf("register group %q names register %q twice, or out of order", g.Name, r)
			}
		}
		names[g.Name] = struct{}{}
	}
	for n, l := range c.limits {
		if l.group < 0 || l.group >= len(c.groups) || int(l.index) >= len(c.functions) {
			return errors.New("a limit is of a work group or a function that is not there")
		}
		what := fmt.Sprintf("work group %q, limit on %q", c.groups[l.group].Name, c.functions[l.index].Key)
		if n > 0 {
			if before := c.limits[n-1]; before.group > l.group || before.group == l.group && before.index >= l.index {
				return fmt.Errorf("%s: it is there twice, or out of order", what)
			}
		}
		if err := l.Check(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if _, ok := names[l.Registers]; l.Registers != "" && !ok {
			return fmt.Errorf("%s: there is no register group %q", what, l.Registers)
		}
	}
	return nil
}

// indexLimits makes the look-up of functions whose uses are counted.
func (c *Compiled) indexLimits() {
	c.counted = make([]uint64, (len(c.functions)+63)/64)
	for n, l := range c.limits {
		c.limits[n].ref = l.Ref()
		if l.Count != 0 {
			c.counted[l.index/64] |= 1 << (l.index % 64)
		}
	}
}

// limitsOf gives the limits of a work group, by function.
func (c *Compiled) limitsOf(group int) []limited {
	first := sort.Search(len(c.limits), func(n int) bool { return c.limits[n].group >= group })
	end := sort.Search(len(c.limits), func(n int) bool { return c.limits[n].group > group })
	return c.limits[first:end]
}

// limit finds what a work group limits a function to; nil: it does not.
func (c *Compiled) limit(group int, i Index) *Limit {
	n, ok := slices.BinarySearchFunc(c.limits, limited{group: group, index: i}, func(a, b limited) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.index, b.index))
	})
	if !ok {
		return nil
	}
	return &c.limits[n].Limit
}

// Limit gives what a work group limits a function to, whether it gives the
// function or not. The zero Limit is none.
func (c *Compiled) Limit(group string, i Index) Limit {
	n, ok := c.byGroup[group]
	if !ok {
		return Limit{}
	}
	return c.limitAt(n, i)
}

// LimitsOf gives all limits of a work group by function, of what it gives and of what
// it does not.
func (c *Compiled) LimitsOf(group string) map[Index]Limit {
	n, ok := c.byGroup[group]
	if !ok {
		return nil
	}
	all := map[Index]Limit{}
	for _, l := range c.limitsOf(n) {
		all[l.index] = l.Limit
	}
	return all
}

// limitAt is limit, and the zero Limit where there is none.
func (c *Compiled) limitAt(group int, i Index) Limit {
	if l := c.limit(group, i); l != nil {
		return *l
	}
	return Limit{}
}

// GroupLimit is what one work group limits a function to that it gives.
type GroupLimit struct {
	WorkGroup string
	Limit     Limit // none where it is not set
}

// Limits tells how far the work groups that give a function give it, by name. One
// that gives it without a limit is enough for it to have none.
func (c *Compiled) Limits(names []string, i Index) (all []GroupLimit) {
	if int(i) >= len(c.functions) {
		return nil
	}
	groups, _ := c.known(names)
	for _, n := range groups {
		if c.ruleOf(n, i).Access == Allowed {
			all = append(all, GroupLimit{c.groups[n].Name, c.limitAt(n, i)})
		}
	}
	return all
}

// RegisterGroups lists the register groups by name. Read only.
func (c *Compiled) RegisterGroups() []RegisterGroup { return c.registers }

// has reports whether a register is in a register group.
func (c *Compiled) has(group, register string) bool {
	n, ok := slices.BinarySearchFunc(c.registers, group, func(g RegisterGroup, name string) int { return cmp.Compare(g.Name, name) })
	if !ok {
		return false
	}
	_, ok = slices.BinarySearch(c.registers[n].Registers, register)
	return ok
}

// Counted reports whether a work group limits how often a session may have the
// function, so that somebody has to count.
func (c *Compiled) Counted(i Index) bool {
	return int(i/64) < len(c.counted) && c.counted[i/64]>>(i%64)&1 != 0
}

// Told is a number that somebody told, or did not.
type Told struct {
	N  uint64
	OK bool
}

// Tell is a number that was told.
func Tell(n uint64) Told { return Told{n, true} }

// Values are what limits are held against. What was not told is within no limit.
type Values struct {
	Amount  Told // in the smallest unit of the till's currency
	Percent Told // in hundredths of a percent
	Uses    Told // how often in this session, this time included
	// At is the minute of the week. Where there are several, as the clock may have
	// been set, the hours must have each of them.
	At       []week.Moment
	Register string
}

// Measured is what came of holding values against limits.
type Measured struct {
	// Within says that a work group gives the function without a limit, or that
	// the values are within one's.
	Within bool
	// WorkGroup is whose limit it is, Limit what it says; Limit is zero where it gives
	// the function without one.
	WorkGroup string
	Limit     Limit
	// Part is the first part of the limit that the values are not within, Most what it
	// allows where it is a number, and Untold says that it was not told.
	Part   LimitPart
	Most   uint64
	Untold bool
}

// Measure holds values against the limits of the work groups that give a
// function. It is within, if it is for any of them: more work groups never make
// it less. Where it is for none, the first by name is named. It takes for
// granted that Planes says allowed, and where no work group gives the function
// nothing is within.
func (c *Compiled) Measure(names []string, i Index, v Values) Measured {
	if int(i) >= len(c.functions) {
		return Measured{}
	}
	groups, _ := c.known(names)
	var first *Measured
	for _, n := range groups {
		if c.ruleOf(n, i).Access != Allowed {
			continue
		}
		m := Measured{Within: true, WorkGroup: c.groups[n].Name}
		if l := c.limit(n, i); l != nil {
			m.Limit = *l
			c.hold(&m, v)
		}
		if m.Within {
			return m
		}
		if first == nil {
			first = &m
		}
	}
	if first == nil {
		return Measured{}
	}
	return *first
}

// hold holds values against one limit.
func (c *Compiled) hold(m *Measured, v Values) {
	for part := range limitPartEnd {
		if !m.Limit.has(part) {
			continue
		}
		told, within := true, false
		switch part {
		case LimitAmount:
			told, within = v.Amount.OK, v.Amount.N <= m.Limit.Amount
		case LimitPercent:
			told, within = v.Percent.OK, v.Percent.N <= uint64(m.Limit.Percent)
		case LimitCount:
			told, within = v.Uses.OK, v.Uses.N <= uint64(m.Limit.Count)
		case LimitHours:
			told = len(v.At) > 0
			within = !slices.ContainsFunc(v.At, func(at week.Moment) bool { return !m.Limit.Hours.Open(at) })
		case LimitRegisters:
			told, within = v.Register != "", c.has(m.Limit.Registers, v.Register)
		}
		if !told || !within {
			m.Within, m.Part, m.Most, m.Untold = false, part, m.Limit.most(part), !told
			return
		}
	}
}
