package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDaemonThatCannotStartIsNotWaitedFor: systemd holds its sockets, so that
// everybody can connect, and nobody is answered.
func TestDaemonThatCannotStartIsNotWaitedFor(t *testing.T) {
	dir, err := os.MkdirTemp("", "tw") // short, for the socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "technician.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := reach(t.Context(), path, 50*time.Millisecond)
	if err == nil || c != nil || !strings.Contains(err.Error(), "nothing came from "+path) {
		t.Errorf("%v %v", c, err)
	}
	if f := classify(err); f.code != exitFailed || !strings.Contains(strings.Join(f.hints, " "), "systemctl status tillwardend") {
		t.Errorf("%d, %q", f.code, f.hints)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reach(ctx, path, time.Minute); err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("given up by who asked: %v", err)
	}
}
