package policy_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"tillwarden/enforcer/policy"
)

// sizes are work groups × functions: a store's policy, and a very large chain's.
var sizes = [][2]int{{15, 200}, {1000, 5000}}

func eachSize(b *testing.B, run func(b *testing.B, p *policy.Policy)) {
	for _, s := range sizes {
		b.Run(fmt.Sprintf("%dx%d", s[0], s[1]), func(b *testing.B) { run(b, large(s[0], s[1])) })
	}
}

// report gives the time of one operation, and how many times the floor's it is.
func report(b *testing.B, subject, floor time.Duration, operations int) {
	b.ReportMetric(float64(subject.Nanoseconds())/float64(operations), "ns/op")
	b.ReportMetric(float64(floor.Nanoseconds())/float64(operations), "floor-ns/op")
	b.ReportMetric(float64(subject)/float64(floor), "x-floor")
}

// bit is the floor of a decision.
//
//go:noinline
func bit(words []uint64, i policy.Index) bool { return words[i>>6]>>(i&63)&1 != 0 }

// access is the decision, called like the floor so that neither is inlined away.
//
//go:noinline
func access(p *policy.Planes, i policy.Index) policy.Access { return p.Access(i) }

// BenchmarkAccess measures a decision's bit test right beside the least that
// it could be, in alternating rounds.
func BenchmarkAccess(b *testing.B) {
	const round = 1 << 16
	eachSize(b, func(b *testing.B, p *policy.Policy) {
		c := mustCompile(b, p)
		var all []string
		for n, g := range c.WorkGroups() {
			if n < 15 {
				all = append(all, g.Name)
			}
		}
		planes, _ := c.Planes(all)
		functions := len(c.Functions())
		words := make([]uint64, (functions+63)/64)
		asked := make([]policy.Index, round)
		for n := range asked {
			asked[n] = policy.Index(n * 7919 % functions)
		}
		var subject, floor time.Duration
		var seen int
		b.ReportAllocs()
		rounds := 0
		for b.Loop() {
			start := time.Now()
			for _, i := range asked {
				if bit(words, i) {
					seen++
				}
			}
			floor += time.Since(start)
			start = time.Now()
			for _, i := range asked {
				if access(planes, i) == policy.Allowed {
					seen++
				}
			}
			subject += time.Since(start)
			rounds++
		}
		report(b, subject, floor, rounds*round)
		if n := testing.AllocsPerRun(1000, func() { access(planes, asked[0]) }); n != 0 {
			b.Errorf("%v allocations", n)
		}
		_ = seen
	})
}

// BenchmarkDecode measures loading beside the hash that it cannot do without.
func BenchmarkDecode(b *testing.B) {
	eachSize(b, func(b *testing.B, p *policy.Policy) {
		data := marshal(b, mustCompile(b, p))
		b.SetBytes(int64(len(data)))
		var subject, floor time.Duration
		n := 0
		for b.Loop() {
			start := time.Now()
			sha256.Sum256(data)
			floor += time.Since(start)
			start = time.Now()
			if _, err := policy.Decode(data); err != nil {
				b.Fatal(err)
			}
			subject += time.Since(start)
			n++
		}
		report(b, subject, floor, n)
	})
}

func BenchmarkCompile(b *testing.B) {
	eachSize(b, func(b *testing.B, p *policy.Policy) {
		for b.Loop() {
			mustCompile(b, p)
		}
	})
}

// BenchmarkPlanes is what a sign-on costs: an operator with 15 work groups.
func BenchmarkPlanes(b *testing.B) {
	eachSize(b, func(b *testing.B, p *policy.Policy) {
		c := mustCompile(b, p)
		var held []string
		for n := range 15 {
			held = append(held, c.WorkGroups()[n].Name)
		}
		for b.Loop() {
			c.Planes(held)
		}
	})
}

func BenchmarkExplain(b *testing.B) {
	eachSize(b, func(b *testing.B, p *policy.Policy) {
		c := mustCompile(b, p)
		held := []string{c.WorkGroups()[0].Name, c.WorkGroups()[1].Name}
		last := policy.Index(len(c.Functions()) - 1)
		for b.Loop() {
			c.Explain(held, last)
		}
	})
}
