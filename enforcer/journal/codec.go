package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// Lengths beyond which text is cut, so that no input can make an entry
// impossible to journal. Indexed text must fit a block's dictionary.
const (
	maxIndexed    = 200
	maxText       = 1000
	maxWorkGroups = 64
	maxDigest     = 64
)

var (
	encMode   = must(cbor.CoreDetEncOptions().EncMode())
	encBuffer = must(cbor.CoreDetEncOptions().UserBufferEncMode())
	decMode   = must(decOptions(cbor.ExtraDecErrorUnknownField).DecMode())
	laterMode = must(decOptions(cbor.ExtraDecErrorNone).DecMode())
)

func decOptions(unknown cbor.ExtraDecErrorCond) cbor.DecOptions {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: unknown,
		MaxNestedLevels:   4,
		MaxArrayElements:  maxWorkGroups,
		MaxMapPairs:       64,
	}
}

// must serves options that are constants: a mistake shows at the first start.
func must[M any](m M, err error) M {
	if err != nil {
		panic(err)
	}
	return m
}

// key is a number as bbolt keys it: big-endian, so that order is kept.
func key(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func unkey(k []byte) (uint64, bool) {
	if len(k) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(k), true
}

// hashesWith is how many hashes are stored with the n'th entry (from 0): its
// own, and one for each subtree that it completes.
func hashesWith(n int64) int { return 1 + bits.TrailingZeros64(uint64(n)+1) }

// A record is how an entry is stored: the hashes stored with it, a zero byte,
// the entry in CBOR. The zero byte is the prefix that RFC 6962 puts before a
// leaf's content, so that the leaf's hash is that of the record's tail as it stands.

// splitRecord takes the n'th entry's record apart without checking its content.
func splitRecord(n int64, record []byte) (hashes, body []byte, ok bool) {
	k := hashesWith(n) * tlog.HashSize
	if len(record) < k+2 || record[k] != 0 {
		return nil, nil, false
	}
	return record[:k], record[k:], true
}

func leafHash(body []byte) tlog.Hash { return sha256.Sum256(body) }

// decodeBody reads the entry that a record's body holds.
func decodeBody(body []byte, e *entry.Entry) error {
	if len(body) < 2 || body[0] != 0 {
		return damaged(0, "a record without an entry")
	}
	return decodeCBOR(body[1:], e)
}

func decodeCBOR(b []byte, e *entry.Entry) error {
	err := decMode.Unmarshal(b, e)
	if unknown := (*cbor.UnknownFieldError)(nil); errors.As(err, &unknown) {
		err = decodeLater(b, e)
	}
	if err != nil {
		return damaged(0, "an entry that cannot be decoded: %v", err)
	}
	return nil
}

// decodeLater reads an entry of a later version: one with fields that this one does not
// know, whose keys are numbers as all are, and none of them there twice. What it knows it
// reads, and the hash is over all of the entry's bytes whoever reads them.
func decodeLater(b []byte, e *entry.Entry) error {
	var fields map[uint64]cbor.RawMessage
	if err := laterMode.Unmarshal(b, &fields); err != nil {
		return err
	}
	if _, ok := fields[0]; ok {
		return errors.New("a field with the key 0")
	}
	*e = entry.Entry{}
	if err := laterMode.Unmarshal(b, e); err != nil {
		return err
	}
	e.Later = true
	return nil
}

// clean cuts what is too long and replaces what is not UTF-8, so that every
// entry can be stored, and read back by a strict decoder.
func clean(e *entry.Entry) {
	for _, s := range []*string{&e.Operator, &e.Person, &e.Function, &e.Source, &e.Device, &e.Drawer, &e.Claimant} {
		*s = cut(*s, maxIndexed)
	}
	e.Subject, e.Text, e.Why = cut(e.Subject, maxText), cut(e.Text, maxText), cut(e.Why, maxText)
	if e.Rule != nil {
		e.Rule = &entry.Rule{
			WorkGroup: cut(e.Rule.WorkGroup, maxIndexed), Function: cut(e.Rule.Function, maxIndexed), Mark: cut(e.Rule.Mark, maxIndexed),
		}
	}
	if e.Limit != nil {
		l := *e.Limit
		l.WorkGroup, l.Function, l.Part = cut(l.WorkGroup, maxIndexed), cut(l.Function, maxIndexed), cut(l.Part, maxIndexed)
		e.Limit = &l
	}
	if e.Approval != nil {
		a := *e.Approval
		a.Operator, a.Person, a.At = cut(a.Operator, maxIndexed), cut(a.Person, maxIndexed), cut(a.At, maxIndexed)
		e.Approval = &a
	}
	if len(e.WorkGroups) > 0 {
		groups := make([]string, min(len(e.WorkGroups), maxWorkGroups))
		for i := range groups {
			groups[i] = cut(e.WorkGroups[i], maxIndexed)
		}
		e.WorkGroups = groups
	}
	if len(e.Digest) > maxDigest {
		e.Digest = e.Digest[:maxDigest]
	}
}

func cut(s string, limit int) string {
	if len(s) <= limit && utf8.ValidString(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > limit {
		end := limit
		for !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end]
	}
	return s
}
