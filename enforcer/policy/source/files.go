package source

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
)

// ErrNoFiles is returned where a folder holds no policy files.
var ErrNoFiles = errors.New("no policy files (*.hcl)")

// ReadFiles reads policy files, and tests among them. A folder stands for all
// *.hcl files right in it.
func ReadFiles(paths []string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("read policy: %w", err)
		}
		names := []string{path}
		if info.IsDir() {
			if names, err = inFolder(path); err != nil {
				return nil, err
			}
		}
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("read policy: %w", err)
			}
			files[filepath.Clean(name)] = content
		}
	}
	return files, nil
}

// TestsBeside reads the tests that lie beside policy files: in their folders,
// and in the folders among them.
func TestsBeside(paths []string) (map[string][]byte, error) {
	tests := map[string][]byte{}
	for _, folder := range Folders(paths) {
		names, err := inFolder(folder)
		if err != nil && !errors.Is(err, ErrNoFiles) {
			return nil, err
		}
		for _, name := range names {
			if !IsTest(name) {
				continue
			}
			if tests[name], err = os.ReadFile(name); err != nil {
				return nil, fmt.Errorf("read policy: %w", err)
			}
		}
	}
	return tests, nil
}

// Folders gives the folders that paths are, or lie in, each once.
func Folders(paths []string) []string {
	var folders []string
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			path = filepath.Dir(path)
		}
		folders = append(folders, filepath.Clean(path))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

func inFolder(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	var names []string
	for _, e := range entries {
		if !e.IsDir() && e.Type()&fs.ModeIrregular == 0 && strings.HasSuffix(e.Name(), ".hcl") {
			names = append(names, filepath.Join(path, e.Name()))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("read policy: %s: %w", path, ErrNoFiles)
	}
	return names, nil
}

// Load reads and parses policy files; with no paths, the presets.
func Load(paths []string) (*policy.Policy, *Sidecar, Diagnostics, error) {
	files := presets.Files()
	if len(paths) > 0 {
		var err error
		if files, err = ReadFiles(paths); err != nil {
			return nil, nil, nil, err
		}
	}
	p, side, ds := Parse(files)
	return p, side, ds, nil
}

// LoadCompiled reads, parses and compiles policy files; with no paths, the
// presets. The policy is nil where the diagnostics have errors.
func LoadCompiled(paths []string) (*policy.Compiled, *Sidecar, Diagnostics, error) {
	p, side, ds, err := Load(paths)
	if err != nil || p == nil {
		return nil, side, ds, err
	}
	c, err := policy.Compile(p)
	if err != nil {
		return nil, side, ds, err
	}
	return c, side, ds, nil
}
