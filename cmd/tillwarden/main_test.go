package main

import (
	"maps"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tillwarden/devices/sim"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tillwarden": main})
}

// TestOffline runs the scripts that need no daemon. Those about exit codes
// use "status N", which runs the command line and wants exactly that code.
func TestOffline(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/offline", Setup: environment, Cmds: commands})
}

// TestFake runs the scripts against the real server of the interface with a
// backend whose answers are always the same. What it was asked is in the file
// that "calls" writes.
func TestFake(t *testing.T) { testFake(t, "testdata/fake") }

// TestTerminal is the same for commands that ask at a terminal, with a backend
// of their own: scripts run side by side.
func TestTerminal(t *testing.T) { testFake(t, "testdata/terminal") }

// TestRecord is the same for records of prints.
func TestRecord(t *testing.T) { testFake(t, "testdata/record") }

func testFake(t *testing.T, scripts string) {
	dir := t.TempDir()
	full, empty := &fake{}, &fake{empty: true}
	startFake(t, dir+"/full", full)
	startFake(t, dir+"/empty", empty)
	cmds := map[string]func(*testscript.TestScript, bool, []string){"calls": full.writeCalls}
	maps.Copy(cmds, commands)
	testscript.Run(t, testscript.Params{
		Dir: scripts, Cmds: cmds,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TILLWARDEN_RUN_DIR", dir+"/full")
			e.Setenv("EMPTY", dir+"/empty")
			return environment(e)
		},
	})
}

// TestSim runs the scripts about the simulated hardware, which is this process's.
func TestSim(t *testing.T) {
	dir := t.TempDir()
	station, err := sim.NewStation(sim.StationOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = station.Close() })
	testscript.Run(t, testscript.Params{
		Dir: "testdata/sim", Cmds: commands,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HW", dir)
			e.Setenv("TILLWARDEN_SIM", dir)
			return environment(e)
		},
	})
}

func environment(e *testscript.Env) error {
	e.Setenv("TZ", "UTC")
	e.Setenv("HOME", e.WorkDir)
	e.Setenv("TILLWARDEN_ROOT", e.WorkDir) // the doctor looks at no machine but the script's
	// A race-enabled binary sleeps a second at its end by default, which is a
	// long time for a hundred command lines.
	e.Setenv("GORACE", "atexit_sleep_ms=0")
	return nil
}

// commands are what the scripts have beyond testscript's own.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"code":      wantCode,
	"mode":      wantMode,
	"firstcode": firstCode,
	"secret":    secret,
	"swap":      swap,
	"journal":   makeJournal,
	"store":     makeStore,
	"await":     await,
	"expand":    expand,
	"bytes":     writeBytes,
}
