package devices

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests of a USB printer run over a pair of sockets that keep their
// messages apart, as transfers are. That shows how the port waits, reads,
// writes and ends. It cannot show what usblp does itself: that a second opener
// gets EBUSY, that an unplugged printer reads as ENODEV, that one transfer is
// under way at a time and is dropped by the last close, what a printer answers
// to LPGETSTATUS.

// usbPair is a USB printer's port, and the printer's end.
func usbPair(t *testing.T) (far *tty, near *usblpPort) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]*tty
	for i, fd := range fds {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 1024); err != nil {
			t.Fatal(err)
		}
		if ends[i], err = newTTY(fd, "printer"); err != nil {
			t.Fatal(err)
		}
	}
	near = newUSBLP(ends[1], Config{Path: "printer", WriteWait: 100 * time.Millisecond})
	t.Cleanup(func() { near.Close(); ends[0].close() })
	return ends[0], near
}

func TestUSBPrinterBytesPassUnchanged(t *testing.T) {
	far, near := usbPair(t)
	near.writeWait = patience
	all := make([]byte, 600) // more than a transfer
	for i := range all {
		all[i] = byte(i)
	}
	result := make(chan error, 1)
	go func() {
		_, err := near.Write(all)
		result <- err
	}()
	var got []byte
	buf := make([]byte, 4096)
	for end := time.Now().Add(patience); len(got) < len(all) && time.Now().Before(end); {
		if _, err := far.wait(time.Second); err != nil {
			t.Fatal(err)
		}
		n, err := far.readSome(buf)
		if err != nil {
			t.Fatal(err)
		}
		if n > writeChunk {
			t.Errorf("%d bytes in one transfer", n)
		}
		got = append(got, buf[:n]...)
	}
	if err := <-result; err != nil || !bytes.Equal(got, all) {
		t.Fatalf("%d bytes came, %v", len(got), err)
	}
	if _, err := far.file.Write(all[:100]); err != nil {
		t.Fatal(err)
	}
	readUntil(t, near, all[:100])
}

// TestUSBPrinterStalls: what it has not taken is queued, and Close does not wait
// for it for long.
func TestUSBPrinterStalls(t *testing.T) {
	_, near := usbPair(t)
	n, err := near.Write(make([]byte, 1<<20))
	if !errors.Is(err, ErrStalled) || n == 0 || n%writeChunk != 0 {
		t.Fatalf("Write = %d, %v; want whole transfers and ErrStalled", n, err)
	}
	if queued, err := near.Queued(); queued != writeChunk || err != nil {
		t.Errorf("Queued = %d, %v; want the last transfer", queued, err)
	}
	ends(t, "Close", func() { near.Close() })
	if _, err := near.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Write: %v, want ErrClosed", err)
	}
}

func TestUSBPrinterUnpluggedIsGone(t *testing.T) {
	far, near := usbPair(t)
	if n, err := near.Queued(); n != 0 || err != nil {
		t.Errorf("Queued = %d, %v", n, err)
	}
	result := make(chan error, 1)
	go func() {
		_, err := near.Wait(-1)
		if err == nil {
			_, err = near.Read(make([]byte, 10))
		}
		result <- err
	}()
	far.close()
	ends(t, "hearing of it", func() {
		if err := <-result; !errors.Is(err, ErrGone) {
			t.Errorf("Read: %v, want ErrGone", err)
		}
	})
	if _, err := near.Write([]byte("x")); !errors.Is(err, ErrGone) {
		t.Errorf("Write: %v, want ErrGone", err)
	}
	asksOnce(t, near.device, func() (int, error) { return 1, nil })
	ends(t, "closing it", func() { near.Close() })
}

// TestUSBPrinterThatAnswersWithNothing: there are printers that do so without
// end; that is neither the end of them nor a reason to be busy.
func TestUSBPrinterThatAnswersWithNothing(t *testing.T) {
	far, near := usbPair(t)
	for range 2 {
		if err := far.control(func(fd int) error { return unix.Send(fd, nil, 0) }); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for range 2 {
		if n, err := near.Read(make([]byte, 10)); n != 0 || err != nil {
			t.Fatalf("Read = %d, %v; want nothing", n, err)
		}
	}
	if d := time.Since(began); d < 2*emptyWait {
		t.Errorf("two empty reads took %v", d)
	}
	if _, err := far.file.Write([]byte("answer")); err != nil {
		t.Fatal(err)
	}
	readUntil(t, near, []byte("answer"))
}

func TestUSBPrinterDiscardInput(t *testing.T) {
	far, near := usbPair(t)
	for _, s := range []string{"stale", "too"} {
		if _, err := far.file.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := near.DiscardInput(); err != nil {
		t.Fatal(err)
	}
	if ready, err := near.Wait(0); ready || err != nil {
		t.Errorf("after DiscardInput: Wait = %v, %v", ready, err)
	}
}

func TestUSBPrinterHasNoLines(t *testing.T) {
	_, near := usbPair(t)
	if _, err := near.Lines(); !errors.Is(err, ErrNoLines) {
		t.Error(err)
	}
	if err := near.SetLines(LineDTR, 0); !errors.Is(err, ErrNoLines) {
		t.Error(err)
	}
}

// TestUSBPrinterIsOneOfTheKernels: nothing else is taken for one.
func TestUSBPrinterIsOneOfTheKernels(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lp0")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		file:              ErrNotPrinter,
		"/dev/null":       ErrNotPrinter,
		newPTY(t).Name():  ErrNotPrinter,
		file + ".missing": fs.ErrNotExist,
	} {
		p, err := OpenUSBLP(Config{Path: path})
		if err == nil {
			p.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", path, err, want)
		}
	}
}
