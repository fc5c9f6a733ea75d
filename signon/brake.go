package signon

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// brake slows down whoever is wrong: by number and means, whether anybody has
// that number or not, and by source. It is in memory, because it is about
// seconds; what locks is on disk (tries.go).
type brake struct {
	mu      sync.Mutex
	strains map[string]*strain // guarded by mu
	rates   map[string]*rated  // guarded by mu
}

// strain is how often somebody was wrong lately.
type strain struct {
	n    int
	last time.Duration // boot time of the last try
	next time.Duration // boot time before which no other is looked at
}

// rated bounds how often a source may ask at all, right or wrong.
type rated struct {
	limiter *rate.Limiter
	last    time.Duration
}

const (
	// perSource and burst: nobody swipes or types faster.
	perSource = rate.Limit(2)
	burst     = 10
	// maxWait is how long a try may be kept waiting; beyond it it is refused.
	maxWait = 10 * time.Second
	// forgetAfter is how long a number's wrong tries slow it down.
	forgetAfter = 30 * time.Minute
	// maxStrains bounds the memory that inventing numbers can take.
	maxStrains = 2048
)

func newBrake() *brake {
	return &brake{strains: map[string]*strain{}, rates: map[string]*rated{}}
}

// admit reports whether the source may ask now.
func (b *brake) admit(source string, now time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := b.rates[source]
	if r == nil {
		if len(b.rates) >= maxSources {
			b.dropRate()
		}
		r = &rated{limiter: rate.NewLimiter(perSource, burst)}
		b.rates[source] = r
	}
	r.last = now
	return r.limiter.AllowN(moment(now), 1)
}

// moment gives the boot clock to a limiter that wants a time.
func moment(d time.Duration) time.Time { return time.Unix(0, int64(d)) }

func (b *brake) dropRate() {
	oldest := ""
	for k, r := range b.rates {
		if oldest == "" || r.last < b.rates[oldest].last {
			oldest = k
		}
	}
	delete(b.rates, oldest)
}

// numberDelay is how long after the n-th wrong try in a row of one number the
// next one has to wait.
func numberDelay(n int) time.Duration {
	switch {
	case n < 2:
		return 0
	case n > 4:
		n = 4
	}
	return time.Second << (n - 2)
}

// sourceDelay is the same for a source, where several people try.
func sourceDelay(n int) time.Duration {
	switch {
	case n < 6:
		return 0
	case n > 9:
		n = 9
	}
	return time.Second << (n - 6)
}

// reserve counts a try of a number (empty: a card alone) at a source, and says
// until when it has to wait. It is false, and nothing is counted, when that
// were too long.
func (b *brake) reserve(number, source string, now time.Duration) (until time.Duration, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	until = now
	s := b.strain("s/"+source, now)
	// A source gets one try back a minute: it is never locked out.
	if back := int((now - s.last) / time.Minute); back > 0 {
		s.n = max(0, s.n-back)
	}
	until = max(until, s.next)
	var k *strain
	if number != "" {
		k = b.strain(number, now)
		if now-k.last > forgetAfter {
			*k = strain{last: now}
		}
		until = max(until, k.next)
	}
	if until-now > maxWait {
		return 0, false
	}
	s.n++
	s.last, s.next = now, until+sourceDelay(s.n)
	if k != nil {
		k.n++
		k.last, k.next = now, until+numberDelay(k.n)
	}
	return until, true
}

func (b *brake) strain(key string, now time.Duration) *strain {
	s := b.strains[key]
	if s == nil {
		if len(b.strains) >= maxStrains {
			b.dropStrain(now)
		}
		s = &strain{last: now}
		b.strains[key] = s
	}
	return s
}

// dropStrain makes room: those that have calmed down, else the oldest.
func (b *brake) dropStrain(now time.Duration) {
	oldest := ""
	for k, s := range b.strains {
		if now-s.last > forgetAfter {
			delete(b.strains, k)
			continue
		}
		if oldest == "" || s.last < b.strains[oldest].last {
			oldest = k
		}
	}
	if len(b.strains) >= maxStrains {
		delete(b.strains, oldest)
	}
}

// right takes back what reserve counted.
func (b *brake) right(number, source string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.strains, number)
	if s := b.strains["s/"+source]; s != nil && s.n > 0 {
		s.n--
		if s.n < 6 {
			s.next = 0
		}
	}
}

// clear forgets a number's wrong tries, after a manager unlocked it.
func (b *brake) clear(number string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range []means{byNumber, byCard} {
		delete(b.strains, strainKey(m, number))
	}
}

// strainKey is the brake's name of a number and means.
func strainKey(m means, number string) string { return string(rune(m)) + "/" + number }
