package main

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// loadedPolicy is what was read of policy sources.
type loadedPolicy struct {
	compiled *policy.Compiled // nil where there are errors
	sidecar  *source.Sidecar
	findings source.Diagnostics
}

// readPolicy reads files, with the presets or without, and says what is wrong
// with them. Only files that cannot be read are an error.
func readPolicy(paths []string, withPresets bool) (*loadedPolicy, error) {
	files, err := readSources(paths)
	if err != nil {
		return nil, err
	}
	return compileSources(files, withPresets), nil
}

// readSources reads files, and those of folders.
func readSources(paths []string) (map[string][]byte, error) {
	files, err := source.ReadFiles(paths)
	if err != nil {
		f := failedf("%w", err)
		if errors.Is(err, source.ErrNoFiles) {
			return nil, f.hint("name the files themselves, or another folder")
		}
		return nil, f
	}
	return files, nil
}

// compileSources compiles sources, with the presets or without.
func compileSources(files map[string][]byte, withPresets bool) *loadedPolicy {
	all := maps.Clone(files)
	if withPresets {
		maps.Copy(all, shippedFiles())
	}
	p := &loadedPolicy{}
	p.compiled, p.sidecar, p.findings = source.Compile(all)
	return p
}

// soundPolicy is readPolicy for commands that need a policy without errors:
// where it has some, they are printed as lint prints them, or are hints of the
// error in JSON. Warnings are lint's.
func (a *app) soundPolicy(paths []string, withPresets bool) (*loadedPolicy, error) {
	p, err := readPolicy(paths, withPresets)
	if err != nil {
		return nil, err
	}
	return a.sound(p)
}

func (a *app) sound(p *loadedPolicy) (*loadedPolicy, error) {
	if p.compiled != nil {
		return p, nil
	}
	return nil, a.unsound("the policy has", p.findings)
}

// unsound prints errors, or makes them hints, and is the error of having them.
func (a *app) unsound(has string, findings source.Diagnostics) *failure {
	f := refusedf("%s %s", has, count(findings.Errors(), "error"))
	for _, d := range findings {
		switch {
		case d.Severity != source.SeverityError:
		case a.json:
			f = f.hint("%s", d)
		default:
			a.err.Write([]byte(findingText(d) + "\n"))
		}
	}
	return f
}

// findingText is a finding for people: what, and below it what to do.
func findingText(d source.Diagnostic) string {
	var b strings.Builder
	if d.Pos != (source.Pos{}) {
		b.WriteString(d.Pos.String() + ": ")
	}
	b.WriteString(d.Severity.String() + ": " + d.Message)
	for i, step := range d.StepWords() {
		fmt.Fprintf(&b, "\n    %d. %s", i+1, step)
	}
	if d.Hint != "" {
		b.WriteString("\n    hint: " + d.Hint)
	}
	return b.String()
}

// presetPolicy is the shipped policy, for completions.
func presetPolicy() (*policy.Compiled, error) {
	p, err := readPolicy(nil, true)
	if err != nil {
		return nil, err
	}
	if p.compiled == nil {
		return nil, errors.New("the shipped policy does not compile")
	}
	return p.compiled, nil
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// shippedFiles are the presets, under the names that places in them have.
func shippedFiles() map[string][]byte {
	files := map[string][]byte{}
	for name, content := range presets.Files() {
		files[path.Join(path.Dir(source.ShippedFile), name)] = content
	}
	return files
}
