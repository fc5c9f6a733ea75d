package journal

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

var _ enforcer.Journal = (*Store)(nil)

// sizes collects the tree sizes of checkpoints as they are handed on.
type sizes struct {
	t  *testing.T
	mu sync.Mutex
	at []int64
}

func (z *sizes) add(text []byte) {
	_, verifier := testKey()
	c, signed, err := parseCheckpoint(text, []note.Verifier{verifier})
	if err != nil || !signed {
		z.t.Errorf("handed on: %q: %v", text, err)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.at = append(z.at, c.size)
}

func (z *sizes) want(at ...int64) {
	z.t.Helper()
	synctest.Wait()
	z.mu.Lock()
	defer z.mu.Unlock()
	got, _ := json.Marshal(z.at)
	want, _ := json.Marshal(at)
	if string(got) != string(want) {
		z.t.Errorf("checkpoints over %s, want %s", got, want)
	}
}

// TestWhenCheckpointsAreMade is the calendar: start, sign-on, a minute after
// the first entry that has none, stop; never without a new entry.
func TestWhenCheckpointsAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(t)
		z := &sizes{t: t}
		o.OnCheckpoint = z.add
		s := openTest(t, o)
		z.want()
		append1(t, s, entry.Entry{Kind: entry.KindStart})
		z.want(1)
		append1(t, s, entry.Entry{Kind: entry.KindDecision})
		append1(t, s, entry.Entry{Kind: entry.KindSignOn, Outcome: entry.OutcomeDenied})
		z.want(1)
		append1(t, s, entry.Entry{Kind: entry.KindSignOn, Outcome: entry.OutcomeAllowed})
		z.want(1, 4)
		time.Sleep(time.Hour)
		z.want(1, 4)
		append1(t, s, entry.Entry{Kind: entry.KindDecision})
		time.Sleep(59 * time.Second)
		append1(t, s, entry.Entry{Kind: entry.KindDecision})
		z.want(1, 4)
		time.Sleep(2 * time.Second)
		z.want(1, 4, 6)
		time.Sleep(time.Second) // it is stored although nobody appends
		if n, err := s.lastStored(); err != nil || n != 6 {
			t.Errorf("stored is %d, %v", n, err)
		}
		append1(t, s, entry.Entry{Kind: entry.KindDecision})
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		z.want(1, 4, 6, 7)
		rd, err := OpenReader(o.Path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rd.Close() }()
		var stored []int64
		err = rd.Checkpoints(t.Context(), func(n int64, _ []byte) error { stored = append(stored, n); return nil })
		if err != nil || len(stored) != 4 || stored[3] != 7 {
			t.Errorf("stored are %v, %v", stored, err)
		}
	})
}

// TestCheckpointAfterKill opens a journal whose last entries never got a checkpoint.
func TestCheckpointAfterKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := testOptions(t)
		without := o
		without.Key = nil
		s, err := Open(t.Context(), without)
		if err != nil {
			t.Fatal(err)
		}
		append1(t, s, entry.Entry{Kind: entry.KindDecision})
		if text, err := s.Checkpoint(t.Context()); text != nil || err != nil {
			t.Errorf("without a key: %q, %v", text, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		z := &sizes{t: t}
		o.OnCheckpoint = z.add
		openTest(t, o)
		z.want(1)
	})
}

// TestTreeIsTlogs compares what is stored, and the roots, with what
// golang.org/x/mod/sumdb/tlog makes of the same entries.
func TestTreeIsTlogs(t *testing.T) {
	var p peaks
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, a := range at {
			out[i] = stored[a]
		}
		return out, nil
	})
	for n := range int64(600) {
		data := []byte(strings.Repeat("x", int(n)))
		want, err := tlog.StoredHashes(n, data, read)
		if err != nil {
			t.Fatal(err)
		}
		got := p.push(leafHash(append([]byte{0}, data...)))
		if len(got) != len(want) || len(got) != hashesWith(n) {
			t.Fatalf("entry %d stores %d hashes, want %d", n, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("entry %d, hash %d differs", n, i)
			}
		}
		stored = append(stored, got...)
		root, err := tlog.TreeHash(n+1, read)
		if err != nil || root != p.root() {
			t.Fatalf("root of %d differs: %v", n+1, err)
		}
		again, err := read(peakIndexes(n + 1))
		if err != nil || len(again) != len(p.hashes) || again[len(again)-1] != p.hashes[len(again)-1] {
			t.Fatalf("peaks of %d differ: %v", n+1, err)
		}
	}
}

