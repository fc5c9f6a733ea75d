package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
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

// TestSwitchedOffByUndo: who asks a register that was given back is not asked in turn
// whether the daemon runs.
func TestSwitchedOffByUndo(t *testing.T) {
	undone, record := defaultConfigFile+".undone", recordPath
	for words, x := range map[string]struct {
		files map[string]string
		says  string
	}{
		"never set up":     {map[string]string{}, "is it running?"},
		"set up":           {map[string]string{record: "{}"}, "is it running?"},
		"undone":           {map[string]string{undone: ""}, "to take over again: sudo tillwarden setup --answers " + undone},
		"set up once more": {map[string]string{undone: "", record: "{}"}, "is it running?"},
	} {
		root := plant(t, x.files)
		a := &app{runDir: t.TempDir(), env: func(name string) string { return map[string]string{"TILLWARDEN_ROOT": root}[name] }}
		_, err := a.dial(t.Context(), api.RoleTechnician)
		if err == nil {
			t.Fatalf("%s: there is a daemon", words)
		}
		f := classify(err)
		if hints := strings.Join(f.hints, " "); f.code != exitFailed || !strings.Contains(hints, x.says) {
			t.Errorf("%s: %v, hints %q", words, err, hints)
		}
		if off := strings.Contains(err.Error(), "switched off"); off != strings.Contains(x.says, "again") {
			t.Errorf("%s: %v", words, err)
		}
	}
}
