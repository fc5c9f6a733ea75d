package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

const module = "tillwarden"

// rule forbids packages (below a prefix, or exactly) to import others. The
// reason is what the failing test shows.
type rule struct {
	who    string   // package, or "x/..." for it and all below
	not    []string // what they must not reach
	except []string // packages that the rule does not hold for
	direct bool     // only its own imports count, not what they import in turn
	why    string
}

var rules = []rule{
	{
		who: "enforcer/policy", not: []string{"net", "net/http", "os", "os/exec", "time", "syscall", "github.com/hashicorp/hcl/v2/..."},
		direct: true,
		why:    "policy is pure: what it answers depends on nothing but what it is given; HCL is read by the command line only",
	},
	{
		who: "enforcer/journal/entry", not: []string{"net", "os", "os/exec", "syscall", module + "/enforcer/..."},
		why: "entry is pure and knows neither policies nor stores, so that every room can speak of entries",
	},
	{
		who: "enforcer/bundle", not: []string{"net", "net/http", "os", "os/exec", "syscall"}, direct: true,
		why: "bundle is pure: bytes in, verdict out; whoever loads a file decides from where",
	},
	{
		who: "enforcer/report", not: []string{"net", "os", "os/exec", "syscall", module + "/enforcer/journal", module + "/enforcer/policy"},
		why: "a report depends on nothing but the entries: who reads them, and from where, is others' matter",
	},
	{
		who: "enforcer/week", not: []string{"net", "os", "os/exec", "syscall", module + "/..."},
		why: "hours of the week are pure, so that policies and reports read them alike",
	},
	{
		who: "enforcer/gauge", not: []string{"net", "os", "os/exec", "syscall", module + "/enforcer", module + "/enforcer/journal"},
		why: "what limits are held against is measured from what is given, so that the gate and what answers its decisions anew measure alike",
	},
	{
		who: "enforcer/simulate", not: []string{"net", "os", "os/exec", "syscall", module + "/enforcer", module + "/enforcer/journal", module + "/enforcer/policy/source"},
		why: "a simulation depends on nothing but the entries and the policy: who reads them, and from where, is others' matter",
	},
	{
		who: "signon/card", not: []string{"net", "os", "os/exec", "syscall", module + "/..."},
		why: "card is pure and sees track data: what it cannot reach it cannot leak to",
	},
	{
		who: "devices/escpos", not: []string{"net", "os", "os/exec", "syscall", module + "/..."},
		why: "the printer grammar is pure, so that it can be fuzzed whole and trusted alone",
	},
	{
		who: "enforcer", not: []string{"net", "net/http", "os/exec", "C", module + "/devices/...", module + "/signon/...", module + "/daemon/...", "go.etcd.io/bbolt", "github.com/coreos/go-systemd/v22/..."},
		why: "the gate decides; hardware, networks, processes, stores and systemd must not be able to make it decide otherwise",
	},
	{
		who: "enforcer/...", not: []string{module + "/devices/...", module + "/signon/...", module + "/daemon/...", module + "/cmd/..."},
		why: "imports run one way: cmd, daemon, then signon and devices, then enforcer",
	},
	{
		who: "signon/...", not: []string{module + "/devices/...", module + "/daemon/...", module + "/cmd/...", "net/http", "os/exec"},
		why: "sign-on does not know where a swipe comes from; the daemon brings the two together",
	},
	{
		who: "devices/...", not: []string{module + "/signon/...", module + "/daemon/...", module + "/cmd/...", "net/http", "os/exec"},
		why: "devices do not know who is signed on; they get grants and give reports",
	},
	{
		who: "devices/sim", not: []string{module + "/devices/escpos", module + "/devices/printer", module + "/enforcer/..."},
		why: "the simulated printer is written from the manuals' side: an error of the filter's grammar must not be shared by what tests it",
	},
	{
		who: "devices/sim/readings", not: []string{module + "/...", "os", "net", "syscall", "time"},
		why: "the model of all printers is pure and written apart from the filter and from the simulated printer: what they have in common an error could have too",
	},
	{
		who: "daemon/...", not: []string{module + "/cmd/...", module + "/devices/sim", module + "/enforcer/policy/source", "os/exec"},
		why: "the daemon runs no other program, knows hardware only as devices, and loads compiled policies only",
	},
	{
		who: "cmd/tillwardend", not: []string{module + "/devices/sim", module + "/enforcer/policy/source", module + "/enforcer/policy/presets", "os/exec", "github.com/hashicorp/hcl/v2/..."},
		why: "the process that decides has no simulator, no parser for people's sources and no way to run programs linked in",
	},
	{
		who: "cmd/tillwarden-cups", not: []string{module + "/enforcer", module + "/daemon/...", module + "/devices/...", module + "/signon/...", "net", "net/http", "os/exec"},
		why: "the CUPS backend is one more POS: it has nothing to decide with, and reaches no device but tillwarden's ports",
	},
	{
		who: "cmd/tillwarden-sim", not: []string{module + "/enforcer", module + "/daemon/...", module + "/devices/escpos", module + "/devices/printer"},
		why: "the simulated hardware is a process of its own that knows nothing of the product",
	},
	{
		who: "packaging/man/markdown", not: []string{"net", "os", "os/exec", "syscall", "time", module + "/..."},
		why: "the command line uses it, for the sources of its manual pages: nothing of the build's may come with it",
	},
}

