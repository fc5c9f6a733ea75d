package signon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"

	"tillwarden/enforcer"
	"tillwarden/enforcer/durable"
)

var (
	// ErrDamaged: the roster is damaged; nobody signs on until it was replaced.
	ErrDamaged = errors.New("the roster is damaged")
	// ErrOtherKeys: the roster was made with other keys than those given.
	ErrOtherKeys = errors.New("the roster was made with other keys")
	// ErrClosed: the roster is closed.
	ErrClosed = errors.New("the roster is closed")
)

// The buckets of roster.db.
var (
	bucketMeta      = []byte("meta")      // version, key id, last applied change
	bucketOperators = []byte("operators") // number -> operatorRecord
	bucketCards     = []byte("cards")     // key id and MAC -> number
	bucketTries     = []byte("tries")     // who and by what means -> tryRecord
)

var (
	keyVersionMeta = []byte("version")
	keyKeyID       = []byte("key")
	keyApplied     = []byte("applied")
)

const storeVersion = "1"

// maxOperators bounds a roster; a store has hundreds.
const maxOperators = 20_000

// StoreOptions say what a store needs.
type StoreOptions struct {
	Path string // of roster.db, in the state folder
	Keys *Keys
	// StoreKey is what the store's lanes share; nil: this one has none.
	StoreKey *StoreKey
	Journal  enforcer.Journal
	Clock    enforcer.Clock
	// KDF are the parameters of new PINs; zero: DefaultKDF.
	KDF KDF
	// Tries is how many wrong tries lock a means (default 5), LockFor for how
	// long (default 30 minutes).
	Tries   int
	LockFor time.Duration
	// Store and Register name where this is: operators may be bound to some.
	Store, Register string
	// Location is the time zone in which days begin. Default time.Local.
	Location *time.Location
	// MinPIN is how many digits a new PIN has at least, 4 to 12. Default 4.
	MinPIN int

	maxSize int  // for tests: bytes that the file may have
	noSync  bool // for tests: nothing is flushed, which only the loss of power would show
}

// Store is the register's roster. Its methods may be used from several
// goroutines at once.
type Store struct {
	o      StoreOptions
	ring   ring
	hasher *hasher
	brake  *brake // here, so that a service made anew does not forget who was wrong

	// turn lets changes of people and what follows from them (the session's
	// operator may no longer) not come between looking an operator up and
	// acting on it. Changes hold it for writing.
	turn sync.RWMutex

	revoked atomic.Pointer[map[string]bool] // operators on the list of revocations that holds

	mu     sync.RWMutex // guards what follows
	db     *bbolt.DB
	broken error // why nobody signs on
	reopen bool  // a commit failed: what is on disk is not known
}

// OpenStore opens the roster, and makes an empty one where there is none. If
// the error is ErrDamaged or ErrOtherKeys the store is there nevertheless and
// refuses everything with it, so that the register can run and say so.
func OpenStore(o StoreOptions) (*Store, error) {
	if o.Keys == nil || o.Journal == nil || o.Clock == nil {
		return nil, errors.New("open the roster: keys, journal and clock are needed")
	}
	if o.KDF == (KDF{}) {
		o.KDF = DefaultKDF()
	}
	if !o.KDF.valid() {
		return nil, errors.New("open the roster: argon2id parameters out of bounds")
	}
	if o.Tries <= 0 {
		o.Tries = 5
	}
	if o.LockFor <= 0 {
		o.LockFor = 30 * time.Minute
	}
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.MinPIN == 0 {
		o.MinPIN = minPIN
	}
	if o.MinPIN < minPIN || o.MinPIN > maxPIN {
		return nil, fmt.Errorf("open the roster: the shortest PIN has %d to %d digits", minPIN, maxPIN)
	}
	keys := ring{own: o.Keys}
	if o.StoreKey != nil {
		keys.store = o.StoreKey.keys
	}
	h, err := newHasher(keys, o.KDF, 2, 8)
	if err != nil {
		return nil, fmt.Errorf("open the roster: %w", err)
	}
	s := &Store{o: o, ring: keys, hasher: h, brake: newBrake()}
	if _, err := os.Lstat(o.Path); errors.Is(err, fs.ErrNotExist) {
		if err := s.create(); err != nil {
			return nil, fmt.Errorf("make the roster: %w", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		if errors.Is(err, ErrDamaged) || errors.Is(err, ErrOtherKeys) {
			s.broken = err
			return s, err
		}
		return nil, err
	}
	return s, nil
}

// create makes an empty roster beside its place, flushes it and only then
// gives it its name: a file of that name is never half made.
func (s *Store) create() (err error) {
	dir, base := filepath.Split(s.o.Path)
	if dir == "" {
		dir = "."
	}
	old, _ := filepath.Glob(filepath.Join(dir, "."+base+".tmp-*"))
	for _, path := range old {
		_ = os.Remove(path) // of a start that did not come to its end
	}
	f, err := os.CreateTemp(dir, "."+base+".tmp-")
	if err != nil {
		return err
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(temp)
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bbolt.Open(temp, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketOperators, bucketCards, bucketTries} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		meta := tx.Bucket(bucketMeta)
		if err := meta.Put(keyVersionMeta, []byte(storeVersion)); err != nil {
			return err
		}
		return meta.Put(keyKeyID, []byte(s.o.Keys.ID))
	})
	if err == nil {
		err = db.Sync()
	}
	if closeErr := db.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return durable.Name(temp, s.o.Path)
}

// open opens the file and goes through all of it. s.mu is held.
func (s *Store) open() (err error) {
	info, err := os.Lstat(s.o.Path)
	if err != nil {
		return fmt.Errorf("open the roster: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() == 0 {
		// bbolt would take an empty file for a new one, and the next first
		// operator would be anybody's.
		return fmt.Errorf("%w: %s is empty or not a file", ErrDamaged, s.o.Path)
	}
	if err := os.Chmod(s.o.Path, 0o600); err != nil {
		return fmt.Errorf("open the roster: %w", err)
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %s cannot be opened", ErrDamaged, s.o.Path)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	if err := inspect(s.o.Path); err != nil {
		return err
	}
	db, err := bbolt.Open(s.o.Path, 0o600, &bbolt.Options{Timeout: time.Second, MaxSize: s.o.maxSize, NoSync: s.o.noSync})
	if errors.Is(err, bbolterrors.ErrTimeout) {
		return fmt.Errorf("open the roster: another process has %s open", s.o.Path)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	s.db = db
	if err := s.checkAll(db); err != nil {
		_ = db.Close()
		s.db = nil
		return err
	}
	return nil
}

// checkAll reads every record, and holds cards against operators. The pages
// were looked through before (inspect).
func (s *Store) checkAll(db *bbolt.DB) error {
	return guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			for _, name := range [][]byte{bucketMeta, bucketOperators, bucketCards, bucketTries} {
				if tx.Bucket(name) == nil {
					return fmt.Errorf("%w: %s is missing", ErrDamaged, name)
				}
			}
			meta := tx.Bucket(bucketMeta)
			if v := meta.Get(keyVersionMeta); string(v) != storeVersion {
				return fmt.Errorf("%w: version %q is not known", ErrDamaged, v)
			}
			if id := meta.Get(keyKeyID); string(id) != s.o.Keys.ID {
				return fmt.Errorf("%w (it names %q, and these are %s)", ErrOtherKeys, id, s.o.Keys.ID)
			}
			t := &txn{tx: tx, ring: s.ring}
			if _, err := t.applied(); err != nil {
				return err
			}
			if _, err := t.get(bucketMeta, keyRoster, &AppliedRoster{}); err != nil {
				return err
			}
			if err := s.readRevoked(t); err != nil {
				return err
			}
			cards := 0
			if err := t.operators(func(r *operatorRecord) error {
				cards += len(r.Cards)
				for _, c := range r.Cards {
					if number, err := t.cardHolder(c.KeyID, c.MAC); err != nil || number != r.Number {
						return fmt.Errorf("%w: a card of operator %s is not in the index", ErrDamaged, r.Number)
					}
				}
				return nil
			}); err != nil {
				return err
			}
			if n := tx.Bucket(bucketCards).Stats().KeyN; n != cards {
				return fmt.Errorf("%w: %d cards in the index, %d with operators", ErrDamaged, n, cards)
			}
			return t.tries(func(string, *tryRecord) error { return nil })
		})
	})
}

