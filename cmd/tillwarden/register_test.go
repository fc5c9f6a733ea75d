package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestRegister runs the scripts against the real daemon, with simulated
// hardware on real ttys.
func TestRegister(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs the daemon; left out of short tests")
	}
	bin := t.TempDir()
	// Test binaries, which the scripts run as the command line, bear no revision either.
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin, "tillwarden/cmd/tillwardend", "tillwarden/cmd/tillwarden-sim")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the daemon: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/register", Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", e.Getenv("PATH")+string(filepath.ListSeparator)+bin)
			e.Setenv("TILLWARDEN_RUN_DIR", filepath.Join(e.WorkDir, "run"))
			e.Setenv("TILLWARDEN_SIM", filepath.Join(e.WorkDir, "hw"))
			e.Setenv("TILLWARDEN_POS_PORT", filepath.Join(e.WorkDir, "pos", "printer"))
			for _, dir := range []string{"run", "state", "hw", "pos"} {
				if err := os.Mkdir(filepath.Join(e.WorkDir, dir), 0o700); err != nil {
					return err
				}
			}
			return environment(e)
		},
	})
}

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

// await runs a command line again and again, for some time, until it ends
// with an exit code, and, where given, until its output has a text in it:
//
//	await 0 tillwarden status
//	await 0 'drawer: opened' -- tillwarden journal list
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await N [TEXT --] COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	text, args := "", args[1:]
	if len(args) > 2 && args[1] == "--" {
		text, args = args[0], args[2:]
	}
	out, code := "", 0
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		err := ts.Exec(args[0], args[1:]...)
		code = 0
		if exit, ok := err.(interface{ ExitCode() int }); ok {
			code = exit.ExitCode()
		} else {
			ts.Check(err)
		}
		out = ts.ReadFile("stdout")
		if code == want && strings.Contains(out, text) {
			return
		}
	}
	ts.Fatalf("waited %v for exit code %d and %q; the last time it was %d and:\n%s", patience, want, text, code, out)
}

// expand writes a copy of a file with the environment's variables filled in:
// expand FILE COPY
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: expand FILE COPY")
	}
	text := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}
