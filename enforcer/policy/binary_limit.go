package policy

import (
	"encoding/binary"
	"errors"

	"tillwarden/enforcer/week"
)

// hasLimits reports whether there is anything that takes formatLimit.
func (c *Compiled) hasLimits() bool { return len(c.registers) > 0 || len(c.limits) > 0 }

// bit is the part's in a limit's parts.
func (p LimitPart) bit() byte { return 1 << (p - 1) }

// limitParts are all that a limit may have.
const limitParts = 1<<(limitPartEnd-1) - 1

// encodeLimits appends what format 2 has besides.
func (c *Compiled) encodeLimits(b []byte) []byte {
	le := binary.LittleEndian
	b = le.AppendUint16(b, uint16(len(c.registers)))
	b = le.AppendUint32(b, uint32(len(c.limits)))
	place := make(map[string]uint16, len(c.registers))
	for n, g := range c.registers {
		place[g.Name] = uint16(n)
		b = appendText(b, g.Name)
		b = le.AppendUint16(b, uint16(len(g.Registers)))
		for _, r := range g.Registers {
			b = appendText(b, r)
		}
	}
	for _, l := range c.limits {
		b = le.AppendUint16(b, uint16(l.group))
		b = le.AppendUint16(b, uint16(l.index))
		at := len(b)
		b = append(b, 0)
		for part := LimitAmount; part < limitPartEnd; part++ {
			if !l.has(part) {
				continue
			}
			b[at] |= part.bit()
			switch part {
			case LimitAmount:
				b = le.AppendUint64(b, l.Amount)
			case LimitPercent:
				b = le.AppendUint32(b, l.Percent)
			case LimitCount:
				b = le.AppendUint32(b, l.Count)
			case LimitHours:
				for _, s := range l.Hours.Spans() {
					b = le.AppendUint16(le.AppendUint16(b, s.From), s.To)
				}
			case LimitRegisters:
				b = le.AppendUint16(b, place[l.Registers])
			}
		}
	}
	return b
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// limits reads what format 2 has besides. Nothing is allocated for more than the
// bytes at hand could hold.
func (r *reader) limits(c *Compiled) error {
	groups, limits := int(r.uint16()), int(r.uint32())
	switch {
	case r.err != nil:
		return r.err
	case groups == 0 && limits == 0:
		return errors.New("it has no limits, and is not in the form of those without")
	case groups > MaxRegisterGroups || limits > MaxLimits:
		return errors.New("its counts are out of bounds")
	case len(r.rest) < groups*minRegisterGroup+limits*minLimit:
		return errors.New("it ends too early")
	}
	c.registers = make([]RegisterGroup, groups)
	for n := range c.registers {
		g := &c.registers[n]
		g.Name = r.text()
		registers := int(r.uint16())
		if len(r.rest) < registers*minRegister {
			return errors.New("it ends too early")
		}
		g.Registers = make([]string, registers)
		for k := range g.Registers {
			g.Registers[k] = r.text()
		}
	}
	c.limits = make([]limited, limits)
	for n := range c.limits {
		if err := r.limit(c, &c.limits[n]); err != nil {
			return err
		}
	}
	return r.err
}

func (r *reader) limit(c *Compiled, l *limited) error {
	l.group, l.index = int(r.uint16()), Index(r.uint16())
	parts := r.byte()
	if parts&^limitParts != 0 {
		return errors.New("a limit has unknown parts")
	}
	for part := LimitAmount; part < limitPartEnd; part++ {
		if parts&part.bit() == 0 {
			continue
		}
		switch part {
		case LimitAmount:
			l.Amount = r.uint64()
		case LimitPercent:
			l.Percent = r.uint32()
		case LimitCount:
			l.Count = r.uint32()
		case LimitHours:
			var days [7]week.Span
			for d := range days {
				days[d] = week.Span{From: r.uint16(), To: r.uint16()}
			}
			hours, ok := week.FromSpans(days)
			if !ok {
				return errors.New("a limit has hours that are none")
			}
			l.Hours = hours
		case LimitRegisters:
			g := int(r.uint16())
			if g >= len(c.registers) {
				return errors.New("a limit names a register group that is not there")
			}
			l.Registers = c.registers[g].Name
		}
		if r.err != nil {
			return r.err
		}
		if !l.has(part) { // written, it would not be there
			return errors.New("a limit has a part that says nothing")
		}
	}
	return nil
}
