package signon

import (
	"strings"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// means is one way to be identified with a PIN. Each has its own count.
type means byte

const (
	byNumber means = 'n' // number and PIN
	byCard   means = 'c' // card and PIN
)

func (m means) method() entry.Method {
	if m == byCard {
		return entry.MethodCardPIN
	}
	return entry.MethodNumberPIN
}

// tryRecord is how often an operator, or somebody at a source, was wrong. A
// try is counted before it is checked, and forgotten when it was right: whoever
// cuts the power while the PIN is being checked has used a try.
type tryRecord struct {
	N int `json:"n"`
	// At is when the last try was counted: the boot clock, and which boot's.
	At   int64        `json:"at"`
	Boot entry.BootID `json:"boot"`
	// Locked: N has reached the limit, and the lock runs from At on.
	Locked bool `json:"locked,omitempty"`
}

func opKey(m means, number string) []byte { return []byte("o" + string(rune(m)) + "/" + number) }

// charged is what counting a try found.
type charged struct {
	n      int
	locked bool          // it was locked before this try: the PIN does not matter
	left   time.Duration // for how much longer
}

// maxSources bounds the counts by source.
const maxSources = 64

// charge counts a try, in one transaction whether the operator is known
// (number not empty) or not, so that the two take the same time.
func (s *Store) charge(m means, number, source string) (c charged, err error) {
	now := s.o.Clock.Stamp()
	err = s.update(func(t *txn) error {
		if number != "" {
			r, err := t.try(opKey(m, number))
			if err != nil {
				return err
			}
			if r.Locked {
				c.left = s.rebase(r, now)
				c.locked = c.left > 0
				if !c.locked {
					*r = tryRecord{}
				}
			}
			if !c.locked {
				r.N++
				r.At, r.Boot = now.Boot, now.BootID
				r.Locked = r.N >= s.o.Tries
			}
			c.n = r.N
			if err := t.put(bucketTries, opKey(m, number), r); err != nil {
				return err
			}
		}
		return t.chargeSource(source, now)
	})
	return c, err
}

// chargeSource counts a try at a source. The count is for those who look at
// the register afterwards; what slows a source down is the brake.
func (t *txn) chargeSource(source string, now entry.Stamp) error {
	key := sourceKey(source)
	r, err := t.try(key)
	if err != nil {
		return err
	}
	if r.N == 0 {
		if err := t.pruneSources(); err != nil {
			return err
		}
	}
	r.N++
	r.At, r.Boot = now.Boot, now.BootID
	return t.put(bucketTries, key, r)
}

func sourceKey(source string) []byte {
	if len(source) > 100 {
		source = source[:100]
	}
	return []byte("s/" + source)
}

// pruneSources forgets the source with the fewest tries when there are too many.
func (t *txn) pruneSources() error {
	var least string
	n, fewest := 0, 0
	err := t.tries(func(key string, r *tryRecord) error {
		if strings.HasPrefix(key, "s/") {
			if n++; least == "" || r.N < fewest {
				least, fewest = key, r.N
			}
		}
		return nil
	})
	if err != nil || n < maxSources {
		return err
	}
	return t.tx.Bucket(bucketTries).Delete([]byte(least))
}

// forget takes a try back that was right, and with it all before it.
func (s *Store) forget(m means, number string) error {
	return s.update(func(t *txn) error {
		return t.tx.Bucket(bucketTries).Delete(opKey(m, number))
	})
}

// rebase says how much longer a lock lasts. Within a boot the boot clock says
// so; after a reboot nobody knows how long the machine was off, so it starts again.
func (s *Store) rebase(r *tryRecord, now entry.Stamp) time.Duration {
	if r.Boot != now.BootID || r.At > now.Boot {
		r.At, r.Boot = now.Boot, now.BootID
	}
	return s.o.LockFor - time.Duration(now.Boot-r.At)
}

// NewBoot starts the locks that were made in an earlier boot again in full.
// Call it at start: what remains of them then survives a restart of the daemon.
func (s *Store) NewBoot() error {
	now := s.o.Clock.Stamp()
	return s.update(func(t *txn) error {
		changed := map[string]tryRecord{}
		err := t.tries(func(key string, r *tryRecord) error {
			if r.Locked && r.Boot != now.BootID {
				s.rebase(r, now)
				changed[key] = *r
			}
			return nil
		})
		if err != nil {
			return err
		}
		for key, r := range changed {
			if err := t.put(bucketTries, []byte(key), r); err != nil {
				return err
			}
		}
		return nil
	})
}

// lockedFor is how much longer a means is locked; zero: it is not.
func (s *Store) lockedFor(t *txn, m means, number string) (time.Duration, error) {
	r, err := t.try(opKey(m, number))
	if err != nil || !r.Locked {
		return 0, err
	}
	return max(0, s.rebase(r, s.o.Clock.Stamp())), nil
}

func (t *txn) try(key []byte) (*tryRecord, error) {
	r := new(tryRecord)
	_, err := t.get(bucketTries, key, r)
	return r, err
}

func (t *txn) tries(f func(key string, r *tryRecord) error) error {
	return t.tx.Bucket(bucketTries).ForEach(func(k, raw []byte) error {
		r := new(tryRecord)
		if err := t.decode(bucketTries, k, raw, r); err != nil {
			return err
		}
		return f(string(k), r)
	})
}

func (t *txn) clearTries(number string) error {
	for _, m := range []means{byNumber, byCard} {
		if err := t.tx.Bucket(bucketTries).Delete(opKey(m, number)); err != nil {
			return err
		}
	}
	return nil
}