// TestProofs proves an entry, and that one head follows another, from the
// journal's own stored hashes, and checks the proofs with tlog.
func TestProofs(t *testing.T) {
	s := openTest(t, testOptions(t))
	for i := range 300 {
		append1(t, s, testDecision(newRand(uint64(i))))
	}
	err := s.read(func(v *view) error {
		root, err := tlog.TreeHash(300, v)
		if err != nil {
			return err
		}
		if root != s.Last().Root {
			t.Error("the root differs")
		}
		proof, err := tlog.ProveRecord(300, 123, v)
		if err != nil {
			return err
		}
		_, body, err := v.record(124)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(proof, 300, root, 123, leafHash(body)); err != nil {
			return err
		}
		old, err := tlog.TreeHash(77, v)
		if err != nil {
			return err
		}
		tree, err := tlog.ProveTree(300, 77, v)
		if err != nil {
			return err
		}
		return tlog.CheckTree(tree, 300, root, 77, old)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestCheckpointForm takes one way of writing a checkpoint and no other.
func TestCheckpointForm(t *testing.T) {
	signer, verifier := testKey()
	keys := []note.Verifier{verifier}
	good, err := signCheckpoint(signer, "origin/1", 12, tlog.Hash{7})
	if err != nil {
		t.Fatal(err)
	}
	if c, signed, err := parseCheckpoint(good, keys); err != nil || !signed || c.size != 12 || c.origin != "origin/1" || c.root != (tlog.Hash{7}) {
		t.Errorf("%+v %v %v", c, signed, err)
	}
	if _, signed, err := parseCheckpoint(good, nil); err != nil || signed {
		t.Errorf("without keys: %v %v", signed, err)
	}
	for at := range good {
		for bit := range 8 {
			bad := append([]byte(nil), good...)
			bad[at] ^= 1 << bit
			if _, signed, err := parseCheckpoint(bad, keys); err == nil && signed {
				t.Errorf("byte %d, bit %d: still good", at, bit)
			}
		}
	}
	for _, text := range []string{"", "a\n", "\n1\nBwAA\n", "a\n01\n" + tlog.Hash{}.String() + "\n", "a\n+1\n" + tlog.Hash{}.String() + "\n", "a\n-1\n" + tlog.Hash{}.String() + "\n"} {
		raw, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
		if err != nil {
			continue
		}
		if _, _, err := parseCheckpoint(raw, keys); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	twice := append(append([]byte(nil), good...), good[strings.Index(string(good), "\n\n")+2:]...)
	if _, _, err := parseCheckpoint(twice, keys); err == nil {
		t.Error("a signature given twice was taken")
	}
}

// TestKeys makes keys and reads them back.
func TestKeys(t *testing.T) {
	name := KeyName("Big+Chain", "Store 12/a", "")
	if name != "tillwarden/Big%2BChain/Store%2012%2Fa/-" {
		t.Errorf("name is %q", name)
	}
	for origin, want := range map[string]string{
		name: "", KeyName("a/b", "c", "Lane 7/b") + "/0123": "Lane 7/b", KeyName("", "", "1"): "1", "tillwarden/x": "", "": "", "t/a/b/%zz": "",
	} {
		if got := RegisterName(origin); got != want {
			t.Errorf("the register of %q is %q", origin, got)
		}
	}
	for i := range 50 { // base64 may hold a plus sign, as the text's own separators
		private, public, err := NewKey(randReader{newRand(uint64(i))}, name)
		if err != nil {
			t.Fatal(err)
		}
		signer, got, err := ParsePrivate(private + "\n")
		if err != nil || got != public {
			t.Fatalf("%v: %q for %q", err, got, public)
		}
		verifier, err := ParsePublic(public + "\n")
		if err != nil {
			t.Fatal(err)
		}
		sig, err := signer.Sign([]byte("m"))
		if err != nil || !verifier.Verify([]byte("m"), sig) {
			t.Error("the pair does not fit")
		}
		if _, _, err := ParsePrivate(private[:len(private)-3]); err == nil || strings.Contains(err.Error(), private[20:40]) {
			t.Errorf("a broken key: %v", err)
		}
	}
}
