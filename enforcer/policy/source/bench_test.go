package source_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

// BenchmarkCompile reads, checks and compiles: the presets, and a very large
// chain's policy of 1,000 work groups and 5,000 functions.
func BenchmarkCompile(b *testing.B) {
	for name, files := range map[string]map[string][]byte{
		"presets":   presets.Files(),
		"1000x5000": {"p.hcl": []byte(strings.Join(printed(large(1000, 5000)), ""))},
	} {
		b.Run(name, func(b *testing.B) {
			size := 0
			for _, content := range files {
				size += len(content)
			}
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, _, ds := source.Compile(files); ds.HasErrors() {
					b.Fatal(ds)
				}
			}
		})
	}
}

// BenchmarkAudit looks through what BenchmarkCompile compiles, beside that.
func BenchmarkAudit(b *testing.B) {
	for name, files := range map[string]map[string][]byte{
		"presets":   presets.Files(),
		"1000x5000": {"p.hcl": []byte(strings.Join(printed(large(1000, 5000)), ""))},
	} {
		b.Run(name, func(b *testing.B) {
			var subject, floor time.Duration
			n := 0
			for b.Loop() {
				start := time.Now()
				c, side, _ := source.Compile(files)
				floor += time.Since(start)
				start = time.Now()
				source.Audit(source.Version{Compiled: c, Sidecar: side}, nil)
				subject += time.Since(start)
				n++
			}
			b.ReportMetric(float64(subject.Nanoseconds())/float64(n), "ns/op")
			b.ReportMetric(float64(floor.Nanoseconds())/float64(n), "floor-ns/op")
			b.ReportMetric(float64(subject)/float64(floor), "x-floor")
		})
	}
}

// large marks every application, and in each work group some functions that
// differ from theirs.
func large(groups, functions int) *policy.Policy {
	p := &policy.Policy{Catalogue: policy.Catalogue{Version: 1}}
	add := func(f policy.Function) {
		f.ID = policy.FirstChainID + policy.ID(len(p.Catalogue.Functions))
		f.Name, f.Since = "Function "+f.Key, 1
		p.Catalogue.Functions = append(p.Catalogue.Functions, f)
	}
	add(policy.Function{Key: "pos"})
	var app policy.ID
	for n := 1; n < functions; n++ {
		if id := policy.FirstChainID + policy.ID(n); n%10 == 1 {
			app = id
			add(policy.Function{Key: fmt.Sprintf("pos.application%d", app), Parent: policy.FirstChainID})
		} else {
			add(policy.Function{Key: fmt.Sprintf("pos.application%d.function%d", app, n), Parent: app})
		}
	}
	for g := range groups {
		w := policy.WorkGroup{Name: fmt.Sprintf("Work group %04d", g), Reviewed: 1, Marks: map[policy.ID]policy.Mark{policy.FirstChainID: policy.Check}}
		for n, f := range p.Catalogue.Functions[1:] {
			switch {
			case f.Parent == policy.FirstChainID:
				w.Marks[f.ID] = policy.Check + policy.Mark((n/10+g)%2)
			case (n+g)%50 == 0:
				w.Marks[f.ID] = policy.Deny
			}
		}
		p.WorkGroups = append(p.WorkGroups, w)
	}
	return p
}

// BenchmarkCompareText is a difference with places, written for people: a very
// large chain's policy in which each work group has other applications, beside
// reading one of both sources.
func BenchmarkCompareText(b *testing.B) {
	p := large(1000, 5000)
	files := map[string][]byte{"old.hcl": []byte(strings.Join(printed(p), ""))}
	for n := range p.WorkGroups {
		for k, f := range p.Catalogue.Functions[1:] {
			if f.Parent == policy.FirstChainID && (k/10+n)%25 == 0 {
				p.WorkGroups[n].Marks[f.ID] = policy.Refuse
			}
		}
	}
	after := map[string][]byte{"new.hcl": []byte(strings.Join(printed(p), ""))}
	var subject, floor time.Duration
	n := 0
	for b.Loop() {
		start := time.Now()
		was, wasAt, _ := source.Compile(files)
		floor += time.Since(start)
		is, isAt, ds := source.Compile(after)
		if is == nil {
			b.Fatal(ds[0])
		}
		start = time.Now()
		d := source.Compare(source.Version{Compiled: was, Sidecar: wasAt}, source.Version{Compiled: is, Sidecar: isAt})
		if err := d.WriteText(io.Discard); err != nil || d.Same {
			b.Fatal(err, d.Same)
		}
		subject += time.Since(start)
		n++
	}
	b.ReportMetric(float64(subject.Nanoseconds())/float64(n), "ns/op")
	b.ReportMetric(float64(floor.Nanoseconds())/float64(n), "floor-ns/op")
	b.ReportMetric(float64(subject)/float64(floor), "x-floor")
}
