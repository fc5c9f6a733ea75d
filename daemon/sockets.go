package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"tillwarden/daemon/api"
)

// errRuns is a socket that another daemon answers on.
var errRuns = errors.New("another daemon is running")

// openSockets gives one listener a role: systemd's, where it made one under
// the role's name (LISTEN_FDNAMES), else one of our own.
func openSockets(c *Config, given map[string][]net.Listener) (map[api.Role]net.Listener, error) {
	sockets := map[api.Role]net.Listener{}
	fail := func(err error) (map[api.Role]net.Listener, error) {
		for _, l := range sockets {
			l.Close()
		}
		return nil, err
	}
	for name, ls := range given {
		role, ok := roleNamed(name)
		for i, l := range ls {
			if !ok || i > 0 || l == nil {
				return fail(fmt.Errorf("systemd gave a socket called %q: known are pos, console and technician, one each, and printer-NAME for a [[printer]] that listens", name))
			}
			if _, unix := l.(*net.UnixListener); !unix {
				return fail(fmt.Errorf("systemd's socket %q is no unix socket: this daemon speaks to no network", name))
			}
			sockets[role] = l
		}
	}
	for _, role := range api.Roles() {
		if sockets[role] != nil {
			continue
		}
		l, err := listen(SocketPath(c, role), c.Sockets.of(role))
		if err != nil {
			return fail(err)
		}
		sockets[role] = l
	}
	return sockets, nil
}

func roleNamed(name string) (api.Role, bool) {
	for _, r := range api.Roles() {
		if r.String() == name {
			return r, true
		}
	}
	return 0, false
}

func (s *SocketsConfig) of(role api.Role) SocketConfig {
	switch role {
	case api.RolePOS:
		return s.POS
	case api.RoleConsole:
		return s.Console
	}
	return s.Technician
}

// SocketPath is where a role's socket is made.
func SocketPath(c *Config, role api.Role) string {
	return filepath.Join(c.Run, role.String()+".sock")
}

// listen makes one socket. What a dead daemon left in its place is removed.
func listen(path string, c SocketConfig) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for sockets: %w", err)
	}
	if st, err := os.Lstat(path); err == nil {
		if st.Mode()&fs.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is in the way: it is no socket", path)
		}
		if probe, err := net.Dial("unix", path); err == nil {
			probe.Close()
			return nil, fmt.Errorf("%s: %w", path, errRuns)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove a dead daemon's socket: %w", err)
		}
	}
	// Nobody else may connect before owner and mode are set.
	before := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	if err := setOwner(path, c.Group, c.Mode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// setOwner gives a node to a group, and then its mode.
func setOwner(path, group, mode string) error {
	if group != "" {
		g, err := user.LookupGroup(group)
		if err != nil {
			return fmt.Errorf("%s: there is no group %q: make it, or name another in the configuration", path, group)
		}
		gid, err := strconv.Atoi(g.Gid)
		if err != nil {
			return fmt.Errorf("group %q: %w", group, err)
		}
		if err := os.Chown(path, -1, gid); err != nil {
			return fmt.Errorf("give %s to group %s: %w", path, group, err)
		}
	}
	bits, err := strconv.ParseUint(mode, 8, 32)
	if err != nil {
		return fmt.Errorf("%s: mode %q: %w", path, mode, err)
	}
	if err := os.Chmod(path, fs.FileMode(bits)); err != nil {
		return fmt.Errorf("set the mode of %s: %w", path, err)
	}
	return nil
}