// guarded turns a panic of the library, or a page that cannot be read, into
// ErrDamaged. The panic's value may have bytes of the file: it is not shown.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: a page of it cannot be read", ErrDamaged)
		}
	}()
	return f()
}

// Broken says why nobody can sign on; nil: the roster is in order.
func (s *Store) Broken() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.broken
}

// Close closes the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.db
	s.db = nil
	if s.broken == nil {
		s.broken = ErrClosed
	}
	if db == nil {
		return nil
	}
	return guarded(db.Close)
}

// view runs f on the roster as it is.
func (s *Store) view(f func(*txn) error) error {
	if err := s.settled(); err != nil {
		return err
	}
	s.mu.RLock()
	db, broken := s.db, s.broken
	if broken != nil {
		s.mu.RUnlock()
		return broken
	}
	err := guarded(func() error {
		return db.View(func(tx *bbolt.Tx) error { return f(&txn{tx: tx, ring: s.ring}) })
	})
	s.mu.RUnlock()
	return s.note(err)
}

// update runs f and commits. An error of f changes nothing. After an error of
// the commit itself it is not known which state is on disk, so the file is
// opened anew before anything else is done with it.
func (s *Store) update(f func(*txn) error) error {
	if err := s.settled(); err != nil {
		return err
	}
	s.mu.RLock()
	db, broken := s.db, s.broken
	if broken != nil {
		s.mu.RUnlock()
		return broken
	}
	done := false
	err := guarded(func() error {
		return db.Update(func(tx *bbolt.Tx) error {
			if err := f(&txn{tx: tx, ring: s.ring}); err != nil {
				return err
			}
			done = true
			return nil
		})
	})
	s.mu.RUnlock()
	if err != nil && done && !errors.Is(err, ErrDamaged) {
		s.mu.Lock()
		s.reopen = true
		s.mu.Unlock()
		return fmt.Errorf("write the roster: %w", err)
	}
	return s.note(err)
}

// settled opens the file anew if the last commit failed.
func (s *Store) settled() error {
	s.mu.RLock()
	need := s.reopen && s.broken == nil
	s.mu.RUnlock()
	if !need {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.reopen || s.broken != nil {
		return s.broken
	}
	if s.db != nil {
		_ = guarded(s.db.Close)
		s.db = nil
	}
	if err := s.open(); err != nil {
		if errors.Is(err, ErrDamaged) || errors.Is(err, ErrOtherKeys) {
			s.broken = err
		}
		return err
	}
	s.reopen = false
	return nil
}

// note remembers damage: from then on the store refuses everything.
func (s *Store) note(err error) error {
	if errors.Is(err, ErrDamaged) {
		s.mu.Lock()
		if s.broken == nil {
			s.broken = err
		}
		s.mu.Unlock()
	}
	return err
}
