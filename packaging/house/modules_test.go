package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

// TestDirectDependenciesAreMarked: go.mod tells what the tree itself imports,
// tests counted, from what comes along with it.
func TestDirectDependenciesAreMarked(t *testing.T) {
	root, _ := tree(t)
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	file, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	imports := allImports(t, root)
	for _, r := range file.Require {
		direct := false
		for path := range imports {
			direct = direct || path == r.Mod.Path || strings.HasPrefix(path, r.Mod.Path+"/")
		}
		if direct == r.Indirect {
			t.Errorf("%s is imported by the tree: %v, and marked indirect: %v; run go mod tidy", r.Mod.Path, direct, r.Indirect)
		}
	}
}

// allImports are what the module's files import, wherever they are for.
func allImports(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			_, bad := os.Stat(filepath.Join(path, "go.mod"))
			if path != root && (bad == nil || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir // another module, or none of Go's
			}
			return nil
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			found[strings.Trim(spec.Path.Value, `"`)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
