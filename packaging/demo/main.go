// Command tillwarden-demo plays a register's day: the real daemon and command
// line, and simulated hardware on real ttys, in a temporary folder.
//
// It tells each step in plain words, checks what came of it (what the journal
// says, which pulses the printer got, what was printed) and exits with 1 as
// soon as anything goes otherwise than told. With --stay it sets up the same
// register and leaves it up for trying by hand.
//
// With --year it writes a journal to try reports on, and nothing else.
//
// It is no part of the product and knows nothing that a site would not: it
// uses the binaries in --bin, the daemon's sockets, and the simulator's.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "`folder` with tillwardend, tillwarden and tillwarden-sim")
	stay := flag.Bool("stay", false, "set the register up and leave it up until Ctrl-C")
	keep := flag.Bool("keep", false, "leave the temporary folder behind")
	yearFile := flag.String("year", "", "write a made-up store's journal of a year to this `file`, and nothing else")
	entries := flag.Int("entries", yearEntries, "how many entries --year writes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *yearFile != "" {
		t := &teller{out: os.Stdout}
		if err := year(ctx, t, *yearFile, *entries); err != nil {
			if errors.Is(err, context.Canceled) {
				err = errors.New("interrupted, and nothing is left of it")
			}
			fmt.Fprintln(os.Stderr, "tillwarden-demo:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(run(ctx, *bin, *stay, *keep))
}

func run(ctx context.Context, bin string, stay, keep bool) int {
	t := &teller{out: os.Stdout}
	began := time.Now()
	r, err := newRegister(bin)
	if err != nil {
		return t.failed(err, nil)
	}
	if keep {
		t.say("folder: %s", r.dir)
	}
	defer r.close(keep)

	d := &day{teller: t, r: r}
	err = d.setUp(ctx)
	if err == nil {
		if stay {
			err = d.stay(ctx)
		} else {
			err = d.play(ctx)
		}
	}
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		fmt.Fprintln(os.Stderr, "interrupted")
		if stay {
			return 0
		}
		return 1
	}
	if err != nil {
		return t.failed(err, r)
	}
	if !stay {
		t.say("")
		t.say("Everything went as told, in %d seconds.", int(time.Since(began).Seconds()))
	}
	return 0
}
