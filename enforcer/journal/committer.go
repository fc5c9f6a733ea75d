package journal

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"tillwarden/enforcer/journal/entry"
)

const (
	// maxBatch is how many entries go into one transaction, so that the
	// first of them does not wait for too long.
	maxBatch = 4096
	// noteDelay is how long a checkpoint waits for an append to travel with.
	noteDelay = 200 * time.Millisecond
	// The pauses between tries to open the file again.
	retryFirst = 100 * time.Millisecond
	retryMost  = 10 * time.Second
)

// run is the committer: the only goroutine that writes. It takes all that
// waits and writes it in one transaction, so that a lone writer waits for
// nothing and many share their flushes.
func (s *Store) run() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var notesSince time.Time
	for {
		select {
		case <-s.q.wake:
			s.q.gather()
		case <-timer.C:
		}
		requests, found, ended := s.q.take()
		now := time.Now()
		if found != nil && s.conn != nil {
			s.recover(found)
		}
		if s.conn == nil && (ended || !now.Before(s.retry)) {
			s.reopen()
		}
		if s.retiring == nil {
			s.retiring = s.q.takeRetirement()
		}
		s.serve(requests, now)
		if ended {
			for s.retiring != nil { // and the one that waits behind it
				s.endRetiring(ErrClosed)
				s.retiring = s.q.takeRetirement()
			}
			s.finish()
			return
		}
		if s.retiring != nil && len(requests) == 0 {
			s.commit(nil, now)
		}
		if !s.signDue.IsZero() && !now.Before(s.signDue) {
			s.signDue = time.Time{}
			s.signSoon()
		}
		// A checkpoint travels with the next append, or alone when none comes.
		if !s.q.hasNotes() {
			notesSince = time.Time{}
		} else if notesSince.IsZero() {
			notesSince = now
		} else if now.Sub(notesSince) >= noteDelay {
			notesSince = time.Time{}
			s.commit(nil, now)
		}
		wait := s.nextWork(now, notesSince)
		if s.retiring == nil {
			s.retiring = s.q.takeRetirement() // that waited behind the one that is done now
		}
		if s.retiring != nil {
			wait = 0
			if len(requests) > 0 {
				wait = retirePause
			}
		}
		timer.Reset(wait)
	}
}

// nextWork is how long the committer may sleep when nobody appends.
func (s *Store) nextWork(now, notesSince time.Time) time.Duration {
	wait := time.Hour
	sooner := func(at time.Time) {
		if !at.IsZero() {
			wait = min(wait, max(at.Sub(now), time.Millisecond))
		}
	}
	sooner(s.signDue)
	if s.conn == nil {
		sooner(s.retry)
	} else if s.space.state < SpaceReserve {
		sooner(s.limiter.next())
	}
	if !notesSince.IsZero() {
		sooner(notesSince.Add(noteDelay))
	}
	return wait
}

// serve commits what waits, in transactions of a bounded size.
func (s *Store) serve(requests []*request, now time.Time) {
	requests = append(s.ownWords(now, false), requests...)
	for len(requests) > 0 {
		n, entries := 0, 0
		for n < len(requests) && (n == 0 || entries+len(requests[n].es) <= maxBatch) {
			entries += len(requests[n].es)
			n++
		}
		s.commit(requests[:n], now)
		requests = requests[n:]
	}
}

// ownWords is what the journal itself has to say.
func (s *Store) ownWords(now time.Time, all bool) []*request {
	if s.conn == nil {
		return nil
	}
	var out []*request
	say := func(es ...entry.Entry) {
		for i := range es {
			es[i].Source = cut(es[i].Source, maxIndexed)
		}
		out = append(out, &request{es: es, own: true, done: make(chan struct{})})
	}
	if s.startNote != "" {
		say(entry.Entry{Kind: entry.KindRecovered, Reason: entry.ReasonDamaged, Source: "journal", About: s.w.next - 1, Text: s.startNote})
		s.alarm(entry.KindRecovered, s.startNote)
		s.startNote = ""
	}
	if es := s.limiter.due(now, all); len(es) > 0 && s.space.state < SpaceReserve {
		say(es...)
	}
	return out
}

