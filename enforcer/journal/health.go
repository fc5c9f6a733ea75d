package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Health is what the background check has seen of the file.
type Health struct {
	// Checked is up to which entry the file was checked since it was opened,
	// Done whether all was that was there then.
	Checked entry.Seq `json:"checked"`
	Done    bool      `json:"done"`
	// Damage is what was found last, in words; the file was then replaced.
	Damage string `json:"damage,omitempty"`
}

// health is the background check's state.
type health struct {
	mu   sync.Mutex
	now  Health
	kick chan struct{}
}

func (h *health) set(f func(*Health)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f(&h.now)
}

// Health is what the background check has seen.
func (s *Store) Health() Health {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	return s.health.now
}

// checkSoon has the file checked: it was opened again, or a reader met
// something odd. The file is replaced only when the check finds it too.
func (s *Store) checkSoon() {
	select {
	case s.health.kick <- struct{}{}:
	default:
	}
}

// checkLoop checks the whole file once after it was opened, and again
// whenever somebody met damage, resting most of the time.
func (s *Store) checkLoop(ctx context.Context) {
	for {
		err := s.checkAll(ctx)
		if errors.Is(err, ErrDamaged) {
			s.health.set(func(h *Health) { h.Damage = err.Error() })
			s.q.reportDamage(err)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.health.kick:
		}
	}
}

// checkAll checks the file in small steps, each in a transaction of its own,
// so that bbolt may reuse its pages in between.
func (s *Store) checkAll(ctx context.Context) error {
	p := pacer{ctx: ctx, leave: &s.leave, factor: s.opts.CheckPause, began: time.Now()}
	s.health.set(func(h *Health) { h.Checked, h.Done = 0, false })
	if err := s.checkPages(&p); err != nil {
		return err
	}
	origin := s.head.Load().Origin
	var c checker
	for n := int64(0); ; n++ {
		more, err := s.checkChunk(&c, n, origin)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if err := p.rest(); err != nil {
			return err
		}
	}
	if err := s.checkCheckpoints(&p); err != nil {
		return err
	}
	s.health.set(func(h *Health) { h.Done = true })
	return nil
}

// checkPages checks that every page is in use or free and that the trees hang together.
func (s *Store) checkPages(p *pacer) error {
	return s.read(func(v *view) error {
		m, ok := v.im.metaOf(v)
		if !ok {
			return nil // many commits came in between: the list of free pages has moved on
		}
		var found error
		w := newWalker(v.im, func(_ uint64, err error) {
			if found == nil {
				found = err
			}
		})
		trees, err := readRoot(v.im, m.root)
		if err != nil {
			return err
		}
		n, err := v.im.node(m.root)
		if err != nil {
			return err
		}
		w.take(m.root, n.overflow+1)
		count := 0
		for _, t := range trees {
			err := w.walk(t, func(_, _ []byte) error {
				if count++; count%256 == 0 {
					return p.rest()
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		w.account(m)
		return found
	})
}

// metaOf is the meta page of the transaction that v belongs to, as long as it was not overwritten.
func (im *image) metaOf(v *view) (meta, bool) {
	for _, off := range []int{0, im.pageSize} {
		if m, ok := readMeta(im.data, off); ok && m.root == v.root && m.high == im.high {
			return m, true
		}
	}
	return meta{}, false
}

// checkChunk checks the entries of one index block.
func (s *Store) checkChunk(c *checker, n int64, origin string) (more bool, err error) {
	err = s.read(func(v *view) error {
		if v.header.Origin != origin || n >= v.fullBlocks() {
			return nil
		}
		more = true
		c.v, c.limit = v, 1
		ch, err := v.chunk(n)
		if err != nil {
			return err
		}
		c.check(ch)
		c.join(ch)
		if len(ch.findings) > 0 {
			return damaged(0, "entry %d: %s", ch.findings[0].Seq, ch.findings[0].Text)
		}
		s.health.set(func(h *Health) { h.Checked = v.header.First + entry.Seq((n+1)*int64(v.header.Block)) - 1 })
		return nil
	})
	return more, err
}

// chunk reads the entries of one index block.
func (v *view) chunk(n int64) (*chunk, error) {
	size := int64(v.header.Block)
	if n < v.removed/size {
		raw, err := v.im.get(v.blocks, key(uint64(n)))
		return &chunk{number: n, tile: notNil(raw)}, err
	}
	ch := &chunk{number: n, records: make([][]byte, 0, size)}
	first := uint64(v.header.First) + uint64(n*size)
	cur := v.im.cursor(v.entries)
	k, raw, err := cur.seek(key(first))
	for i := range uint64(size) {
		if err != nil {
			return nil, err
		}
		if got, ok := unkey(k); !ok || got != first+i {
			return nil, damaged(0, "entry %d is missing", first+i)
		}
		ch.records = append(ch.records, raw)
		k, raw, err = cur.step(1)
	}
	return ch, nil
}

// notNil makes a tile that is missing one that has the wrong form.
func notNil(raw []byte) []byte {
	if raw == nil {
		return []byte{}
	}
	return raw
}

// checkCheckpoints checks the stored checkpoints against the tree.
func (s *Store) checkCheckpoints(p *pacer) error {
	after := uint64(0)
	for {
		more := false
		err := s.read(func(v *view) error {
			cur := v.im.cursor(v.checkpoints)
			k, text, err := cur.seek(key(after + 1))
			for i := 0; err == nil && k != nil; k, text, err = cur.step(1) {
				size, ok := unkey(k)
				if !ok {
					return damaged(0, "a checkpoint has no place in it")
				}
				c, _, err := parseCheckpoint(text, nil)
				if err == nil && c.size != int64(size) {
					err = errCheckpoint
				}
				if err == nil {
					err = v.agree(&c)
				}
				if err != nil {
					return damaged(0, "the checkpoint over %d entries: %v", size, err)
				}
				after = size
				if i++; i == 64 {
					more = true
					break
				}
			}
			return err
		})
		if err != nil || !more {
			return err
		}
		if err := p.rest(); err != nil {
			return err
		}
	}
}

// pacer makes work rest factor times as long as it takes.
type pacer struct {
	ctx    context.Context
	leave  *atomic.Bool // the committer wants the file for itself
	factor int
	began  time.Time
}

func (p *pacer) rest() error {
	worked := time.Since(p.began)
	t := time.NewTimer(min(worked*time.Duration(p.factor), time.Second))
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
		return fmt.Errorf("checking the journal: %w", p.ctx.Err())
	}
	if p.leave.Load() {
		return ErrUnavailable
	}
	p.began = time.Now()
	return nil
}