// storeRule: bbolt is known to the journal and to signon's own store alone.
var bboltUsers = []string{"enforcer/journal", "signon"}

// source is what the tree says of one package, tests left out.
type source struct {
	imports  map[string]string // import path -> file that imports it
	comments []string          // files with a package comment
}

func tree(t *testing.T) (string, map[string]*source) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the tree's root is not two folders up: %v", err)
	}
	packages := map[string]*source{}
	fset := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name == "testdata" || (strings.HasPrefix(name, ".") && path != root) || name == "bin" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		s := packages[dir]
		if s == nil {
			s = &source{imports: map[string]string{}}
			packages[dir] = s
		}
		for _, spec := range file.Imports {
			s.imports[strings.Trim(spec.Path.Value, `"`)] = name
		}
		if hasComment(file) {
			s.comments = append(s.comments, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 5 {
		t.Fatalf("only %d packages found: the walk is wrong", len(packages))
	}
	return root, packages
}

// hasComment reports whether a file says something of its package; build
// constraints and generated-code marks do not count.
func hasComment(file *ast.File) bool {
	return file.Doc != nil && strings.TrimSpace(file.Doc.Text()) != ""
}

func matches(pattern, path string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == prefix || strings.HasPrefix(path, prefix+"/")
	}
	return pattern == path
}

// reach lists what a package imports, with the chain that leads there. What
// packages outside the module import in turn is their own matter.
func reach(packages map[string]*source, dir string, direct bool) map[string]string {
	found := map[string]string{}
	var walk func(dir, chain string)
	walk = func(dir, chain string) {
		s := packages[dir]
		if s == nil {
			return
		}
		for path := range s.imports {
			if _, seen := found[path]; seen {
				continue
			}
			found[path] = chain + " -> " + path
			if inside, ok := strings.CutPrefix(path, module+"/"); ok && !direct {
				walk(inside, chain+" -> "+inside)
			}
		}
	}
	walk(dir, dir)
	return found
}

// TestImportsRunOneWay holds each rule above over the whole tree.
func TestImportsRunOneWay(t *testing.T) {
	_, packages := tree(t)
	for _, r := range rules {
		held := 0
		for dir := range packages {
			if !matches(r.who, dir) || contains(r.except, dir) {
				continue
			}
			held++
			for path, chain := range reach(packages, dir, r.direct) {
				for _, not := range r.not {
					// A package may always import what lies in its own rule's folder.
					if matches(not, path) && path != module+"/"+dir && !(not == module+"/enforcer/..." && dir == path) {
						t.Errorf("%s must not reach %s\n\t%s\n\twhy: %s", dir, path, chain, r.why)
					}
				}
			}
		}
		if held == 0 {
			t.Errorf("rule for %s holds for no package: it is about a room that is not there", r.who)
		}
	}
}

// TestBboltHasTwoUsers: who else opened a database could write past the journal.
func TestBboltHasTwoUsers(t *testing.T) {
	_, packages := tree(t)
	var users []string
	for dir, s := range packages {
		if _, ok := s.imports["go.etcd.io/bbolt"]; ok {
			users = append(users, dir)
		}
	}
	sort.Strings(users)
	for _, u := range users {
		if !contains(bboltUsers, u) {
			t.Errorf("%s imports bbolt: only the journal and signon's own store may", u)
		}
	}
	if len(users) != len(bboltUsers) {
		t.Errorf("bbolt is used by %v, want exactly %v", users, bboltUsers)
	}
}

// TestEachPackageHasOneComment: a newcomer reads one comment a package, and
// finds it.
func TestEachPackageHasOneComment(t *testing.T) {
	_, packages := tree(t)
	for dir, s := range packages {
		switch len(s.comments) {
		case 1:
		case 0:
			t.Errorf("%s has no package comment: say what it is, what it guarantees, and what it is not", dir)
		default:
			sort.Strings(s.comments)
			t.Errorf("%s has %d package comments (%s): one is enough", dir, len(s.comments), strings.Join(s.comments, ", "))
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
