package main

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tillwarden/devices/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRunsUntilInterrupted: says where things are, works, and takes all away.
func TestRunsUntilInterrupted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sim")
	file := filepath.Join(t.TempDir(), "sim.toml")
	if err := os.WriteFile(file, []byte("model = \"clone\"\nopen_is_high = true\nreader = \"idtech\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error)
	go func() {
		c := command(w)
		c.SetArgs([]string{"--dir", dir, "--config", file})
		ended <- c.ExecuteContext(ctx)
	}()
	lines := bufio.NewScanner(r)
	var said []string
	for len(said) < 4 && lines.Scan() {
		said = append(said, strings.Join(strings.Fields(lines.Text()), " "))
	}
	paths := sim.PathsIn(dir)
	want := []string{"printer " + paths.Printer, "reader " + paths.Reader, "keypad " + paths.Keypad, "control " + paths.Control}
	if strings.Join(said, "\n") != strings.Join(want, "\n") {
		t.Errorf("said %q, want %q", said, want)
	}
	client := sim.NewClient(paths.Control)
	if s, err := client.State(ctx); err != nil || s.PinHigh {
		t.Errorf("%+v, %v", s, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestNetworkPrinter: where it listens is said, since the port may be any.
func TestNetworkPrinter(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error)
	go func() {
		c := command(w)
		c.SetArgs([]string{"--dir", t.TempDir(), "--listen", "127.0.0.1:0"})
		ended <- c.ExecuteContext(ctx)
	}()
	lines := bufio.NewScanner(r)
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "printer tcp://127.0.0.1:") {
		t.Errorf("said %q", lines.Text())
	}
	for range 3 {
		lines.Scan()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"modell = 1":            "unknown keys",
		`model = "typewriter"`:  "no printer model",
		`reader = "wedge"`:      "no card reader format",
		"bytes_per_second = -1": "not below 0",
		"model = ":              "reading",
		`listen = "printer"`:    "making the printer's port",
	} {
		file := filepath.Join(dir, "sim.toml")
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		c := command(io.Discard)
		c.SetArgs([]string{"--dir", filepath.Join(dir, "sim"), "--config", file})
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
	for _, args := range [][]string{{}, {"--dir", dir, "x"}, {"--dir", dir, "--config", filepath.Join(dir, "none")}} {
		c := command(io.Discard)
		c.SetArgs(args)
		c.SetErr(io.Discard)
		if err := c.ExecuteContext(t.Context()); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
