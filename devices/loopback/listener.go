package loopback

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/devices/keep"
)

// Why a client was refused.
const (
	RefusedUser    = "its user may not print here"
	RefusedUnknown = "the kernel has no name here for its user"
	RefusedFlood   = "too much came of which could not be told whose it was"
	RefusedLate    = "it waited too long for its turn"
	RefusedBrowser = "it looks like a browser's"
)

// Config says where to listen, and for whom.
type Config struct {
	// Address is a loopback address with its port: "127.0.0.1:9100", "[::1]:9100".
	Address string
	// Given, where there is one, is a socket that listens there already: one that
	// systemd made. It is the listener's once Listen has succeeded.
	Given *net.TCPListener
	Users Users
	// Refused is told of each connection that was refused, and why. It must not
	// block. May be nil.
	Refused func(why string)
	// Note is called when a connection has come, before its turn: Conn.Note gives
	// what it said. It must not block. May be nil.
	Note func() any
	// Idle is how long a connection may bring nothing; zero: 5 minutes, as Epson's
	// network interfaces have it. Turn is how long another one waits for it to
	// end; zero: 1 minute.
	Idle, Turn time.Duration
	// Keep, where given, keeps the port and its connections for the next process.
	Keep keep.Keeper
}

const (
	defaultIdle = 5 * time.Minute
	defaultTurn = time.Minute
	// maxWaiting is how many connections are taken in behind the one that is
	// served, so that it is known whose they are. Others wait in the kernel: to
	// refuse one whose client is content with having sent it would lose its job.
	maxWaiting = 32
	// receive is the kernel's buffer of a connection: a printer that takes
	// nothing is soon felt by the client.
	receive = 8 << 10
)

// The names under which descriptors are kept: a connection's ends with its
// number and its user, or with nobodyKnows.
const (
	KeptListener   = "listener"
	KeptConnection = "connection"
	nobodyKnows    = "unknown"
)

// ErrAddress: not an address of the loopback interface with a port.
var ErrAddress = errors.New("not a loopback address with a port")

// CheckAddress says whether an address can be listened on.
func CheckAddress(s string) error {
	p, err := netip.ParseAddrPort(s)
	if err != nil || !p.Addr().IsLoopback() || p.Port() == 0 || p.Addr().Zone() != "" {
		return fmt.Errorf("%q: %w", s, ErrAddress)
	}
	return nil
}

// Listener is the port. Make one with Listen.
type Listener struct {
	c      Config
	tcp    *net.TCPListener
	kernel *kernel
	flood  allowance

	mu      sync.Mutex
	wake    chan struct{} // one is in the queue
	freed   chan struct{} // there is room for one more
	queue   []*Conn       // guarded by mu; those that wait, the oldest first
	judging int           // guarded by mu; how many have come, and may be refused yet
	number  uint64        // guarded by mu; of the newest connection
	left    *Left         // guarded by mu
}

// Left is what is left of a connection for the next process, besides what is
// in the kernel.
type Left struct {
	// Number says which connection it is.
	Number uint64
	// Unread was read ahead and not given by Read.
	Unread []byte
	// Judged: it has been found to be no browser's.
	Judged bool
}

// Listen opens the port: what an earlier process left (Keep) with its
// connections, or what was given, or a new one. left, where given, is what that
// process said of the connection that it served.
func Listen(ctx context.Context, c Config, left *Left) (*Listener, error) {
	l, err := open(ctx, c, left)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", c.Address, err)
	}
	return l, nil
}

func open(ctx context.Context, c Config, left *Left) (*Listener, error) {
	if c.Idle <= 0 {
		c.Idle = defaultIdle
	}
	if c.Turn <= 0 {
		c.Turn = defaultTurn
	}
	if c.Refused == nil {
		c.Refused = func(string) {}
	}
	if c.Note == nil {
		c.Note = func() any { return nil }
	}
	l := &Listener{c: c, flood: newAllowance(), wake: make(chan struct{}, 1), freed: make(chan struct{}, 1)}
	if err := CheckAddress(c.Address); err != nil {
		l.forget()
		return nil, err
	}
	switch {
	case c.Given != nil:
		l.tcp = c.Given
		if c.Keep != nil {
			c.Keep.Forget(KeptListener) // systemd has its own
		}
		if !listensAt(l.tcp, c.Address) {
			l.forget()
			return nil, fmt.Errorf("systemd's socket listens on %v", l.tcp.Addr())
		}
	case !l.takeListener():
		var err error
		if l.tcp, err = listen(ctx, c.Address); err != nil {
			l.forget()
			return nil, err
		}
		if c.Keep != nil {
			_ = c.Keep.Keep(KeptListener, l.tcp) // it is made anew, where that cannot be
		}
	}
	if !c.Users.Any {
		var err error
		if l.kernel, err = openKernel(); err == nil {
			err = l.kernel.canTell(l.tcp)
		}
		if err != nil {
			if l.kernel != nil {
				l.kernel.close()
			}
			if c.Given == nil {
				l.tcp.Close()
			}
			l.forget()
			return nil, err
		}
	}
	l.takeConnections(left)
	return l, nil
}

