package journal

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Cursor is where a page of a query ended: the number of its last entry. To
// go on, give it as After, or as Before when reading in reverse.
type Cursor = entry.Seq

// Filter says which entries are wanted. The zero Filter wants all.
type Filter struct {
	// From and To bound the wall clock: From <= time < To. The wall clock may
	// step, so the entries of a range need not be neighbours; all are found.
	From, To time.Time
	// Operator is the operator number of who acted, Approver of the second person.
	Operator, Approver string
	// Function is a dotted key, FunctionID the permanent number.
	Function   string
	FunctionID uint32
	Outcome    entry.Outcome
	Kind       entry.Kind
	Source     string
	// After and Before bound the sequence numbers, both exclusive; zero means open.
	After, Before entry.Seq
	// Limit is the number of rows of a page: 100 where zero, at most 1,000.
	Limit int
	// Reverse gives the newest first.
	Reverse bool
}

// The sizes of pages.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Continue is the filter for the page after the one that ended at c.
func (f Filter) Continue(c Cursor) Filter {
	if f.Reverse {
		f.Before = c
	} else {
		f.After = c
	}
	return f
}

// Match reports whether e is among what the filter wants, its page aside.
func (f *Filter) Match(e *entry.Entry) bool {
	p := f.plan()
	return (f.After == 0 || e.Seq > f.After) && (f.Before == 0 || e.Seq < f.Before) && p.fits(e)
}

// condition is one column that must have one value.
type condition struct {
	col   columnID
	value string
}

// plan is a filter in terms of the index.
type plan struct {
	from, to int64 // nanoseconds, to exclusive unless it is the greatest
	conds    []condition
}

func (f *Filter) plan() plan {
	p := plan{from: math.MinInt64, to: math.MaxInt64}
	if !f.From.IsZero() {
		p.from = clampNano(f.From)
	}
	if !f.To.IsZero() {
		p.to = clampNano(f.To)
	}
	add := func(c columnID, set bool, v string) {
		if set {
			p.conds = append(p.conds, condition{c, v})
		}
	}
	// The rarest first: the first condition drives the scan.
	add(colOperator, f.Operator != "", f.Operator)
	add(colApprover, f.Approver != "", f.Approver)
	add(colFunctionID, f.FunctionID != 0, num32(f.FunctionID))
	add(colFunction, f.Function != "", f.Function)
	add(colSource, f.Source != "", f.Source)
	add(colKind, f.Kind != 0, num16(uint16(f.Kind)))
	add(colOutcome, f.Outcome != 0, num16(uint16(f.Outcome)))
	return p
}

// clampNano is UnixNano for every time, also those that it cannot express.
func clampNano(t time.Time) int64 {
	switch {
	case t.Year() < 1678:
		return math.MinInt64
	case t.Year() > 2261:
		return math.MaxInt64
	}
	return t.UnixNano()
}

func (p *plan) inTime(wall int64) bool {
	return wall >= p.from && (wall < p.to || p.to == math.MaxInt64)
}

// fits reports whether an entry is one of those that are looked for.
func (p *plan) fits(e *entry.Entry) bool {
	if len(p.conds) == 0 {
		return p.inTime(e.Stamp.Wall)
	}
	r := rowOf(e)
	return p.match(&r)
}

func (p *plan) match(r *row) bool {
	for _, c := range p.conds {
		if r.vals[c.col] != c.value {
			return false
		}
	}
	return p.inTime(r.wall)
}

// hits are the positions in a block that match, within [lo, hi], in order or
// in reverse.
func (p *plan) hits(bl *block, lo, hi int, reverse bool, out []int) ([]int, error) {
	if bl.most < p.from || p.to != math.MaxInt64 && bl.least >= p.to {
		return out, nil
	}
	checkTime := !p.inTime(bl.least) || !p.inTime(bl.most)
	var codes [numColumns]byte
	var cols [numColumns]column
	for i, c := range p.conds {
		col, err := bl.column(c.col)
		if err != nil {
			return out, err
		}
		code, ok := col.code(c.value)
		if !ok {
			return out, nil
		}
		codes[i], cols[i] = code, col
	}
	for at := lo; at <= hi; at++ {
		if len(p.conds) > 0 {
			skip := bytes.IndexByte(cols[0].codes[at:hi+1], codes[0])
			if skip < 0 {
				break
			}
			at += skip
		}
		ok := !checkTime || p.inTime(bl.wall(at))
		for i := 1; ok && i < len(p.conds); i++ {
			ok = cols[i].codes[at] == codes[i]
		}
		if ok {
			out = append(out, at)
		}
	}
	if reverse {
		slices.Reverse(out)
	}
	return out, nil
}

