package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
)

// catalogue is what a catalogue block says.
type catalogue struct {
	at      Pos
	version uint32
	// shipped, where it is there, says that the shipped catalogue is part of
	// this one: at place n-1 stands the version of this catalogue that brought
	// version n of the shipped one. The two are counted apart, since a review of
	// the one says nothing of the other.
	shipped    []uint32
	hasShipped bool
	shippedAt  Pos
	isShipped  bool // it is the shipped one
}

// function is what a function block says.
type function struct {
	policy.Function
	at       Pos // of the key
	idAt     Pos
	sinceAt  Pos
	overAt   Pos
	parent   string
	parentAt Pos
	shipped  bool // it stands in the shipped catalogue's own file
	checked  uint8
}

func (r *reader) readCatalogue(b *hclsyntax.Block) {
	at := posOf(b.TypeRange)
	if len(b.Labels) != 0 {
		r.errorf(CodeSyntax, at, "write catalogue { … }", "a catalogue has no name")
	}
	if r.catalogue != nil {
		r.errorf(CodeDuplicate, at, "", "there is a catalogue already, at %s", r.catalogue.at)
		return
	}
	c := &catalogue{at: at}
	r.catalogue = c
	r.noBlocks(b.Body, "a catalogue")
	r.block(b.Body, at, "a catalogue", []field{
		{name: "version", must: true, read: func(e hclsyntax.Expression) {
			var ok bool
			if c.version, ok = r.number(e, "the version"); ok && c.version == 0 {
				r.errorf(CodeValue, posOf(e.Range()), "", "versions begin at 1")
			}
		}},
		{name: "shipped", read: func(e hclsyntax.Expression) {
			c.hasShipped, c.shippedAt = true, posOf(e.Range())
			c.shipped = r.numbers(e, "shipped", "shipped = [1]")
		}},
	}, nil)
}

func (r *reader) readFunction(b *hclsyntax.Block, shipped bool) {
	key, ok := r.label(b, "tree.application.function")
	if !ok {
		return
	}
	f := &function{at: posOf(b.LabelRanges[0]), shipped: shipped}
	f.Key = key
	what := fmt.Sprintf("function %q", key)
	if !policy.ValidKey(key) {
		r.errorf(CodeValue, f.at, `like "pos.drawer.nosale"`, "%q is no key: want lower-case words joined by dots, at most %d bytes", key, policy.MaxKey)
	}
	flag := func(name string, set *bool) field {
		return field{name: name, read: func(e hclsyntax.Expression) { *set, _ = r.yesNo(e, name) }}
	}
	r.noBlocks(b.Body, "a function")
	r.block(b.Body, f.at, what, []field{
		{name: "id", must: true, read: func(e hclsyntax.Expression) {
			f.idAt = posOf(e.Range())
			if n, ok := r.number(e, "the id"); ok {
				if f.ID = policy.ID(n); n == 0 {
					r.errorf(CodeID, f.idAt, "", "id 0 means none")
				}
			}
		}},
		{name: "name", must: true, read: func(e hclsyntax.Expression) {
			if f.Name, ok = r.text(e, "the name"); ok && !policy.ValidName(f.Name) {
				r.errorf(CodeValue, posOf(e.Range()), "", "the name is empty, longer than %d bytes, or not plain text", policy.MaxName)
			}
		}},
		{name: "parent", read: func(e hclsyntax.Expression) {
			f.parentAt = posOf(e.Range())
			if f.parent, ok = r.text(e, "the parent"); ok && f.parent == "" {
				r.errorf(CodeUnknownParent, f.parentAt, "leave it out for a tree", "the parent is empty")
			}
		}},
		{name: "since", must: true, read: func(e hclsyntax.Expression) {
			f.sinceAt = posOf(e.Range())
			if f.Since, ok = r.number(e, "since"); ok && f.Since == 0 {
				r.errorf(CodeValue, f.sinceAt, "", "versions begin at 1")
			}
		}},
		{name: "override", read: func(e hclsyntax.Expression) {
			f.overAt = posOf(e.Range())
			f.Override = choice(&r.findings, e, "override", policy.ParseOverride, policy.OverrideWords())
		}},
		{name: "reason", read: func(e hclsyntax.Expression) {
			f.Reason = choice(&r.findings, e, "reason", policy.ParseReasonMode, policy.ReasonWords())
		}},
		flag("dual_control", &f.DualControl),
		flag("step_up", &f.StepUp),
		flag("accountable", &f.Accountable),
		flag("protected", &f.Protected),
		flag("drawer", &f.Drawer),
		flag("transaction", &f.Transaction),
	}, nil)
	if other := r.functions[key]; other != nil {
		hint := ""
		if other.shipped != f.shipped {
			hint = "the shipped catalogue has it; a chain's own functions have keys of their own"
		}
		later, earlier := f, other
		if shipped { // the place to correct is never the shipped file
			later, earlier = other, f
		}
		r.errorf(CodeDuplicate, later.at, hint, "function %q is there already, at %s", key, earlier.at)
		return
	}
	r.functions[key] = f
	r.inOrder = append(r.inOrder, f)
	r.side.functions[key] = f.at
}

