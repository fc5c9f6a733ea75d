package signon

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"tillwarden/enforcer/journal/entry"
)

// TestJournaledBeforeApplied: when the journal is asked, the roster is without
// the change; when it cannot write, it stays so.
func TestJournaledBeforeApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		changes := map[string]func() (Change, error){
			"name":    func() (Change, error) { return r.store.SetName(r.ctx, By{}, "1001", "Anna") },
			"groups":  func() (Change, error) { return r.store.SetGroups(r.ctx, By{}, "1001", nil) },
			"pin":     func() (Change, error) { return r.store.SetPIN(r.ctx, By{}, "4001", []byte("8520")) },
			"card":    func() (Change, error) { return r.store.EnrolCard(r.ctx, By{}, "1001", cardOf("777"), false) },
			"revoke":  func() (Change, error) { return r.store.RevokeCard(r.ctx, By{}, "1001", 0) },
			"suspend": func() (Change, error) { return r.store.Suspend(r.ctx, By{}, "1001") },
			"add": func() (Change, error) {
				return r.store.Add(r.ctx, By{}, NewOperator{Number: "6001", Name: "New", Card: cardOf("6001")}, false)
			},
		}
		state := func() string {
			list, err := r.store.List()
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(list)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		for name, f := range changes {
			before := state()
			r.journal.failing(true)
			if _, err := f(); !errors.Is(err, errJournal) {
				t.Fatalf("%s: %v", name, err)
			}
			if state() != before {
				t.Errorf("%s: changed without a journal", name)
			}
			r.journal.failing(false)
			r.journal.mu.Lock()
			asked := 0
			r.journal.before = func(es []entry.Entry) {
				if asked++; state() != before || es[0].Kind != entry.KindPeople {
					t.Errorf("%s: applied before it was journaled", name)
				}
			}
			r.journal.mu.Unlock()
			if c, err := f(); err != nil || !c.OK || asked != 1 {
				t.Fatalf("%s: %+v %v", name, c, err)
			}
			r.journal.mu.Lock()
			r.journal.before = nil
			r.journal.mu.Unlock()
			if seq, err := r.store.Applied(); err != nil || seq != r.last(entry.KindPeople).Seq {
				t.Errorf("%s: applied %d, %v", name, seq, err)
			}
		}
	})
}

// TestReconcile: the daemon dies between journal and roster.
func TestReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.store.Reconcile(r.ctx, 0, r.journal.replay); err != nil {
			t.Fatal(err)
		}
		mark := r.journal.mark()
		if mark != int(r.last(entry.KindPeople).Seq) {
			t.Fatal("a roster that is complete was reconciled")
		}
		lost := entry.Entry{Kind: entry.KindPeople, Outcome: entry.OutcomeAllowed, Subject: "1001", Text: "suspended"}
		seqs, err := r.journal.Append(r.ctx, false, lost,
			entry.Entry{Kind: entry.KindPeople, Outcome: entry.OutcomeDenied, Reason: entry.ReasonRule, Subject: "1002"})
		if err != nil {
			t.Fatal(err)
		}
		r.restart()
		for range 2 { // it is said once
			if err := r.store.Reconcile(r.ctx, 0, r.journal.replay); err != nil {
				t.Fatal(err)
			}
			es := r.journal.since(mark+2, entry.KindPeople)
			if len(es) != 1 || es[0].Outcome != entry.OutcomeError || es[0].About != seqs[0] || es[0].Subject != "1001" {
				t.Fatalf("reconciled with %v", es)
			}
		}
		if r.operator("1001").Suspended {
			t.Error("the change was applied after all")
		}
		// A year later nothing before that is compared again.
		const later = 5 * farBehind
		if err := r.store.Reconcile(r.ctx, later, r.journal.replay); err != nil {
			t.Fatal(err)
		}
		if seq, err := r.store.Applied(); err != nil || seq != later {
			t.Errorf("compared up to %d, %v, want %d", seq, err, later)
		}
	})
}