// search gives the entries that match, in the filter's direction, until yield
// says enough. The entry that yield gets is overwritten by the next; stored is its CBOR,
// which is the file's own.
func (v *view) search(ctx context.Context, f *Filter, yield func(e *entry.Entry, stored []byte) bool) error {
	p := f.plan()
	lo, hi := v.firstKept(), v.last()
	if f.After != 0 && f.After >= lo {
		lo = f.After + 1
	}
	if f.Before != 0 && f.Before <= hi {
		hi = f.Before - 1
	}
	if v.size == 0 || lo > hi || f.After == math.MaxUint64 {
		return nil
	}
	w := walk{v: v, c: v.im.cursor(v.entries), d: newDecoder()}
	first, last := v.place(lo), v.place(hi)
	size := int64(v.header.Block)
	step, b := int64(1), first/size
	if f.Reverse {
		step, b = -1, last/size
	}
	for ; b >= first/size && b <= last/size; b += step {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("searching the journal: %w", err)
		}
		from, to := max(first-b*size, 0), min(last-b*size, size-1)
		more, err := true, error(nil)
		if b < v.fullBlocks() {
			more, err = w.block(b, int(from), int(to), &p, f.Reverse, yield)
		} else {
			more, err = w.tail(b*size+from, b*size+to, &p, f.Reverse, yield)
		}
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// walk reads entries one after the other. Where the next one is a neighbour it
// takes one step, and does not look for it from the root of the tree.
type walk struct {
	v  *view
	c  *cursor
	d  *decoder
	at int64 // where the cursor stands, from 1; 0: nowhere
	e  entry.Entry
	// stored is e as the file has it.
	stored []byte
}

// read reads the entry at a place into w.e.
func (w *walk) read(place int64) error {
	var k, raw []byte
	var err error
	seq := w.v.header.First + entry.Seq(place)
	switch next := place + 1; {
	case w.at != 0 && next == w.at+1:
		k, raw, err = w.c.step(1)
	case w.at != 0 && next == w.at-1:
		k, raw, err = w.c.step(-1)
	default:
		k, raw, err = w.c.seek(key(uint64(seq)))
	}
	w.at = 0
	if err != nil {
		return err
	}
	if got, ok := unkey(k); !ok || entry.Seq(got) != seq {
		return damaged(0, "entry %d is missing", seq)
	}
	_, body, ok := splitRecord(place, raw)
	if !ok {
		return damaged(0, "the record of entry %d has the wrong form", seq)
	}
	w.at = place + 1
	if err := w.d.at(body, seq, &w.e); err != nil {
		return err
	}
	w.stored = body[1:]
	return nil
}

// block gives what matches of one index block.
func (w *walk) block(b int64, from, to int, p *plan, reverse bool, yield func(*entry.Entry, []byte) bool) (more bool, err error) {
	bl, err := w.v.block(b)
	if err != nil {
		return false, err
	}
	var buf [defaultBlock]int
	hits, err := p.hits(&bl, from, to, reverse, buf[:0])
	if err != nil {
		return false, err
	}
	for _, at := range hits {
		if err := w.read(b*int64(w.v.header.Block) + int64(at)); err != nil {
			return false, err
		}
		if !p.fits(&w.e) {
			return false, damaged(0, "the index does not agree with entry %d", w.e.Seq)
		}
		if !yield(&w.e, w.stored) {
			return false, nil
		}
	}
	return true, nil
}

// tail looks through the entries after the last full block one by one.
func (w *walk) tail(from, to int64, p *plan, reverse bool, yield func(*entry.Entry, []byte) bool) (more bool, err error) {
	dir, start := int64(1), from
	if reverse {
		dir, start = -1, to
	}
	for n := start; n >= from && n <= to; n += dir {
		if err := w.read(n); err != nil {
			return false, err
		}
		if p.fits(&w.e) && !yield(&w.e, w.stored) {
			return false, nil
		}
	}
	return true, nil
}

// page is how many entries a page has.
func (f *Filter) page() int {
	if f.Limit <= 0 {
		return DefaultLimit
	}
	return min(f.Limit, MaxLimit)
}

// queryStored is one page as it is stored.
func (v *view) queryStored(ctx context.Context, f *Filter) (page []byte, next Cursor, err error) {
	limit, n := f.page(), 0
	var last Cursor
	err = v.search(ctx, f, func(e *entry.Entry, stored []byte) bool {
		if n == limit {
			next = last
			return false
		}
		n, last = n+1, e.Seq
		page = append(page, stored...)
		return true
	})
	if err != nil {
		return nil, 0, err
	}
	return page, next, nil
}

// query is one page. next is where to go on, zero when nothing follows.
func (v *view) query(ctx context.Context, f *Filter) (page []entry.Entry, next Cursor, err error) {
	limit := f.page()
	err = v.search(ctx, f, func(e *entry.Entry, _ []byte) bool {
		if len(page) == limit {
			next = page[limit-1].Seq
			return false
		}
		page = append(page, *e)
		return true
	})
	if err != nil {
		return nil, 0, err
	}
	return page, next, nil
}
