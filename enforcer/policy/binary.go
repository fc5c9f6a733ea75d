package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrMalformed is wrapped by every error of Decode: these are not the bytes of
// a compiled policy.
var ErrMalformed = errors.New("not a compiled policy")

// The binary form, integers little-endian, texts with a byte of length before:
//
//	"twpolicy" format(2) version(4) functions(2) groups(2) restrictions(2)
//	function:    id(4) parent's index(2) since(4) flags(2) key name
//	group:       name scope(1) methods(1) reviewed(4)
//	marks:       for each group, two bits a function, in 8-byte words
//	restriction: group's place(2) editors(2) editors' places(2 each)
//
// Format 2 goes on, and only what has something to say there is written in it:
// a policy without register groups and limits keeps the bytes, and so the
// digest, that it had in format 1. A version that knows format 1 alone refuses
// a policy with limits, rather than give without limit what it gives within one.
//
//	register groups(2) limits(4)
//	register group: name registers(2), each a text
//	limit:          group's place(2) function's index(2) parts(1), and of each part that is set
//	                amount(8) percent(4) count(4) hours(14 of 2: from and to, Sunday's first) register group's place(2)
const (
	magic       = "twpolicy"
	format      = 1
	formatLimit = 2
	headerSize  = len(magic) + 2 + 4 + 2 + 2 + 2

	minFunction    = 4 + 2 + 4 + 2 + 1 + 1
	minGroup       = 1 + 1 + 1 + 4
	minRestriction = 2 + 2

	minRegisterGroup = 1 + 2
	minRegister      = 1
	minLimit         = 2 + 2 + 1 + 2
)

// The bits of a function's flags. Append-only.
const (
	flagOverride    = 1 << 0 // one bit is enough for two words
	flagDualControl = 1 << 1
	flagStepUp      = 1 << 2
	flagAccountable = 1 << 3
	flagProtected   = 1 << 4
	flagDrawer      = 1 << 5
	flagReason      = 6 // two bits from here
	flagTransaction = 1 << 8
	flagsEnd        = 1 << 9
)

func (f *Function) flags() uint16 {
	b := uint16(f.Override)&flagOverride | uint16(f.Reason)<<flagReason
	for _, on := range []struct {
		set bool
		bit uint16
	}{
		{f.DualControl, flagDualControl},
		{f.StepUp, flagStepUp},
		{f.Accountable, flagAccountable},
		{f.Protected, flagProtected},
		{f.Drawer, flagDrawer},
		{f.Transaction, flagTransaction},
	} {
		if on.set {
			b |= on.bit
		}
	}
	return b
}

func (f *Function) setFlags(b uint16) {
	f.Override = Override(b & flagOverride)
	f.DualControl = b&flagDualControl != 0
	f.StepUp = b&flagStepUp != 0
	f.Accountable = b&flagAccountable != 0
	f.Protected = b&flagProtected != 0
	f.Drawer = b&flagDrawer != 0
	f.Transaction = b&flagTransaction != 0
	f.Reason = ReasonMode(b >> flagReason & 3)
}

// methods packs both of a work group's methods into one byte: approvals in the
// upper half, which is 0 where nothing is said of them. So a policy that says
// nothing keeps the bytes that it had before there were two.
func (g *WorkGroupInfo) methods() byte { return byte(g.SignOn)&0xf | byte(g.Approve)<<4 }

func (g *WorkGroupInfo) setMethods(b byte) {
	g.SignOn, g.Approve = SignOnMethod(b&0xf), SignOnMethod(b>>4)
}

// MarshalBinary gives the canonical binary form.
func (c *Compiled) MarshalBinary() ([]byte, error) { return c.encode(), nil }

func (c *Compiled) encode() []byte {
	le := binary.LittleEndian
	size := headerSize + len(c.functions)*(minFunction+48) + len(c.groups)*(minGroup+32) + len(c.marks)*8
	b := make([]byte, 0, size)
	b = append(b, magic...)
	if c.hasLimits() {
		b = le.AppendUint16(b, formatLimit)
	} else {
		b = le.AppendUint16(b, format)
	}
	b = le.AppendUint32(b, c.version)
	b = le.AppendUint16(b, uint16(len(c.functions)))
	b = le.AppendUint16(b, uint16(len(c.groups)))
	b = le.AppendUint16(b, uint16(len(c.restrictions)))
	for i := range c.functions {
		f := &c.functions[i]
		b = le.AppendUint32(b, uint32(f.ID))
		b = le.AppendUint16(b, uint16(c.parents[i]))
		b = le.AppendUint32(b, f.Since)
		b = le.AppendUint16(b, f.flags())
		b = appendText(b, f.Key)
		b = appendText(b, f.Name)
	}
	place := make(map[string]uint16, len(c.groups))
	for n := range c.groups {
		g := &c.groups[n]
		place[g.Name] = uint16(n)
		b = appendText(b, g.Name)
		b = append(b, byte(g.Scope), g.methods())
		b = le.AppendUint32(b, g.Reviewed)
	}
	for _, w := range c.marks {
		b = le.AppendUint64(b, w)
	}
	for _, r := range c.restrictions {
		b = le.AppendUint16(b, place[r.WorkGroup])
		b = le.AppendUint16(b, uint16(len(r.Editors)))
		for _, e := range r.Editors {
			b = le.AppendUint16(b, place[e])
		}
	}
	if c.hasLimits() {
		b = c.encodeLimits(b)
	}
	return b
}

