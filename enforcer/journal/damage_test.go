package journal

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/enforcer/journal/entry"
)

// closedJournal is a journal of 700 entries, closed in good order.
func closedJournal(t *testing.T) Options {
	t.Helper()
	o := testOptions(t)
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	r := newRand(5)
	es := make([]entry.Entry, 700)
	for i := range es {
		es[i] = testDecision(r)
		es[i].Source = ""
	}
	if _, err := s.Append(t.Context(), true, es...); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return o
}

// look gives the view of a file's bytes, for tests that change them.
func look(t *testing.T, data []byte) (*view, meta) {
	t.Helper()
	m, _, err := metas(data)
	if err != nil {
		t.Fatal(err)
	}
	im, err := newImage(data, m.pageSize, m.high)
	if err != nil {
		t.Fatal(err)
	}
	v, err := newView(im, m.root)
	if err != nil {
		t.Fatal(err)
	}
	return v, m
}

// page is the bytes of one page.
func page(data []byte, m meta, id uint64) []byte {
	return data[int(id)*m.pageSize : int(id+1)*m.pageSize]
}

// lastLeaf is the id of the page that the last entry stands in.
func lastLeaf(t *testing.T, v *view) uint64 {
	t.Helper()
	c := v.im.cursor(v.entries)
	if _, _, err := c.edge(-1); err != nil {
		t.Fatal(err)
	}
	return c.stack[c.depth-1].node.id
}

// TestDamageAtOpen damages a file in many ways: it is kept as it is, and a
// new one begins with what is known of it, and goes on with its numbers.
func TestDamageAtOpen(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, data []byte) []byte
		exact  bool // its last number can still be told from the file itself
	}{
		{"empty", func(*testing.T, []byte) []byte { return nil }, false},
		{"a few bytes", func(*testing.T, []byte) []byte { return []byte("hello") }, false},
		{"zeros", func(_ *testing.T, d []byte) []byte { clear(d); return d }, false},
		{"both metas", func(t *testing.T, d []byte) []byte { d[20] ^= 1; d[4096+20] ^= 1; return d }, false},
		{"cut in half", func(t *testing.T, d []byte) []byte { _, m := look(t, d); return d[:int(m.high)/2*4096] }, false},
		{"cut to its metas", func(_ *testing.T, d []byte) []byte { return d[:8192] }, false},
		{"the root page", func(t *testing.T, d []byte) []byte {
			_, m := look(t, d)
			clear(page(d, m, m.root))
			return d
		}, false},
		{"the root page is itself a branch", func(t *testing.T, d []byte) []byte {
			_, m := look(t, d)
			p := page(d, m, m.root)
			clear(p[8:])
			p[8], p[10] = flagBranch, 1
			le.PutUint32(p[16:], 16)
			le.PutUint32(p[20:], 8)
			le.PutUint64(p[24:], m.root)
			return d
		}, false},
		{"a circle in the way to the last entry", func(t *testing.T, d []byte) []byte {
			v, m := look(t, d)
			p := page(d, m, v.entries.root)
			n := int(le.Uint16(p[10:]))
			le.PutUint64(p[16+16*(n-1)+8:], v.entries.root)
			return d
		}, false},
		{"the page of the last entry", func(t *testing.T, d []byte) []byte {
			v, m := look(t, d)
			p := page(d, m, lastLeaf(t, v))
			clear(p[100:])
			return d
		}, false},
		{"the last entry", func(t *testing.T, d []byte) []byte {
			v, _ := look(t, d)
			_, body, err := v.record(700)
			if err != nil {
				t.Fatal(err)
			}
			body[len(body)-3] ^= 4
			return d
		}, true},
		{"the hash of the tree's edge", func(t *testing.T, d []byte) []byte {
			v, _ := look(t, d)
			hashes, _, err := v.record(512)
			if err != nil {
				t.Fatal(err)
			}
			hashes[len(hashes)-1] ^= 1
			return d
		}, true},
		{"the list of free pages", func(t *testing.T, d []byte) []byte {
			_, m := look(t, d)
			le.PutUint64(page(d, m, m.freelist)[16:], 1<<40)
			return d
		}, true},
		{"a page in use listed as free", func(t *testing.T, d []byte) []byte {
			v, m := look(t, d)
			p := page(d, m, m.freelist)
			le.PutUint16(p[10:], 1)
			le.PutUint64(p[16:], lastLeaf(t, v))
			return d
		}, true},
		{"the header", func(t *testing.T, d []byte) []byte {
			at := bytes.Index(d, []byte("tillwarden/chain/store"))
			for ; at >= 0; at = bytes.Index(d, []byte("tillwarden/chain/store")) {
				d[at] = 'T'
			}
			return d
		}, false},
		{"the last checkpoint", func(t *testing.T, d []byte) []byte {
			v, _ := look(t, d)
			_, text, err := v.lastCheckpoint()
			if err != nil {
				t.Fatal(err)
			}
			text[bytes.IndexByte(text, '\n')+6] ^= 1
			return d
		}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := closedJournal(t)
			data, err := os.ReadFile(o.Path)
			if err != nil {
				t.Fatal(err)
			}
			data = c.damage(t, data)
			if err := os.WriteFile(o.Path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			var alarms []string
			o.Alarm = func(k entry.Kind, text string) { alarms = append(alarms, k.String()+": "+text) }
			s := openTest(t, o)
			checkRecovered(t, s, data, c.exact)
			if len(alarms) != 1 || !strings.Contains(alarms[0], "recovered: the journal was damaged") {
				t.Errorf("alarms are %q", alarms)
			}
		})
	}
}

