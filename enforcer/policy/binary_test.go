package policy_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"tillwarden/enforcer/policy"
)

func marshal(t testing.TB, c *policy.Compiled) []byte {
	t.Helper()
	b, err := c.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Every strict prefix, everything longer, and every other first byte is refused.
func TestDecodeWhole(t *testing.T) {
	for _, p := range []*policy.Policy{small(), limits()} {
		decodeWhole(t, marshal(t, mustCompile(t, p)))
	}
}

func decodeWhole(t *testing.T, whole []byte) {
	for n := range whole {
		if _, err := policy.Decode(whole[:n]); !errors.Is(err, policy.ErrMalformed) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
	if _, err := policy.Decode(append(bytes.Clone(whole), 0)); !errors.Is(err, policy.ErrMalformed) {
		t.Errorf("a byte more: %v", err)
	}
}

// A flipped bit is refused, or it is another policy with another digest: no two
// texts of bytes are the same policy.
func TestDecodeFlips(t *testing.T) {
	for _, p := range []*policy.Policy{small(), limits()} {
		decodeFlips(t, mustCompile(t, p))
	}
}

func decodeFlips(t *testing.T, c *policy.Compiled) {
	whole := marshal(t, c)
	for bit := range 8 * len(whole) {
		flipped := bytes.Clone(whole)
		flipped[bit/8] ^= 1 << (bit % 8)
		got, err := policy.Decode(flipped)
		if err != nil {
			continue
		}
		if got.Digest() == c.Digest() {
			t.Fatalf("bit %d: the same digest", bit)
		}
		if !bytes.Equal(marshal(t, got), flipped) {
			t.Fatalf("bit %d: taken, and written otherwise", bit)
		}
	}
}

// Counts that promise more than there is cost nothing.
func TestDecodeBounds(t *testing.T) {
	for _, counts := range [][3]uint16{
		{policy.MaxFunctions, policy.MaxWorkGroups, policy.MaxWorkGroups},
		{policy.MaxFunctions + 1, 0, 0},
		{0, policy.MaxWorkGroups + 1, 0},
		{0, 0, 1},
		{0xffff, 0xffff, 0xffff},
	} {
		b := append([]byte("twpolicy"), 1, 0, 1, 0, 0, 0)
		for _, n := range counts {
			b = binary.LittleEndian.AppendUint16(b, n)
		}
		allocated := testing.AllocsPerRun(1, func() {
			if _, err := policy.Decode(b); !errors.Is(err, policy.ErrMalformed) {
				t.Errorf("%v: %v", counts, err)
			}
		})
		if allocated > 20 {
			t.Errorf("%v: %v allocations for %d bytes", counts, allocated, len(b))
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(marshal(f, mustCompile(f, small())))
	f.Add(marshal(f, mustCompile(f, large(3, 40))))
	f.Add(marshal(f, mustCompile(f, &policy.Policy{Catalogue: policy.Catalogue{Version: 1}})))
	f.Add(marshal(f, mustCompile(f, limits())))
	f.Add([]byte("twpolicy"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := policy.Decode(data)
		if err != nil {
			if !errors.Is(err, policy.ErrMalformed) {
				t.Fatalf("another error: %v", err)
			}
			return
		}
		if !bytes.Equal(marshal(t, c), data) {
			t.Fatal("taken, and written otherwise")
		}
		var all []string
		for _, g := range c.WorkGroups() {
			all = append(all, g.Name)
		}
		planes, unknown := c.Planes(all)
		if len(unknown) != 0 {
			t.Fatalf("unknown work groups: %q", unknown)
		}
		for i := range c.Functions() {
			// Nothing told is within no limit, and where nothing is given nothing is within.
			m := c.Measure(all, policy.Index(i), policy.Values{})
			if at := policy.Index(i); planes.Access(at) == policy.Allowed && m.Within == planes.Limited(at) {
				t.Fatalf("%s: limited %v, within %v", c.Function(at).Key, planes.Limited(at), m.Within)
			}
			if i := policy.Index(i); c.Explain(all, i).Access != planes.Access(i) {
				t.Fatalf("rule and planes differ for %s", c.Function(i).Key)
			}
		}
	})
}

// large is a policy of the given size: trees, applications of nine functions,
// work groups that mark every application and some functions.
func large(groups, functions int) *policy.Policy {
	p := &policy.Policy{Catalogue: policy.Catalogue{Version: 2}}
	add := func(f policy.Function) {
		f.Name = "Function " + f.Key
		f.Since = 1
		p.Catalogue.Functions = append(p.Catalogue.Functions, f)
	}
	add(policy.Function{ID: 1, Key: "pos"})
	add(policy.Function{ID: 2, Key: policy.KeyManagerOverride, Parent: 1})
	app := policy.ID(0)
	for n := 2; n < functions; n++ {
		id := policy.ID(n + 1)
		if (n-2)%10 == 0 {
			app = id
			add(policy.Function{ID: id, Key: fmt.Sprintf("pos.application%d", id), Parent: 1})
			continue
		}
		add(policy.Function{ID: id, Key: fmt.Sprintf("pos.application%d.function%d", app, id), Parent: app, Override: policy.Override(n % 2), Drawer: n%7 == 0})
	}
	for g := range groups {
		w := policy.WorkGroup{Name: fmt.Sprintf("Work group %04d", g), Reviewed: 2, Marks: map[policy.ID]policy.Mark{1: policy.Check}}
		for n, f := range p.Catalogue.Functions {
			switch h := (n*7919 + g*104729) % 97; {
			case n == 0:
			case f.Parent == 1:
				w.Marks[f.ID] = policy.Check + policy.Mark(h&1)
			case h < 20:
				w.Marks[f.ID] = policy.Check + policy.Mark(h%2)
			case h == 20:
				w.Marks[f.ID] = policy.Refuse
			}
		}
		p.WorkGroups = append(p.WorkGroups, w)
	}
	return p
}