// appendText writes a text that check has found to be shorter than 256 bytes.
func appendText(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// Decode reads the canonical binary form, strictly: MarshalBinary of what it
// returns gives back the same bytes.
func Decode(data []byte) (*Compiled, error) {
	r := reader{rest: data}
	c, err := r.compiled()
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, fmt.Errorf("decode: %w: %w", ErrMalformed, err)
	}
	c.index()
	c.digest = sha256.Sum256(data)
	return c, nil
}

// reader takes a compiled policy apart. After the first piece that is not
// there every further one is zero, and err says so.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(n int) []byte {
	if r.err != nil || len(r.rest) < n {
		if r.err == nil {
			r.err = errors.New("it ends too early")
		}
		r.rest = nil
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) text() string { return string(r.take(int(r.byte()))) }

func (r *reader) compiled() (*Compiled, error) {
	if string(r.take(len(magic))) != magic {
		return nil, errors.New("it does not begin like one")
	}
	v := r.uint16()
	if r.err == nil && v != format && v != formatLimit {
		return nil, fmt.Errorf("format %d, this version reads %d and %d", v, format, formatLimit)
	}
	c := &Compiled{version: r.uint32()}
	functions, groups, restrictions := int(r.uint16()), int(r.uint16()), int(r.uint16())
	if functions > MaxFunctions || groups > MaxWorkGroups || restrictions > groups {
		return nil, errors.New("its counts are out of bounds")
	}
	// Nothing is allocated for more than the bytes at hand could hold.
	c.stride = strideOf(functions)
	if len(r.rest) < functions*minFunction+groups*(minGroup+8*c.stride)+restrictions*minRestriction {
		return nil, errors.New("it ends too early")
	}
	if err := r.functions(c, functions); err != nil {
		return nil, err
	}
	c.groups = make([]WorkGroupInfo, groups)
	for n := range c.groups {
		g := &c.groups[n]
		g.Name, g.Scope = r.text(), Scope(r.byte())
		g.setMethods(r.byte())
		g.Reviewed = r.uint32()
	}
	if raw := r.take(8 * groups * c.stride); raw != nil {
		c.marks = make([]uint64, groups*c.stride)
		for i := range c.marks {
			c.marks[i] = binary.LittleEndian.Uint64(raw[8*i:])
		}
	}
	if err := r.restrictions(c, restrictions); err != nil {
		return nil, err
	}
	if v == formatLimit {
		if err := r.limits(c); err != nil {
			return nil, err
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if len(r.rest) != 0 {
		return nil, fmt.Errorf("%d bytes follow its end", len(r.rest))
	}
	return c, nil
}

func (r *reader) functions(c *Compiled, n int) error {
	c.functions = make([]Function, n)
	c.parents = make([]Index, n)
	for i := range c.functions {
		f := &c.functions[i]
		f.ID = ID(r.uint32())
		parent := Index(r.uint16())
		f.Since = r.uint32()
		flags := r.uint16()
		f.Key, f.Name = r.text(), r.text()
		if r.err != nil {
			return r.err
		}
		if flags >= flagsEnd {
			return fmt.Errorf("function %q has unknown flags", f.Key)
		}
		f.setFlags(flags)
		f.Level = 1
		if parent != noParent {
			if int(parent) >= i {
				return fmt.Errorf("function %q stands before its parent", f.Key)
			}
			f.Level = c.functions[parent].Level + 1
			f.Parent = c.functions[parent].ID
		}
		c.parents[i] = parent
	}
	return nil
}

func (r *reader) restrictions(c *Compiled, n int) error {
	for range n {
		group, editors := int(r.uint16()), int(r.uint16())
		if group >= len(c.groups) || editors > len(c.groups) {
			return errors.New("a restriction names a work group that is not there")
		}
		one := Restriction{WorkGroup: c.groups[group].Name}
		for range editors {
			e := int(r.uint16())
			if e >= len(c.groups) {
				return errors.New("a restriction names an editor that is not there")
			}
			if r.err != nil {
				return r.err
			}
			one.Editors = append(one.Editors, c.groups[e].Name)
		}
		c.restrictions = append(c.restrictions, one)
	}
	return nil
}
