package devices

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// fakePort is a device that is there until it is closed.
type fakePort struct {
	Port
	closed chan struct{}
}

func newFakePort() *fakePort             { return &fakePort{closed: make(chan struct{})} }
func (p *fakePort) Close() error         { close(p.closed); return nil }
func (p *fakePort) use() error           { <-p.closed; return ErrClosed }
func runUntilClosed(p Port) error        { return p.(*fakePort).use() }
func ignore(context.Context, Port) error { return nil }

func TestBackoffGrowsWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var tries []time.Time
		open := func(context.Context) (Port, error) {
			tries = append(tries, time.Now())
			return nil, os.ErrNotExist
		}
		var events []Event
		done := make(chan error)
		go func() {
			done <- Supervise(ctx, "printer", open, ignore, func(e Event) { events = append(events, e) })
		}()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if len(events) != 1 || events[0].Up || !errors.Is(events[0].Err, os.ErrNotExist) || events[0].Name != "printer" {
			t.Errorf("events = %v, want one that says why it is not there", events)
		}
		if len(tries) < 40 || len(tries) > 70 {
			t.Errorf("%d tries in ten minutes", len(tries))
		}
		want := 250 * time.Millisecond
		for i := 1; i < len(tries); i++ {
			if d := tries[i].Sub(tries[i-1]); d > want || d < want*3/4 {
				t.Errorf("try %d came %v after the last, want %v or up to a quarter less", i, d, want)
			}
			want = min(want*2, 15*time.Second)
		}
	})
}

func TestLostDeviceIsReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		opened := 0
		open := func(context.Context) (Port, error) {
			opened++
			return newFakePort(), nil
		}
		run := func(ctx context.Context, p Port) error {
			if opened == 3 {
				return runUntilClosed(p)
			}
			time.Sleep(time.Minute)
			return ErrGone
		}
		var ups, downs int
		events := func(e Event) {
			if e.Up {
				ups++
			} else {
				downs++
				if !errors.Is(e.Err, ErrGone) {
					t.Errorf("down because of %v", e.Err)
				}
			}
		}
		done := make(chan error)
		go func() { done <- Supervise(ctx, "reader", open, run, events) }()
		time.Sleep(2*time.Minute + time.Second)
		synctest.Wait()
		if opened != 3 || ups != 3 || downs != 2 {
			t.Errorf("opened %d times, %d up, %d down; want 3, 3, 2", opened, ups, downs)
		}
		began := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("ending took %v", d)
		}
	})
}

func TestBackoffThatMakesNoSense(t *testing.T) {
	err := Supervise(t.Context(), "x", nil, nil, nil, WithBackoff(Backoff{Min: 2, Max: 1}))
	if err == nil {
		t.Error("no error")
	}
}

// reopening runs Supervise on a real path with a backoff that never ends by
// itself: only the appearance can open it.
func reopening(t *testing.T, path string) (ups chan Port) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ups = make(chan Port, 1)
	done := make(chan error)
	down := make(chan struct{}, 100)
	go func() {
		done <- Supervise(ctx, "printer",
			func(context.Context) (Port, error) { return OpenSerial(Config{Path: path}) },
			func(_ context.Context, p Port) error {
				ups <- p
				buf := make([]byte, 64)
				for {
					if _, err := p.Wait(-1); err != nil {
						return err
					}
					if _, err := p.Read(buf); err != nil {
						return err
					}
				}
			},
			func(e Event) {
				if !e.Up {
					down <- struct{}{}
				}
			},
			WithPath(path), WithBackoff(Backoff{Min: time.Hour, Max: time.Hour}))
	}()
	t.Cleanup(func() {
		cancel()
		ends(t, "ending", func() { <-done })
	})
	select {
	case <-down:
	case <-time.After(patience):
		t.Fatal("Supervise did not say that there is no device")
	}
	return ups
}

func waitUp(t *testing.T, ups chan Port) {
	t.Helper()
	select {
	case <-ups:
	case <-time.After(patience): // the next try is an hour away
		t.Fatal("not opened because it appeared")
	}
}

func TestAppearance(t *testing.T) {
	plug := func(t *testing.T, link string) *PTY {
		t.Helper()
		p, err := OpenPTY(PTYConfig{Link: link, Group: -1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	t.Run("plugged in, unplugged, plugged in again", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "tty")
		ups := reopening(t, link)
		for range 3 {
			p := plug(t, link)
			waitUp(t, ups)
			p.Close()
		}
	})
	t.Run("folder and all", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "serial")
		ups := reopening(t, filepath.Join(dir, "by-id", "usb-reader"))
		plug(t, filepath.Join(dir, "by-id", "usb-reader"))
		waitUp(t, ups)
	})
	t.Run("behind a link of the site's", func(t *testing.T) {
		dir := t.TempDir()
		site := filepath.Join(dir, "site")
		if err := os.Symlink("by-id/usb-reader", site); err != nil {
			t.Fatal(err)
		}
		ups := reopening(t, site)
		plug(t, filepath.Join(dir, "by-id", "usb-reader"))
		waitUp(t, ups)
	})
	t.Run("link left behind by one that was killed", func(t *testing.T) {
		link := filepath.Join(t.TempDir(), "tty")
		if err := os.Symlink("/dev/pts/does-not-exist", link); err != nil {
			t.Fatal(err)
		}
		ups := reopening(t, link)
		plug(t, link)
		waitUp(t, ups)
	})
}

func TestSuperviseEndsWhileWaitingForAnAppearance(t *testing.T) {
	// reopening's cleanup fails if it does not end.
	reopening(t, filepath.Join(t.TempDir(), "never"))
}