func listen(ctx context.Context, address string) (*net.TCPListener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var inner error
		err := raw.Control(func(fd uintptr) {
			inner = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, receive)
		})
		return errors.Join(err, inner)
	}}
	lc.SetMultipathTCP(false) // sock_diag knows the other kind under another protocol
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return l.(*net.TCPListener), nil
}

func listensAt(l *net.TCPListener, address string) bool {
	at, ok := addrPort(l.Addr())
	return ok && at.String() == netip.MustParseAddrPort(address).String()
}

func (l *Listener) close() {
	l.tcp.Close()
	if l.kernel != nil {
		l.kernel.close()
	}
}

// forget lets go of what is kept.
func (l *Listener) forget() {
	if l.c.Keep != nil {
		l.c.Keep.Forget(KeptListener)
		l.c.Keep.Forget(KeptConnection)
	}
}

// takeListener takes the port that an earlier process left, if it is this one.
func (l *Listener) takeListener() bool {
	if l.c.Keep == nil {
		return false
	}
	for _, k := range l.c.Keep.Take(KeptListener) {
		given, err := net.FileListener(k.File)
		if tcp, ok := given.(*net.TCPListener); err == nil && ok && l.tcp == nil && listensAt(tcp, l.c.Address) {
			l.tcp = tcp
			k.File.Close()
			continue
		}
		if err == nil {
			given.Close()
		}
		k.End()
	}
	if l.tcp == nil {
		l.c.Keep.Forget(KeptListener)
	}
	return l.tcp != nil
}

// takeConnections takes the connections that an earlier process let in.
func (l *Listener) takeConnections(left *Left) {
	if l.c.Keep == nil {
		return
	}
	for _, k := range l.c.Keep.Take(KeptConnection) {
		c, err := l.adopt(k)
		if err != nil {
			k.End()
			l.c.Keep.Forget(k.Name)
			continue
		}
		k.File.Close()
		if left != nil && left.Number == c.number {
			c.resume(left)
		}
		l.queue = append(l.queue, c)
		l.number = max(l.number, c.number)
	}
	slices.SortFunc(l.queue, func(a, b *Conn) int { return int(a.number) - int(b.number) })
	for _, c := range l.queue {
		l.await(c)
	}
	if len(l.queue) > 0 {
		l.wake <- struct{}{}
	}
}

var errNotOurs = errors.New("not a connection of ours")

func (l *Listener) adopt(k keep.Kept) (*Conn, error) {
	part := strings.Split(k.Name, ".")
	if len(part) != 3 {
		return nil, errNotOurs
	}
	number, err := strconv.ParseUint(part[1], 10, 32)
	if err != nil {
		return nil, errNotOurs
	}
	user := owner{}
	if part[2] != nobodyKnows {
		uid, err := strconv.ParseUint(part[2], 10, 32)
		if err != nil {
			return nil, errNotOurs
		}
		user = owner{uid: uint32(uid), told: true}
	}
	if ok, err := l.c.Users.allow(user); !ok || err != nil {
		return nil, errNotOurs // no longer
	}
	conn, err := net.FileConn(k.File)
	if err != nil {
		return nil, err
	}
	tcp, ok := conn.(*net.TCPConn)
	state := uint8(0)
	if ok {
		descriptor(tcp, func(fd int) { state = stateOf(fd) })
	}
	if at, valid := addrPort(conn.LocalAddr()); !valid || at.String() != netip.MustParseAddrPort(l.c.Address).String() || !living(state) {
		conn.Close()
		return nil, errNotOurs
	}
	c := l.newConn(tcp, number, user)
	c.kept = true
	return c, nil
}

// name is what a connection is kept under.
func (c *Conn) name() string {
	user := nobodyKnows
	if c.user.told {
		user = strconv.FormatUint(uint64(c.user.uid), 10)
	}
	return fmt.Sprintf("%s.%d.%s", KeptConnection, c.number, user)
}

// Addr is where it listens.
func (l *Listener) Addr() net.Addr { return l.tcp.Addr() }

// Has reports whether a connection waits to be served.
func (l *Listener) Has(number uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.queue, func(c *Conn) bool { return c.number == number })
}

