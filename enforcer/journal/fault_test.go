package journal

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/enforcer/journal/entry"
)

var errInjected = errors.New("injected fault")

// TestUpdateFails lets the transaction fail before anything is written, and
// after everything was: the caller cannot tell which, so both are errors, and
// the journal reads its end anew before it goes on.
func TestUpdateFails(t *testing.T) {
	for _, c := range []struct {
		name    string
		after   bool
		written int
	}{
		{"nothing was written", false, 0},
		{"everything was written", true, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := testOptions(t)
			fail := false
			inject := func() error {
				if fail {
					fail = false
					return errInjected
				}
				return nil
			}
			if c.after {
				o.tweak.afterCommit = inject
			} else {
				o.tweak.beforeCommit = inject
			}
			s := openTest(t, o)
			append1(t, s, testDecision(newRand(1)))
			fail = true
			if _, err := s.Append(t.Context(), true, testDecision(newRand(2))); !errors.Is(err, errInjected) || !errors.Is(err, ErrWrite) {
				t.Fatalf("append: %v", err)
			}
			if got, want := append1(t, s, testDecision(newRand(3))), entry.Seq(2+c.written); got != want {
				t.Errorf("the next entry is %d, want %d", got, want)
			}
		})
	}
}

// TestWriteFails takes the file away from under bbolt: what it writes with
// can no longer be written to.
func TestWriteFails(t *testing.T) {
	o := testOptions(t)
	s := openTest(t, o)
	for i := range 300 {
		append1(t, s, testDecision(newRand(uint64(i))))
	}
	readOnly, err := os.Open(o.Path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Dup3(int(readOnly.Fd()), int(s.conn.file.Fd()), unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	if err := readOnly.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), true, testDecision(newRand(2))); !errors.Is(err, ErrWrite) {
		t.Fatalf("append: %v", err)
	}
	if got := append1(t, s, testDecision(newRand(3))); got != 301 {
		t.Errorf("the next entry is %d", got)
	}
}

// TestUnavailable keeps the journal from opening its file again: until it
// can, every append fails at once, and then it goes on by itself. What is wrong is
// known for as long as it is.
func TestUnavailable(t *testing.T) {
	o := testOptions(t)
	o.LockTimeout = 10 * time.Millisecond
	fail := false
	var other *os.File
	o.tweak.beforeCommit = func() error {
		if !fail {
			return nil
		}
		// The file is let go of on failure; somebody else has the folder.
		fail = false
		var err error
		if other, err = os.Open(t.TempDir()); err == nil {
			err = other.Close()
		}
		if err == nil {
			other, err = os.Open(dirOf(o.Path))
		}
		if err == nil {
			err = unix.Flock(int(other.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		}
		return errors.Join(errInjected, err)
	}
	s := openTest(t, o)
	append1(t, s, testDecision(newRand(1)))
	fail = true
	if _, err := s.Append(t.Context(), true, testDecision(newRand(2))); !errors.Is(err, errInjected) {
		t.Fatalf("append: %v", err)
	}
	if _, err := s.Append(t.Context(), true, testDecision(newRand(3))); !errors.Is(err, ErrUnavailable) {
		t.Fatalf("append while the file cannot be opened: %v", err)
	}
	if _, err := s.Get(t.Context(), 1); !errors.Is(err, ErrUnavailable) {
		t.Errorf("get while the file cannot be opened: %v", err)
	}
	if err := s.Trouble(); !errors.Is(err, ErrInUse) {
		t.Errorf("while the file cannot be opened, the trouble is %v", err)
	}
	changed := s.changed.wait()
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	<-changed
	if got := append1(t, s, testDecision(newRand(4))); got != 2 {
		t.Errorf("the next entry is %d", got)
	}
	if err := s.Trouble(); err != nil {
		t.Errorf("with the file open again, there still is trouble: %v", err)
	}
}

// TestFileGone removes the file of an open journal; after the next failure
// the new one goes on with the numbers of the old.
func TestFileGone(t *testing.T) {
	o := testOptions(t)
	fail := false
	o.tweak.beforeCommit = func() error {
		if fail {
			fail = false
			return errors.Join(errInjected, os.Remove(o.Path))
		}
		return nil
	}
	s := openTest(t, o)
	for i := range 5 {
		append1(t, s, testDecision(newRand(uint64(i))))
	}
	fail = true
	if _, err := s.Append(t.Context(), true, testDecision(newRand(2))); !errors.Is(err, errInjected) {
		t.Fatalf("append: %v", err)
	}
	// 6 may have reached the file that is gone, so it is used up; 7 tells of it.
	if got := append1(t, s, testDecision(newRand(3))); got != 8 {
		t.Errorf("the next entry is %d", got)
	}
	if e, err := s.Get(t.Context(), 7); err != nil || e.Kind != entry.KindRecovered || e.About != 6 {
		t.Errorf("the first entry is %+v, %v", e, err)
	}
}
