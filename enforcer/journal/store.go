package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// Limits of one Append and of all that wait.
const (
	// MaxAppend is the most entries of one Append.
	MaxAppend = 16_384
	maxQueue  = 1 << 16
)

// Store is an open journal. Its methods may be called from any goroutine.
type Store struct {
	opts Options

	// mu guards conn: readers hold it while they read, the committer takes
	// it to put another file in its place.
	mu    sync.RWMutex
	conn  *conn       // nil while none is open
	leave atomic.Bool // asks the background check to let go of mu

	q       queue
	head    atomic.Pointer[Head]
	changed broadcast

	// The committer's own.
	w         *writer
	limiter   limiter
	space     space
	told      SpaceState // the state that the last KindSpace entry told
	retry     time.Time  // when to try to open again, while conn is nil
	pause     time.Duration
	signDue   time.Time
	startNote string // words for the first entry after a suspicious start
	retiring  *retirement

	signer signer
	health health

	// What is wrong now, nil where it is not; see Trouble.
	unwritten, unsigned atomic.Pointer[error]

	stop     context.CancelFunc
	done     chan struct{} // the committer has ended
	helpers  sync.WaitGroup
	closing  sync.Once
	closeErr error
}

// Head is where the journal stands.
type Head struct {
	Origin string    `json:"origin"` // names chain, store, register and this file
	First  entry.Seq `json:"first"`  // number of the first entry in this file
	Last   entry.Seq `json:"last"`   // number of the last entry; First-1 when there is none
	Root   tlog.Hash `json:"root"`   // of the tree over First to Last
}

// Open opens the journal, or creates it. A damaged file is moved aside, and a
// new one begins with what is known of it.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.fill(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	s := &Store{opts: o, done: make(chan struct{})}
	s.q.wake = make(chan struct{}, 1)
	s.space = space{reserve: o.Reserve, quota: o.MaxSize}
	if err := s.connect(); err != nil {
		return nil, err
	}
	s.space.refresh(time.Now())
	run, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.signer.want = make(chan struct{}, 1)
	s.health.kick = make(chan struct{}, 1)
	go s.run()
	s.helpers.Go(func() { s.signLoop(run) })
	if o.CheckPause > 0 {
		s.helpers.Go(func() { s.checkLoop(run) })
	}
	if size, _ := s.lastStored(); size < s.size() {
		s.signSoon() // a stop that was none left entries without a checkpoint
	}
	return s, nil
}

// connect opens the file, creating it where there is none and replacing it
// where it is damaged. Only Open and the committer call it.
func (s *Store) connect() error {
	release, err := lockDir(s.opts.Path, s.opts.LockTimeout)
	if err != nil {
		return err
	}
	defer release()
	c, w, err := s.attach()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = s.createMissing()
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrNotJournal):
		err = s.replace(s.learn(err))
	case err == nil:
		return s.install(c, w)
	}
	if err != nil {
		return err
	}
	if c, w, err = s.attach(); err != nil {
		return err
	}
	return s.install(c, w)
}

// attach opens an existing file and reads where it ends.
func (s *Store) attach() (c *conn, w *writer, err error) {
	c, err = dial(&s.opts)
	if err != nil {
		return nil, nil, err
	}
	err = c.view(func(v *view) (err error) {
		if err := s.belongs(v); err != nil {
			return err
		}
		w, err = newWriter(v)
		return err
	})
	if err != nil {
		c.close()
		return nil, nil, err
	}
	return c, w, nil
}

// belongs checks that the file is this register's, and not shorter than what
// is known of it from its checkpoints.
func (s *Store) belongs(v *view) error {
	name := KeyName(s.opts.Chain, s.opts.Store, s.opts.Register)
	if !originOf(v.header.Origin, name) {
		return fmt.Errorf("%w: %s is %q, the configuration says %q; keep the file elsewhere, or correct the configuration",
			ErrIdentity, s.opts.Path, v.header.Origin, name)
	}
	if h, ok := readHead(s.opts.Path); ok && h.Origin == v.header.Origin && h.Size > v.size {
		return damaged(0, "it has %d entries, and a checkpoint was made over %d", v.size, h.Size)
	}
	size, text, err := v.lastCheckpoint()
	if err != nil || size == 0 {
		return err
	}
	c, _, err := parseCheckpoint(text, nil)
	if err != nil || c.size != size {
		return damaged(0, "its last checkpoint: %v", err)
	}
	if err := v.agree(&c); err != nil {
		return damaged(0, "its last checkpoint: %v", err)
	}
	return nil
}

// originOf reports whether an origin begins with a register's name: a file's id follows.
func originOf(origin, name string) bool {
	return len(origin) > len(name)+1 && origin[:len(name)+1] == name+"/"
}

// createMissing makes the file where there is none. Where there once was one
// that is known to have had entries, the new one says so.
func (s *Store) createMissing() error {
	if s.w != nil {
		return s.begin(s.learn(errors.New("its file was gone")))
	}
	h, ok := readHead(s.opts.Path)
	if !ok || !originOf(h.Origin, KeyName(s.opts.Chain, s.opts.Store, s.opts.Register)) {
		return create(&s.opts, nil)
	}
	k := &known{why: "a checkpoint of it is still here", last: h.Last, checkpoint: h.Size, origin: h.Origin}
	return s.begin(k)
}

// replace moves a damaged file aside and begins a new one.
func (s *Store) replace(k *known) error {
	file, err := moveAside(&s.opts, k.last)
	if err != nil {
		return err
	}
	k.file = file
	return s.begin(k)
}

