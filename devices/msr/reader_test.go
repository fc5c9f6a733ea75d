package msr

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tillwarden/devices"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

// TestRunOverATTY: a swipe from before is dropped, one in bursts arrives, an
// unplugged reader ends Run.
func TestRunOverATTY(t *testing.T) {
	far, err := devices.OpenPTY(devices.PTYConfig{Link: filepath.Join(t.TempDir(), "reader"), Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	port, err := devices.OpenSerial(devices.Config{Path: far.Link()})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	send := func(s string) {
		t.Helper()
		if _, err := far.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	send(";999?\r")
	if ready, err := port.Wait(patience); !ready || err != nil {
		t.Fatal(ready, err)
	}
	reader, err := NewReader("lane", Config{Gap: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	swipes := make(chan Swipe)
	ended := make(chan error, 1)
	go func() {
		ended <- reader.Run(t.Context(), port, func(s Swipe) { swipes <- s })
	}()
	// Until the old swipe is dropped, the reader has not begun.
	for end := time.Now().Add(patience); ; {
		if n, err := far.Unread(); err != nil || time.Now().After(end) {
			t.Fatal("the reader did not begin: ", err)
		} else if n == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	send("%A?;1")
	send("2?")
	send("\r")
	if s := <-swipes; string(s.Report()) != "%A?;12?" || s.Source != "lane" {
		t.Errorf("%s from %s", s.Report(), s.Source)
	}
	far.Close()
	if err := <-ended; !errors.Is(err, devices.ErrGone) {
		t.Errorf("Run ended with %v, want ErrGone", err)
	}
}

func TestRunEndsWithItsPort(t *testing.T) {
	far, err := devices.OpenPTY(devices.PTYConfig{Link: filepath.Join(t.TempDir(), "reader"), Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	reader, err := NewReader("lane", Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	up, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- devices.Supervise(ctx, "lane",
			func(context.Context) (devices.Port, error) {
				return devices.OpenSerial(devices.Config{Path: far.Link()})
			},
			func(ctx context.Context, p devices.Port) error { return reader.Run(ctx, p, func(Swipe) {}) },
			func(e devices.Event) {
				if e.Up {
					close(up)
				}
			})
	}()
	<-up
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
