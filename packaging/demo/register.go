package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"tillwarden/daemon/api"
)

// register is one register in a temporary folder: the daemon, the simulated
// hardware on its ttys, and the folders that a real one has.
type register struct {
	dir, bin    string
	sim, daemon *process
	technician  *api.Client
	journal     *journal
}

// newRegister makes the folders.
func newRegister(bin string) (*register, error) {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"tillwardend", "tillwarden", "tillwarden-sim"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return nil, fmt.Errorf("%w: run make build first", err)
		}
	}
	dir, err := os.MkdirTemp("", "tillwarden-demo-")
	if err != nil {
		return nil, err
	}
	r := &register{dir: dir, bin: bin}
	for _, sub := range []string{"hw", "pos", "run", "state", "etc"} {
		if err := os.Mkdir(r.path(sub), 0o700); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *register) path(parts ...string) string {
	return filepath.Join(append([]string{r.dir}, parts...)...)
}

// binary is one of the binaries.
func (r *register) binary(name string) string { return filepath.Join(r.bin, name) }

// processes are those that were started.
func (r *register) processes() []*process {
	var list []*process
	for _, p := range []*process{r.daemon, r.sim} {
		if p != nil {
			list = append(list, p)
		}
	}
	return list
}

// close ends everything and removes the folder.
func (r *register) close(keep bool) {
	if r == nil {
		return
	}
	if r.journal != nil {
		r.journal.close()
	}
	if r.daemon != nil && r.daemon.alive() {
		_ = r.daemon.stop()
	}
	if r.sim != nil && r.sim.alive() {
		_ = r.sim.stop()
	}
	if !keep {
		_ = os.RemoveAll(r.dir)
	}
}

// The register's names and places.
const (
	chain  = "Example Stores"
	store  = "0042"
	drawer = "till"
)

// configuration is the daemon's file. What is not in it has its default.
func (r *register) configuration() string {
	return fmt.Sprintf(`# One register with simulated hardware.
chain    = %[2]q
store    = %[3]q
register = "1"

run   = %[1]q
state = %[4]q

[policy]
keys = [%[5]q]

[signon]
method  = "card"
formats = ["digits"]

# A swipe alone signs on here, and approves.
[override]
method = "card"

[sockets.pos]
group = ""
[sockets.console]
group = ""

[[printer]]
name = "printer"
path = %[6]q
link = %[7]q

  [[printer.drawer]]
  name      = %[8]q
  connector = 1

[[reader]]
name = "reader"
path = %[9]q

[[keypad]]
name = "keypad"
path = %[10]q
`, r.path("run"), chain, store, r.path("state"), r.path("etc", "chain.key.pub"),
		r.path("hw", "printer"), r.posPort(), drawer, r.path("hw", "reader"), r.path("hw", "keypad"))
}

// posPort is what the POS takes for the printer.
func (r *register) posPort() string { return r.path("pos", "printer") }

// startSim starts the simulated hardware.
func (r *register) startSim(ctx context.Context) (err error) {
	r.sim, err = start("tillwarden-sim", r.binary("tillwarden-sim"), "--dir", r.path("hw"))
	if err != nil {
		return err
	}
	return until(ctx, "the simulated hardware", r.sim, func() error {
		for _, tty := range []string{"printer", "reader", "keypad", "control.sock"} {
			if _, err := os.Stat(r.path("hw", tty)); err != nil {
				return err
			}
		}
		return nil
	})
}

// startDaemon starts the daemon and waits until it answers.
func (r *register) startDaemon(ctx context.Context) (err error) {
	r.daemon, err = start("tillwardend", r.binary("tillwardend"), "--config", r.path("etc", "tillwarden.toml"))
	if err != nil {
		return err
	}
	r.technician = api.NewClient(r.path("run", "technician.sock"))
	err = until(ctx, "the daemon", r.daemon, func() error {
		_, err := r.technician.Status(ctx)
		return err
	})
	if err != nil {
		return err
	}
	if r.journal == nil {
		r.journal = newJournal()
	}
	r.journal.follow(r.technician)
	return nil
}

// cli runs the command line as people do, with lines on its standard input,
// and gives what it printed and its exit code.
func (r *register) cli(ctx context.Context, input string, args ...string) (string, int, error) {
	cmd := exec.CommandContext(ctx, r.binary("tillwarden"), args...)
	cmd.Env = append(os.Environ(), "TILLWARDEN_RUN_DIR="+r.path("run"), "TILLWARDEN_SIM="+r.path("hw", "control.sock"))
	cmd.Dir = r.dir
	cmd.Stdin = bytes.NewReader([]byte(input))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return out.String(), exit.ExitCode(), nil
	}
	if err != nil {
		if ctx.Err() != nil {
			return "", 0, ctx.Err()
		}
		return "", 0, fmt.Errorf("running tillwarden %v: %w", args, err)
	}
	return out.String(), 0, nil
}

// must runs the command line and wants exit code 0.
func (r *register) must(ctx context.Context, input string, args ...string) (string, error) {
	return r.want(ctx, 0, input, args...)
}

// want runs the command line and wants the exit code that is named.
func (r *register) want(ctx context.Context, code int, input string, args ...string) (string, error) {
	out, got, err := r.cli(ctx, input, args...)
	if err == nil && got != code {
		err = fmt.Errorf("tillwarden %v ended with %d, want %d:\n%s", args, got, code, out)
	}
	return out, err
}
