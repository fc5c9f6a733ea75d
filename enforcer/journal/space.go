package journal

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/enforcer/journal/entry"
)

// SpaceState says what is still taken. The order is from good to bad.
type SpaceState uint8

// The states.
const (
	SpaceOK      SpaceState = iota
	SpaceAlarm              // 80 % of the room is used, or others have filled the file system
	SpaceReserve            // only essential entries are taken
	SpaceFull               // nothing is taken
)

var spaceNames = [...]string{"ok", "alarm", "reserve", "full"}

// String gives the state's word.
func (s SpaceState) String() string {
	if int(s) < len(spaceNames) {
		return spaceNames[s]
	}
	return fmt.Sprintf("space-%d", uint8(s))
}

// MarshalText gives the state's word.
func (s SpaceState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Space is how the journal stands for space, in bytes.
type Space struct {
	State SpaceState `json:"state"`
	// Used is what the file takes.
	Used int64 `json:"used"`
	// Left is what ordinary entries may still take, Free what any may, its reserve included.
	Left int64 `json:"left"`
	Free int64 `json:"free"`
	// Reserve is what is kept beyond that for essential entries, Held how
	// much of the file system is set aside for it already.
	Reserve int64 `json:"reserve"`
	Held    int64 `json:"held"`
	// Quota is the most that the file may take, zero: what the file system has.
	Quota int64 `json:"quota,omitempty"`
}

const (
	// heldStep is how far ahead space is set aside.
	heldStep = 1 << 20
	// lastWords is kept for the journal's own entries when nothing else is taken.
	lastWords = 256 << 10
	// spaceEvery is how old the file system's word may be.
	spaceEvery = 100 * time.Millisecond

	alarmAt   = 80 // per cent
	alarmOver = 75

	// What the file system has besides what is set aside: below, others fill it.
	crowdedAt   = heldStep
	crowdedOver = 2 * heldStep
)

// space keeps account of the room for the journal.
//
// The reserve is real: blocks beyond the file's end, set aside with
// fallocate(FALLOC_FL_KEEP_SIZE), which the file grows into. Whatever else
// fills the disk cannot take them. Only the committer uses it, except report.
type space struct {
	reserve, quota int64

	file  *os.File
	used  int64
	end   int64 // blocks are set aside up to here
	avail int64 // what the file system has besides
	asked time.Time
	state SpaceState

	percent int64 // of the room for ordinary entries that is used
	crowded bool

	report atomic.Pointer[Space]
}

// attach begins with a file, of which used bytes are in use.
func (s *space) attach(file *os.File, used int64) {
	s.file, s.used, s.end, s.asked = file, used, used, time.Time{}
	// What was set aside before a restart is still there: the file has more
	// blocks than it uses. The file system no longer counts them as free.
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err == nil {
		s.end = max(used, st.Blocks*512)
	}
}

// refresh asks the file system, sets space aside, and works out the state.
func (s *space) refresh(now time.Time) {
	if now.Sub(s.asked) >= spaceEvery || s.asked.IsZero() {
		s.asked = now
		s.ask()
		// With half a step gone, take the next: not at every append.
		if s.end < s.used+s.reserve+heldStep/2 {
			s.hold(s.used + s.reserve + heldStep)
		}
	}
	left := s.left()
	ordinary := max(left-s.reserve, 0)
	s.percent = 100
	if ordinary > 0 {
		s.percent = int64(float64(s.used) / float64(s.used+ordinary) * 100)
	}
	s.crowded = s.avail < crowdedAt || s.crowded && s.avail < crowdedOver
	switch {
	case left <= lastWords:
		s.state = SpaceFull
	case ordinary == 0:
		s.state = SpaceReserve
	case s.percent >= alarmAt, s.state != SpaceOK && s.percent >= alarmOver, s.crowded:
		s.state = SpaceAlarm
	default:
		s.state = SpaceOK
	}
	s.report.Store(&Space{
		State: s.state, Used: s.used, Left: ordinary, Free: left, Reserve: s.reserve, Held: max(s.end-s.used, 0), Quota: s.quota,
	})
}

// ask learns what the file system has. Where it cannot say, what is set aside counts alone.
func (s *space) ask() {
	var st unix.Statfs_t
	s.avail = 0
	if err := unix.Fstatfs(int(s.file.Fd()), &st); err == nil {
		s.avail = int64(st.Bavail) * st.Bsize //nolint:unconvert // Bsize differs between architectures
	}
}

// hold sets space aside up to want, as far as the file system has it.
func (s *space) hold(want int64) {
	if s.quota > 0 {
		want = min(want, s.quota)
	}
	from := max(s.end, s.used)
	want = min(want, from+s.avail)
	if want <= from || s.reserve == 0 {
		return
	}
	err := unix.Fallocate(int(s.file.Fd()), unix.FALLOC_FL_KEEP_SIZE, from, want-from)
	switch {
	case err == nil:
		s.avail = max(s.avail-(want-from), 0)
		s.end = want
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT), errors.Is(err, unix.EFBIG):
		s.avail = 0 // a quota of the file system, or a reserve for root
	}
}

// left is what the file may still take in all.
func (s *space) left() int64 {
	left := max(s.end-s.used, 0) + s.avail
	if s.quota > 0 {
		left = min(left, s.quota-s.used)
	}
	return max(left, 0)
}

// admit reports whether size more bytes may be written, of which promised are
// promised already to others in the same transaction.
func (s *space) admit(size, promised int64, essential, own bool) error {
	left := s.left() - promised - size
	switch {
	case own && left > 0:
		return nil
	case left <= lastWords:
		return ErrFull
	case !essential && left <= s.reserve:
		return ErrReserve
	}
	return nil
}

// words tells the state to people, after the one that they were told before.
func (s *space) words(before SpaceState) string {
	again := ""
	if s.state < SpaceReserve && before >= SpaceReserve {
		again = "there is room for the journal again; "
	}
	switch s.state {
	case SpaceAlarm:
		why := fmt.Sprintf("%d %% of the journal's space is used", alarmAt)
		if s.percent < alarmOver {
			why = "its file system is full"
		}
		return again + fmt.Sprintf("%s: %d KiB are left for the journal, and what is kept for decisions", why, max(s.left()-s.reserve, 0)>>10)
	case SpaceReserve:
		return "the journal's space is used up to its reserve: only sign-on and drawer decisions are taken"
	case SpaceFull:
		return "the journal's space is used up: nothing is taken, and nothing is granted"
	default:
		return again + fmt.Sprintf("%d KiB are left for the journal", max(s.left()-s.reserve, 0)>>10)
	}
}

// entry journals a change of the state.
func (s *space) entry(before SpaceState) entry.Entry {
	e := entry.Entry{Kind: entry.KindSpace, Source: "journal", Text: s.words(before), Count: uint64(s.left())}
	if s.state >= SpaceReserve {
		e.Reason = entry.ReasonFull
	}
	return e
}
