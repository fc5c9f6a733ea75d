package policy

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// ErrInvalid is wrapped by every error of Compile: the policy contradicts itself.
var ErrInvalid = errors.New("policy is not valid")

// noParent is the parent of a level 1 function.
const noParent Index = 0xffff

// marksPerWord functions share a word of marks, two bits each.
const marksPerWord = 32

// Compiled is a policy ready for decisions. It never changes: what its methods
// return is shared and must only be read.
type Compiled struct {
	version      uint32
	functions    []Function // in tree order: a tree, its level 2 by id, each followed by its level 3 by id
	parents      []Index
	byKey        map[string]Index
	byID         map[ID]Index
	groups       []WorkGroupInfo // by name
	byGroup      map[string]int
	marks        []uint64 // stride words a work group
	stride       int
	restrictions []Restriction   // by work group; Editors by name
	registers    []RegisterGroup // by name; Registers by name
	limits       []limited       // by work group and function
	counted      []uint64        // functions that some work group limits by count
	approver     Index           // pos.manageroverride, noParent where there is none
	digest       [sha256.Size]byte
}

// Compile checks a policy and brings it into its canonical form. Equal
// policies, in whatever order they are written, compile to equal bytes.
func Compile(p *Policy) (*Compiled, error) {
	c := &Compiled{version: p.Catalogue.Version}
	if err := c.setFunctions(p.Catalogue.Functions); err != nil {
		return nil, fmt.Errorf("compile: %w: %w", ErrInvalid, err)
	}
	if err := c.setGroups(p.WorkGroups); err != nil {
		return nil, fmt.Errorf("compile: %w: %w", ErrInvalid, err)
	}
	c.setRestrictions(p.Restrictions)
	c.setRegisterGroups(p.RegisterGroups)
	if err := c.setLimits(p.WorkGroups); err != nil {
		return nil, fmt.Errorf("compile: %w: %w", ErrInvalid, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("compile: %w: %w", ErrInvalid, err)
	}
	c.index()
	c.digest = sha256.Sum256(c.encode())
	return c, nil
}

// setFunctions puts the functions into tree order and resolves their parents.
func (c *Compiled) setFunctions(functions []Function) error {
	if len(functions) > MaxFunctions {
		return fmt.Errorf("%d functions, at most %d are possible", len(functions), MaxFunctions)
	}
	byID := make(map[ID]*Function, len(functions))
	for i := range functions {
		f := &functions[i]
		if other, ok := byID[f.ID]; ok {
			return fmt.Errorf("functions %q and %q have the same id %d", other.Key, f.Key, f.ID)
		}
		byID[f.ID] = f
	}
	children := make(map[ID][]*Function)
	for i := range functions {
		f := &functions[i]
		if f.Parent != 0 && byID[f.Parent] == nil {
			return fmt.Errorf("function %q: its parent %d is not in the catalogue", f.Key, f.Parent)
		}
		children[f.Parent] = append(children[f.Parent], f)
	}
	for _, of := range children {
		slices.SortFunc(of, func(a, b *Function) int { return cmp.Compare(a.ID, b.ID) })
	}
	c.functions = make([]Function, 0, len(functions))
	c.parents = make([]Index, 0, len(functions))
	var walk func(of ID, parent Index, level uint8) error
	walk = func(of ID, parent Index, level uint8) error {
		for _, f := range children[of] {
			if level > 3 {
				return fmt.Errorf("function %q: there are three levels only", f.Key)
			}
			if f.Level != 0 && f.Level != level {
				return fmt.Errorf("function %q: says level %d and stands at %d", f.Key, f.Level, level)
			}
			g := *f
			g.Level = level
			at := Index(len(c.functions))
			c.functions = append(c.functions, g)
			c.parents = append(c.parents, parent)
			if err := walk(f.ID, at, level+1); err != nil {
				return err
			}
		}
		return nil
	}
	if byID[0] != nil {
		return fmt.Errorf("function %q: id 0 means none", byID[0].Key)
	}
	if err := walk(0, noParent, 1); err != nil {
		return err
	}
	if len(c.functions) != len(functions) {
		return errors.New("some functions are each other's parents")
	}
	return nil
}

func (c *Compiled) setGroups(groups []WorkGroup) error {
	if len(groups) > MaxWorkGroups {
		return fmt.Errorf("%d work groups, at most %d are possible", len(groups), MaxWorkGroups)
	}
	at := c.places()
	order := make([]*WorkGroup, len(groups))
	for i := range groups {
		order[i] = &groups[i]
	}
	slices.SortFunc(order, func(a, b *WorkGroup) int { return cmp.Compare(a.Name, b.Name) })
	c.stride = strideOf(len(c.functions))
	c.groups = make([]WorkGroupInfo, len(order))
	c.marks = make([]uint64, len(order)*c.stride)
	for n, g := range order {
		c.groups[n] = WorkGroupInfo{Name: g.Name, Scope: g.Scope, Reviewed: g.Reviewed, SignOn: g.SignOn, Approve: g.Approve}
		words := c.marks[n*c.stride : (n+1)*c.stride]
		for id, m := range g.Marks {
			i, ok := at[id]
			if !ok {
				return fmt.Errorf("work group %q marks function %d, which is not in the catalogue", g.Name, id)
			}
			if m > Refuse {
				return fmt.Errorf("work group %q: %s is no mark for %q", g.Name, m, c.functions[i].Key)
			}
			words[i/marksPerWord] |= uint64(m) << (2 * (i % marksPerWord))
		}
	}
	return nil
}

// places gives the places of the functions, while there is no index yet.
func (c *Compiled) places() map[ID]Index {
	at := make(map[ID]Index, len(c.functions))
	for i := range c.functions {
		at[c.functions[i].ID] = Index(i)
	}
	return at
}

func (c *Compiled) setRestrictions(rs []Restriction) {
	for _, r := range rs {
		editors := slices.Clone(r.Editors)
		slices.Sort(editors)
		c.restrictions = append(c.restrictions, Restriction{WorkGroup: r.WorkGroup, Editors: editors})
	}
	slices.SortFunc(c.restrictions, func(a, b Restriction) int { return cmp.Compare(a.WorkGroup, b.WorkGroup) })
}

// index makes the look-up tables, once check has found nothing wrong.
func (c *Compiled) index() {
	c.byKey = make(map[string]Index, len(c.functions))
	c.byID = make(map[ID]Index, len(c.functions))
	c.approver = noParent
	for i := range c.functions {
		f := &c.functions[i]
		c.byKey[f.Key], c.byID[f.ID] = Index(i), Index(i)
		if f.Key == KeyManagerOverride {
			c.approver = Index(i)
		}
	}
	c.byGroup = make(map[string]int, len(c.groups))
	for n := range c.groups {
		c.byGroup[c.groups[n].Name] = n
	}
	c.indexLimits()
}

func strideOf(functions int) int { return (functions + marksPerWord - 1) / marksPerWord }

// Digest is the SHA-256 of the canonical binary form.
func (c *Compiled) Digest() [32]byte { return c.digest }

// Version is the catalogue's version.
func (c *Compiled) Version() uint32 { return c.version }

// Functions lists the catalogue in the order of the tree. Read only.
func (c *Compiled) Functions() []Function { return c.functions }

// Function gives the function at an index, nil where there is none. Read only.
func (c *Compiled) Function(i Index) *Function {
	if int(i) >= len(c.functions) {
		return nil
	}
	return &c.functions[i]
}

// Parent gives the index of the function above, and whether there is one.
func (c *Compiled) Parent(i Index) (Index, bool) {
	if int(i) >= len(c.parents) || c.parents[i] == noParent {
		return 0, false
	}
	return c.parents[i], true
}

// Lookup finds a function by its key.
func (c *Compiled) Lookup(key string) (Index, bool) {
	i, ok := c.byKey[key]
	return i, ok
}

// LookupID finds a function by its permanent number.
func (c *Compiled) LookupID(id ID) (Index, bool) {
	i, ok := c.byID[id]
	return i, ok
}

// WorkGroups lists the work groups by name. Read only.
func (c *Compiled) WorkGroups() []WorkGroupInfo { return c.groups }

// WorkGroup finds a work group by its exact name.
func (c *Compiled) WorkGroup(name string) (WorkGroupInfo, bool) {
	n, ok := c.byGroup[name]
	if !ok {
		return WorkGroupInfo{}, false
	}
	return c.groups[n], true
}

// Restrictions lists the restricted work groups by name. Read only.
func (c *Compiled) Restrictions() []Restriction { return c.restrictions }

// MayHandOut reports whether somebody with these work groups may hand out the
// work group, or edit operators who hold it, as far as restrictions go. The
// caller must still decide the function itself, and that nobody edits the own.
func (c *Compiled) MayHandOut(editor []string, group string) bool {
	n, ok := slices.BinarySearchFunc(c.restrictions, group, func(r Restriction, name string) int {
		return cmp.Compare(r.WorkGroup, name)
	})
	if !ok {
		return true
	}
	return slices.ContainsFunc(editor, func(e string) bool {
		_, found := slices.BinarySearch(c.restrictions[n].Editors, e)
		return found
	})
}

// Shows gives the strictest method that these work groups themselves ask for, to
// sign on or to approve for others, and the first of them that does, by name.
// SignOnDefault where none of them says.
func (c *Compiled) Shows(groups []string, approving bool) (m SignOnMethod, group string) {
	known, _ := c.known(groups)
	for _, n := range known {
		asks := c.groups[n].SignOn
		if approving {
			asks = c.groups[n].Approve
		}
		if stricter := Stricter(m, asks); stricter != m {
			m, group = stricter, c.groups[n].Name
		}
	}
	return m, group
}

// Mark gives what a work group itself says of a function: Blank where either
// is unknown.
func (c *Compiled) Mark(group string, i Index) Mark {
	n, ok := c.byGroup[group]
	if !ok || int(i) >= len(c.functions) {
		return Blank
	}
	return c.mark(n, i)
}

func (c *Compiled) mark(group int, i Index) Mark {
	return Mark(c.marks[group*c.stride+int(i/marksPerWord)] >> (2 * (i % marksPerWord)) & 3)
}

// known gives the places of the named work groups, ascending and each once, so
// that neither planes nor rules depend on the order in which a roster lists them.
func (c *Compiled) known(names []string) (groups []int, unknown []string) {
	for _, name := range names {
		if n, ok := c.byGroup[name]; ok {
			groups = append(groups, n)
		} else {
			unknown = append(unknown, name)
		}
	}
	sort.Ints(groups)
	return slices.Compact(groups), unknown
}