// checkRecovered checks a journal that followed a damaged one of 700 entries.
func checkRecovered(t *testing.T, s *Store, old []byte, exact bool) {
	t.Helper()
	h := s.Last()
	if exact && h.First != 701 || !exact && h.First != 701+seqGap {
		t.Errorf("the new journal begins with %d", h.First)
	}
	e, err := s.Get(t.Context(), h.First)
	if err != nil || e.Kind != entry.KindRecovered || e.About != 700 || e.Reason != entry.ReasonDamaged || e.Count != 700 {
		t.Errorf("the first entry is %+v, %v", e, err)
	}
	if seq := append1(t, s, testDecision(newRand(1))); seq != h.First+1 {
		t.Errorf("the next entry is %d", seq)
	}
	kept, err := filepath.Glob(s.Path() + ".damaged-*-700")
	if err != nil || len(kept) != 1 || filepath.Base(kept[0]) != e.Subject {
		t.Fatalf("kept are %q, the entry says %q: %v", kept, e.Subject, err)
	}
	if got, err := os.ReadFile(kept[0]); err != nil || old != nil && !bytes.Equal(got, old) {
		t.Errorf("the damaged file is not as it was: %v", err)
	}
}

// TestMissingFile removes a journal that had checkpoints: the new one knows.
func TestMissingFile(t *testing.T) {
	o := closedJournal(t)
	if err := os.Remove(o.Path); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, o)
	e, err := s.Get(t.Context(), 701+seqGap)
	if err != nil || e.Kind != entry.KindRecovered || !strings.Contains(e.Text, "missing") {
		t.Errorf("the first entry is %+v, %v", e, err)
	}
}

// TestOlderFile puts an older copy of the journal back: its checkpoints say
// that there was more.
func TestOlderFile(t *testing.T) {
	o := closedJournal(t)
	older, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	append1(t, s, testDecision(newRand(1)))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Path, older, 0o600); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, o)
	if h := s.Last(); h.First != 702+seqGap {
		t.Errorf("the new journal begins with %d", h.First)
	}
}

