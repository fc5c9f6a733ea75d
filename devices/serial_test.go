package devices

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestBytesPassUnchanged(t *testing.T) {
	far, near := pair(t)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if _, err := near.Write(all); err != nil {
		t.Fatal(err)
	}
	readUntil(t, far, all)
	if _, err := far.Write(all); err != nil {
		t.Fatal(err)
	}
	readUntil(t, near, all)
}

func TestReadWaitsAndReturnsNothing(t *testing.T) {
	_, near := pair(t)
	began := time.Now()
	n, err := near.Read(make([]byte, 10))
	if n != 0 || err != nil {
		t.Fatalf("Read = %d, %v; want nothing", n, err)
	}
	if d := time.Since(began); d < 50*time.Millisecond || d > patience {
		t.Errorf("Read waited %v, want about 100 ms", d)
	}
}

func TestWait(t *testing.T) {
	far, near := pair(t)
	for _, d := range []time.Duration{0, time.Nanosecond, 30 * time.Millisecond} {
		if ready, err := near.Wait(d); ready || err != nil {
			t.Errorf("Wait(%v) with nothing there = %v, %v", d, ready, err)
		}
	}
	go far.Write([]byte("x"))
	if ready, err := near.Wait(-1); !ready || err != nil {
		t.Fatalf("Wait = %v, %v", ready, err)
	}
	for _, d := range []time.Duration{0, time.Nanosecond, -1} {
		if ready, err := near.Wait(d); !ready || err != nil {
			t.Errorf("Wait(%v) with a byte there = %v, %v", d, ready, err)
		}
	}
}

