// Command sbom writes what the package's binaries are made of, as a CycloneDX
// document: the modules that the Go linker says it has put into each, with their
// versions and checksums. What go.mod names and no binary holds is not in it.
//
//	sbom -version VERSION BINARY... > tillwarden.cdx.json
//
// The same binaries give the same document; its time is SOURCE_DATE_EPOCH's.
package main

import (
	"debug/buildinfo"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	version := flag.String("version", "", "the package's version")
	flag.Parse()
	if *version == "" || flag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: sbom -version VERSION BINARY...")
		os.Exit(2)
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err == nil {
		err = write(os.Stdout, *version, time.Unix(seconds, 0), flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// The parts of CycloneDX 1.5 that are written (cyclonedx.org/docs/1.5/json).
type document struct {
	Format       string       `json:"bomFormat"`
	Spec         string       `json:"specVersion"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	PURL       string     `json:"purl,omitempty"`
	Licenses   []license  `json:"licenses,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type license struct {
	License struct {
		ID string `json:"id"`
	} `json:"license"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

func write(to io.Writer, version string, at time.Time, binaries []string) error {
	whole := component{Type: "application", Ref: "tillwarden", Name: "tillwarden", Version: version, Licenses: make([]license, 1)}
	whole.Licenses[0].License.ID = "Apache-2.0"
	d := document{
		Format: "CycloneDX", Spec: "1.5", Version: 1,
		Metadata: metadata{Timestamp: at.UTC().Format(time.RFC3339), Component: whole},
	}
	modules := map[string]component{}
	var programs []string
	for _, path := range binaries {
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(info.Path, info.Main.Path+"/")
		program := component{Type: "application", Ref: name, Name: filepath.Base(name), Version: version}
		for _, s := range info.Settings {
			if s.Key == "GOOS" || s.Key == "GOARCH" || s.Key == "CGO_ENABLED" {
				program.Properties = append(program.Properties, property{"go:" + s.Key, s.Value})
			}
		}
		on := []string{add(modules, "std", strings.TrimPrefix(info.GoVersion, "go"), "")}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			on = append(on, add(modules, m.Path, m.Version, m.Sum))
		}
		slices.Sort(on)
		d.Components = append(d.Components, program)
		d.Dependencies = append(d.Dependencies, dependency{name, on})
		programs = append(programs, name)
	}
	for _, ref := range slices.Sorted(maps.Keys(modules)) {
		d.Components = append(d.Components, modules[ref])
	}
	d.Dependencies = append([]dependency{{whole.Ref, programs}}, d.Dependencies...)
	out := json.NewEncoder(to)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(d)
}

// add notes a module and returns its reference, which is its package URL.
func add(modules map[string]component, path, version, sum string) string {
	purl := "pkg:golang/" + path + "@" + version
	c := component{Type: "library", Ref: purl, Name: path, Version: version, PURL: purl}
	if sum != "" {
		c.Properties = []property{{"go:sum", sum}} // golang.org/ref/mod#go-sum-files: a tree's hash, no file's
	}
	modules[purl] = c
	return purl
}
