package journal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/enforcer/journal/entry"
)

func dirOf(path string) string { return filepath.Dir(path) }

// fill appends until the journal takes no more, and says how many it took.
func fill(t *testing.T, s *Store, essential bool, until error) (n int) {
	t.Helper()
	r := newRand(5)
	for {
		e := testDecision(r)
		e.Source = ""
		_, err := s.Append(t.Context(), essential, e)
		switch {
		case errors.Is(err, until):
			return n
		case err != nil:
			t.Fatalf("after %d entries: %v", n, err)
		}
		if n++; n > 200_000 {
			t.Fatal("it never ends")
		}
	}
}

// spaceWords is what the journal says of its space.
func spaceWords(t *testing.T, s *Store) string {
	t.Helper()
	// A refused append does not wait for the entry that tells of it; the next one comes after it.
	_, _ = s.Append(t.Context(), false, entry.Entry{Kind: entry.KindCalled})
	page, _, err := s.Query(t.Context(), Filter{Kind: entry.KindSpace})
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, e := range page {
		words = append(words, e.Text)
	}
	return strings.Join(words, "\n")
}

// TestQuota fills a journal to its quota: first only essential entries are
// taken, then none, and the journal itself says so.
func TestQuota(t *testing.T) {
	o := testOptions(t)
	o.tweak.noSync = true
	o.MaxSize, o.Reserve = 6<<20, 2<<20
	var alarms []string
	o.Alarm = func(_ entry.Kind, text string) { alarms = append(alarms, text) }
	s := openTest(t, o)
	ordinary := fill(t, s, false, ErrReserve)
	if got := s.Space().State; got != SpaceReserve {
		t.Errorf("state is %v", got)
	}
	essential := fill(t, s, true, ErrFull)
	if sp := s.Space(); sp.Used > o.MaxSize || sp.State != SpaceFull || sp.Free > lastWords {
		t.Errorf("space is %+v", sp)
	}
	t.Logf("%d ordinary entries, %d essential ones", ordinary, essential)
	if ordinary < 3000 || essential < 1500 {
		t.Error("too few were taken")
	}
	words := spaceWords(t, s)
	for _, want := range []string{"80 %", "up to its reserve", "nothing is taken"} {
		if !strings.Contains(words, want) {
			t.Errorf("the journal does not say %q: %s", want, words)
		}
	}
	if len(alarms) != 3 {
		t.Errorf("%d alarms: %q", len(alarms), alarms)
	}
}

// smallDisk mounts a small file system of its own.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fillDisk takes all that is left of a file system.
func fillDisk(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "somebody-else")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for block := make([]byte, 4096); ; {
		if _, err := file.Write(block); err != nil {
			if !errors.Is(err, unix.ENOSPC) {
				t.Fatal(err)
			}
			return path
		}
	}
}

// TestReserveIsReal lets somebody else take the whole disk: the reserve is
// still there, before and after a restart, and when the disk has room again
// the journal takes everything again.
func TestReserveIsReal(t *testing.T) {
	dir := smallDisk(t, "8m")
	o := testOptions(t)
	o.Path = filepath.Join(dir, "journal.db")
	o.tweak.noSync = true
	o.Reserve = 3 << 20
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	append1(t, s, testDecision(newRand(1)))
	if sp := s.Space(); sp.Held < o.Reserve || sp.State != SpaceOK {
		t.Errorf("space is %+v", sp)
	}
	other := fillDisk(t, dir)
	time.Sleep(2 * spaceEvery)
	append1(t, s, testDecision(newRand(1)))
	if sp := s.Space(); sp.State != SpaceAlarm || sp.Left == 0 {
		t.Errorf("with the disk filled by others the space is %+v", sp)
	}
	fill(t, s, false, ErrReserve)
	for range 500 {
		e := testDecision(newRand(2))
		e.Source = ""
		append1(t, s, e)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, o)
	if sp := s.Space(); sp.State != SpaceReserve {
		t.Errorf("after a restart the space is %+v", sp)
	}
	n := fill(t, s, true, ErrFull)
	t.Logf("%d more essential entries on a full disk", n)
	if n < 2000 {
		t.Error("the reserve did not hold what it should")
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	for deadline := 0; ; deadline++ {
		_, err := s.Append(t.Context(), false, entry.Entry{Kind: entry.KindCalled})
		if err == nil {
			break
		}
		if !errors.Is(err, ErrFull) && !errors.Is(err, ErrReserve) || deadline > 1_000_000 {
			t.Fatal(err)
		}
	}
	words := spaceWords(t, s)
	for _, want := range []string{"its file system is full", "room for the journal again"} {
		if !strings.Contains(words, want) {
			t.Errorf("the journal does not say %q:\n%s", want, words)
		}
	}
}

// TestDiskFull has no reserve at all: bbolt itself runs into the end of the
// disk. What was acknowledged stays, and the file stays sound.
func TestDiskFull(t *testing.T) {
	dir := smallDisk(t, "2m")
	o := testOptions(t)
	o.Path = filepath.Join(dir, "journal.db")
	s := openTest(t, o)
	append1(t, s, testDecision(newRand(1)))
	last := append1(t, s, testDecision(newRand(2)))
	// The store believes that there is room: what it asked was a moment ago.
	fillDisk(t, dir)
	r := newRand(3)
	for {
		es := make([]entry.Entry, 50)
		for i := range es {
			es[i] = testDecision(r)
			es[i].Source = ""
		}
		seqs, err := s.Append(t.Context(), true, es...)
		if err != nil {
			if !errors.Is(err, ErrFull) {
				t.Fatal(err)
			}
			break
		}
		last = seqs[len(seqs)-1]
	}
	if got := s.Last().Last; got < last {
		t.Errorf("last is %d, acknowledged was %d", got, last)
	}
	if err := os.Remove(filepath.Join(dir, "somebody-else")); err != nil {
		t.Fatal(err)
	}
}

// TestReserveIsEnough measures what a decision takes of the disk: the default
// reserve must hold 100,000 of them.
func TestReserveIsEnough(t *testing.T) {
	o := testOptions(t)
	o.tweak.noSync = true
	s := openTest(t, o)
	r := newRand(5)
	const n = 3000
	before := s.Space().Used
	for range n {
		e := testDecision(r)
		e.Kind, e.Source = entry.KindDecision, ""
		append1(t, s, e)
	}
	each := float64(s.Space().Used-before) / n
	t.Logf("%.0f bytes a decision, written one by one", each)
	if each*100_000 > DefaultReserve {
		t.Errorf("100,000 decisions take %.0f bytes, the reserve is %d", each*100_000, int64(DefaultReserve))
	}
}
