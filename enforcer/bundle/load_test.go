package bundle_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/policy"
)

// largePolicy is one of 1,000 work groups and 5,000 functions, with marks of
// all kinds all over.
func largePolicy(tb testing.TB) *policy.Compiled {
	tb.Helper()
	p := policy.Policy{Catalogue: policy.Catalogue{Version: 1}}
	add := func(id, parent policy.ID, level uint8, key string) {
		p.Catalogue.Functions = append(p.Catalogue.Functions, policy.Function{
			ID: id, Key: key, Name: key, Level: level, Parent: parent, Since: 1,
		})
	}
	add(1, 0, 1, "pos")
	id := policy.ID(2)
	for app := range 50 {
		parent, key := id, fmt.Sprintf("pos.app%d", app)
		add(parent, 1, 2, key)
		id++
		for n := range 99 {
			if id > 5000 {
				break
			}
			add(id, parent, 3, fmt.Sprintf("%s.f%d", key, n))
			id++
		}
	}
	for g := range 1000 {
		w := policy.WorkGroup{Name: fmt.Sprintf("Group %04d", g), Reviewed: 1, Marks: map[policy.ID]policy.Mark{1: policy.Check}}
		for id := policy.ID(2); id <= 5000; id++ {
			w.Marks[id] = policy.Mark((uint32(id)*2654435761 + uint32(g)*40503) >> 30)
		}
		p.WorkGroups = append(p.WorkGroups, w)
	}
	c, err := policy.Compile(&p)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// BenchmarkLoad1000x5000 verifies and decodes the bundle of a large policy, as
// a register does when it loads one; the floor is one SHA-256 of the same bytes.
func BenchmarkLoad1000x5000(b *testing.B) {
	blob, err := largePolicy(b).MarshalBinary()
	if err != nil {
		b.Fatal(err)
	}
	k, err := bundle.NewKey(bytes.NewReader(bytes.Repeat([]byte{1}, 32)))
	if err != nil {
		b.Fatal(err)
	}
	file, err := bundle.Seal(bundle.Manifest{Type: bundle.TypePolicy, Chain: "Example Stores", Store: "*", Epoch: 1}, blob, k)
	if err != nil {
		b.Fatal(err)
	}
	e := bundle.Expect{Type: bundle.TypePolicy, Chain: "Example Stores", Store: "0042", Keys: []bundle.PublicKey{k.Public()}}
	b.SetBytes(int64(len(file)))
	var floor time.Duration
	for b.Loop() {
		_, blob, err := bundle.Open(file, e)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := policy.Decode(blob); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		began := time.Now()
		sha256.Sum256(blob)
		floor += time.Since(began)
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed())/float64(floor), "x-floor")
}
