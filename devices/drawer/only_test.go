package drawer

import (
	"go/ast"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"tillwarden/enforcer/gatetest"
)

// TestInvariant1OneCode reads the source: one function writes to the port, it and
// the one that opens it for a grant are reached from Pulse alone, and all of them
// ask whether the redemption is valid.
func TestInvariant1OneCode(t *testing.T) {
	_, files := gatetest.Source(t, ".")
	if len(files) < 5 {
		t.Fatalf("only %d files", len(files))
	}
	named := map[string][]string{} // what is named after a dot or called -> functions that do
	functions := map[string]*ast.FuncDecl{}
	for _, f := range files {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok {
				continue
			}
			functions[fn.Name.Name] = fn
			ast.Inspect(fn, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && !slices.Contains(named[s.Sel.Name], fn.Name.Name) {
					named[s.Sel.Name] = append(named[s.Sel.Name], fn.Name.Name)
				}
				return true
			})
		}
	}
	for what, want := range map[string][]string{
		"Write":        {"writeCode"},
		"writeCode":    {"pulse", "pulseOpening"},
		"pulseOpening": {"pulse"},
		"pulse":        {"Pulse"},
		"Pulse":        nil,
		// Opened by Supervise, where it is held from the start, and for a grant.
		"Open": {"Run", "pulseOpening", "settle"},
		// The code's bytes: to be looked for in what the POS writes, and to be written.
		"Code": {"New", "settle", "Check", "writeCode"},
	} {
		got := named[what]
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s is named in %q, want in %q alone", what, got, want)
		}
	}
	for _, name := range []string{"Pulse", "pulseOpening", "writeCode"} {
		fn := functions[name]
		takes, valid := false, token.NoPos
		for _, p := range fn.Type.Params.List {
			if s, ok := p.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Redemption" {
				takes = true
			}
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			switch {
			case ok && s.Sel.Name == "Valid" && !valid.IsValid():
				valid = s.Pos()
			case ok && (s.Sel.Name == "Open" || s.Sel.Name == "Write") && !valid.IsValid():
				t.Errorf("%s: %s before it is known whether the redemption is valid", name, s.Sel.Name)
			}
			return true
		})
		if !takes || !valid.IsValid() {
			t.Errorf("%s: takes a redemption: %v, asks whether it is valid: %v", name, takes, valid.IsValid())
		}
	}
}

// TestInvariant1NobodyElse: nothing else of the product that runs at a register
// holds a drawer's code, or writes to its line past this package: the codes stand
// in models alone, and no other room opens a drawer's port.
func TestInvariant1NobodyElse(t *testing.T) {
	root := filepath.Join("..", "..")
	codes := map[string]bool{}
	for _, m := range models {
		for _, c := range append([]string{m.Code}, m.Others...) {
			if c != "" && c != "\x00" { // a NUL alone stands for much else
				codes[c] = true
			}
		}
	}
	looked := 0
	for _, room := range []string{"daemon", "devices/drawer", "devices/keypad", "devices/loopback", "devices/msr", "enforcer", "signon", "cmd/tillwardend"} {
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(room)), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" {
				return filepath.SkipDir
			}
			fset, files := gatetest.Source(t, path)
			for _, f := range files {
				looked++
				for _, decl := range f.Decls {
					if g, ok := decl.(*ast.GenDecl); ok && room == "devices/drawer" && g.Tok == token.VAR && g.Specs[0].(*ast.ValueSpec).Names[0].Name == "models" {
						continue
					}
					ast.Inspect(decl, func(n ast.Node) bool {
						lit, ok := n.(*ast.BasicLit)
						if ok && lit.Kind == token.STRING && codes[unquoted(lit)] {
							t.Errorf("%s holds a drawer's code", fset.Position(lit.Pos()))
						}
						return true
					})
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	if looked < 50 {
		t.Errorf("only %d files were looked at", looked)
	}
}

func unquoted(lit *ast.BasicLit) string {
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return s
}
