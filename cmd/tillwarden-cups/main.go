// Command tillwarden-cups is the CUPS backend "tillwarden": installed as
// /usr/lib/cups/backend/tillwarden it carries jobs of a CUPS queue to the port at
// which tillwardend takes what is to be printed (backend(7)).
//
// It guarantees:
//
//   - A job comes to tillwarden after all filters, as bytes that a POS wrote
//     would. What a filter, a driver or a job's options add to open a drawer is
//     decided like any kick.
//   - A job of which anything was sent is never sent again: not by a retry, not
//     after an error, a restart of CUPS or a loss of power. Its kicks would be.
//   - A printer that takes nothing holds the job up, and nothing is lost.
//   - A job that is cancelled or breaks off ends there: tillwardend ends a command
//     that is incomplete.
//
// It opens no device but tillwarden's ports, sends them nothing but the job, and
// decides nothing.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// version is set by the linker.
var version = "unknown"

// exit is how a backend ends, cups_backend_t of CUPS' backend.h.
type exit int

const (
	exitOK     exit = 0
	exitFailed exit = 1 // what is done then is the queue's error policy; only where nothing was sent
	exitStop   exit = 4 // the queue stops, its jobs stay
	exitCancel exit = 5 // the job is over
	exitRetry  exit = 6 // the job is tried again later
)

const usage = `tillwarden-cups is the CUPS backend "tillwarden". CUPS runs it, as
/usr/lib/cups/backend/tillwarden; by hand it is of no use but for its list.

  tillwarden                                              lists tillwarden's ports
  tillwarden job-id user title copies options [file]      prints, to $DEVICE_URI

Device URIs:
  tillwarden:/receipt                    the port "receipt" in /dev/tillwarden
  tillwarden:///dev/ttyS40               a port whose link is elsewhere
  tillwarden:/receipt?wait=5             how many seconds a job waits for tillwardend
                                         before CUPS is to try it again later; else 30

A queue for what is printed as it is:
  lpadmin -p receipt -E -v tillwarden:/receipt

$TILLWARDEN_PORTS is the folder of the ports where it is not /dev/tillwarden.
`

func main() {
	// CUPS cancels a job by SIGTERM. What is written to a reader that ended is an
	// error, not our end.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	os.Exit(int(run(ctx, os.Args, os.Getenv, os.Stdin, os.Stdout, os.Stderr)))
}

// run is the command. args has what it was called as, for CUPS the device URI.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) exit {
	say := &reporter{out: stderr}
	ports := getenv("TILLWARDEN_PORTS")
	if ports == "" {
		ports = defaultPorts
	}
	switch {
	case len(args) == 2 && (args[1] == "--help" || args[1] == "-h"):
		fmt.Fprint(stdout, usage)
		return exitOK
	case len(args) == 2 && args[1] == "--version":
		fmt.Fprintln(stdout, "tillwarden-cups", version)
		return exitOK
	case len(args) == 1:
		list(stdout, ports)
		return exitOK
	}
	uri := getenv("DEVICE_URI")
	if uri == "" && strings.HasPrefix(args[0], scheme) {
		uri = args[0]
	}
	to, err := parseURI(uri, ports)
	if err != nil {
		say.fault("%v", err)
		return exitStop
	}
	j, err := parseJob(args[1:])
	if err != nil {
		say.fault("%v; tillwarden --help says how CUPS calls it", err)
		return exitFailed
	}
	j.memory = memory{dir: memoryDir(getenv)}
	return j.print(ctx, to, stdin, say)
}
