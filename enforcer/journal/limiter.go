package journal

import (
	"cmp"
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// The rate at which refusals of one source are journaled one by one.
const (
	refusalRate   = 20
	refusalWindow = time.Second
	maxSources    = 512
	otherSources  = "other sources"
)

// limiter keeps a source that is refused again and again from filling the
// journal: 20 refusals a second are written, the rest are counted, and when
// the second ends one summary says how many. A refusal that is only counted
// gets the number of the last one of its source that was written, so that
// "it is in the journal under this number" holds for every answer.
//
// Only the committer uses it.
type limiter struct {
	sources map[string]*window
}

// window is one source's second.
type window struct {
	began   time.Time
	passed  int
	dropped uint64
	pending uint64    // dropped, and in a summary that is being written
	last    entry.Seq // of the last one that passed
}

// limited reports whether the limiter has a say in e. It has none in a refusal
// that a mode let through: a grant hangs on that very entry.
func limited(e *entry.Entry) bool {
	through := e.Kind == entry.KindDecision && e.Mode != entry.ModeEnforce
	return e.Outcome == entry.OutcomeDenied && e.Source != "" && !through
}

// window is the source's current one. Sources beyond what is kept share one.
func (l *limiter) window(now time.Time, source string) *window {
	w := l.sources[source]
	if w == nil && len(l.sources) >= maxSources {
		for s, w := range l.sources {
			if w.dropped+w.pending == 0 && now.Sub(w.began) >= refusalWindow {
				delete(l.sources, s)
			}
		}
		if len(l.sources) >= maxSources {
			source = otherSources
			w = l.sources[source]
		}
	}
	if w == nil {
		w = &window{began: now}
		if l.sources == nil {
			l.sources = map[string]*window{}
		}
		l.sources[source] = w
	}
	if now.Sub(w.began) >= refusalWindow && w.dropped == 0 {
		*w = window{began: now, pending: w.pending}
	}
	return w
}

// take reports whether a refusal is to be written; if not, it was counted,
// and last is the number to answer with.
func (l *limiter) take(now time.Time, source string) (write bool, last entry.Seq) {
	w := l.window(now, source)
	if w.passed >= refusalRate && w.last != 0 {
		w.dropped++
		return false, w.last
	}
	w.passed++
	return true, 0
}

// wrote notes the number of a refusal that passed.
func (l *limiter) wrote(now time.Time, source string, seq entry.Seq) {
	l.window(now, source).last = seq
}

// due is the summaries of the seconds that are over; all forces those of the others too.
func (l *limiter) due(now time.Time, all bool) []entry.Entry {
	var out []entry.Entry
	for source, w := range l.sources {
		if w.dropped == 0 || !all && now.Sub(w.began) < refusalWindow {
			continue
		}
		out = append(out, entry.Entry{
			Kind: entry.KindSummary, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRate, Source: source,
			Count: w.dropped, About: w.last, Elapsed: int64(now.Sub(w.began)),
			Text: "refusals of this source that were not written one by one",
		})
		w.pending, w.dropped = w.pending+w.dropped, 0
	}
	slices.SortFunc(out, func(a, b entry.Entry) int { return cmp.Compare(a.Source, b.Source) })
	return out
}

// summarised notes that a summary is on disk.
func (l *limiter) summarised(es []entry.Entry) {
	for _, e := range es {
		if w := l.sources[e.Source]; w != nil && e.Kind == entry.KindSummary {
			w.pending = 0
		}
	}
}

// next is when the next summary is due, zero when none is.
func (l *limiter) next() time.Time {
	var at time.Time
	for _, w := range l.sources {
		if w.dropped > 0 {
			if end := w.began.Add(refusalWindow); at.IsZero() || end.Before(at) {
				at = end
			}
		}
	}
	return at
}

// forget is for a failed commit: numbers that were given out may not be on disk.
func (l *limiter) forget() {
	for s, w := range l.sources {
		w.dropped, w.pending = w.dropped+w.pending, 0
		if w.dropped == 0 {
			delete(l.sources, s)
			continue
		}
		w.passed, w.last = 0, 0
	}
}
