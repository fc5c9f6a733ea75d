package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"

	"tillwarden/devices/keep"
)

// given is what systemd gave us at the start (sd_listen_fds(3)): the sockets of
// its socket units; and what an earlier process of ours had put into the
// service's file descriptor store (sd_notify(3), FDSTORE=1), which is kept there
// over restarts, crashes included, for as long as the unit is not stopped.
//
// Stored names are the printer's, a dot, and what it is ("receipt.pty.master").
// A name of a configuration has no dot, so that nothing else is called so. nil is
// a daemon that was given nothing.
type given struct {
	log       *slog.Logger
	socket    string // where systemd hears us; "": there is none
	listeners map[string][]net.Listener

	mu     sync.Mutex
	stored []keep.Kept    // guarded by mu; not taken yet
	names  map[string]int // guarded by mu; what is in the store, and how often
}

// printerSocket is how the socket unit of a printer's loopback port is named.
const printerSocket = "printer-"

func takeGiven(log *slog.Logger) *given {
	g := &given{log: log, socket: os.Getenv("NOTIFY_SOCKET"), listeners: map[string][]net.Listener{}, names: map[string]int{}}
	for _, f := range activation.Files(true) {
		if strings.Contains(f.Name(), ".") {
			g.stored = append(g.stored, keep.Kept{Name: f.Name(), File: f})
			g.names[f.Name()]++
			continue
		}
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			log.Warn("systemd gave something that is no socket", "name", f.Name(), "err", err)
			continue
		}
		g.listeners[f.Name()] = append(g.listeners[f.Name()], l)
	}
	return g
}

// printerSocket takes the socket that systemd made for a printer; nil: none.
func (g *given) printerSocket(name string) (*net.TCPListener, error) {
	if g == nil {
		return nil, nil
	}
	ls := g.listeners[printerSocket+name]
	delete(g.listeners, printerSocket+name)
	if len(ls) == 0 {
		return nil, nil
	}
	tcp, ok := ls[0].(*net.TCPListener)
	if !ok || len(ls) > 1 {
		for _, l := range ls {
			l.Close()
		}
		return nil, fmt.Errorf("systemd's socket %s%s has to be one TCP socket", printerSocket, name)
	}
	return tcp, nil
}

// keeper keeps descriptors of one printer. Without systemd there is none.
func (g *given) keeper(name string) keep.Keeper {
	if g == nil || g.socket == "" {
		return nil
	}
	return &shelf{g, name + "."}
}

// rest lets go of what nobody will take: of printers that are no longer
// configured. The others take theirs when they run.
func (g *given) rest(printers []PrinterConfig) {
	known := map[string]bool{}
	for _, p := range printers {
		known[p.Name] = true
	}
	g.mu.Lock()
	gone := map[string]bool{}
	for full := range g.names {
		if name, _, _ := strings.Cut(full, "."); !known[name] {
			gone[name] = true
		}
	}
	g.mu.Unlock()
	for name := range gone {
		s := &shelf{g, name + "."}
		keep.Discard(s, "")
	}
}

// shelf is one printer's part of the store.
type shelf struct {
	g      *given
	prefix string
}

func (s *shelf) is(full, name string) bool {
	own, ok := strings.CutPrefix(full, s.prefix)
	return ok && (name == "" || own == name || strings.HasPrefix(own, name+"."))
}

// Take is Keeper's.
func (s *shelf) Take(name string) (taken []keep.Kept) {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	var left []keep.Kept
	for _, k := range s.g.stored {
		if !s.is(k.Name, name) {
			left = append(left, k)
			continue
		}
		taken = append(taken, keep.Kept{Name: strings.TrimPrefix(k.Name, s.prefix), File: k.File})
	}
	s.g.stored = left
	return taken
}

// Keep is Keeper's.
func (s *shelf) Keep(name string, c syscall.Conn) error {
	full := s.prefix + name
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	raw, err := c.SyscallConn()
	if err != nil {
		return fmt.Errorf("keeping %s: %w", full, err)
	}
	var inner error
	// FDPOLL=0: systemd is not to drop it because its far side has hung up. There
	// may be something to read all the same, and our next start looks.
	err = raw.Control(func(fd uintptr) { inner = s.g.tell("FDSTORE=1\nFDPOLL=0\nFDNAME="+full, int(fd)) })
	if err = errors.Join(err, inner); err != nil {
		s.g.log.Warn("a restart will be noticed at the printer's port", "what", full, "err", err)
		return fmt.Errorf("keeping %s: %w", full, err)
	}
	s.g.names[full]++
	return nil
}

// Forget is Keeper's.
func (s *shelf) Forget(name string) {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	for full := range s.g.names {
		if !s.is(full, name) {
			continue
		}
		delete(s.g.names, full)
		if err := s.g.tell("FDSTOREREMOVE=1\nFDNAME=" + full); err != nil {
			s.g.log.Warn("systemd does not hear us", "err", err)
		}
	}
}

// tellWait is how long systemd may take no message.
const tellWait = time.Second

// tell sends systemd a message with descriptors, which go-systemd cannot, nor
// the standard library over a connected datagram socket. systemd has it when it
// returns.
func (g *given) tell(state string, fds ...int) error {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	defer unix.Close(socket)
	wait := unix.NsecToTimeval(int64(tellWait))
	if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &wait); err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	// A name that begins with @ is an abstract one.
	if err := unix.Sendmsg(socket, []byte(state), rights, &unix.SockaddrUnix{Name: g.socket}, 0); err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	return nil
}