// TestCommitFails: the disk is full when a change is committed. It is journaled
// as not applied, and the roster goes on with what is on disk.
func TestCommitFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.stop()
		info, err := os.Stat(r.path)
		if err != nil {
			t.Fatal(err)
		}
		r.store, err = OpenStore(StoreOptions{
			Path: r.path, Keys: r.keys, Journal: r.journal, Clock: r.clock, KDF: cheap, maxSize: int(info.Size()),
		})
		if err != nil {
			t.Fatal(err)
		}
		name := func(i int) string { return strings.Repeat(string(rune('A'+i%26)), 60) }
		failed := false
		n := 0
		for i := range 400 {
			mark := r.journal.mark()
			c, err := r.store.Add(r.ctx, By{}, NewOperator{Number: numberOf(i), Name: name(i)}, false)
			if err == nil && c.OK {
				n++
				continue
			}
			failed = true
			es := r.journal.since(mark, entry.KindPeople)
			if len(es) == 2 && (es[0].Outcome != entry.OutcomeAllowed || es[1].Outcome != entry.OutcomeError || es[1].About != es[0].Seq) {
				t.Fatalf("journaled as %v", es)
			}
			break
		}
		if !failed {
			t.Fatal("the file never filled up")
		}
		list, err := r.store.List()
		if err != nil || len(list) != n+len(testOperators) {
			t.Errorf("%d operators, %v; want %d", len(list), err, n+len(testOperators))
		}
		if err := r.store.Broken(); err != nil {
			t.Errorf("broken: %v", err)
		}
		if err := r.store.Close(); err != nil {
			t.Fatal(err)
		}
		r.start()
		r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
	})
}

func numberOf(i int) string {
	return "8" + strings.Repeat("0", 3) + string([]byte{'0' + byte(i/100), '0' + byte(i/10%10), '0' + byte(i%10)})
}

func openAgain(r *rig) (*Store, error) {
	return OpenStore(StoreOptions{Path: r.path, Keys: r.keys, Journal: r.journal, Clock: r.clock, KDF: cheap, Location: time.UTC, Store: "12", Register: "3"})
}

