package journal

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"tillwarden/enforcer/journal/entry"
)

// Reading many entries spends most of its time on decoding them. decoder reads
// the form that the journal itself writes (core deterministic, known keys in
// ascending order, numbers that fit), with no reflection, and makes each word
// only once. Whatever is not of exactly that form, and every key that it does
// not know yet, it leaves to the general decoder, whose answer alone counts: a
// field that is added to Entry and forgotten here is read correctly, only slower.
type decoder struct {
	words  map[string]string
	groups map[string][]string // by their encoded form
}

// maxWords bounds what a decoder remembers: far more words than a store has
// operators, functions and devices.
const maxWords = 4096

func newDecoder() *decoder {
	return &decoder{words: map[string]string{}, groups: map[string][]string{}}
}

// Decoder reads entries as they are stored, one goroutine at a time.
type Decoder struct{ d *decoder }

// NewDecoder makes a decoder. It remembers words, so that many entries want one.
func NewDecoder() *Decoder { return &Decoder{newDecoder()} }

// Decode reads the CBOR of one entry: of the form that a journal stores, and nothing
// behind it. Anything else is ErrDamaged.
func (d *Decoder) Decode(stored []byte, e *entry.Entry) error {
	*e = entry.Entry{}
	if d.d.entry(stored, e) {
		return nil
	}
	*e = entry.Entry{}
	return decodeCBOR(stored, e)
}

// at decodes the entry that is stored under seq.
func (d *decoder) at(body []byte, seq entry.Seq, e *entry.Entry) error {
	*e = entry.Entry{}
	if len(body) < 2 || body[0] != 0 || !d.entry(body[1:], e) {
		return decodeAt(body, seq, e)
	}
	return isAt(seq, e)
}

// entry decodes an entry's CBOR into e, which is zero. It reports false, with e
// in any state, where the general decoder has to be asked.
func (d *decoder) entry(b []byte, e *entry.Entry) bool {
	r := cborReader{b: b, d: d}
	n := r.head(5)
	for last := -1; n > 0 && !r.odd; n-- {
		key := int(r.uint(math.MaxUint8))
		if key <= last {
			return false
		}
		last = key
		switch key {
		case 1:
			e.Seq = entry.Seq(r.uint(math.MaxUint64))
		case 2:
			e.Kind = entry.Kind(r.uint(math.MaxUint16))
		case 3:
			r.stamp(&e.Stamp)
		case 4:
			e.Session = entry.Seq(r.uint(math.MaxUint64))
		case 5:
			e.Operator = r.text()
		case 6:
			e.Person = r.text()
		case 7:
			e.WorkGroups = r.texts()
		case 8:
			e.Function = r.text()
		case 9:
			e.FunctionID = uint32(r.uint(math.MaxUint32))
		case 10:
			e.Outcome = entry.Outcome(r.uint(math.MaxUint8))
		case 11:
			e.Reason = entry.Reason(r.uint(math.MaxUint16))
		case 12:
			e.Rule = r.rule()
		case 13:
			e.Approval = r.approval()
		case 14:
			e.Method = entry.Method(r.uint(math.MaxUint8))
		case 15:
			e.Source = r.text()
		case 16:
			e.Device = r.text()
		case 17:
			e.Drawer = r.text()
		case 18:
			e.Purpose = entry.Purpose(r.uint(math.MaxUint8))
		case 19:
			e.Claimant = r.text()
		case 20:
			e.Policy = r.policy()
		case 21:
			e.About = entry.Seq(r.uint(math.MaxUint64))
		case 22:
			e.Lines = uint32(r.uint(math.MaxUint32))
		case 23:
			e.Digest = bytes.Clone(r.string(2))
		case 24:
			e.Elapsed = r.int()
		case 25:
			e.Count = r.uint(math.MaxUint64)
		case 26:
			e.Subject = r.text()
		case 27:
			e.Text = r.text()
		case 28:
			e.Mode = entry.Mode(r.uint(math.MaxUint8))
		case 29:
			e.Why = r.text()
		case 30:
			e.WhyCode = uint16(r.uint(math.MaxUint16))
		case 31:
			e.Told = r.told()
		case 32:
			e.Limit = r.limit()
		case 33:
			e.Uses = uint32(r.uint(math.MaxUint32))
		default:
			return false
		}
	}
	return !r.odd && len(r.b) == 0
}

// cborReader takes data items off the front of b. odd is set by the first one
// that is not as it is wanted; what comes after that means nothing.
type cborReader struct {
	b   []byte
	d   *decoder
	odd bool
}

