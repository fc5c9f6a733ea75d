package journal

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// Report is what Verify found.
type Report struct {
	File    string    `json:"file"`
	Origin  string    `json:"origin,omitempty"`
	First   entry.Seq `json:"first,omitempty"`
	Last    entry.Seq `json:"last,omitempty"`
	Entries int64     `json:"entries"`
	// Removed is how many of the entries, from the first on, were removed as older
	// than what is kept: of them only the hashes are there.
	Removed int64  `json:"removed,omitempty"`
	Root    string `json:"root,omitempty"`

	// Later is how many entries have fields of a later version.
	Later int64 `json:"later_fields,omitempty"`

	// OK: nothing is wrong with what could be checked.
	OK bool `json:"ok"`
	// Findings are the first things that are wrong, Total how many there are.
	Findings []Finding `json:"findings"`
	Total    int       `json:"total"`
	// Unchecked says, in words, what could not be checked and what to give for it.
	Unchecked []string `json:"unchecked"`

	// Stored checkpoints in the file, and how many of them are signed by a given key.
	Stored int `json:"stored_checkpoints"`
	Signed int `json:"signed_checkpoints"`
	// Covered is the last entry that a checkpoint signed by a given key covers,
	// Held the last that a checkpoint given by the caller covers.
	Covered entry.Seq     `json:"covered,omitempty"`
	Held    entry.Seq     `json:"held,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

const maxFindings = 100

func (r *Report) add(fs ...Finding) {
	r.Total += len(fs)
	if room := maxFindings - len(r.Findings); room > 0 {
		r.Findings = append(r.Findings, fs[:min(room, len(fs))]...)
	}
}

// Verify checks a copy of a journal: every entry against its hash, every
// hash against those below it, every index block and checkpoint, and the
// pages that they stand in. keys are the public keys that the caller trusts;
// checkpoints are those that the caller got from the register earlier, by
// another way than this file.
//
// An error means that the file could not be read at all; what is wrong with
// its content is in the report. Whatever the bytes, it does not panic.
func Verify(ctx context.Context, path string, keys []note.Verifier, checkpoints ...[]byte) (r *Report, err error) {
	defer guard(&err)()
	began := time.Now()
	c, err := openCopy(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.close() }()
	r = &Report{File: path, Findings: []Finding{}, Unchecked: []string{}}
	v, m, spare, err := c.view()
	if errors.Is(err, ErrNotJournal) {
		return nil, err
	}
	if err != nil {
		r.add(findingOf(FoundStructure, err))
		return r, nil
	}
	r.Origin, r.First, r.Last, r.Entries, r.Removed = v.header.Origin, v.header.First, v.last(), v.size, v.removed
	if !spare {
		r.add(Finding{What: FoundStructure, Text: "one of the two meta pages is not valid: what the last transaction wrote may be missing"})
	}
	if err := r.content(ctx, v, m); err != nil {
		return nil, err
	}
	if err := r.checkpoints(ctx, v, keys); err != nil {
		return nil, err
	}
	r.given(v, keys, checkpoints)
	r.leftOpen(v, keys, len(checkpoints))
	if root, err := tlog.TreeHash(v.size, v); err == nil {
		r.Root = root.String()
	}
	r.OK = r.Total == 0
	r.Took = time.Since(began)
	return r, nil
}

func findingOf(what string, err error) Finding {
	f := Finding{What: what, Text: err.Error()}
	var d *damage
	if errors.As(err, &d) {
		f.Page, f.Text = d.page, d.what
	}
	return f
}

// content walks all pages and checks the entries on as many cores as there are.
func (r *Report) content(ctx context.Context, v *view, m meta) error {
	// Findings of the walk and of the workers meet in one list.
	var mu sync.Mutex
	say := func(fs ...Finding) {
		mu.Lock()
		defer mu.Unlock()
		r.add(fs...)
	}
	w := newWalker(v.im, func(_ uint64, err error) { say(findingOf(FoundStructure, err)) })
	r.root(w, v, m)
	p := newPool(v, say)
	err := func() (err error) {
		defer p.end()
		defer guard(&err)()
		for n := range v.removed / int64(v.header.Block) {
			raw, err := v.im.get(v.blocks, key(uint64(n)))
			if err != nil {
				raw = nil // the walk over the blocks says what is wrong with it
			}
			p.give(&chunk{number: n, tile: notNil(raw)})
		}
		p.next = v.removed
		return w.walk(v.entries, func(k, raw []byte) error {
			p.add(k, raw)
			return ctx.Err()
		})
	}()
	if err != nil {
		return fmt.Errorf("verifying the journal: %w", err)
	}
	r.Later = p.later
	if last := v.firstKept() - 1; v.removed > 0 && p.retired < last {
		r.add(Finding{
			What: FoundMissing, Seq: max(v.header.First, p.retired+1), To: last,
			Text: "these entries are gone, and no entry says that they were removed",
		})
	}
	blocks := int64(0)
	_ = w.walk(v.blocks, func(k, _ []byte) error {
		if n, ok := unkey(k); !ok || int64(n) != blocks {
			r.add(Finding{What: FoundIndex, Text: fmt.Sprintf("an index block stands where block %d should", blocks)})
		}
		blocks++
		return nil
	})
	if blocks != v.fullBlocks() {
		r.add(Finding{What: FoundIndex, Text: fmt.Sprintf("there are %d index blocks, %d entries need %d", blocks, v.size, v.fullBlocks())})
	}
	_ = w.walk(v.checkpoints, func(_, _ []byte) error { return nil })
	w.account(m)
	return nil
}

// root checks the page that names the buckets, and the header's bucket.
func (r *Report) root(w *walker, v *view, m meta) {
	n, err := v.im.node(m.root)
	if err != nil {
		return // newView has read it: it cannot be
	}
	w.take(m.root, n.overflow+1)
	end := pageHeader + n.count*elementSize
	for i := range n.count {
		k, val, _, err := n.leafAt(i)
		if err != nil || n.posAt(i) != end {
			r.add(Finding{What: FoundStructure, Page: m.root, Text: "the buckets' names are out of place"})
			return
		}
		end += len(k) + len(val)
	}
	trees, err := readRoot(v.im, m.root)
	if err != nil {
		return
	}
	count := 0
	_ = w.walk(trees[3], func(_, _ []byte) error { count++; return nil })
	if count != 1 {
		r.add(Finding{What: FoundHeader, Text: "there is more than the header in its place"})
	}
}

// pool deals chunks out to workers and takes them back in order.
type pool struct {
	c    checker
	say  func(...Finding)
	cur  *chunk
	next int64 // place of the next entry
	// retired is up to which an entry says that others were removed; collect's until it is done.
	retired entry.Seq
	later   int64 // entries of a later version, likewise
	ahead   chan chan *chunk
	work    chan job
	wg      sync.WaitGroup
	done    chan struct{}
}

type job struct {
	ch  *chunk
	out chan *chunk
}

func newPool(v *view, say func(...Finding)) *pool {
	n := runtime.GOMAXPROCS(0)
	p := &pool{
		c: checker{v: v, limit: maxFindings}, say: say,
		ahead: make(chan chan *chunk, 4*n), work: make(chan job, 4*n), done: make(chan struct{}),
	}
	for range n {
		p.wg.Go(p.worker)
	}
	go p.collect()
	return p
}

func (p *pool) worker() {
	for j := range p.work {
		var err error
		func() {
			defer guard(&err)()
			p.c.check(j.ch)
		}()
		if err != nil {
			j.ch.findings = append(j.ch.findings, findingOf(FoundStructure, err))
		}
		j.out <- j.ch
	}
}

func (p *pool) collect() {
	defer close(p.done)
	for out := range p.ahead {
		ch := <-out
		p.c.join(ch)
		p.retired = max(p.retired, ch.retired)
		p.later += ch.later
		p.say(ch.findings...)
	}
}

// add takes the next entry that was found in the file.
func (p *pool) add(k, raw []byte) {
	v := p.c.v
	seq, ok := unkey(k)
	if !ok || entry.Seq(seq) < v.header.First || v.place(entry.Seq(seq)) < p.next || v.place(entry.Seq(seq)) >= v.size {
		p.say(Finding{What: FoundEntry, Seq: entry.Seq(seq), Text: "an entry stands where it does not belong"})
		return
	}
	n := v.place(entry.Seq(seq))
	if gap := n - p.next; gap > maxGap {
		p.missing(p.next, n-1)
		p.skip(n)
	}
	for ; p.next < n; p.next++ {
		p.put(nil)
	}
	p.put(raw)
	p.next++
}

// maxGap is how many missing entries are listed one by one.
const maxGap = 1 << 12

func (p *pool) missing(from, to int64) {
	first := p.c.v.header.First
	p.say(Finding{
		What: FoundMissing, Seq: first + entry.Seq(from), To: first + entry.Seq(to),
		Text: fmt.Sprintf("%d entries are missing", to-from+1),
	})
}

// skip leaves a large gap out: what was begun is dealt out as it is.
func (p *pool) skip(to int64) {
	p.flush()
	p.next = to - to%int64(p.c.v.header.Block)
}

func (p *pool) put(raw []byte) {
	size := int64(p.c.v.header.Block)
	if p.cur == nil {
		p.cur = &chunk{number: p.next / size, records: make([][]byte, 0, size)}
	}
	p.cur.records = append(p.cur.records, raw)
	if len(p.cur.records) == int(size) {
		p.flush()
	}
}

func (p *pool) flush() {
	if p.cur == nil {
		return
	}
	p.give(p.cur)
	p.cur = nil
}

// give deals a chunk out.
func (p *pool) give(ch *chunk) {
	out := make(chan *chunk, 1)
	p.ahead <- out
	p.work <- job{ch, out}
}

func (p *pool) end() {
	if gap := p.c.v.size - p.next; gap > 0 {
		p.missing(p.next, p.c.v.size-1)
	}
	p.flush()
	close(p.ahead)
	close(p.work)
	p.wg.Wait()
	<-p.done
}

// checkpoints checks those that are stored.
func (r *Report) checkpoints(ctx context.Context, v *view, keys []note.Verifier) error {
	trusted := len(keys) > 0
	// The key that the file itself names tells a changed byte where no key is
	// given, and proves nothing: whoever wrote the file could name any.
	named := keys
	if own, err := ParsePublic(v.header.Key); err == nil && !trusted {
		named = []note.Verifier{own}
	} else if err == nil && !slices.ContainsFunc(keys, func(k note.Verifier) bool {
		return k.Name() == own.Name() && k.KeyHash() == own.KeyHash()
	}) {
		r.Unchecked = append(r.Unchecked, "the file names another key than the one given: "+own.Name())
	} else if err != nil && v.header.Key != "" {
		r.add(Finding{What: FoundHeader, Text: "the public key that the file names cannot be read"})
	}
	err := v.eachCheckpoint(ctx, func(size int64, text []byte) error {
		r.Stored++
		last := v.header.First + entry.Seq(size) - 1
		bad := func(text string) {
			r.add(Finding{What: FoundCheckpoint, Seq: last, Text: fmt.Sprintf("the checkpoint over %d entries: %s", size, text)})
		}
		c, signed, err := parseCheckpoint(text, named)
		switch {
		case err != nil:
			bad(err.Error())
			return nil
		case c.size != size:
			bad(fmt.Sprintf("it says %d", c.size))
			return nil
		case !signed && trusted:
			bad("none of the given keys has signed it")
			return nil
		case !signed:
			bad("no key that is known has signed it")
			return nil
		}
		if err := v.agree(&c); err != nil {
			bad(err.Error())
			return nil
		}
		if trusted {
			r.Signed++
			r.Covered = max(r.Covered, last)
		}
		return nil
	})
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("verifying the journal: %w", err)
	}
	if err != nil {
		r.add(findingOf(FoundCheckpoint, err))
	}
	return nil
}

// given checks the checkpoints that the caller holds.
func (r *Report) given(v *view, keys []note.Verifier, checkpoints [][]byte) {
	for i, text := range checkpoints {
		bad := func(seq entry.Seq, text string) {
			r.add(Finding{What: FoundCheckpoint, Seq: seq, Text: fmt.Sprintf("checkpoint %d of those given: %s", i+1, text)})
		}
		c, signed, err := parseCheckpoint(text, keys)
		if err != nil {
			bad(0, err.Error())
			continue
		}
		if !signed && len(keys) > 0 {
			bad(0, "none of the given keys has signed it")
			continue
		}
		if err := v.agree(&c); err != nil {
			bad(v.header.First+entry.Seq(min(c.size, v.size))-1, err.Error())
			continue
		}
		r.Held = max(r.Held, v.header.First+entry.Seq(c.size)-1)
	}
}

// leftOpen says what this verification cannot tell.
func (r *Report) leftOpen(v *view, keys []note.Verifier, given int) {
	open := func(format string, args ...any) { r.Unchecked = append(r.Unchecked, fmt.Sprintf(format, args...)) }
	if len(keys) == 0 {
		open("no public key was given: whoever could write the file could have signed its checkpoints with a key of their own")
	}
	switch {
	case given == 0:
		open("no checkpoint was given: the whole file could be another one, or could have been cut back to an earlier checkpoint")
	case r.Held < v.last():
		open("entries %d to %d come after the last checkpoint that was given", max(r.Held+1, v.header.First), v.last())
	}
	if len(keys) > 0 && max(r.Covered, r.Held) < v.last() {
		open("entries %d to %d come after the last signed checkpoint in the file", max(r.Covered+1, v.header.First), v.last())
	}
	if r.Later > 0 {
		open("%d entries have fields of a later version: their bytes are what their hashes say, and what those fields mean only that version can check", r.Later)
	}
	if v.removed > 0 {
		open("entries %d to %d were removed, as they were older than what is kept: only their hashes are here", v.header.First, v.firstKept()-1)
	}
	if v.header.First > 1 {
		open("entries before %d are in an earlier file, which has to be verified by itself", v.header.First)
	}
}
