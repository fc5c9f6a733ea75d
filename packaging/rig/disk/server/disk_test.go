package main

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"

	orders "tillwarden/packaging/rig/disk"
)

const sectors = 64

// newDisk is a disk of zeros that nothing is mounted from.
func newDisk(t *testing.T) *node {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, make([]byte, sectors*sector), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return &node{disk: &disk{file: f, size: sectors * sector, dirty: map[int64][]byte{}}}
}

func (n *node) writes(t *testing.T, at int64, data []byte) {
	t.Helper()
	if k, errno := n.Write(t.Context(), nil, data, at); errno != 0 || int(k) != len(data) {
		t.Fatalf("writing gave %d %v", k, errno)
	}
}

func (n *node) reads(t *testing.T) []byte {
	t.Helper()
	r, errno := n.Read(t.Context(), nil, make([]byte, sectors*sector), 0)
	if errno != 0 {
		t.Fatal(errno)
	}
	b, status := r.Bytes(nil)
	if status != fuse.OK {
		t.Fatal(status)
	}
	return b
}

func (n *node) obeys(t *testing.T, o orders.Order) orders.Answer {
	t.Helper()
	a := n.disk.obey(o)
	if a.Err != "" {
		t.Fatal(a.Err)
	}
	return a
}

func all(c byte) []byte { return bytes.Repeat([]byte{c}, sectors*sector) }

// changed is how many sectors say c, each wholly.
func changed(t *testing.T, b []byte, c byte) (n int) {
	t.Helper()
	for part := range len(b) / sector {
		s := b[part*sector:][:sector]
		switch k := bytes.Count(s, []byte{c}); k {
		case sector:
			n++
		case 0:
		default:
			t.Errorf("sector %d was written in part: %d bytes", part, k)
		}
	}
	return n
}

func TestWhatWasFlushedIsKept(t *testing.T) {
	for name, seed := range map[string]uint64{"all that was not flushed is lost": 0, "half of it is lost": 7} {
		t.Run(name, func(t *testing.T) {
			n := newDisk(t)
			n.writes(t, 0, all('a'))
			if errno := n.Fsync(t.Context(), nil, 0); errno != 0 {
				t.Fatal(errno)
			}
			n.writes(t, 0, all('b'))
			if !bytes.Equal(n.reads(t), all('b')) {
				t.Error("what was written is not read before it is flushed")
			}
			lost := n.obeys(t, orders.Order{Verb: orders.Cut, Seed: seed}).Lost
			if _, errno := n.Read(t.Context(), nil, make([]byte, sector), 0); errno != syscall.EIO {
				t.Errorf("reading without power gives %v", errno)
			}
			if _, errno := n.Write(t.Context(), nil, all('c'), 0); errno != syscall.EIO {
				t.Errorf("writing without power gives %v", errno)
			}
			if errno := n.Fsync(t.Context(), nil, 0); errno != syscall.EIO {
				t.Errorf("flushing without power gives %v", errno)
			}
			n.obeys(t, orders.Order{Verb: orders.Restore})
			b := n.reads(t)
			if old, kept := changed(t, b, 'a'), changed(t, b, 'b'); old != lost || old+kept != sectors {
				t.Errorf("%d sectors are as they were flushed, %d are newer; %d were lost", old, kept, lost)
			}
			if seed == 0 && lost != sectors || seed != 0 && (lost == 0 || lost == sectors) {
				t.Errorf("%d of %d sectors were lost", lost, sectors)
			}
		})
	}
}

func TestCutInTheMiddleOfAFlush(t *testing.T) {
	n := newDisk(t)
	answer := make(chan orders.Answer)
	go func() { answer <- n.disk.obey(orders.Order{Verb: orders.Cut, Seed: 7, Flushing: true}) }()
	for waits := false; !waits; time.Sleep(time.Millisecond) {
		n.disk.mu.Lock()
		waits = n.disk.midway != nil
		n.disk.mu.Unlock()
	}
	if errno := n.Fsync(t.Context(), nil, 0); errno != 0 {
		t.Fatalf("a flush of nothing gives %v", errno)
	}
	n.writes(t, 0, all('a'))
	if errno := n.Fsync(t.Context(), nil, 0); errno != syscall.EIO {
		t.Errorf("the flush that the power went in gives %v", errno)
	}
	a := <-answer
	n.obeys(t, orders.Order{Verb: orders.Restore})
	if kept := changed(t, n.reads(t), 'a'); a.Err != "" || kept == 0 || kept+a.Lost != sectors {
		t.Errorf("%d sectors are kept, and %d were lost (%s)", kept, a.Lost, a.Err)
	}
	n.writes(t, 0, all('b'))
	if errno := n.Fsync(t.Context(), nil, 0); errno != 0 || !bytes.Equal(n.reads(t), all('b')) {
		t.Errorf("the next flush gives %v", errno)
	}
}

func TestCutInTheMiddleOfAFlushThatDoesNotCome(t *testing.T) {
	n := newDisk(t)
	n.writes(t, 0, all('a'))
	if _, err := n.disk.cutFlushing(func() bool { return false }, time.Millisecond); err == nil {
		t.Error("it was cut")
	}
	if errno := n.Fsync(t.Context(), nil, 0); errno != 0 || !bytes.Equal(n.reads(t), all('a')) {
		t.Errorf("a flush after it gives %v", errno)
	}
}

func TestLyingDiskLosesWhatItSaysItHasFlushed(t *testing.T) {
	n := newDisk(t)
	n.obeys(t, orders.Order{Verb: orders.Lie})
	n.writes(t, 0, all('a'))
	if errno := n.Fsync(t.Context(), nil, 0); errno != 0 {
		t.Fatal(errno)
	}
	if a := n.obeys(t, orders.Order{Verb: orders.Cut}); a.Lost != sectors {
		t.Errorf("%d of %d sectors were lost", a.Lost, sectors)
	}
	if n.obeys(t, orders.Order{Verb: orders.Flushes}).Flushes != 1 {
		t.Error("the flush was not counted")
	}
}
