// Command server is the disk of package disk: a process of its own, since one that
// also uses the files on the disk can come to wait for itself (a page that is missing
// stops it, and so whoever would fetch it).
//
//	server IMAGE FOLDER
//
// It takes orders on its standard input and answers each on its standard output, a
// JSON object a line; it ends, and unmounts, when there are no more.
package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	orders "tillwarden/packaging/rig/disk"
)

func main() {
	if err := serve(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "disk:", err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: server IMAGE FOLDER")
	}
	d, err := mount(args[0], args[1])
	if err != nil {
		return err
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	if err := out.Encode(orders.Answer{}); err != nil {
		return err
	}
	for {
		var o orders.Order
		if err := in.Decode(&o); err != nil {
			return d.server.Unmount() // who gave the orders is gone
		}
		if err := out.Encode(d.obey(o)); err != nil {
			return err
		}
	}
}

// obey does what an order says.
func (d *disk) obey(o orders.Order) (a orders.Answer) {
	switch o.Verb {
	case orders.Cut:
		keep := func() bool { return false }
		if o.Seed != 0 {
			r := rand.New(rand.NewPCG(o.Seed, o.Seed))
			keep = func() bool { return r.IntN(2) == 0 }
		}
		var err error
		if o.Flushing {
			a.Lost, err = d.cutFlushing(keep, time.Minute)
		} else {
			a.Lost, err = d.cut(keep)
		}
		if err != nil {
			a.Err = err.Error()
		}
		return a
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch o.Verb {
	case orders.Restore:
		d.off = false
	case orders.Lie:
		d.lies = true
	case orders.Flushes:
		a.Flushes = d.flushes
	default:
		a.Err = fmt.Sprintf("no such order: %q", o.Verb)
	}
	return a
}