// TestFlippedBits: whatever byte of the file changes, the roster is the same,
// or damaged, or (the newer of the two meta pages was hit, as by a torn write) the
// one before the last change, which Reconcile then tells. Never another one, and
// never a panic.
func TestFlippedBits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		want, err := r.store.List()
		if err != nil {
			t.Fatal(err)
		}
		wantJSON, _ := json.Marshal(want)
		beforeJSON, _ := json.Marshal(want[:len(want)-1]) // the last was added last
		r.stop()
		whole := readFile(t, r.path)
		seed := rand.Uint64()
		rnd := rand.New(rand.NewPCG(seed, 0))
		damaged := 0
		for range 300 {
			broken := bytes.Clone(whole)
			at := rnd.IntN(len(broken))
			broken[at] ^= byte(1 << rnd.IntN(8))
			if err := os.WriteFile(r.path, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := openAgain(r)
			switch {
			case errors.Is(err, ErrDamaged), errors.Is(err, ErrOtherKeys):
				damaged++
				if s.Broken() == nil {
					t.Fatalf("seed %d, byte %d: damaged, and not broken", seed, at)
				}
				if _, err := s.Get("1001"); err == nil {
					t.Fatalf("seed %d, byte %d: a damaged roster knows operators", seed, at)
				}
			case err != nil:
				t.Fatalf("seed %d, byte %d: %v", seed, at, err)
			default:
				got, err := s.List()
				gotJSON, _ := json.Marshal(got)
				if err == nil && bytes.Equal(gotJSON, beforeJSON) {
					mark := r.journal.mark()
					if err := s.Reconcile(r.ctx, 0, r.journal.replay); err != nil || len(r.journal.since(mark)) != 1 {
						t.Fatalf("seed %d, byte %d: one change back, and nobody says so (%v)", seed, at, err)
					}
					r.journal.mu.Lock()
					r.journal.entries = r.journal.entries[:mark]
					r.journal.mu.Unlock()
				} else if err != nil || !bytes.Equal(gotJSON, wantJSON) {
					t.Fatalf("seed %d, byte %d: another roster (%v)", seed, at, err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if damaged == 0 {
			t.Error("no flip was found: the test flips nothing that matters")
		}
		if err := os.WriteFile(r.path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		r.start()
	})
}

// TestDamagedLetsNobodyIn: cut short, empty, garbage, other keys. The register
// runs, says so, and journals who tried.
func TestDamagedLetsNobodyIn(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, r *rig, whole []byte) []byte{
		"empty":     func(*testing.T, *rig, []byte) []byte { return nil },
		"cut short": func(_ *testing.T, _ *rig, whole []byte) []byte { return whole[:3*os.Getpagesize()] },
		"cut to a page": func(_ *testing.T, _ *rig, whole []byte) []byte {
			return whole[:os.Getpagesize()]
		},
		"garbage": func(_ *testing.T, _ *rig, whole []byte) []byte { return bytes.Repeat([]byte{0xa5}, len(whole)) },
		"other keys": func(t *testing.T, r *rig, whole []byte) []byte {
			var err error
			if r.keys, err = GenerateKeys(t.TempDir()); err != nil {
				t.Fatal(err)
			}
			return whole
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.want(r.swipe("1001"), SignedOn, entry.ReasonNone)
				r.s.Close()
				if err := r.store.Close(); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(r.path, damage(t, r, readFile(t, r.path)), 0o600); err != nil {
					t.Fatal(err)
				}
				var err error
				r.store, err = openAgain(r)
				if r.store == nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrOtherKeys) {
					t.Fatalf("opened: %v", err)
				}
				o := r.opt
				o.Store, o.Gate = r.store, r.gate
				if r.s, err = New(o); err != nil {
					t.Fatal(err)
				}
				r.people = r.s.People()
				if err := r.s.Start(r.ctx); err == nil {
					t.Error("a start without a roster says nothing")
				}
				// A roster that cannot be read vouches for nobody.
				r.wantState("", false, false)
				for _, c := range []Credential{
					{Card: cardOf("1001"), Source: "reader"},
					{Number: "1001", PIN: []byte("2580"), Source: "keypad"},
					{Number: "777", PIN: []byte("2580"), Source: "keypad"},
				} {
					mark := r.journal.mark()
					began := time.Now()
					res, err := r.s.Present(r.ctx, c)
					if err == nil || res.Action != Refused || res.Reason != entry.ReasonDamaged || !strings.Contains(res.Say, "technician") {
						t.Errorf("%v: %+v, %v", c, res, err)
					}
					if time.Since(began) != 300*time.Millisecond {
						t.Errorf("answered after %s", time.Since(began))
					}
					es := r.journal.since(mark)
					if len(es) != 1 || es[0].Kind != entry.KindSignOn || es[0].Outcome != entry.OutcomeError || es[0].Reason != entry.ReasonDamaged {
						t.Errorf("journaled as %v", es)
					}
				}
				tech := Actor{Technician: true}
				c, err := r.people.Add(r.ctx, tech, NewOperator{Number: "1", Name: "Me", WorkGroups: []string{manager}, PIN: []byte("2580")})
				if err == nil || c.OK {
					t.Error("a first operator was added to a damaged roster")
				}
			})
		})
	}
}

// TestPagesThatGoBadWhileOpen: the file changes under the daemon.
func TestPagesThatGoBadWhileOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		f, err := os.OpenFile(r.path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		page := int64(os.Getpagesize())
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		for at := 2 * page; at < info.Size(); at += page {
			if _, err := f.WriteAt(bytes.Repeat([]byte{0xff}, 64), at); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if res, err := r.s.Swipe(r.ctx, cardOf("1001"), "reader"); !errors.Is(err, ErrDamaged) || res.Action != Refused || res.Reason != entry.ReasonDamaged {
			t.Errorf("%+v %v", res, err)
		}
		if !errors.Is(r.store.Broken(), ErrDamaged) {
			t.Errorf("broken: %v", r.store.Broken())
		}
	})
}

func TestFileIsOursAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		mode := func(path string) os.FileMode {
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			return info.Mode().Perm()
		}
		if m := mode(r.path); m != 0o600 {
			t.Errorf("roster.db has mode %o", m)
		}
		if m := mode(filepath.Join(filepath.Dir(r.path), "keys", KeyFile)); m != 0o600 {
			t.Errorf("the key file has mode %o", m)
		}
		if m := mode(filepath.Join(filepath.Dir(r.path), "keys")); m != 0o700 {
			t.Errorf("the keys folder has mode %o", m)
		}
		names, err := filepath.Glob(filepath.Join(filepath.Dir(r.path), ".*"))
		if err != nil || len(names) != 0 {
			t.Errorf("left over: %v %v", names, err)
		}
		if err := os.Chmod(r.path, 0o644); err != nil {
			t.Fatal(err)
		}
		r.restart()
		if m := mode(r.path); m != 0o600 {
			t.Errorf("roster.db has mode %o again", m)
		}
	})
}

// TestCreateCutShort: a start that died while it made the roster leaves nothing
// that a later one takes for a roster.
func TestCreateCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := emptyRig(t)
		r.stop()
		left := filepath.Join(filepath.Dir(r.path), ".roster.db.tmp-123")
		if err := os.Rename(r.path, left); err != nil {
			t.Fatal(err)
		}
		r.start()
		if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the half-made roster is still there: %v", err)
		}
		if n, err := r.store.Count(); err != nil || n != 0 {
			t.Errorf("%d operators, %v", n, err)
		}
	})
}

func TestSecondProcess(t *testing.T) {
	r := &rig{t: t, clock: newClock(), path: filepath.Join(t.TempDir(), "roster.db")}
	r.journal = &memJournal{clock: r.clock}
	var err error
	if r.keys, err = GenerateKeys(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	first, err := openAgain(r)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := openAgain(r); err == nil || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opened twice: %v", err)
	}
}

// TestRecordsCannotBeMoved: somebody with the file and without the keys gives
// an operator another's record, or another's PIN.
func TestRecordsCannotBeMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.stop()
		db, err := bbolt.Open(r.path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketOperators)
			forged := bytes.Replace(bytes.Clone(b.Get([]byte("1001"))), []byte(`"Cashier"`), []byte(`"Manager"`), 1)
			if bytes.Equal(forged, b.Get([]byte("1001"))) {
				t.Error("nothing was forged")
			}
			return b.Put([]byte("1001"), forged)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if s, err := openAgain(r); !errors.Is(err, ErrDamaged) {
			t.Errorf("a forged record: %v", err)
		} else if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		// For the cleanup, the record again as it was.
		db, err = bbolt.Open(r.path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bucketOperators)
			return b.Put([]byte("1001"), bytes.Replace(bytes.Clone(b.Get([]byte("1001"))), []byte(`"Manager"`), []byte(`"Cashier"`), 1))
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		r.start()
	})
}

func TestSourcesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for i := range maxSources + 10 {
			if _, err := r.store.charge(byNumber, "", strings.Repeat("s", i+1)); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		if err := r.store.view(func(tx *txn) error {
			return tx.tries(func(string, *tryRecord) error { n++; return nil })
		}); err != nil || n > maxSources+1 {
			t.Errorf("%d sources, %v", n, err)
		}
		b := newBrake()
		for i := range maxStrains + 100 {
			b.reserve(strainKey(byNumber, numberOf(i)+string(rune('a'+i/1000))), "keypad", time.Duration(i))
			b.admit(strings.Repeat("s", i%200), time.Duration(i))
		}
		if len(b.strains) > maxStrains+1 || len(b.rates) > maxSources {
			t.Errorf("%d strains, %d rates", len(b.strains), len(b.rates))
		}
	})
}
