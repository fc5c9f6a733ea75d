package printer

import (
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tillwarden/enforcer/gatetest"
)

// TestInvariant1OnePulse reads the source: one function writes the bytes of a
// pulse, one calls it, which is reached from Pulse alone, and Pulse needs a
// redemption that it asks whether it is valid.
func TestInvariant1OnePulse(t *testing.T) {
	fset, files := gatetest.Source(t, ".")
	callers := map[string][]string{} // callee -> functions that name it
	var withPulse []string
	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			name := "var"
			if ok {
				name = fn.Name.Name
			}
			ast.Inspect(d, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					callers[n.Sel.Name] = append(callers[n.Sel.Name], name)
				case *ast.Ident:
					callers[n.Name] = append(callers[n.Name], name)
				}
				if holdsKick(n) || holdsOther(n) {
					withPulse = append(withPulse, name+" "+fset.Position(n.Pos()).String())
				}
				return true
			})
		}
	}
	// One of each form: ESC p, ESC x, Star's first and second drawer.
	if len(withPulse) != 4 || slices.ContainsFunc(withPulse, func(at string) bool { return !strings.HasPrefix(at, "pulseBytes ") }) {
		t.Errorf("bytes of a kick stand in %q, want them in pulseBytes alone", withPulse)
	}
	only := func(callee string, want ...string) {
		seen := map[string]bool{}
		for _, c := range callers[callee] {
			if c != callee {
				seen[c] = true
			}
		}
		for _, w := range want {
			delete(seen, w)
		}
		if len(seen) > 0 {
			t.Errorf("%s is named in %v, want in %v alone", callee, seen, want)
		}
	}
	only("pulseBytes", "writePulse", "PulseOffline")
	only("PulseOffline")
	only("writePulse", "tryPulse")
	only("tryPulse", "pulse")
	only("pulse", "Pulse")
	only("put", "own", "writePulse")
	// What reaches the port at all: the queue, which holds what the filter gave,
	// and put. leaveMemo writes into a pipe, to the next process.
	only("Write", "writeSome", "put", "answer", "print", "slip", "leaveMemo")

	for _, f := range files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !map[string]bool{"Pulse": true, "pulse": true, "tryPulse": true, "writePulse": true}[fn.Name.Name] {
				continue
			}
			takes := false
			for _, p := range fn.Type.Params.List {
				if s, ok := p.Type.(*ast.SelectorExpr); ok && s.Sel.Name == "Redemption" {
					takes = true
				}
			}
			valid := false
			ast.Inspect(fn.Body, func(n ast.Node) bool {
				if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Valid" {
					valid = true
				}
				return true
			})
			if !takes || !valid && (fn.Name.Name == "Pulse" || fn.Name.Name == "writePulse") {
				t.Errorf("%s: takes a redemption: %v, asks whether it is valid: %v", fn.Name.Name, takes, valid)
			}
		}
	}
}

// holdsKick reports whether a literal holds the bytes of an Epson kick: as a
// string, or as the elements of a list.
func holdsKick(n ast.Node) bool {
	b := literal(n)
	return strings.Contains(b, "\x1bp") || strings.Contains(b, "\x10\x14\x01")
}

// holdsOther is for the kicks of other dialects, which are so short that
// elsewhere they would be found in what is none.
func holdsOther(n ast.Node) bool {
	b := literal(n)
	for _, kick := range []string{"\x1bx", "\x1b\x07", "\x1b*rD", "&%D"} {
		if strings.Contains(b, kick) {
			return true
		}
	}
	for _, kick := range []string{"\x07", "\x1c", "\x1a", "\x19", "\x08"} {
		if b == kick {
			return true
		}
	}
	return false
}

// literal is the bytes of a literal: of a string, or of the elements of a list,
// where what is no constant is EE.
func literal(n ast.Node) string {
	switch n := n.(type) {
	case *ast.BasicLit:
		if n.Kind == token.STRING {
			s, _ := strconv.Unquote(n.Value)
			return s
		}
	case *ast.CompositeLit:
		var b []byte
		for _, e := range n.Elts {
			lit, ok := e.(*ast.BasicLit)
			if !ok {
				b = append(b, 0xEE)
				continue
			}
			v, err := strconv.ParseUint(lit.Value, 0, 8)
			if lit.Kind == token.CHAR {
				if r, _, _, err := strconv.UnquoteChar(strings.Trim(lit.Value, "'"), '\''); err == nil {
					b = append(b, byte(r))
				}
				continue
			}
			if err != nil {
				v = 0xEE
			}
			b = append(b, byte(v))
		}
		return string(b)
	}
	return ""
}

// TestInvariant1NobodyElse: outside of this package nothing of the product
// that runs at a register holds a pulse.
func TestInvariant1NobodyElse(t *testing.T) {
	root := filepath.Join("..", "..")
	for _, room := range []string{"daemon", "devices/escpos", "devices/keypad", "devices/msr", "enforcer", "signon", "cmd/tillwardend"} {
		dir := filepath.Join(root, filepath.FromSlash(room))
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if d.Name() == "testdata" {
				return filepath.SkipDir
			}
			fset, files := gatetest.Source(t, path)
			for _, f := range files {
				ast.Inspect(f, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok && id.Name == "PulseOffline" {
						t.Errorf("%s: what runs at a register asks for a pulse's bytes", fset.Position(id.Pos()))
					}
					if n != nil && holdsKick(n) {
						t.Errorf("%s holds the bytes of a kick", fset.Position(n.Pos()))
					}
					return true
				})
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
}
