package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer/journal/entry"
)

// signer makes checkpoints, one after the other and never smaller than the
// last. It works beside the committer: signing delays no append, and a
// checkpoint covers only what is on disk already.
type signer struct {
	want chan struct{}

	mu     sync.Mutex // held while a checkpoint is made
	origin string
	size   int64
	text   []byte
}

// signSoon asks for a checkpoint over everything that is on disk.
func (s *Store) signSoon() {
	select {
	case s.signer.want <- struct{}{}:
	default: // one that is asked for already will cover this
	}
}

func (s *Store) signLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.signer.want:
		}
		_, err := s.sign(s.size())
		switch {
		case err == nil:
			s.unsigned.Store(nil)
		case !errors.Is(err, ErrUnavailable): // else the next that opens is signed
			s.unsigned.Store(&err)
			fallthrough
		default:
			s.alarm(entry.KindNone, "making a checkpoint: "+err.Error())
		}
	}
}

// sign makes the checkpoint over the first size entries, if there is none
// over as many, and hands it on: to the committer, to the file beside the
// journal, and to OnCheckpoint.
func (s *Store) sign(size int64) ([]byte, error) {
	if s.opts.Key == nil || size == 0 {
		return nil, nil
	}
	s.signer.mu.Lock()
	defer s.signer.mu.Unlock()
	var root tlog.Hash
	var origin string
	var first entry.Seq
	var stored []byte
	err := s.read(func(v *view) (err error) {
		origin, first = v.header.Origin, v.header.First
		if n, text, err := v.lastCheckpoint(); err != nil {
			return err
		} else if n >= size {
			stored = append(stored, text...)
			return nil
		}
		size = min(size, v.size) // another file may be in its place by now
		root, err = tlog.TreeHash(size, v)
		return err
	})
	if err != nil || stored != nil || size == 0 {
		return stored, err
	}
	if s.signer.origin == origin && s.signer.size >= size {
		return s.signer.text, nil
	}
	text, err := signCheckpoint(s.opts.Key, origin, size, root)
	if err != nil {
		return nil, err
	}
	s.signer.origin, s.signer.size, s.signer.text = origin, size, text
	s.q.addNote(storedNote{origin: origin, size: size, text: text})
	if s.opts.OnCheckpoint != nil {
		s.opts.OnCheckpoint(append([]byte(nil), text...))
	}
	// On a full disk this fails, and costs only what it is for: a hint for the
	// day on which the journal itself cannot be read.
	err = writeHead(s.opts.Path, head{Origin: origin, Size: size, Last: first + entry.Seq(size) - 1, Checkpoint: string(text)})
	if err != nil && s.Space().State < SpaceReserve {
		s.alarm(entry.KindNone, err.Error())
	}
	return text, nil
}

// Checkpoint makes a checkpoint over everything that is on disk now, and
// returns it. Nil without a key, or when there is no entry.
func (s *Store) Checkpoint(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("making a checkpoint: %w", err)
	}
	text, err := s.sign(s.size())
	if err != nil {
		return nil, fmt.Errorf("making a checkpoint: %w", err)
	}
	return text, nil
}

// Checkpoints gives the checkpoints that are stored, the oldest first. f must
// not call the store.
func (s *Store) Checkpoints(ctx context.Context, f func(size int64, checkpoint []byte) error) error {
	return s.read(func(v *view) error { return v.eachCheckpoint(ctx, f) })
}

func (v *view) eachCheckpoint(ctx context.Context, f func(int64, []byte) error) error {
	c := v.im.cursor(v.checkpoints)
	k, text, err := c.edge(1)
	for ; err == nil && k != nil; k, text, err = c.step(1) {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("reading checkpoints: %w", err)
		}
		size, ok := unkey(k)
		if !ok {
			return damaged(0, "a checkpoint has no place in it")
		}
		if err := f(int64(size), append([]byte(nil), text...)); err != nil {
			return err
		}
	}
	return err
}

// lastStored is the size of the newest checkpoint in the file.
func (s *Store) lastStored() (size int64, err error) {
	err = s.read(func(v *view) (err error) {
		size, _, err = v.lastCheckpoint()
		return err
	})
	return size, err
}
