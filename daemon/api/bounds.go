package api

import (
	"fmt"
	"math"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// Limits of one server. Zero fields take the defaults.
type Limits struct {
	Conns       int     // open connections; default 128
	ConnsPerUID int     // of them for one user; default 96
	Rate        float64 // requests a second of one user; default 2000
	Burst       int     // at once; default 4000
	PINRate     float64 // requests with a PIN, a second of one user; default 5
	PINBurst    int     // at once; default 20
	PINs        int     // requests with a PIN at the same time; default 4
	Waiters     int     // requests that may wait for a person; default 80
	Streams     int     // open streams; default 16
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&l.Conns, 128)
	set(&l.ConnsPerUID, 96)
	set(&l.Burst, 4000)
	set(&l.PINBurst, 20)
	set(&l.PINs, 4)
	set(&l.Waiters, 80)
	set(&l.Streams, 16)
	if l.Rate <= 0 {
		l.Rate = 2000
	}
	if l.PINRate <= 0 {
		l.PINRate = 5
	}
	return l
}

// nobody is the uid of a peer that the kernel did not name.
const nobody = math.MaxUint32

// maxUsers bounds how many users are remembered: beyond, they share one rate.
const maxUsers = 256

// user is what one uid has used of its bounds.
type user struct {
	conns int
	rate  *rate.Limiter
	pins  *rate.Limiter
}

// bounds keeps one server's use within its limits.
type bounds struct {
	limits Limits

	mu    sync.Mutex
	users map[uint32]*user     // guarded by mu
	conns int                  // guarded by mu
	in    [classStream + 1]int // guarded by mu; open requests of each class
}

func newBounds(l Limits) *bounds {
	return &bounds{limits: l.withDefaults(), users: map[uint32]*user{}}
}

// of finds a user; mu is held. Users without a connection are forgotten when
// there are many, which gives them a full burst again at worst.
func (b *bounds) of(uid uint32) *user {
	if u, ok := b.users[uid]; ok {
		return u
	}
	if len(b.users) >= maxUsers {
		for id, u := range b.users {
			if u.conns == 0 {
				delete(b.users, id)
			}
		}
		if len(b.users) >= maxUsers {
			uid = nobody
			if u, ok := b.users[uid]; ok {
				return u
			}
		}
	}
	u := &user{
		rate: rate.NewLimiter(rate.Limit(b.limits.Rate), b.limits.Burst),
		pins: rate.NewLimiter(rate.Limit(b.limits.PINRate), b.limits.PINBurst),
	}
	b.users[uid] = u
	return u
}

// take counts one request of a user against its rates.
func (b *bounds) take(uid uint32, c class) error {
	b.mu.Lock()
	u := b.of(uid)
	b.mu.Unlock()
	if !u.rate.Allow() {
		return Errorf(CodeRate, "too many requests").WithHint("slow down, or use events instead of asking again and again").After(time.Second)
	}
	if c == classPIN && !u.pins.Allow() {
		return Errorf(CodeRate, "too many requests that need a PIN").WithHint("wait a little").After(time.Duration(float64(time.Second) / b.limits.PINRate))
	}
	return nil
}

// enter takes one of the places of a class; leave gives it back.
func (b *bounds) enter(c class) (leave func(), err error) {
	limit := math.MaxInt
	switch c {
	case classPIN:
		limit = b.limits.PINs
	case classWait:
		limit = b.limits.Waiters
	case classStream:
		limit = b.limits.Streams
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.in[c] >= limit {
		return nil, Errorf(CodeUnavailable, "too many requests of this kind are open").WithHint("close some, or try again in a moment").After(time.Second)
	}
	b.in[c]++
	return func() {
		b.mu.Lock()
		b.in[c]--
		b.mu.Unlock()
	}, nil
}

// connect counts a connection in; nil says that it is one too many.
func (b *bounds) connect(uid uint32) *user {
	b.mu.Lock()
	defer b.mu.Unlock()
	u := b.of(uid)
	if b.conns >= b.limits.Conns || u.conns >= b.limits.ConnsPerUID {
		return nil
	}
	b.conns++
	u.conns++
	return u
}

func (b *bounds) disconnect(u *user) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.conns--
	u.conns--
}

// listener notes whose each connection is, and turns away what is too many.
type listener struct {
	net.Listener
	bounds *bounds
}

// busyAnswer is what a connection beyond the limit hears.
const busyAnswer = `{"error":{"code":"unavailable","message":"too many connections","hint":"close some, or try again in a moment"}}`

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		uid := peerUID(c)
		if u := l.bounds.connect(uid); u != nil {
			return &peer{Conn: c, uid: uid, user: u, bounds: l.bounds}, nil
		}
		_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = fmt.Fprintf(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(busyAnswer), busyAnswer)
		_ = c.Close()
	}
}

// peer is a connection that knows whose it is.
type peer struct {
	net.Conn
	uid    uint32
	user   *user
	bounds *bounds
	once   sync.Once
}

// Close gives the connection's place back.
func (p *peer) Close() error {
	p.once.Do(func() { p.bounds.disconnect(p.user) })
	return p.Conn.Close()
}

// gone reports whether who connected has hung up (POLLRDHUP, poll(2)).
func (p *peer) gone() (gone bool) {
	u, ok := p.Conn.(*net.UnixConn)
	if !ok {
		return false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return true
	}
	err = raw.Control(func(fd uintptr) {
		at := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(at, 0)
		gone = err == nil && n > 0
	})
	return gone || err != nil
}

// peerUID asks the kernel who connected (SO_PEERCRED).
func peerUID(c net.Conn) uint32 {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return nobody
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return nobody
	}
	uid := uint32(nobody)
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = cred.Uid
		}
	})
	return uid
}

// retryAfter is the header's whole seconds, rounded up.
func retryAfter(seconds float64) string { return strconv.Itoa(int(math.Ceil(seconds))) }
