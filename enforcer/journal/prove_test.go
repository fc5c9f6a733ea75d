package journal

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// provable is a journal with n entries.
func provable(t testing.TB, n int, seed uint64) *Store {
	t.Helper()
	s := openTest(t, testOptions(t))
	r := newRand(seed)
	for range n {
		e := testDecision(r)
		e.Source = ""
		append1(t, s, e)
	}
	return s
}

func copyOf(t testing.TB, s *Store) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.db")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestEveryEntryIsProved by the public key alone, live and from a copy.
func TestEveryEntryIsProved(t *testing.T) {
	s := provable(t, 300, 8)
	if _, err := s.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	append1(t, s, entry.Entry{Kind: entry.KindStop}) // carries the checkpoint to the disk
	r, err := OpenReader(copyOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	_, key := testKey()
	for seq := entry.Seq(1); seq <= 301; seq++ {
		want, err := s.Get(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		live, err := s.Prove(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		proofs := []*Proof{live}
		if seq <= 300 { // the last one's checkpoint is not on disk
			copied, err := r.Prove(seq)
			if err != nil {
				t.Fatal(err)
			}
			proofs = append(proofs, copied)
		}
		for _, p := range proofs {
			back, err := ParseProof(p.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			got, err := back.Check(key)
			if err != nil {
				t.Fatalf("entry %d: %v", seq, err)
			}
			a, _ := want.MarshalJSON()
			if b, _ := got.Entry.MarshalJSON(); !bytes.Equal(a, b) || got.Size < int64(seq) || got.Origin != s.Last().Origin {
				t.Fatalf("entry %d is proved as %s of %d in %s", seq, b, got.Size, got.Origin)
			}
		}
	}
	if _, err := s.Prove(t.Context(), 999); !errors.Is(err, ErrNotFound) {
		t.Errorf("an entry that is not there: %v", err)
	}
	if _, err := r.Prove(301); !errors.Is(err, ErrProof) {
		t.Errorf("an entry that no stored checkpoint covers: %v", err)
	}
}

// TestAnyChangedBitOfAProofIsFound, whatever stands there.
func TestAnyChangedBitOfAProofIsFound(t *testing.T) {
	s := provable(t, 37, 8)
	p, err := s.Prove(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	_, key := testKey()
	text := p.Marshal()
	for i := range text {
		for bit := range 8 {
			bad := bytes.Clone(text)
			bad[i] ^= 1 << bit
			if q, err := ParseProof(bad); err != nil {
				if !errors.Is(err, ErrProof) {
					t.Fatalf("bit %d of byte %d: %v", bit, i, err)
				}
			} else if got, err := q.Check(key); err == nil {
				t.Fatalf("bit %d of byte %d is changed, and it proves entry %d\n%s", bit, i, got.Entry.Seq, bad)
			} else if !errors.Is(err, ErrProof) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
		}
	}
	for what, bad := range map[string]string{
		"nothing": "", "a line more": string(text) + "\n", "a line less": strings.TrimSuffix(string(text), "\n"),
		"other line ends": strings.ReplaceAll(string(text), "\n", "\r\n"), "cut": string(text[:len(text)/2]), "a checkpoint alone": string(p.Checkpoint),
		"too much": strings.Repeat("x", maxProof+1),
	} {
		if q, err := ParseProof([]byte(bad)); err == nil {
			if _, err = q.Check(key); err == nil {
				t.Errorf("%s: proved", what)
			}
		}
	}
}

// TestAProofIsOfOneRegister: another key, another place, another entry, another
// journal's checkpoint prove nothing.
func TestAProofIsOfOneRegister(t *testing.T) {
	s := provable(t, 40, 8)
	other := provable(t, 40, 9)
	p, err := s.Prove(t.Context(), 20)
	if err != nil {
		t.Fatal(err)
	}
	q, err := other.Prove(t.Context(), 21)
	if err != nil {
		t.Fatal(err)
	}
	_, key := testKey()
	_, public, err := NewKey(chachaReader{rand.NewChaCha8([32]byte{7})}, key.Name())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	mixed := func(f func(*Proof)) *Proof { m := *p; f(&m); return &m }
	for what, c := range map[string]struct {
		p    *Proof
		keys []note.Verifier
	}{
		"no key":               {p, nil},
		"another's key":        {p, []note.Verifier{stranger}},
		"another place":        {mixed(func(m *Proof) { m.Index++ }), []note.Verifier{key}},
		"a place beyond":       {mixed(func(m *Proof) { m.Index = 1 << 40 }), []note.Verifier{key}},
		"another entry":        {mixed(func(m *Proof) { m.Entry = q.Entry }), []note.Verifier{key}},
		"another's checkpoint": {mixed(func(m *Proof) { m.Checkpoint = q.Checkpoint }), []note.Verifier{key}},
		"no hashes":            {mixed(func(m *Proof) { m.Hashes = nil }), []note.Verifier{key}},
		"a hash more":          {mixed(func(m *Proof) { m.Hashes = append(m.Hashes[:len(m.Hashes):len(m.Hashes)], m.Hashes[0]) }), []note.Verifier{key}},
	} {
		if got, err := c.p.Check(c.keys...); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	if _, err := p.Check(stranger, key); err != nil {
		t.Errorf("one of two keys: %v", err)
	}

	// Anybody can put a signature below a text, in whose name they like.
	signer, _, err := NewKey(chachaReader{rand.NewChaCha8([32]byte{8})}, "tillwarden/Example/Auditor/1")
	if err != nil {
		t.Fatal(err)
	}
	forger, err := note.NewSigner(signer)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := note.Open(p.Checkpoint, note.VerifierList(key))
	if err != nil {
		t.Fatal(err)
	}
	twice, err := note.Sign(opened, forger)
	if err != nil {
		t.Fatal(err)
	}
	got, err := mixed(func(m *Proof) { m.Checkpoint = twice }).Check(key)
	if err != nil || len(got.Keys) != 1 || !strings.HasPrefix(got.Keys[0], key.Name()+"+") {
		t.Errorf("with a signature of an unknown key besides, it names %v as who signed it: %v", got, err)
	}
	// The place is the proof's word: a message about it has to hold for each.
	_, err = mixed(func(m *Proof) { m.Index = math.MaxInt64 }).Check(key)
	if !errors.Is(err, ErrProof) || !strings.Contains(err.Error(), "at place 9223372036854775807") {
		t.Errorf("the last place there is: %v", err)
	}
}

type chachaReader struct{ *rand.ChaCha8 }

// FuzzProof: a text that is read is written the same, and none proves anything
// but what was signed.
func FuzzProof(f *testing.F) {
	s := provable(f, 9, 8)
	for _, seq := range []entry.Seq{1, 5, 9} {
		p, err := s.Prove(f.Context(), seq)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.Marshal())
	}
	f.Add([]byte(proofHead + "\nentry \nindex 0\n\n"))
	_, key := testKey()
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParseProof(text)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Marshal(), text) {
			t.Fatal("it is written otherwise")
		}
		if got, err := p.Check(key); err == nil {
			want, err := s.Prove(t.Context(), got.Entry.Seq)
			if err != nil || !bytes.Equal(want.Entry, p.Entry) {
				t.Fatalf("it proves entry %d as it is not: %v", got.Entry.Seq, err)
			}
		}
	})
}
