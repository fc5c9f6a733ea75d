// Package presets holds the policy that is shipped: the catalogue of functions,
// the work groups of E3 Retail's Security Maintenance and those that Aura POS
// recommends, as policy source, with tests that state what their descriptions say.
//
// Guarantees: an id in the catalogue keeps its meaning for ever. What every
// work group gives is a reviewed file beside them, compared cell by cell.
//
// It is text; package source reads it.
package presets

import (
	"embed"
	"fmt"
	"io/fs"
)

// CatalogueFile is the name of the shipped catalogue among Files.
const CatalogueFile = "catalogue.hcl"

//go:embed *.hcl
var shipped embed.FS

// Files gives all shipped files by name: the catalogue, the work groups, and
// their tests, which package source leaves aside where it compiles.
func Files() map[string][]byte {
	names, err := fs.Glob(shipped, "*.hcl")
	if err != nil {
		panic(fmt.Sprintf("presets: %v", err)) // the pattern is a constant
	}
	files := make(map[string][]byte, len(names))
	for _, name := range names {
		files[name] = read(name)
	}
	return files
}

// Catalogue gives the shipped catalogue alone.
func Catalogue() []byte { return read(CatalogueFile) }

func read(name string) []byte {
	b, err := shipped.ReadFile(name)
	if err != nil {
		panic(fmt.Sprintf("presets: %v", err)) // it is in the binary
	}
	return b
}
