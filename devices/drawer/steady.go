package drawer

import "time"

// steady makes levels of the readings of a line: a switch bounces, and a loose
// plug changes all the time. It is pure.
type steady struct {
	some   bool // there was a reading
	high   bool
	twice  bool            // the last two readings are the same
	since  time.Duration   // of the last change
	recent []time.Duration // the last changes
	noisy  bool
}

const (
	noisyChanges = 10               // more changes than these ...
	noisyWithin  = 10 * time.Second // ... within this, and the line is noisy
	calmAfter    = 2 * time.Second  // without a change it is not any more
)

// noise is what became of a line's noise.
type noise uint8

const (
	noiseSame noise = iota
	noiseBegins
	noiseEnds
)

// reading takes a reading, and reports whether the level counts: it was read
// twice in a row, and the line is not noisy.
func (s *steady) reading(high bool, now time.Duration) (counts bool, n noise) {
	if s.some && high == s.high {
		s.twice = true
	} else {
		if s.some {
			s.recent = append(s.recent, now)
			if len(s.recent) > noisyChanges+1 {
				s.recent = s.recent[1:]
			}
		}
		s.some, s.high, s.twice, s.since = true, high, false, now
	}
	switch {
	case !s.noisy && len(s.recent) > noisyChanges && now-s.recent[0] < noisyWithin:
		s.noisy, n = true, noiseBegins
	case s.noisy && now-s.since >= calmAfter:
		s.noisy, s.recent, n = false, nil, noiseEnds
	}
	return s.twice && !s.noisy, n
}
