// Command probe tries, from where it is started, what the daemon's sandbox must
// not let happen and what it must, and prints one line of JSON for each: what it
// tried, what was to come of it, what came of it, and whether that is right.
//
//	probe daemon [-socket PATH -peer UID] [-tty PATH] [-await PATH]   within the daemon's unit
//	probe pos -pid PID [-node PATH]... [-port PATH]                  as the POS's user
//	probe dial SOCKET   connects, for "daemon" to see whose that is
//	probe plug NUMBER [FILE]   plugs a virtual serial line in, until it is ended; what leaves it goes to the file
//
// It is static, and changes nothing that it is allowed to change for longer than
// it runs. It exits with 1 where something is not right.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// result is one line.
type result struct {
	Name string `json:"name"`
	Want string `json:"want"` // denied or works
	Got  string `json:"got"`  // denied, works, absent, or what is neither
	OK   bool   `json:"ok"`
	Says string `json:"says,omitempty"` // the error
}

// prober gathers results.
type prober struct{ results []result }

// refusals are the errors by which a sandbox says no. Others (no such file, an
// argument that makes no sense) would say that nothing was tried.
var refusals = []error{
	unix.EPERM, unix.EACCES, unix.EROFS, unix.EAFNOSUPPORT, unix.ENOSYS, unix.ESRCH,
}

// denied wants an attempt to be refused. Where there is nothing that could be
// tried (a node that this machine has not), it counts as absent.
func (p *prober) denied(name string, try func() error) {
	r := result{Name: name, Want: "denied"}
	err := try()
	switch {
	case err == nil:
		r.Got = "works"
	case slices.ContainsFunc(refusals, func(e error) bool { return errors.Is(err, e) }):
		r.Got, r.OK = "denied", true
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		r.Got, r.OK = "absent", true
	default:
		r.Got = "something else"
	}
	p.add(r, err)
}

// works wants an attempt to succeed.
func (p *prober) works(name string, try func() error) {
	r := result{Name: name, Want: "works", Got: "works", OK: true}
	err := try()
	if err != nil {
		r.Got, r.OK = "fails", false
	}
	p.add(r, err)
}

func (p *prober) add(r result, err error) {
	if err != nil {
		r.Says = err.Error()
	}
	p.results = append(p.results, r)
}

// report prints the results, and gives the exit code.
func (p *prober) report() int {
	code := 0
	out := json.NewEncoder(os.Stdout)
	for _, r := range p.results {
		if err := out.Encode(r); err != nil || !r.OK {
			code = 1
		}
	}
	return code
}

// paths is a flag that may be given more than once.
type paths []string

func (p *paths) String() string     { return strings.Join(*p, ",") }
func (p *paths) Set(s string) error { *p = append(*p, s); return nil }

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: probe daemon|pos|dial|plug ...")
		return 2
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	var p prober
	switch args[0] {
	case "daemon":
		var o daemonOptions
		flags.StringVar(&o.tty, "tty", "", "a serial line or printer that has to open")
		flags.StringVar(&o.await, "await", "", "one that is plugged in later, and then has to open")
		flags.StringVar(&o.socket, "socket", "", "where to listen for `probe dial`, and see whose it is")
		flags.IntVar(&o.peer, "peer", -1, "whose uid that is")
		if flags.Parse(args[1:]) != nil {
			return 2
		}
		p.daemon(o)
	case "pos":
		var o posOptions
		flags.IntVar(&o.pid, "pid", 0, "the daemon's process")
		flags.StringVar(&o.state, "state", "/var/lib/tillwarden", "the daemon's state folder")
		flags.StringVar(&o.run, "run", "/run/tillwarden", "its sockets' folder")
		flags.Var(&o.nodes, "node", "a device that is the register's")
		flags.StringVar(&o.port, "port", "", "the POS's own port, which has to open")
		if flags.Parse(args[1:]) != nil {
			return 2
		}
		p.pos(o)
	case "dial":
		c, err := net.Dial("unix", args[1])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer c.Close()
		_, _ = c.Read(make([]byte, 1)) // until the other side has looked
	case "plug":
		if err := plug(args[1], strings.Join(args[2:], "")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	default:
		fmt.Fprintf(os.Stderr, "probe: %q is not known\n", args[0])
		return 2
	}
	return p.report()
}