// commit writes requests and waiting checkpoints in one transaction, together with
// the next step of a removal, and tells everybody who waits how it went.
func (s *Store) commit(requests []*request, now time.Time) {
	if s.conn == nil {
		s.endRetiring(ErrUnavailable)
		for _, r := range requests {
			if r.state.CompareAndSwap(requestWaiting, requestTaken) {
				r.finish(ErrUnavailable)
			}
		}
		return
	}
	if r := s.retiring; r != nil && r.first != s.w.header.First {
		s.endRetiring(fmt.Errorf("%w: the file was replaced", ErrUnavailable))
	}
	b := batch{store: s, now: now}
	s.space.refresh(now)
	if s.space.state != s.told {
		b.tellSpace()
	}
	for _, r := range requests {
		if r.state.CompareAndSwap(requestWaiting, requestTaken) {
			b.add(r)
		}
	}
	b.notes = s.q.takeNotes()
	b.retiring = s.retiring
	if len(b.records) == 0 && len(b.notes) == 0 && b.retiring == nil {
		b.finish(nil)
		return
	}
	err := s.update(&b)
	if b.notRetired != nil {
		// What cannot be removed is no reason to refuse what is to be written.
		s.endRetiring(b.notRetired)
		if errors.Is(b.notRetired, ErrDamaged) {
			s.q.reportDamage(b.notRetired)
		}
		b.retiring = nil
		err = s.update(&b)
	}
	if err == nil {
		s.committed(&b, now)
	} else {
		s.limiter.forget()
		s.endRetiring(err)
	}
	b.finish(err)
	if err != nil {
		s.failed(err)
	}
}

// batch is what goes into one transaction.
type batch struct {
	store    *Store
	now      time.Time
	records  []record
	notes    []storedNote
	members  []*request
	promised int64 // bytes
	wantSign bool

	retiring   *retirement
	retired    int64 // place up to which it came
	notRetired error // why it cannot go on; nothing of the batch was written
}

// tellSpace journals that the state of the space changed.
func (b *batch) tellSpace() {
	s := b.store
	e := s.space.entry(s.told)
	r := &request{es: []entry.Entry{e}, own: true, done: make(chan struct{})}
	r.state.Store(requestTaken)
	s.told = s.space.state
	b.add(r)
	s.alarm(entry.KindSpace, e.Text)
}

// add prepares a request that was taken, or finishes it with an error.
func (b *batch) add(r *request) {
	s := b.store
	size := int64(len(r.es)) * 1024 // bbolt rewrites some pages besides
	if err := s.space.admit(size, b.promised, r.essential, r.own); err != nil {
		r.finish(err)
		return
	}
	r.seqs = make([]entry.Seq, len(r.es))
	write := r.es[:0]
	next := s.w.next
	for i, e := range r.es {
		clean(&e)
		if !r.own && limited(&e) {
			ok, last := s.limiter.take(b.now, e.Source)
			if !ok {
				r.seqs[i] = last
				continue
			}
			s.limiter.wrote(b.now, e.Source, next)
		}
		e.Seq, e.Stamp = next, s.opts.Stamp()
		r.seqs[i] = next
		next++
		write = append(write, e)
		b.wantSign = b.wantSign || signsAt(&e)
	}
	records, err := s.w.add(write)
	if err != nil {
		r.finish(err)
		return
	}
	r.es = write
	b.promised += size
	b.records = append(b.records, records...)
	b.members = append(b.members, r)
}

// signsAt reports whether a checkpoint is due with this entry.
func signsAt(e *entry.Entry) bool {
	switch e.Kind {
	case entry.KindStart, entry.KindStop, entry.KindRecovered:
		return true
	case entry.KindSignOn:
		return e.Outcome == entry.OutcomeAllowed
	}
	return false
}

func (b *batch) finish(err error) {
	for _, r := range b.members {
		r.finish(err)
	}
}

