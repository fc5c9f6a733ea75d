package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"
	"time"

	"tillwarden/daemon/api"
)

// dial finds the daemon's socket for one of the roles, the preferred first:
// that of --socket, or the first in --run-dir that this user may use.
func (a *app) dial(ctx context.Context, roles ...api.Role) (*api.Client, error) {
	if a.socket != "" {
		return api.NewClient(a.socket), nil
	}
	var denied, last error
	for _, role := range roles {
		path := filepath.Join(a.runDir, role.String()+".sock")
		d := net.Dialer{Timeout: 2 * time.Second}
		conn, err := d.DialContext(ctx, "unix", path)
		if err == nil {
			conn.Close()
			return reach(ctx, path, answerTime)
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if errors.Is(err, fs.ErrPermission) {
			denied = err
		} else {
			last = err
		}
	}
	if denied != nil {
		return nil, failedf("%s: your user may not use the daemon's %s socket", a.runDir, wanted(roles)).
			hint("join the group of that socket (ls -l %s), or run this as root", a.runDir)
	}
	f := failedf("tillwardend is not reachable in %s", a.runDir)
	if errors.Is(last, fs.ErrNotExist) {
		if again := newMachine(a.machineRoot()).undone(); again != "" {
			return nil, failedf("tillwardend is switched off, as setup --undo leaves it: nothing prints through it, and it opens no drawer").hint("%s", again)
		}
		return nil, f.hint("is it running? systemctl status tillwardend").
			hint("if its sockets are elsewhere, say so with --run-dir or TILLWARDEN_RUN_DIR")
	}
	return nil, f.hint("its socket is there and nobody answers: systemctl restart tillwardend")
}

// answerTime is how long the daemon may take to answer at all; it starts in less.
const answerTime = 5 * time.Second

// reach gives a client of a daemon that answers. systemd holds the sockets: who
// connects while the daemon cannot start would wait for ever.
func reach(ctx context.Context, path string, limit time.Duration) (*api.Client, error) {
	c := api.NewClient(path)
	asked, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := c.Reach(asked)
	if err == nil {
		return c, nil
	}
	c.Close()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if asked.Err() != nil {
		err = fmt.Errorf("nothing came from %s for %v", path, limit)
	}
	return nil, failedf("tillwardend does not answer: %w", err).
		hint("does it start? systemctl status tillwardend").hint("journalctl -u tillwardend -p warning says why not")
}

func wanted(roles []api.Role) string {
	var list []string
	for _, r := range roles {
		list = append(list, r.String())
	}
	return join(list)
}

// actor is the operator behind a command: --as, with a PIN that is asked for.
type actor struct{ number string }

func (w actor) given() bool { return w.number != "" }

// credentials asks for the acting operator's PIN; nil where there is no --as.
func (a *app) credentials(w actor) (*api.Credentials, error) {
	if !w.given() {
		return nil, nil
	}
	pin, err := a.askPIN("operator " + w.number)
	if err != nil {
		return nil, err
	}
	return &api.Credentials{Number: w.number, PIN: pin}, nil
}

// dialFor prefers the console's socket for an operator, and the technician's
// where nobody is named.
func (a *app) dialFor(ctx context.Context, w actor) (*api.Client, error) {
	if w.given() {
		return a.dial(ctx, api.RoleConsole, api.RoleTechnician)
	}
	return a.dial(ctx, api.RoleTechnician, api.RoleConsole)
}

// as asks the daemon something in an operator's name, or in nobody's: f gets a client,
// and whom to ask as.
func (a *app) as(ctx context.Context, w actor, f func(c *api.Client, by *api.Credentials) error) error {
	by, err := a.credentials(w)
	if err != nil {
		return err
	}
	defer wipe(by)
	client, err := a.dialFor(ctx, w)
	if err != nil {
		return err
	}
	defer client.Close()
	return f(client, by)
}

func wipe(c *api.Credentials) {
	if c != nil {
		c.PIN.Wipe()
	}
}
