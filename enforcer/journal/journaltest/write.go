package journaltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// The names of the store's register.
const (
	Chain    = "Example"
	Place    = "0042"
	Register = "1"
)

// batch is how many entries go into one append: few transactions, and yet not
// all that a year has in memory at once.
const batch = 8192

// Key is the store's register's key and its public text. It is made from the
// seed alone: everybody has it.
func (s Store) Key() (note.Signer, string) {
	private, _, err := journal.NewKey(seeded{rand.New(rand.NewPCG(s.Seed, 43))}, journal.KeyName(Chain, Place, Register))
	if err != nil {
		panic(err) // it fails where its randomness does, and this one does not
	}
	signer, public, err := journal.ParsePrivate(private)
	if err != nil {
		panic(err)
	}
	return signer, public
}

// seeded is randomness that is none.
type seeded struct{ r *rand.Rand }

func (s seeded) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s.r.Uint32())
	}
	return len(p), nil
}

var _ io.Reader = seeded{}

// Options are those that Write uses, for going on with its file. Stamp gives
// the moments of the entries that are appended, in order.
func (s Store) Options(path string, stamp func() entry.Stamp) journal.Options {
	signer, public := s.Key()
	return journal.Options{
		Path: path, Stamp: stamp, Chain: Chain, Store: Place, Register: Register, Key: signer, PublicKey: public,
		Reserve: -1, CheckPause: -1,
	}
}

// moments are those of what is appended next; the store takes them in order.
type moments struct {
	mu   sync.Mutex
	left []entry.Stamp // guarded by mu
}

func (m *moments) set(es []entry.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left = m.left[:0]
	for i := range es {
		m.left = append(m.left, es[i].Stamp)
	}
}

func (m *moments) next() (first entry.Stamp) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.left) > 0 {
		first, m.left = m.left[0], m.left[1:]
	}
	return first
}

var errNumbers = errors.New("the journal wrote entries of its own in between")

// Write makes a journal file of all the store's entries.
func (s Store) Write(ctx context.Context, path string) (err error) {
	var moments moments
	j, err := journal.Open(ctx, s.Options(path, moments.next))
	if err != nil {
		return fmt.Errorf("writing a journal: %w", err)
	}
	defer func() {
		if err = errors.Join(err, j.Close()); err != nil {
			err = fmt.Errorf("writing a journal: %w", err)
		}
	}()
	es := make([]entry.Entry, 0, batch)
	flush := func() error {
		if len(es) == 0 {
			return nil
		}
		moments.set(es)
		seqs, err := j.Append(ctx, true, es...)
		if err != nil {
			return err
		}
		for i := range seqs {
			if seqs[i] != es[i].Seq {
				return errNumbers
			}
		}
		es = es[:0]
		return nil
	}
	for e := range s.All() {
		if es = append(es, *e); len(es) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
