package printer

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/devices"
)

// answering is the least that a printer does: it answers DLE EOT.
func answering(b *testing.B) *devices.PTY {
	b.Helper()
	port, err := devices.OpenPTY(devices.PTYConfig{Link: filepath.Join(b.TempDir(), "printer"), Group: -1})
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var s scanner
		l := languages["epson"]
		buf := make([]byte, 512)
		for {
			if _, err := port.Wait(-1); err != nil {
				return
			}
			n, err := port.Read(buf)
			if err != nil {
				return
			}
			for _, c := range buf[:n] {
				if s.asks(&l, c) {
					_, _ = port.Write([]byte{0x12})
				}
			}
		}
	}()
	b.Cleanup(func() { port.Close(); <-done })
	return port
}

// guarded puts the guard between a POS and a printer, and returns the POS's end.
func guarded(b *testing.B) *os.File {
	b.Helper()
	printer := answering(b)
	link := filepath.Join(b.TempDir(), "pos")
	g, err := New(Options{
		Name: "receipt", Link: link, Group: -1, Now: bootTime, Drawers: []Drawer{{"till", 1}}, Key: []byte("key"),
		Open: func(context.Context) (devices.Port, error) { return openLine(printer.Link()) },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	eventually(b, "the printer is trusted", func() bool { return g.Status().Trusted })
	return opened(b, link)
}

// passed is the floor: two goroutines that copy what comes.
func passed(b *testing.B) *os.File {
	b.Helper()
	printer := answering(b)
	link := filepath.Join(b.TempDir(), "pos")
	front, err := devices.OpenPTY(devices.PTYConfig{Link: link, Group: -1})
	if err != nil {
		b.Fatal(err)
	}
	line, err := openLine(printer.Link())
	if err != nil {
		b.Fatal(err)
	}
	var both sync.WaitGroup
	pass := func(from, to devices.Port) {
		buf := make([]byte, 512)
		for {
			if _, err := from.Wait(-1); err != nil {
				return
			}
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	both.Go(func() { pass(front, line) })
	both.Go(func() { pass(line, front) })
	b.Cleanup(func() { front.Close(); line.Close(); both.Wait() })
	return opened(b, link)
}

func opened(b *testing.B, link string) *os.File {
	b.Helper()
	f, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return f
}

// BenchmarkStatus is how long a POS waits for the answer to DLE EOT 1: through
// the guard, and through nothing but two goroutines that copy, one after the
// other in the same run; while nothing else goes on, and behind a line of print.
func BenchmarkStatus(b *testing.B) {
	for _, test := range []struct{ name, before string }{
		{"idle", ""}, {"printing", strings.Repeat("Milk 1.20   ", 4) + "\n\x1bE\x01Total\x1bE\x00 1.20\n"},
	} {
		b.Run(test.name, func(b *testing.B) {
			floor, subject := passed(b), guarded(b)
			ask := []byte(test.before + "\x10\x04\x01")
			got := make([]byte, 1)
			once := func(f *os.File) time.Duration {
				began := time.Now()
				if _, err := f.Write(ask); err != nil {
					b.Fatal(err)
				}
				if n, err := f.Read(got); err != nil || n != 1 || got[0] != 0x12 {
					b.Fatalf("% X: %v", got[:n], err)
				}
				return time.Since(began)
			}
			var least, times []time.Duration
			for b.Loop() {
				least = append(least, once(floor))
				times = append(times, once(subject))
			}
			slices.Sort(least)
			slices.Sort(times)
			for _, p := range []int{50, 99} {
				at := len(times) * p / 100
				b.ReportMetric(float64(times[at].Nanoseconds())/1e3, fmt.Sprintf("µs-p%d", p))
				b.ReportMetric(float64(least[at].Nanoseconds())/1e3, fmt.Sprintf("µs-p%d-bare", p))
				b.ReportMetric(float64(times[at])/float64(least[at]), fmt.Sprintf("x-floor-p%d", p))
			}
		})
	}
}
