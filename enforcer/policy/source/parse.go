package source

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
)

// ShippedFile is the name under which the shipped catalogue stands in places,
// where it was not among the files.
const ShippedFile = "shipped/" + presets.CatalogueFile

// Parse reads a policy out of files, by name. The policy is nil where there are
// errors; the sidecar then has what was understood. Files that bring no
// catalogue of their own get the shipped one. Tests are left aside.
func Parse(files map[string][]byte) (*policy.Policy, *Sidecar, Diagnostics) {
	r := &reader{
		side:      newSidecar(),
		functions: map[string]*function{},
		groups:    map[string]*group{},
		registers: map[string]*registerGroup{},
	}
	var syntax findings
	whole := true
	shippedAs := "" // the file that is the shipped catalogue, letter by letter
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if IsTest(name) {
			continue
		}
		if shippedAs == "" && bytes.Equal(files[name], presets.Catalogue()) {
			shippedAs = name
			continue
		}
		whole = syntax.parseFile(name, files[name], r.file) && whole
	}
	// A file that was not understood would make others look wrong.
	if !whole {
		return nil, r.side, syntax.sorted()
	}
	// The shipped file among the others says no more than leaving it out does.
	if own := r.catalogue; shippedAs != "" && own != nil && !own.hasShipped {
		r.errorf(CodeDuplicate, own.at, "shipped = [1] includes it", "this catalogue does not include the shipped one, which is there too: %s", shippedAs)
		return nil, r.side, r.sorted()
	}
	c := r.finishCatalogue(cmp.Or(shippedAs, ShippedFile))
	p := &policy.Policy{Catalogue: c, WorkGroups: r.finishGroups(), Restrictions: r.finishRestrictions(), RegisterGroups: r.finishRegisterGroups()}
	if !r.all.HasErrors() {
		r.checkCompiled(p)
	}
	if r.all.HasErrors() {
		return nil, r.side, r.sorted()
	}
	return p, r.side, r.sorted()
}

// Lint says what is wrong with the files, and what may not mean what was meant.
func Lint(files map[string][]byte) Diagnostics {
	c, side, ds := Compile(files)
	if c == nil {
		return ds
	}
	return ds.With(Audit(Version{Compiled: c, Sidecar: side}, nil))
}

// Compile parses and compiles. The result is nil where there are errors.
func Compile(files map[string][]byte) (*policy.Compiled, *Sidecar, Diagnostics) {
	p, side, ds := Parse(files)
	if p == nil {
		return nil, side, ds
	}
	c, err := policy.Compile(p)
	if err != nil {
		// Parse has compiled it already.
		panic(fmt.Sprintf("source: %v", err))
	}
	return c, side, ds
}

// reader collects what the files say, before it is put together.
type reader struct {
	findings
	suggester
	side *Sidecar

	catalogue *catalogue
	functions map[string]*function
	inOrder   []*function // as the files have them

	groups       map[string]*group // by folded name
	groupOrder   []*group
	restrictions []*restriction

	registers     map[string]*registerGroup // by folded name
	registerOrder []*registerGroup
	keys          []string // of the finished catalogue, sorted
}

var blockTypes = []string{"catalogue", "function", "work_group", "restricted_work_group", "register_group"}

func (r *reader) file(body *hclsyntax.Body, plain lists) {
	r.plainLists = plain
	r.block(body, Pos{}, "a policy file", nil, nil)
	for _, b := range body.Blocks {
		switch b.Type {
		case "catalogue":
			r.readCatalogue(b)
		case "function":
			r.readFunction(b, false)
		case "work_group":
			r.readGroup(b)
		case "restricted_work_group":
			r.readRestriction(b)
		case "register_group":
			r.readRegisterGroup(b)
		default:
			hint := r.hint(b.Type, blockTypes)
			if b.Type == "test" {
				hint = "tests stand in files of their own, whose names end with " + TestSuffix
			}
			r.errorf(CodeUnknownBlock, posOf(b.TypeRange), hint, "a policy file has no block %q", b.Type)
		}
	}
}