// Run serves connections, one after the other, until the context ends. serve
// reads to the connection's end, or until ctx ends.
//
// Whose a connection is, is found out as soon as it comes, before its turn: a
// client that is content with having sent its job may close it any time after.
// serve minds Conn.Unknown.
//
// With a Keeper the port and its connections are then left to the next process;
// Left says how far the one that was served had come.
func (l *Listener) Run(ctx context.Context, serve func(ctx context.Context, c *Conn) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { l.serveAll(ctx, serve) })
	came := make(chan accepted, maxWaiting)
	wg.Go(func() {
		// Users may be asked about over a network: nothing else waits for that.
		for a := range came {
			l.admit(a)
		}
	})
	err := l.accept(ctx, came)
	close(came)
	cancel()
	wg.Wait()
	l.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.queue {
		c.late.Stop()
		c.end(l.c.Keep != nil, false)
	}
	l.queue = nil
	return err
}

// Left is what is left of the connection that was served when Run ended; nil:
// there was none.
func (l *Listener) Left() *Left {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left
}

// admit queues a connection of somebody who may print, or may have been allowed to.
func (l *Listener) admit(a accepted) {
	why := l.judge(a)
	l.mu.Lock()
	l.judging--
	if why == "" {
		l.enqueue(a.tcp, a.user)
	}
	l.mu.Unlock()
	if why == "" {
		return
	}
	l.frees()
	reset(a.tcp)
	if why != nothingSent {
		l.c.Refused(why)
	}
}

// nothingSent is no reason to say anything: there is nothing that could be lost.
const nothingSent = "nothing came"

// judge says why a connection is refused, "" if it is not.
func (l *Listener) judge(a accepted) (why string) {
	if a.err != nil {
		return RefusedUnknown
	}
	if ok, err := l.c.Users.allow(a.user); err != nil || !ok {
		return RefusedUser
	}
	if a.user.told || l.c.Users.Any {
		return ""
	}
	// Whoever only looks whether the port is there does not use up what there is.
	if some, yet := peek(a.tcp); !some && !yet {
		return nothingSent
	}
	if !l.flood.jobs.AllowN(time.Now(), 1) {
		return RefusedFlood
	}
	return ""
}

// frees says that there may be room for one more.
func (l *Listener) frees() {
	select {
	case l.freed <- struct{}{}:
	default:
	}
}

// enqueue is called with mu held.
func (l *Listener) enqueue(tcp *net.TCPConn, user owner) {
	l.number++
	c := l.newConn(tcp, l.number, user)
	if l.c.Keep != nil {
		c.kept = l.c.Keep.Keep(c.name(), tcp) == nil
	}
	l.queue = append(l.queue, c)
	l.await(c)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// await lets a connection wait for its turn, but not for ever, unless its client
// does not wait any more: nobody would hear then that it was refused.
func (l *Listener) await(c *Conn) {
	c.late = time.AfterFunc(l.c.Turn, func() {
		if sentAll(c.tcp) {
			return
		}
		l.mu.Lock()
		i := slices.Index(l.queue, c)
		if i >= 0 {
			l.queue = slices.Delete(l.queue, i, i+1)
		}
		l.mu.Unlock()
		if i >= 0 {
			l.frees()
			l.refuse(c, RefusedLate)
		}
	})
}

func (l *Listener) refuse(c *Conn, why string) {
	l.drop(c)
	c.end(false, false)
	l.c.Refused(why)
}

// drop ends the keeping of a connection.
func (l *Listener) drop(c *Conn) {
	if l.c.Keep != nil {
		l.c.Keep.Forget(c.name())
	}
}

func (l *Listener) serveAll(ctx context.Context, serve func(ctx context.Context, c *Conn) error) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		for ctx.Err() == nil {
			l.mu.Lock()
			var c *Conn
			if len(l.queue) > 0 {
				c, l.queue = l.queue[0], l.queue[1:]
			}
			l.mu.Unlock()
			if c == nil {
				break
			}
			c.late.Stop()
			l.frees()
			l.serve(ctx, c, serve)
		}
	}
}

func (l *Listener) serve(ctx context.Context, c *Conn, serve func(ctx context.Context, c *Conn) error) {
	stop := context.AfterFunc(ctx, c.interrupt)
	err := serve(ctx, c)
	stop()
	switch {
	case errors.Is(err, ErrBrowser):
		l.refuse(c, RefusedBrowser)
	case errors.Is(err, ErrFlood):
		l.refuse(c, RefusedFlood)
	case ctx.Err() != nil && l.c.Keep != nil:
		l.mu.Lock()
		l.left = c.left()
		l.mu.Unlock()
		c.end(true, true)
	default:
		l.drop(c)
		c.end(false, err == nil)
	}
}