// TestOneMeta damages the meta page that counts: bbolt goes back by one
// transaction, which the journal cannot prove to be harmless, and says.
func TestOneMeta(t *testing.T) {
	o := closedJournal(t)
	data, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	m0, _ := readMeta(data, 0)
	m1, _ := readMeta(data, 4096)
	spare := 0
	if m0.txid > m1.txid {
		spare = 4096
	}
	data[spare+20] ^= 1 // the other one: here nothing is lost
	if err := os.WriteFile(o.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	s := openTest(t, o)
	append1(t, s, testDecision(newRand(1)))
	page, _, err := s.Query(t.Context(), Filter{Kind: entry.KindRecovered})
	if err != nil || len(page) != 1 || page[0].Seq != 701 {
		t.Errorf("%+v %v", page, err)
	}
}

// overwrite changes bytes of an open journal's file behind its back.
func overwrite(t *testing.T, s *Store, f func(v *view) (at int, b []byte)) {
	t.Helper()
	var at int
	var b []byte
	if err := s.read(func(v *view) error { at, b = f(v); return nil }); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(s.Path(), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteAt(b, int64(at))
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
}

// entryAt is where in the file an entry's body begins.
func entryAt(t *testing.T, v *view, seq entry.Seq) int {
	_, body, err := v.record(seq)
	if err != nil {
		t.Error(err)
		return 0
	}
	return bytes.Index(v.im.data, body)
}

// TestDamageWhileOpen changes an old entry of a journal in use. Whoever reads
// it gets an error; the background check confirms it; the file is replaced.
func TestDamageWhileOpen(t *testing.T) {
	o := closedJournal(t)
	o.CheckPause = 1
	alarm := make(chan string, 10)
	o.Alarm = func(_ entry.Kind, text string) { alarm <- text }
	s := openTest(t, o)
	for !s.Health().Done { // the check of the sound file, which nothing tells of
		if h := s.Health(); h.Damage != "" {
			t.Fatal(h.Damage)
		}
	}
	overwrite(t, s, func(v *view) (int, []byte) { return entryAt(t, v, 40) + 1, []byte{0xff, 0xff} })
	if _, err := s.Get(t.Context(), 40); !errors.Is(err, ErrDamaged) {
		t.Errorf("reading the damaged entry: %v", err)
	}
	if text := <-alarm; !strings.Contains(text, "entry 40") {
		t.Errorf("the alarm says %q", text)
	}
	// The replacement is under way; an append in flight may fail, a later one does not.
	for {
		if _, err := s.Append(t.Context(), true, entry.Entry{Kind: entry.KindCalled}); err == nil {
			break
		}
	}
	if h := s.Last(); h.First != 701 {
		t.Errorf("the new journal begins with %d", h.First)
	}
	if h := s.Health(); !strings.Contains(h.Damage, "entry 40") {
		t.Errorf("health is %+v", h)
	}
}

// TestBackgroundCheckFinds changes an old entry of a closed journal, which
// opening does not look at.
func TestBackgroundCheckFinds(t *testing.T) {
	o := closedJournal(t)
	data, err := os.ReadFile(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	v, _ := look(t, data)
	at := entryAt(t, v, 40)
	data[at+60] ^= 1
	if err := os.WriteFile(o.Path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	o.CheckPause = 1
	alarm := make(chan string, 10)
	o.Alarm = func(_ entry.Kind, text string) { alarm <- text }
	s := openTest(t, o)
	if text := <-alarm; !strings.Contains(text, "entry 40") {
		t.Errorf("the alarm says %q", text)
	}
	for s.Last().First != 701 {
		<-s.changed.wait()
	}
}

// TestAppendIntoDamage destroys the page that the next append writes to: that
// append fails, and the next one is taken by a new file.
func TestAppendIntoDamage(t *testing.T) {
	o := closedJournal(t)
	s := openTest(t, o)
	overwrite(t, s, func(v *view) (int, []byte) { return int(lastLeaf(t, v)) * 4096, make([]byte, 4096) })
	if _, err := s.Append(t.Context(), true, testDecision(newRand(1))); !errors.Is(err, ErrDamaged) {
		t.Fatalf("append: %v", err)
	}
	// 701 was on its way when it happened, so it is used up.
	if seq := append1(t, s, testDecision(newRand(2))); seq != 703 {
		t.Errorf("the next entry is %d", seq)
	}
}

// TestShrunkWhileOpen cuts the file of an open journal short: reading its
// mapping faults.
func TestShrunkWhileOpen(t *testing.T) {
	o := closedJournal(t)
	s := openTest(t, o)
	if err := os.Truncate(o.Path, 8192); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), 40); !errors.Is(err, ErrDamaged) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.Append(t.Context(), true, testDecision(newRand(1))); !errors.Is(err, ErrDamaged) {
		t.Errorf("append: %v", err)
	}
	if seq := append1(t, s, testDecision(newRand(2))); seq != 703 {
		t.Errorf("the next entry is %d", seq)
	}
}

// TestIdentity opens a journal under another register's name.
func TestIdentity(t *testing.T) {
	o := closedJournal(t)
	other := o
	other.Register = "register 8"
	if _, err := Open(t.Context(), other); !errors.Is(err, ErrIdentity) {
		t.Errorf("opening another register's journal: %v", err)
	}
	s := openTest(t, o)
	o2 := o
	o2.LockTimeout = 1
	if _, err := Open(t.Context(), o2); !errors.Is(err, ErrInUse) {
		t.Errorf("opening a journal twice: %v", err)
	}
	append1(t, s, testDecision(newRand(1)))
}
