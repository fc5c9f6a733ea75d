package journal

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// fixtureSize is how many entries the large journal has.
const fixtureSize = 1_000_000

// benchDir is removed when the tests end.
var benchDir string

// fixture builds the large journal once for all benchmarks, through Append
// alone, in large transactions.
var fixture = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "tillwarden-journal-bench-")
	if err != nil {
		return "", err
	}
	benchDir = dir
	path := filepath.Join(dir, "journal.db")
	return path, buildFixture(path, fixtureSize)
})

func buildFixture(path string, n int) error {
	signer, _ := testKey()
	clock := &stampClock{wall: testEpoch.UnixNano()}
	s, err := Open(context.Background(), Options{
		Path: path, Stamp: clock.stamp, Chain: "chain", Store: "store 1", Register: "register 7", Key: signer, PublicKey: testPublic,
		Reserve: -1, CheckPause: -1, tweak: tweaks{noSync: true},
	})
	if err != nil {
		return err
	}
	r := newRand(7)
	es := make([]entry.Entry, 0, 2000)
	var wg sync.WaitGroup
	for done := 0; done < n; done += len(es) {
		wg.Wait()
		es = make([]entry.Entry, 0, cap(es))
		for range min(cap(es), n-done) {
			e := testDecision(r)
			if e.Outcome == entry.OutcomeDenied {
				e.Source = "" // the limiter would count and not write them
			}
			es = append(es, e)
		}
		// One batch is made while the last is written.
		wg.Go(func() {
			if _, aerr := s.Append(context.Background(), true, es...); aerr != nil {
				err = aerr
			}
		})
	}
	wg.Wait()
	if err != nil {
		return err
	}
	return s.Close()
}

func fixtureFor(b *testing.B) string {
	b.Helper()
	path, err := fixture()
	if err != nil {
		b.Fatal(err)
	}
	return path
}

// floorUpdate is one bare bbolt Update of a value of size bytes.
type floor struct {
	db   *bbolt.DB
	next uint64
}