func (s *Store) begin(k *known) error {
	if err := create(&s.opts, k); err != nil {
		return err
	}
	e := k.entry(k.next(), entry.Stamp{})
	s.alarm(entry.KindRecovered, e.Text)
	return nil
}

// Trouble is why nothing can be journaled now, or no checkpoint be made: nil where the
// last try went well. What has no space says Space.
func (s *Store) Trouble() error {
	for _, err := range []*error{s.unwritten.Load(), s.unsigned.Load()} {
		if err != nil {
			return *err
		}
	}
	return nil
}

func (s *Store) alarm(kind entry.Kind, text string) {
	if s.opts.Alarm != nil {
		s.opts.Alarm(kind, text)
	}
}

// install puts an open file in its place.
func (s *Store) install(c *conn, w *writer) error {
	used, err := c.used()
	if err != nil {
		c.close()
		return err
	}
	s.mu.Lock()
	s.conn = c
	s.mu.Unlock()
	s.w = w
	s.space.attach(c.file, used)
	s.publish()
	if c.oneMeta {
		s.startNote = "one of the two meta pages was not valid: what the last transaction wrote may be missing"
	}
	return nil
}

// publish tells readers where the journal stands.
func (s *Store) publish() {
	s.head.Store(&Head{Origin: s.w.header.Origin, First: s.w.header.First, Last: s.w.next - 1, Root: s.w.peaks.root()})
	s.changed.tell()
}

// Last is where the journal stands: everything up to Last is on disk.
func (s *Store) Last() Head { return *s.head.Load() }

func (s *Store) size() int64 {
	h := s.head.Load()
	return int64(h.Last+1) - int64(h.First)
}

// Space is how the journal stands for space.
func (s *Store) Space() Space { return *s.space.report.Load() }

// read runs f on the journal as it is now.
func (s *Store) read(f func(*view) error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.conn == nil {
		if s.q.closed() {
			return ErrClosed
		}
		return ErrUnavailable
	}
	err := s.conn.view(f)
	if errors.Is(err, ErrDamaged) {
		s.checkSoon()
	}
	return err
}

// Get is one entry. It returns ErrNotFound where this file has none with this number.
func (s *Store) Get(_ context.Context, seq entry.Seq) (e entry.Entry, err error) {
	err = s.read(func(v *view) error { return v.entry(seq, &e) })
	return e, err
}

// Query is one page of the entries that f wants. next is where to go on
// (Filter.Continue), zero when nothing follows.
func (s *Store) Query(ctx context.Context, f Filter) (page []entry.Entry, next Cursor, err error) {
	err = s.read(func(v *view) (err error) {
		page, next, err = v.query(ctx, &f)
		return err
	})
	return page, next, err
}

// QueryStored is Query's page as it is stored: the entries' CBOR one after the other,
// which is a CBOR sequence (RFC 8742). A Decoder reads each.
func (s *Store) QueryStored(ctx context.Context, f Filter) (page []byte, next Cursor, err error) {
	err = s.read(func(v *view) (err error) {
		page, next, err = v.queryStored(ctx, &f)
		return err
	})
	return page, next, err
}

// Replay gives every entry that the filter finds, oldest first; its Limit and
// Reverse do not count. f must not append.
func (s *Store) Replay(ctx context.Context, filter Filter, f func(entry.Entry) error) error {
	filter.Limit, filter.Reverse = MaxLimit, false
	for {
		page, next, err := s.Query(ctx, filter)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := f(e); err != nil {
				return err
			}
		}
		if next == 0 {
			return nil
		}
		filter = filter.Continue(next)
	}
}

// eachPage is how many entries Each reads in one transaction, so that bbolt may
// reuse its pages in between and the file can be reopened.
const eachPage = 4096

// Each gives every entry that the filter finds, oldest first, its Limit and
// Reverse aside, up to the one that is the last when it begins. The entry is
// overwritten by the next one. f is called while the file is read: it must
// return soon, and must not call the store.
func (s *Store) Each(ctx context.Context, filter Filter, f func(*entry.Entry) error) error {
	filter.Reverse = false
	if end := s.Last().Last + 1; filter.Before == 0 || filter.Before > end {
		filter.Before = end
	}
	for {
		n := 0
		var stopped error
		err := s.read(func(v *view) error {
			return v.search(ctx, &filter, func(e *entry.Entry, _ []byte) bool {
				n++
				filter.After = e.Seq
				stopped = f(e)
				return stopped == nil && n < eachPage
			})
		})
		if err == nil {
			err = stopped
		}
		if err != nil || n < eachPage {
			return err
		}
	}
}

// WriteTo writes a copy of the whole file as it is now, for Verify, OpenReader
// and for keeping. Appends go on meanwhile, but should the file have to be
// reopened that waits for w: give it a file, not a slow peer.
func (s *Store) WriteTo(w io.Writer) (int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.conn == nil {
		return 0, ErrUnavailable
	}
	return s.conn.copyTo(w)
}

// Close writes what waits, makes a last checkpoint and lets go of the file.
// Appends that come later fail with ErrClosed.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.q.close()
		<-s.done
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.conn != nil {
			s.conn.close()
			s.conn = nil
		}
		s.changed.tell()
	})
	return s.closeErr
}

// Path is where the journal's file is.
func (s *Store) Path() string { return s.opts.Path }

// broadcast wakes everybody who waits for a change.
type broadcast struct {
	mu sync.Mutex
	ch chan struct{}
}

func (b *broadcast) wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *broadcast) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