func TestHangUpIsGone(t *testing.T) {
	far, near := pair(t)
	result := make(chan error, 1)
	go func() {
		_, err := near.Wait(-1)
		if err == nil {
			_, err = near.Read(make([]byte, 10))
		}
		result <- err
	}()
	far.Close()
	select {
	case err := <-result:
		if !errors.Is(err, ErrGone) {
			t.Fatalf("reading an unplugged device: %v, want ErrGone", err)
		}
	case <-time.After(patience):
		t.Fatal("a waiting reader did not notice that the device was unplugged")
	}
	if _, err := near.Read(make([]byte, 10)); !errors.Is(err, ErrGone) {
		t.Errorf("second Read: %v, want ErrGone", err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, ErrGone) {
		t.Errorf("Write: %v, want ErrGone", err)
	}
	asksOnce(t, near.(*serialPort).companion, func() (int, error) { return 1, nil })
	ends(t, "closing an unplugged device", func() { near.Close() })
}

func TestCloseEndsABlockedRead(t *testing.T) {
	for name, read := range map[string]func(Port) error{
		"Wait": func(p Port) error { _, err := p.Wait(-1); return err },
		"Read": func(p Port) error {
			for {
				if _, err := p.Read(make([]byte, 10)); err != nil {
					return err
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, near := pair(t)
			result := make(chan error, 1)
			go func() { result <- read(near) }()
			runtime.Gosched()
			ends(t, "Close", func() {
				if err := near.Close(); err != nil {
					t.Error(err)
				}
				if err := <-result; !errors.Is(err, ErrClosed) {
					t.Errorf("the blocked call returned %v, want ErrClosed", err)
				}
			})
			if err := near.Close(); err != nil {
				t.Errorf("closing twice: %v", err)
			}
		})
	}
}

func TestWriteStallsAndGoesOn(t *testing.T) {
	far, near := pair(t)
	long := bytes.Repeat([]byte("0123456789abcdef"), 16<<10)
	n, err := near.Write(long)
	if !errors.Is(err, ErrStalled) || n == 0 || n == len(long) {
		t.Fatalf("writing to a device that reads nothing = %d, %v; want part of it and ErrStalled", n, err)
	}
	near.(*serialPort).writeWait = patience // it takes from now on, however slow this machine is
	result := make(chan error, 1)
	go func() {
		_, err := near.Write(long[n:])
		result <- err
	}()
	readUntil(t, far, long)
	if err := <-result; err != nil {
		t.Fatal(err)
	}
}

func TestCloseEndsABlockedWrite(t *testing.T) {
	far := newPTY(t)
	near, err := OpenSerial(Config{Path: far.Link(), WriteWait: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := near.Write(make([]byte, 1<<20))
		result <- err
	}()
	if _, err := far.Wait(-1); err != nil {
		t.Fatal(err)
	}
	ends(t, "Close", func() { near.Close() })
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("the blocked Write returned %v, want ErrClosed", err)
	}
}

func TestOpenTwiceIsBusy(t *testing.T) {
	far, near := pair(t)
	if p, err := OpenSerial(Config{Path: far.Link()}); !errors.Is(err, ErrBusy) {
		if err == nil {
			p.Close()
		}
		t.Errorf("opening a second time: %v, want ErrBusy", err)
	}
	near.Close()
	openAt(t, far.Link())
}

// TestOpenedForUsAlone: programs that know nothing of our lock cannot open the
// line either. Root may, so the other one here is a thread without that right.
func TestOpenedForUsAlone(t *testing.T) {
	far, near := pair(t)
	if err := unprivileged(t, far.Name()); !errors.Is(err, unix.EBUSY) {
		t.Errorf("another program's open: %v, want EBUSY", err)
	}
	near.Close()
	if err := unprivileged(t, far.Name()); err != nil {
		t.Errorf("another program's open after Close: %v", err)
	}
}

func unprivileged(t *testing.T, path string) error {
	t.Helper()
	result := make(chan error)
	go func() {
		// Never unlocked: the thread ends with its goroutine, and its rights
		// with it.
		runtime.LockOSThread()
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var sets [2]unix.CapUserData
		if err := unix.Capget(&header, &sets[0]); err != nil {
			result <- err
			return
		}
		sets[unix.CAP_SYS_ADMIN/32].Effective &^= 1 << (unix.CAP_SYS_ADMIN % 32)
		if err := unix.Capset(&header, &sets[0]); err != nil {
			result <- err
			return
		}
		fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if err == nil {
			unix.Close(fd)
		}
		result <- err
	}()
	return <-result
}

func TestNoModemLinesOnAPTY(t *testing.T) {
	far, near := pair(t)
	for name, p := range map[string]Port{"slave": near, "master": far} {
		if _, err := p.Lines(); !errors.Is(err, ErrNoLines) {
			t.Errorf("%s: Lines: %v, want ErrNoLines", name, err)
		}
		if err := p.SetLines(LineDTR, LineRTS); !errors.Is(err, ErrNoLines) {
			t.Errorf("%s: SetLines: %v, want ErrNoLines", name, err)
		}
	}
}

func TestLinesString(t *testing.T) {
	if got := (LineDTR | LineRI).String(); got != "DTR,RI" {
		t.Error(got)
	}
	if got := Lines(0).String(); got != "none" {
		t.Error(got)
	}
}

func TestDiscardInputLeavesOutput(t *testing.T) {
	far, near := pair(t)
	if _, err := near.Write([]byte("out")); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Write([]byte("in")); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Wait(-1); err != nil {
		t.Fatal(err)
	}
	if err := near.DiscardInput(); err != nil {
		t.Fatal(err)
	}
	if ready, err := near.Wait(0); ready || err != nil {
		t.Errorf("after DiscardInput: Wait = %v, %v", ready, err)
	}
	readUntil(t, far, []byte("out"))
	if n, err := near.Queued(); n != 0 || err != nil {
		t.Errorf("Queued = %d, %v", n, err)
	}
}

func TestOpenSaysWhyNot(t *testing.T) {
	far := newPTY(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		config Config
		want   error
	}{
		"no path":    {Config{}, fs.ErrNotExist},
		"absent":     {Config{Path: file + ".not"}, fs.ErrNotExist},
		"plain file": {Config{Path: file}, ErrNotTTY},
		"null":       {Config{Path: "/dev/null"}, ErrNotTTY},
		"baud":       {Config{Path: far.Link(), Baud: 12345}, ErrConfig},
		"data bits":  {Config{Path: far.Link(), DataBits: 9}, ErrConfig},
		"stop bits":  {Config{Path: far.Link(), StopBits: 3}, ErrConfig},
		"parity":     {Config{Path: far.Link(), Parity: "mark"}, ErrConfig},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := OpenSerial(c.config)
			if err == nil {
				p.Close()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	// A refused setting leaves nothing claimed.
	openAt(t, far.Link())
}

func TestSettingsReachTheLine(t *testing.T) {
	far := newPTY(t)
	p, err := OpenSerial(Config{Path: far.Link(), Baud: 19200, DataBits: 7, Parity: ParityEven, StopBits: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	set, err := far.slave.termios()
	if err != nil {
		t.Fatal(err)
	}
	// A pty takes speed, stop bits and odd or even, but is always eight bits
	// without parity.
	if set.Cflag&unix.CBAUD != unix.B19200 || set.Cflag&unix.CSTOPB == 0 {
		t.Errorf("cflag = %#o", set.Cflag)
	}
	if set.Lflag != 0 || set.Oflag != 0 {
		t.Errorf("not raw: lflag %#o, oflag %#o", set.Lflag, set.Oflag)
	}
}

// TestHardwareFlowReachesTheLine: the driver is told; without the setting it is
// not, whoever used the line before.
func TestHardwareFlowReachesTheLine(t *testing.T) {
	far := newPTY(t)
	for _, on := range []bool{true, false} {
		p, err := OpenSerial(Config{Path: far.Link(), HardwareFlow: on})
		if err != nil {
			t.Fatal(err)
		}
		set, err := far.slave.termios()
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Cflag&unix.CRTSCTS != 0; got != on {
			t.Errorf("CRTSCTS is %v, want %v", got, on)
		}
		if set.Iflag&(unix.IXON|unix.IXOFF) != 0 {
			t.Errorf("iflag = %#o: the driver eats flow control characters", set.Iflag)
		}
		p.Close()
	}
}

// TestTransmitterThatSaysNothing: only a driver that has said once that the line's
// transmitter is empty is believed that it is not.
func TestTransmitterThatSaysNothing(t *testing.T) {
	t.Parallel()
	const overrun, empty = 2, transmitterEmpty // any other bit, and TIOCSER_TEMT
	for name, c := range map[string]struct {
		said []int
		busy []bool
	}{
		"never a bit":          {[]int{0, 0, 0}, []bool{false, false, false}},
		"other bits":           {[]int{overrun, 0}, []bool{false, false}},
		"empty, busy, empty":   {[]int{empty, 0, overrun, empty}, []bool{false, true, true, false}},
		"not known till later": {[]int{0, empty, 0}, []bool{false, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sender transmitter
			for i, state := range c.said {
				if got := sender.busy(state); got != c.busy[i] {
					t.Errorf("look %d, state %d: busy is %v", i, state, got)
				}
			}
		})
	}
}