// update is the transaction itself.
func (s *Store) update(b *batch) error {
	if f := s.opts.tweak.beforeCommit; f != nil {
		if err := f(); err != nil {
			return writeError(err)
		}
	}
	b.notRetired = nil
	err := s.conn.update(func(tx *bbolt.Tx) error {
		if err := s.w.put(tx, b.records, b.notes); err != nil || b.retiring == nil {
			return err
		}
		b.retired, b.notRetired = s.w.retire(tx, b.retiring.to)
		return b.notRetired
	})
	if f := s.opts.tweak.afterCommit; f != nil && err == nil {
		err = f()
	}
	if err == nil {
		var used int64
		if used, err = s.conn.used(); err == nil {
			s.space.used = used
			return nil
		}
	}
	return writeError(err)
}

// writeError sorts what went wrong into "no space" and the rest.
func writeError(err error) error {
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG} {
		if errors.Is(err, full) {
			return fmt.Errorf("%w: %w", ErrFull, err)
		}
	}
	return fmt.Errorf("%w: %w", ErrWrite, err)
}

// committed is what follows a transaction that is on disk.
func (s *Store) committed(b *batch, now time.Time) {
	s.pause = 0
	s.unwritten.Store(nil)
	for _, r := range b.members {
		if r.own {
			s.limiter.summarised(r.es)
		}
	}
	if b.retiring != nil && b.retired >= b.retiring.to {
		s.endRetiring(nil)
	}
	if len(b.records) == 0 {
		return
	}
	s.publish()
	switch {
	case b.wantSign:
		s.signDue = time.Time{}
		s.signSoon()
	case s.signDue.IsZero():
		s.signDue = now.Add(s.opts.CheckpointEvery)
	}
}

// failed deals with a transaction that did not succeed. Whether it is on disk
// is not known (bbolt may have written its meta page before the error), so
// the file is read anew before anything else is written.
func (s *Store) failed(err error) {
	if !errors.Is(err, ErrFull) {
		s.unwritten.Store(&err)
	}
	if errors.Is(err, ErrDamaged) {
		s.recover(err)
		return
	}
	s.disconnect()
	s.reopen()
}

func (s *Store) disconnect() {
	s.leave.Store(true)
	defer s.leave.Store(false)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.close()
		s.conn = nil
	}
}

// recover replaces a file that was found to be damaged while in use.
func (s *Store) recover(why error) {
	s.disconnect()
	release, err := lockDir(s.opts.Path, s.opts.LockTimeout)
	if err == nil {
		err = s.replace(s.learn(why))
		release()
	}
	if err != nil {
		s.alarm(entry.KindRecovered, "replacing the damaged journal: "+err.Error())
	}
	s.reopen()
}

// learn is what is known of the file, from itself and from what the committer
// remembers: what was acknowledged is known for certain.
func (s *Store) learn(why error) *known {
	k := learn(&s.opts, why)
	if s.w == nil {
		return k
	}
	head := s.head.Load()
	k.origin = head.Origin
	switch last := s.w.next - 1; {
	case last == head.Last:
		root := head.Root
		k.last, k.exact, k.root = last, true, &root
	case last >= k.last:
		// A transaction failed. Its numbers may have reached the disk, so they are used up.
		k.last, k.exact, k.root = last, true, nil
	}
	return k
}

// reopen tries to open the file again; when that fails, later.
func (s *Store) reopen() {
	if err := s.connect(); err != nil {
		s.unwritten.Store(&err)
		if s.pause == 0 {
			s.alarm(entry.KindNone, "the journal cannot be opened: "+err.Error())
		}
		s.pause = min(max(2*s.pause, retryFirst), retryMost)
		s.retry = time.Now().Add(s.pause)
		return
	}
	s.limiter.forget()
	s.space.refresh(time.Now())
	s.checkSoon() // it has to be checked from the beginning
	s.signSoon()  // and where it is a new one, has no checkpoint
}

// finish is the committer's end: the last words, a last checkpoint.
func (s *Store) finish() {
	now := time.Now()
	for _, r := range s.ownWords(now, true) {
		s.commit([]*request{r}, now)
	}
	s.stop()
	s.helpers.Wait()
	if s.conn == nil {
		s.closeErr = fmt.Errorf("closing the journal: %w", ErrUnavailable)
		return
	}
	if _, err := s.sign(s.size()); err != nil {
		s.closeErr = fmt.Errorf("closing the journal: %w", err)
	}
	s.commit(nil, now)
}
