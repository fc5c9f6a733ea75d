package signon

import "bytes"

// What was made with the register's own key before it had a store key is made anew
// with that when it is shown: then it may travel. Nothing changes for anybody, and
// nothing is journaled.

// rekeyPIN makes a PIN's verifier anew. Call it between the hasher's enter and leave,
// with a PIN that was right.
func (s *Store) rekeyPIN(r *operatorRecord, pin []byte) error {
	v, err := s.hasher.made(pin, r.PIN.Set)
	if err != nil {
		return err
	}
	return s.update(func(t *txn) error {
		now, err := t.operator(r.Number)
		if err != nil || now == nil || now.PIN == nil || !bytes.Equal(now.PIN.Hash, r.PIN.Hash) {
			return err // somebody has set another meanwhile
		}
		now.PIN, r.PIN = v, v
		return t.put(bucketOperators, []byte(r.Number), now)
	})
}

// rekeyCard makes a card's verifier anew.
func (s *Store) rekeyCard(number string, m mark) error {
	return s.update(func(t *txn) error {
		r, c, err := t.byCard(m)
		if err != nil || r == nil || r.Number != number || c.KeyID == s.ring.forNew().ID {
			return err
		}
		if err := t.tx.Bucket(bucketCards).Delete(cardKey(c.KeyID, c.MAC)); err != nil {
			return err
		}
		c.KeyID, c.MAC = s.ring.forNew().ID, bytes.Clone(s.ring.underNew(m))
		if err := t.put(bucketCards, cardKey(c.KeyID, c.MAC), number); err != nil {
			return err
		}
		return t.put(bucketOperators, []byte(number), r)
	})
}
