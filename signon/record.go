package signon

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"tillwarden/enforcer/journal/entry"
)

// txn is a transaction with the roster's records.
type txn struct {
	tx   *bbolt.Tx
	ring ring
}

// Records are JSON with 16 bytes of HMAC-SHA-256 over bucket, key and content
// before it: neither a flipped bit nor somebody with a hex editor and no keys
// changes a record unnoticed, nor moves one to another key.
const sealSize = 16

func (t *txn) sealOf(bucket, key, content []byte) []byte {
	m := hmac.New(sha256.New, t.ring.own.seal())
	for _, b := range [][]byte{bucket, key} {
		_, _ = m.Write([]byte{byte(len(b))})
		_, _ = m.Write(b)
	}
	_, _ = m.Write(content)
	return m.Sum(nil)[:sealSize]
}

func (t *txn) put(bucket, key []byte, v any) error {
	content, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write a record: %w", err)
	}
	return t.tx.Bucket(bucket).Put(key, append(t.sealOf(bucket, key, content), content...))
}

// get reads a record; false: there is none.
func (t *txn) get(bucket, key []byte, v any) (bool, error) {
	raw := t.tx.Bucket(bucket).Get(key)
	if raw == nil {
		return false, nil
	}
	return true, t.decode(bucket, key, raw, v)
}

func (t *txn) decode(bucket, key, raw []byte, v any) error {
	if len(raw) < sealSize || len(key) > 255 || !hmac.Equal(raw[:sealSize], t.sealOf(bucket, key, raw[sealSize:])) {
		return fmt.Errorf("%w: a record of %s was changed", ErrDamaged, bucket)
	}
	d := json.NewDecoder(bytes.NewReader(raw[sealSize:]))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("%w: a record of %s cannot be read", ErrDamaged, bucket)
	}
	return nil
}

func (t *txn) operator(number string) (*operatorRecord, error) {
	if badNumber(number) != "" {
		return nil, nil
	}
	r := new(operatorRecord)
	ok, err := t.get(bucketOperators, []byte(number), r)
	if err != nil || !ok {
		return nil, err
	}
	if err := r.valid(); err != nil || r.Number != number {
		return nil, fmt.Errorf("%w: the record of operator %s", ErrDamaged, number)
	}
	return r, nil
}

func (t *txn) operators(f func(*operatorRecord) error) error {
	return t.tx.Bucket(bucketOperators).ForEach(func(k, _ []byte) error {
		r, err := t.operator(string(k))
		if err != nil {
			return err
		}
		if r == nil {
			return fmt.Errorf("%w: an operator's number is malformed", ErrDamaged)
		}
		return f(r)
	})
}

func (t *txn) count() int { return t.tx.Bucket(bucketOperators).Stats().KeyN }

func cardKey(keyID string, mac []byte) []byte { return append([]byte(keyID+"/"), mac...) }

func (t *txn) cardHolder(keyID string, mac []byte) (number string, err error) {
	_, err = t.get(bucketCards, cardKey(keyID, mac), &number)
	return number, err
}

// holder finds whose card it is; empty: nobody's.
func (t *txn) holder(m mark) (number string, err error) {
	err = t.ring.each(m, func(k *Keys, mac []byte) error {
		if number != "" {
			return nil
		}
		number, err = t.cardHolder(k.ID, mac)
		return err
	})
	return number, err
}

// byCard finds the operator who has a card, and which of theirs it is; nil: nobody.
func (t *txn) byCard(m mark) (r *operatorRecord, c *cardRecord, err error) {
	number, err := t.holder(m)
	if err != nil || number == "" {
		return nil, nil, err
	}
	if r, err = t.operator(number); err != nil {
		return nil, nil, err
	}
	if r != nil {
		for i := range r.Cards {
			if t.isCard(&r.Cards[i], m) {
				return r, &r.Cards[i], nil
			}
		}
	}
	return nil, nil, fmt.Errorf("%w: a card in the index is no operator's", ErrDamaged)
}

// isCard reports whether a record is that card's.
func (t *txn) isCard(c *cardRecord, m mark) (is bool) {
	_ = t.ring.each(m, func(k *Keys, mac []byte) error {
		is = is || c.KeyID == k.ID && hmac.Equal(c.MAC, mac)
		return nil
	})
	return is
}

func (t *txn) applied() (seq entry.Seq, err error) {
	_, err = t.get(bucketMeta, keyApplied, &seq)
	return seq, err
}