// shipped is the shipped catalogue as its file says it. It is read once: its
// text is part of the program.
var shipped = sync.OnceValue(func() *reader {
	r := &reader{side: newSidecar(), functions: map[string]*function{}}
	r.parseFile(ShippedFile, presets.Catalogue(), func(body *hclsyntax.Body, _ lists) {
		for _, b := range body.Blocks {
			if b.Type == "catalogue" {
				r.readCatalogue(b)
			} else {
				r.readFunction(b, true)
			}
		}
	})
	return r
})

// shippedCatalogue gives the shipped catalogue, for the caller to change, as if
// it were read from a file of the given name.
func shippedCatalogue(file string) (*catalogue, []*function) {
	r := shipped()
	c := *r.catalogue
	c.at.File, c.isShipped = file, true
	functions := make([]*function, len(r.inOrder))
	for i, f := range r.inOrder {
		own := *f
		for _, at := range []*Pos{&own.at, &own.idAt, &own.sinceAt, &own.overAt, &own.parentAt} {
			at.File = file
		}
		functions[i] = &own
	}
	return &c, functions
}

// finishCatalogue puts the functions together and checks them as a whole.
func (r *reader) finishCatalogue(shippedFile string) policy.Catalogue {
	shipped, known := shippedCatalogue(shippedFile)
	switch {
	case r.catalogue == nil:
		r.catalogue = shipped
		r.include(known)
	case r.catalogue.hasShipped:
		r.includeSince(shipped.version, known)
	}
	r.checkIDs(known)
	for _, f := range r.inOrder {
		r.place(f)
	}
	if len(r.inOrder) > policy.MaxFunctions {
		r.errorf(CodeTooMany, r.catalogue.at, "", "%d functions, at most %d are possible", len(r.inOrder), policy.MaxFunctions)
	}
	out := policy.Catalogue{Version: r.catalogue.version}
	for _, f := range r.inOrder {
		out.Functions = append(out.Functions, f.Function)
		r.keys = append(r.keys, f.Key)
	}
	slices.Sort(r.keys)
	slices.SortFunc(out.Functions, func(a, b policy.Function) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// include adds the shipped functions to those of the files.
func (r *reader) include(shipped []*function) {
	for _, f := range shipped {
		if own := r.functions[f.Key]; own != nil {
			r.errorf(CodeDuplicate, own.at, "the shipped catalogue has it; a chain's own functions have keys of their own", "function %q is there already, at %s", f.Key, f.at)
			continue
		}
		r.functions[f.Key] = f
		r.inOrder = append(r.inOrder, f)
		r.side.functions[f.Key] = f.at
	}
}

// includeSince adds the shipped functions up to the version that the catalogue
// includes, each with the version of this catalogue that brought it.
func (r *reader) includeSince(version uint32, known []*function) {
	c := r.catalogue
	before := uint32(0)
	for _, v := range c.shipped {
		if v == 0 || v < before || v > c.version {
			r.errorf(CodeValue, c.shippedAt, "", "shipped = %v: want versions of this catalogue, ascending, at most %d", c.shipped, c.version)
			return
		}
		before = v
	}
	if n := len(c.shipped); n == 0 || n > int(version) {
		r.errorf(CodeValue, c.shippedAt, "shipped = [1]", "shipped has %d versions, the shipped catalogue is at %d", n, version)
		return
	}
	var in []*function
	var out []string
	for _, f := range known {
		if int(f.Since) > len(c.shipped) {
			out = append(out, f.Key)
			continue
		}
		f.Since = c.shipped[f.Since-1]
		in = append(in, f)
	}
	r.include(in)
	if len(out) > 0 {
		r.warnf(CodeReviewed, c.shippedAt, "raise the version, and add it to shipped",
			"the shipped catalogue is at version %d; its functions since %d are left out", version, len(c.shipped)+1)
		r.all[len(r.all)-1].Functions = out
	}
}

// checkIDs sees that no id is used twice, and that ids below FirstChainID mean
// what the shipped catalogue says they mean.
func (r *reader) checkIDs(shipped []*function) {
	meaning := make(map[policy.ID]string, len(shipped))
	for _, f := range shipped {
		meaning[f.ID] = f.Key
	}
	byID := make(map[policy.ID]*function, len(r.inOrder))
	for _, f := range r.inOrder {
		if f.ID == 0 {
			continue // said already
		}
		if other := byID[f.ID]; other != nil {
			later, earlier := f, other
			if later.shipped {
				later, earlier = other, f
			}
			r.errorf(CodeID, later.idAt, "an id is never given to another function", "id %d is that of %q, at %s", f.ID, earlier.Key, earlier.idAt)
			continue
		}
		byID[f.ID] = f
		if f.ID < policy.FirstChainID && meaning[f.ID] != f.Key {
			what := "is not in the shipped catalogue"
			if k := meaning[f.ID]; k != "" {
				what = fmt.Sprintf("is the shipped catalogue's %q", k)
			}
			r.errorf(CodeID, f.idAt, fmt.Sprintf("a chain's own ids begin at %d", policy.FirstChainID), "id %d %s", f.ID, what)
		}
	}
}

// place finds a function's parent and level, and checks what depends on them.
func (r *reader) place(f *function) {
	const working, done = 1, 2
	if f.checked != 0 {
		return
	}
	f.checked = working
	defer func() { f.checked = done }()
	f.Level = 1
	if f.parent != "" {
		above := r.functions[f.parent]
		switch {
		case above == nil:
			f.Level = 0
			r.errorf(CodeUnknownParent, f.parentAt, r.hint(f.parent, r.functionKeys()), "the parent %q of %q is in no catalogue", f.parent, f.Key)
			return
		case above.checked == working:
			f.Level = 0
			r.errorf(CodeUnknownParent, f.parentAt, "", "%q and %q are each other's parents", f.Key, f.parent)
			return
		}
		r.place(above)
		f.Parent = above.ID
		if above.Level == 0 {
			f.Level = 0 // what is wrong was said of the parent
			return
		}
		f.Level = above.Level + 1
		r.checkBelow(f, above)
	}
	if f.Level == 1 && strings.Contains(f.Key, ".") {
		r.errorf(CodeLevel, f.at, "add parent = "+fmt.Sprintf("%q", f.Key[:strings.LastIndexByte(f.Key, '.')]), "function %q has no parent, so it is a tree, and a tree's key is one word", f.Key)
	}
	if f.Since > r.catalogue.version {
		hint := fmt.Sprintf("raise the catalogue's version to %d", f.Since)
		if r.catalogue.isShipped {
			hint = fmt.Sprintf("write catalogue { version = %d, shipped = [1] } on lines of their own", f.Since)
		}
		r.errorf(CodeValue, f.sinceAt, hint, "function %q is since %d, but the catalogue is at %d", f.Key, f.Since, r.catalogue.version)
	}
	if why := f.NeverOverridden(); f.Override != policy.OverrideNever && why != "" {
		r.errorf(CodeOverride, f.overAt, `leave override out, or write "never"`, "function %q: %s is never overridden", f.Key, why)
	}
}

// checkBelow checks a function against the one above it.
func (r *reader) checkBelow(f, above *function) {
	if f.Level > 3 {
		r.errorf(CodeLevel, f.parentAt, "", "%q would be of level 4: there are trees, applications, and their functions", f.Key)
		f.Level = 0
		return
	}
	tree := above
	if above.Level == 2 {
		tree = r.functions[above.parent]
	}
	if !strings.HasPrefix(f.Key, tree.Key+".") {
		r.errorf(CodeLevel, f.at, "", "function %q is in the tree %q, whose keys begin with %q", f.Key, tree.Key, tree.Key+".")
	}
	if f.Since != 0 && f.Since < above.Since {
		r.errorf(CodeValue, f.sinceAt, "", "function %q is since %d, but %q above it is since %d", f.Key, f.Since, above.Key, above.Since)
	}
}

// functionKeys lists the keys as they stand, for hints while parents are found.
func (r *reader) functionKeys() []string {
	keys := make([]string, 0, len(r.inOrder))
	for _, f := range r.inOrder {
		keys = append(keys, f.Key)
	}
	slices.Sort(keys)
	return keys
}