// head takes a data item's head of the major type (RFC 8949, 3), and gives its argument.
func (r *cborReader) head(major byte) uint64 {
	if len(r.b) == 0 || r.b[0]>>5 != major {
		r.odd = true
		return 0
	}
	low, size := r.b[0]&31, 0
	switch {
	case low < 24:
		r.b = r.b[1:]
		return uint64(low)
	case low <= 27:
		size = 1 << (low - 24)
	}
	if size == 0 || len(r.b) < 1+size {
		r.odd = true
		return 0
	}
	arg := r.b[1 : 1+size]
	r.b = r.b[1+size:]
	switch size {
	case 1:
		return uint64(arg[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(arg))
	case 4:
		return uint64(binary.BigEndian.Uint32(arg))
	}
	return binary.BigEndian.Uint64(arg)
}

func (r *cborReader) uint(most uint64) uint64 {
	n := r.head(0)
	r.odd = r.odd || n > most
	return n
}

func (r *cborReader) int() int64 {
	major := byte(0)
	if len(r.b) > 0 && r.b[0]>>5 == 1 {
		major = 1 // -1-n
	}
	n := r.head(major)
	if r.odd = r.odd || n > math.MaxInt64; r.odd {
		return 0
	}
	if major == 1 {
		return -1 - int64(n)
	}
	return int64(n)
}

// true takes a truth, which is written only where it holds (RFC 8949, 3.3).
func (r *cborReader) true() bool {
	r.odd = r.odd || len(r.b) == 0 || r.b[0] != 0xf5
	if !r.odd {
		r.b = r.b[1:]
	}
	return !r.odd
}

// string takes a byte string (major type 2) or a text string (3).
func (r *cborReader) string(major byte) []byte {
	n := r.head(major)
	if r.odd = r.odd || n > uint64(len(r.b)); r.odd {
		return nil
	}
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *cborReader) text() string {
	b := r.string(3)
	if s, ok := r.d.words[string(b)]; ok {
		return s
	}
	if !utf8.Valid(b) {
		r.odd = true
		return ""
	}
	s := string(b)
	if len(r.d.words) >= maxWords {
		clear(r.d.words)
	}
	r.d.words[s] = s
	return s
}

// texts takes an array of text strings. Entries with the same ones share the array.
func (r *cborReader) texts() []string {
	whole := r.b
	n := r.head(4)
	if r.odd = r.odd || n > maxWorkGroups; r.odd {
		return nil
	}
	for range n {
		r.string(3)
	}
	if r.odd {
		return nil
	}
	raw := whole[:len(whole)-len(r.b)]
	if list, ok := r.d.groups[string(raw)]; ok {
		return list
	}
	again := cborReader{b: raw, d: r.d}
	again.head(4)
	list := make([]string, n)
	for i := range list {
		list[i] = again.text()
	}
	if r.odd = again.odd; r.odd {
		return nil
	}
	if len(r.d.groups) >= maxWords {
		clear(r.d.groups)
	}
	r.d.groups[string(raw)] = list
	return list
}

// fields takes a map with keys from 1 to most, and calls field for each, in order.
func (r *cborReader) fields(most int, field func(key int)) {
	n := r.head(5)
	for last := 0; n > 0 && !r.odd; n-- {
		key := int(r.uint(math.MaxUint8))
		if key <= last || key > most {
			r.odd = true
			return
		}
		last = key
		field(key)
	}
}

func (r *cborReader) stamp(s *entry.Stamp) {
	r.fields(4, func(key int) {
		switch key {
		case 1:
			s.Wall = r.int()
		case 2:
			s.Boot = r.int()
		case 3:
			b := r.string(2)
			r.odd = r.odd || copy(s.BootID[:], b) != len(s.BootID) || len(b) != len(s.BootID)
		case 4:
			s.Clock = entry.ClockState(r.uint(math.MaxUint8))
		}
	})
}

func (r *cborReader) rule() *entry.Rule {
	u := &entry.Rule{}
	r.fields(3, func(key int) {
		switch key {
		case 1:
			u.WorkGroup = r.text()
		case 2:
			u.Function = r.text()
		case 3:
			u.Mark = r.text()
		}
	})
	return u
}

func (r *cborReader) approval() *entry.Approval {
	a := &entry.Approval{}
	r.fields(9, func(key int) {
		switch key {
		case 1:
			a.Operator = r.text()
		case 2:
			a.Person = r.text()
		case 3:
			a.Method = entry.Method(r.uint(math.MaxUint8))
		case 4:
			a.Override = entry.Seq(r.uint(math.MaxUint64))
		case 5:
			a.First = entry.Seq(r.uint(math.MaxUint64))
		case 6:
			a.Fallback = r.true()
		case 7:
			a.At = r.text()
		case 8:
			a.OffClock = r.true()
		case 9:
			a.Transaction = r.true()
		}
	})
	return a
}

func (r *cborReader) told() *entry.Told {
	t := &entry.Told{}
	r.fields(3, func(key int) {
		n := r.uint(math.MaxUint64)
		switch key {
		case 1:
			t.Amount = &n
		case 2:
			t.Percent = &n
		case 3:
			t.Count = &n
		}
	})
	return t
}

func (r *cborReader) limit() *entry.Limit {
	l := &entry.Limit{}
	r.fields(5, func(key int) {
		switch key {
		case 1:
			l.WorkGroup = r.text()
		case 2:
			l.Function = r.text()
		case 3:
			l.Part = r.text()
		case 4:
			l.Most = r.uint(math.MaxUint64)
		case 5:
			l.Uses = r.uint(math.MaxUint64)
		}
	})
	return l
}

func (r *cborReader) policy() *entry.PolicyRef {
	p := &entry.PolicyRef{}
	r.fields(2, func(key int) {
		switch key {
		case 1:
			p.Epoch = r.uint(math.MaxUint64)
		case 2:
			b := r.string(2)
			r.odd = r.odd || copy(p.Digest[:], b) != len(p.Digest) || len(b) != len(p.Digest)
		}
	})
	return p
}
