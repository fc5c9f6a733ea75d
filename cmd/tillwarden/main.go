// Command tillwarden is the command line of a register, for technicians,
// managers and scripts: it compiles and explains policies, reads and verifies
// journals, and speaks to the daemon over its unix sockets.
//
// What it promises to scripts:
//   - every command takes --json, and what it prints then keeps its names;
//   - it exits with 0 for done or allowed, 1 for refused, denied or problems
//     found, 2 for a command line that cannot be understood, and 3 where it
//     could not do it (the daemon is not reachable, a file cannot be read);
//   - what was asked for goes to standard output, everything else to standard error;
//   - a PIN is asked for on the terminal, or read from standard input, one a
//     line; it is never an argument.
//
// It decides nothing: what it may do at a register is what its socket and the
// operator behind it may do.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// version is set by the build: -ldflags "-X main.version=...".
var version = "devel"

func main() { os.Exit(run()) }

// run is main without the exit, so that tests can call it.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, env: os.Getenv, version: buildVersion()}
	return a.main(ctx, os.Args[1:])
}

// buildVersion is the version that was set, else the revision that was built:
// the daemon says the same of itself, so that doctor can tell them apart.
func buildVersion() string {
	if version != "devel" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return version + "-" + s.Value[:12]
			}
		}
	}
	return version
}
