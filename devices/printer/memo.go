package printer

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/fxamacker/cbor/v2"
	"golang.org/x/sys/unix"

	"tillwarden/devices/keep"
	"tillwarden/devices/loopback"
)

// memo is what one process of the daemon leaves to the next when it is stopped
// in good order: where the stream of the POS is, and what of it the printer has
// not been given. It holds no kick and no grant: those end with the process.
//
// A print stream may hold what no disk must (invariant 5), so a memo is in a
// pipe, whose pages the kernel never swaps; and what was read from a pipe is
// gone: no memo is used twice. It does not outlive a reboot, for the store that
// keeps the pipe does not.
type memo struct {
	Printer string
	At      time.Duration // on the boot clock

	// The stream: the filter's state, and both memories of what was sent last.
	Filter     []byte
	Wire, Last uint16

	// The printer: whether its state is known, and what waits for it.
	Trusted       bool
	Unset, Begun  bool
	Leaving       [2]byte
	Sent, Reached uint64
	Units         []memoUnit
	Arrival       []memoQuestion
	Bytes, Blocks []memoQuestion

	// The POS: who has the floor (a connection's number; 0: the pty), what was
	// read there and not looked at, and what was to be answered.
	Visit                int
	Floor                uint64
	FloorUnknown         bool // whose the connection is could not be told
	Away, Opened, Active bool
	PTYAway              bool
	Unfed, Replies       []byte
	Left                 *loopback.Left
}

type memoUnit struct {
	Bytes            []byte
	Text, Ends, Init bool
	Asks             uint8
	Visit            int
}

type memoQuestion struct {
	Who        uint8
	At         time.Duration
	Visit      int
	Maybe, One bool
	Mark       uint64
}

// keptMemo is the memo's name with the Keeper.
const keptMemo = "memo"

// memoFor is how long after it was written a memo still tells of the printer's
// state: in a longer time somebody may have switched it off and on, unseen. What
// waits for the printer is never too old.
const memoFor = time.Minute

const maxMemo = 60 << 10 // what a pipe takes at once (pipe(7)), and more than a memo has

// memoMagic is of the form that is written: a version that changes with it.
var memoMagic = []byte("tillwarden memo 2\n")

var (
	errMemo     = errors.New("what the last process left cannot be used")
	memoDecMode = func() cbor.DecMode {
		m, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, MaxArrayElements: maxQueued + 16}.DecMode()
		if err != nil {
			panic(err) // constants of ours
		}
		return m
	}()
)

// encode gives a memo with its checksum.
func (m *memo) encode() ([]byte, error) {
	body, err := cbor.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing a memo: %w", err)
	}
	sum := sha256.Sum256(body)
	return slices.Concat(memoMagic, sum[:], body), nil
}

// decodeMemo is the reverse.
func decodeMemo(b []byte) (*memo, error) {
	rest, ok := bytes.CutPrefix(b, memoMagic)
	if !ok || len(rest) < sha256.Size {
		return nil, errMemo
	}
	body := rest[sha256.Size:]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], rest[:sha256.Size]) {
		return nil, errMemo
	}
	m := &memo{}
	if err := memoDecMode.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("%w: %w", errMemo, err)
	}
	return m, m.check()
}

// check looks at what the rest relies on.
func (m *memo) check() error {
	size := len(m.Unfed)
	for _, u := range m.Units {
		size += len(u.Bytes)
		if u.Asks > uint8(formBlock) || len(u.Bytes) == 0 {
			return errMemo
		}
	}
	for _, list := range [][]memoQuestion{m.Arrival, m.Bytes, m.Blocks} {
		for _, q := range list {
			if q.Who > uint8(weAsked) {
				return errMemo
			}
		}
		if len(list) > 4*maxOrdered {
			return errMemo
		}
	}
	if size > maxMemo || len(m.Replies) > maxReplies || m.Left != nil && len(m.Left.Unread) > maxReplies {
		return errMemo
	}
	return nil
}

// leaveMemo puts a memo into a pipe that is kept.
func leaveMemo(k keep.Keeper, m *memo) error {
	b, err := m.encode()
	if err != nil {
		return err
	}
	if len(b) > maxMemo {
		return fmt.Errorf("a memo of %d bytes is too long", len(b))
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("leaving a memo: %w", err)
	}
	read, write := os.NewFile(uintptr(ends[0]), keptMemo), os.NewFile(uintptr(ends[1]), keptMemo)
	defer read.Close()
	n, err := unix.Write(ends[1], b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	write.Close()
	if err != nil {
		return fmt.Errorf("leaving a memo: %w", err)
	}
	return k.Keep(keptMemo, read)
}

// takeMemo takes the memo that the last process has left, and lets nobody have
// it again. nil: there is none, or it cannot be used.
func takeMemo(k keep.Keeper) (m *memo) {
	if k == nil {
		return nil
	}
	kept := k.Take(keptMemo)
	if len(kept) > 0 {
		k.Forget(keptMemo)
	}
	for _, f := range kept {
		b := drainPipe(f.File)
		f.File.Close()
		if len(kept) == 1 {
			m, _ = decodeMemo(b)
		}
	}
	return m
}

// drainPipe reads what there is, and waits for nothing.
func drainPipe(f *os.File) (b []byte) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) {
		var st unix.Stat_t
		if unix.Fstat(int(fd), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			return
		}
		b = make([]byte, 0, maxMemo+1)
		for len(b) < cap(b) {
			if unix.SetNonblock(int(fd), true) != nil {
				return
			}
			n, err := unix.Read(int(fd), b[len(b):cap(b)])
			if err != nil || n <= 0 {
				return
			}
			b = b[:len(b)+n]
		}
	})
	return b
}
