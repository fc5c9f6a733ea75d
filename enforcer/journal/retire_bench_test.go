package journal

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkRetire removes 100,000 entries while somebody asks all the time, one
// append after the other. x-p99 is the longest that one of them waited meanwhile,
// against the 99th percentile of as many without.
func BenchmarkRetire(b *testing.B) {
	const old = 100_000
	var took time.Duration
	var alone, beside []time.Duration
	for b.Loop() {
		b.StopTimer()
		path := filepath.Join(b.TempDir(), "journal.db")
		if err := buildFixture(path, old+1000); err != nil {
			b.Fatal(err)
		}
		o := testOptions(b)
		o.Path = path
		s, err := Open(b.Context(), o)
		if err != nil {
			b.Fatal(err)
		}
		e := testDecision(newRand(1))
		e.Source = ""
		ask := func(done <-chan struct{}) (waits []time.Duration) {
			for {
				select {
				case <-done:
					return waits
				default:
				}
				t0 := time.Now()
				if _, err := s.Append(b.Context(), true, e); err != nil {
					b.Error(err)
					return waits
				}
				waits = append(waits, time.Since(t0))
			}
		}
		stop := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		alone = append(alone, ask(stop)...)
		stop = make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { beside = append(beside, ask(stop)...) })
		b.StartTimer()
		t0 := time.Now()
		n, err := s.Retire(b.Context(), testEpoch.AddDate(1, 0, 0), nothingToKeep)
		took += time.Since(t0)
		b.StopTimer()
		close(stop)
		wg.Wait()
		if err != nil || n < old {
			b.Fatal(n, err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	slices.Sort(alone)
	slices.Sort(beside)
	p99 := alone[len(alone)*99/100]
	b.ReportMetric(took.Seconds()/float64(b.N), "s/100k")
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(beside[len(beside)*99/100].Microseconds())/1000, "beside-p99-ms")
	b.ReportMetric(float64(beside[len(beside)-1].Microseconds())/1000, "beside-worst-ms")
	b.ReportMetric(float64(alone[len(alone)-1].Microseconds())/1000, "alone-worst-ms")
	b.ReportMetric(float64(beside[len(beside)-1])/float64(p99), "x-p99")
	// The machine alone lets some wait that long: what counts is how many more do.
	over := func(waits []time.Duration) float64 {
		n, _ := slices.BinarySearch(waits, 5*p99)
		return 1000 * float64(len(waits)-n) / float64(len(waits))
	}
	b.ReportMetric(over(alone), "alone-over-5x-‰")
	b.ReportMetric(over(beside), "beside-over-5x-‰")
}