func newFloor(b *testing.B) *floor {
	b.Helper()
	db, err := bbolt.Open(filepath.Join(b.TempDir(), "floor.db"), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	f := &floor{db: db}
	f.update(b, 1)
	return f
}

func (f *floor) update(b *testing.B, size int) {
	value := make([]byte, size)
	err := f.db.Update(func(tx *bbolt.Tx) error {
		bu, err := tx.CreateBucketIfNotExists([]byte("entries"))
		if err != nil {
			return err
		}
		bu.FillPercent = 1
		f.next++
		return bu.Put(key(f.next), value)
	})
	if err != nil {
		b.Fatal(err)
	}
}

func benchStore(b *testing.B) *Store {
	o := testOptions(b)
	o.Reserve = 0
	s, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

// BenchmarkAppendLone is one writer, against one bare bbolt Update of as many bytes.
func BenchmarkAppendLone(b *testing.B) {
	s, f, r := benchStore(b), newFloor(b), newRand(1)
	e := testDecision(r)
	var own, bare time.Duration
	for b.Loop() {
		t0 := time.Now()
		if _, err := s.Append(b.Context(), true, e); err != nil {
			b.Fatal(err)
		}
		t1 := time.Now()
		f.update(b, 400)
		own, bare = own+t1.Sub(t0), bare+time.Since(t1)
	}
	b.ReportMetric(float64(own.Nanoseconds())/float64(b.N), "append-ns")
	b.ReportMetric(float64(own)/float64(bare), "x-floor")
}

// BenchmarkAppend64 is 64 writers, each waiting for its own entry, against one
// bare Update after the other: how much group commit gains.
func BenchmarkAppend64(b *testing.B) {
	s, f := benchStore(b), newFloor(b)
	const writers, each = 64, 50
	var own, bare time.Duration
	for b.Loop() {
		t0 := time.Now()
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				e := testDecision(newRand(uint64(w)))
				e.Source = ""
				for range each {
					if _, err := s.Append(b.Context(), true, e); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		t1 := time.Now()
		for range each {
			f.update(b, 400)
		}
		own, bare = own+t1.Sub(t0), bare+time.Since(t1)
	}
	n := float64(b.N) * writers * each
	b.ReportMetric(n/own.Seconds(), "entries/s")
	// Of the time that a bare Update takes: 1/64 would be perfect sharing.
	b.ReportMetric(own.Seconds()/n/(bare.Seconds()/(float64(b.N)*each)), "x-floor")
}

// BenchmarkVerify verifies the large journal.
func BenchmarkVerify(b *testing.B) {
	path := fixtureFor(b)
	_, verifier := testKey()
	for b.Loop() {
		r, err := Verify(b.Context(), path, []note.Verifier{verifier})
		if err != nil || !r.OK || r.Entries != fixtureSize {
			b.Fatalf("%v %+v", err, r)
		}
	}
	b.ReportMetric(float64(b.N)*fixtureSize/b.Elapsed().Seconds(), "entries/s")
}

// BenchmarkEach reads every entry of the large journal, against walking over
// the bytes that they are stored in and looking at none.
func BenchmarkEach(b *testing.B) {
	path := fixtureFor(b)
	r, err := OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var own, bare time.Duration
	for b.Loop() {
		t0 := time.Now()
		n := 0
		if err := r.Each(b.Context(), Filter{}, func(*entry.Entry) error { n++; return nil }); err != nil || n != fixtureSize {
			b.Fatal(n, err)
		}
		t1 := time.Now()
		c := r.v.im.cursor(r.v.entries)
		k, _, err := c.edge(1)
		for ; err == nil && k != nil; k, _, err = c.step(1) {
			n--
		}
		if err != nil || n != 0 {
			b.Fatal(n, err)
		}
		own, bare = own+t1.Sub(t0), bare+time.Since(t1)
	}
	b.ReportMetric(own.Seconds()/float64(b.N), "s/1M")
	b.ReportMetric(float64(own)/float64(bare), "x-floor")
}

// BenchmarkPage is pages of 100 rows by one filter and a time range.
func BenchmarkPage(b *testing.B) {
	path := fixtureFor(b)
	r, err := OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	all := Filter{From: testEpoch, To: testEpoch.Add(time.Hour * 24 * 365)}
	narrow := all
	narrow.From, narrow.To = testEpoch.Add(200*time.Second), testEpoch.Add(300*time.Second)
	set := func(f Filter, g func(*Filter)) Filter { g(&f); return f }
	for _, c := range []struct {
		name string
		f    Filter
	}{
		{"operator", set(all, func(f *Filter) { f.Operator = "1042" })},
		{"operator-reverse", set(all, func(f *Filter) { f.Operator, f.Reverse = "1042", true })},
		{"operator-narrow", set(narrow, func(f *Filter) { f.Operator = "1042" })},
		{"operator-nobody", set(all, func(f *Filter) { f.Operator = "4711" })},
		{"function", set(all, func(f *Filter) { f.Function = "pos.till.pickup" })},
		{"outcome", set(all, func(f *Filter) { f.Outcome = entry.OutcomeDenied })},
		{"kind", set(all, func(f *Filter) { f.Kind = entry.KindDrawerOpened })},
		{"kind-none", set(all, func(f *Filter) { f.Kind = entry.KindPeople })},
		{"time-only-reverse", set(all, func(f *Filter) { f.Reverse = true })},
	} {
		b.Run(c.name, func(b *testing.B) {
			var worst time.Duration
			for b.Loop() {
				t0 := time.Now()
				if _, _, err := r.Query(b.Context(), c.f); err != nil {
					b.Fatal(err)
				}
				worst = max(worst, time.Since(t0))
			}
			b.ReportMetric(float64(worst.Microseconds())/1000, "worst-ms")
		})
	}
}

// BenchmarkSize is the file's size over that of what is in it: the entry, 64
// bytes of hashes, 30 bytes for each of five indexes (time among them).
func BenchmarkSize(b *testing.B) {
	path := fixtureFor(b)
	r, err := OpenReader(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	var cbor int64
	for b.Loop() {
		cbor = 0
		for seq := entry.Seq(1); seq <= fixtureSize; seq++ {
			_, body, err := r.v.record(seq)
			if err != nil {
				b.Fatal(err)
			}
			cbor += int64(len(body)) - 1
		}
	}
	size := float64(r.v.im.high) * float64(r.v.im.pageSize)
	b.ReportMetric(float64(cbor)/fixtureSize, "entry-bytes")
	b.ReportMetric(size/fixtureSize, "disk-bytes")
	b.ReportMetric(size/(float64(cbor)+fixtureSize*(64+30*5)), "x-floor")
	b.ReportMetric(size/(float64(cbor)+fixtureSize*(64+30*4)), "x-floor-4-indexes")
}

// BenchmarkOpen opens the large journal, against an empty one.
func BenchmarkOpen(b *testing.B) {
	large := fixtureFor(b)
	empty := filepath.Join(b.TempDir(), "journal.db")
	if err := buildFixture(empty, 0); err != nil {
		b.Fatal(err)
	}
	open := func(path string) time.Duration {
		o := testOptions(b)
		o.Path, o.Key = path, nil
		o.Reserve = 0
		t0 := time.Now()
		s, err := Open(b.Context(), o)
		took := time.Since(t0)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		return took
	}
	open(empty)
	var l, e time.Duration
	for b.Loop() {
		l, e = l+open(large), e+open(empty)
	}
	b.ReportMetric(l.Seconds()*1000/float64(b.N), "large-ms")
	b.ReportMetric(e.Seconds()*1000/float64(b.N), "empty-ms")
	b.ReportMetric(float64(l)/float64(e), "x-floor")
}
