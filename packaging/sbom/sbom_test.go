package main

import (
	"bytes"
	"encoding/json"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// The test's own binary is one that Go linked.
func own(t *testing.T) (path string, info *debug.BuildInfo) {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("this binary says nothing of its build")
	}
	return path, info
}

func TestListsWhatTheBinarySays(t *testing.T) {
	path, info := own(t)
	var b bytes.Buffer
	at := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	if err := write(&b, "1.0", at, []string{path}); err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(b.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if d.Format != "CycloneDX" || d.Spec != "1.5" || d.Metadata.Timestamp != "2026-11-27T03:00:00Z" || d.Metadata.Component.Version != "1.0" {
		t.Errorf("head: %+v", d)
	}
	refs := map[string]component{}
	for _, c := range d.Components {
		if _, twice := refs[c.Ref]; twice {
			t.Errorf("%s is there twice", c.Ref)
		}
		refs[c.Ref] = c
	}
	std := "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")
	want := []string{std}
	for _, m := range info.Deps {
		want = append(want, "pkg:golang/"+m.Path+"@"+m.Version)
	}
	if len(d.Dependencies) != 2 || len(d.Dependencies[1].On) != len(want) || len(d.Components) != len(want)+1 {
		t.Fatalf("%d components, dependencies %+v, want %d and the binary", len(d.Components), d.Dependencies, len(want))
	}
	for _, ref := range append(want, d.Dependencies[0].On...) {
		if _, ok := refs[ref]; !ok {
			t.Errorf("%s is missing", ref)
		}
	}
	for _, dep := range d.Dependencies {
		for _, ref := range dep.On {
			if _, ok := refs[ref]; !ok {
				t.Errorf("%s depends on %s, which is not there", dep.Ref, ref)
			}
		}
	}
}

func TestSameBinariesSameDocument(t *testing.T) {
	path, _ := own(t)
	var a, b bytes.Buffer
	for _, to := range []*bytes.Buffer{&a, &b} {
		if err := write(to, "1.0", time.Unix(0, 0), []string{path}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two runs differ")
	}
}

func TestNoBinaryIsAnError(t *testing.T) {
	if err := write(&bytes.Buffer{}, "1.0", time.Unix(0, 0), []string{"main.go"}); err == nil {
		t.Error("a text was taken for a binary")
	}
}
