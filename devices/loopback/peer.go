package loopback

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Whose a connection is, the kernel says through sock_diag(7): the client's end
// is a socket of this machine, found by its addresses, which are ours the other
// way round. The races, and how they end:
//
//   - The client closes its end before it was looked up, as one that connects,
//     sends and closes without a pause often does, and always while the daemon is
//     restarted. An end that no process has any more shows no inode, and root as
//     its user, whoever had it: whose the connection is cannot be told any more.
//     The lookup has a thread of its own to be soon. Linux 6.17 and later keep the
//     user of such an end until its FIN is acknowledged, which tells of clients
//     that have sent more than we have read.
//   - The client's end is gone, and another user's socket takes the same
//     addresses, to be looked up in its place. While our end lives, such a socket
//     gets no further than its SYN (state SYN_SENT, which tells nothing); when its
//     connection does come about, ours has been reset. So our end is looked at
//     once more after the lookup: if it lives, what was found is its far side.
//   - A socket that listens at the client's address is found where no connection
//     is: state LISTEN, which tells nothing.
//   - The client hands its socket to another process, or changes its own user:
//     the user is the one who made the socket, as with SO_PEERCRED. Whoever may
//     print can print for others in any case.
//   - The client is in another user namespace, or we are: the kernel says
//     "nobody" (65534), which is on no list.

// errStranger: the client is nobody's that could be on a list here, however soon
// the kernel is asked.
var errStranger = errors.New("the client is no user of this machine's")

// nobody is the kernel's word for a user that it cannot name to us
// (/proc/sys/kernel/overflowuid, unless somebody changed that).
const nobody = 65534

// asks is how often the kernel is asked that gives no answer.
const asks = 3

// clientUser is the user at the other end of a connection over loopback, if our
// end lives after it (living). An errStranger prints nothing.
func (k *kernel) clientUser(theirs, ours netip.AddrPort) (owner, error) {
	if !ours.Addr().IsLoopback() || !theirs.Addr().IsLoopback() {
		return owner{}, fmt.Errorf("%w: from %v to %v", errStranger, theirs, ours)
	}
	for range asks {
		found, err := k.lookUp(theirs, ours)
		switch {
		case errors.Is(err, unix.ENOENT):
			return owner{}, nil
		case err != nil:
			continue
		case found.local != theirs || found.remote != ours:
			return owner{}, nil // another socket
		}
		return found.owner(k.keeps)
	}
	return owner{}, nil
}

// owner is whose a client's end is. keeps says that the kernel does not forget it
// when the end is closed.
func (d *diagnosis) owner(keeps bool) (owner, error) {
	switch {
	case d.state != stateEstablished && d.state != stateFinWait1 && d.state != stateFinWait2:
		return owner{}, nil
	case d.inode == 0 && (!keeps || d.uid == 0 || d.uid == nobody):
		// Nobody has it, and it may have been anybody's: an end whose user was
		// forgotten is told to be root's.
		return owner{}, nil
	case d.uid == nobody:
		return owner{}, fmt.Errorf("%w: the kernel has no name for it here", errStranger)
	}
	return owner{uid: d.uid, told: true}, nil
}

// sentAll reports whether a client has sent all that it will, and can be told
// nothing any more, or wants to be told nothing: it has closed its end, if
// perhaps with something in it still that we have no room for.
func sentAll(conn *net.TCPConn) bool {
	state := uint8(0)
	descriptor(conn, func(fd int) { state = stateOf(fd) })
	if state != stateEstablished {
		return state == stateCloseWait
	}
	k, err := openKernel()
	if err != nil {
		return false
	}
	defer k.close()
	theirs, _ := addrPort(conn.RemoteAddr())
	ours, _ := addrPort(conn.LocalAddr())
	found, err := k.lookUp(theirs, ours)
	return errors.Is(err, unix.ENOENT) || err == nil && found.inode == 0
}

// addrPort is an address without the ways in which it may be written.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	p := tcp.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap().WithZone(""), p.Port()), p.IsValid()
}

// stateOf is the state of our end of a connection; 0: it is not known.
func stateOf(fd int) uint8 {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return info.State
}

// living reports whether our end is in a state in which the far one is the client's.
func living(state uint8) bool { return state == stateEstablished || state == stateCloseWait }

// The states of a TCP socket, as linux/tcp_states.h numbers them.
const (
	stateEstablished = 1
	stateFinWait1    = 4
	stateFinWait2    = 5
	stateCloseWait   = 8
	stateListen      = 10
)

// diagnosis is what the kernel says of one socket.
type diagnosis struct {
	state         uint8
	local, remote netip.AddrPort
	uid, inode    uint32
}

// Sizes and offsets of linux/inet_diag.h: struct inet_diag_sockid (48 bytes)
// within inet_diag_req_v2 (at 8) and inet_diag_msg (at 4).
const (
	sizeRequest  = 56
	sizeMessage  = 72
	atRequestID  = 8
	atMessageID  = 4
	idSource     = 4
	idTarget     = 20
	idInterface  = 36
	idCookie     = 40
	atMessageUID = 64
	noCookie     = 0xFFFFFFFF
	lookupTime   = time.Second
)

// kernel is a line to sock_diag. It is for one goroutine at a time.
type kernel struct {
	fd       int
	keeps    bool // it keeps the user of an end that was closed
	sequence uint32
	buf      [4096]byte
}

func openKernel() (*kernel, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("asking the kernel (sock_diag): %w", err)
	}
	wait := unix.NsecToTimeval(int64(lookupTime))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("asking the kernel (sock_diag): %w", err)
	}
	return &kernel{fd: fd, keeps: keepsUsers()}, nil
}

// keepsUsers reports whether this is Linux 6.17 or later. What is older calls
// every end that was closed root's, by the name that root has here.
func keepsUsers() bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	return sinceRelease(unix.ByteSliceToString(name.Release[:]))
}

func sinceRelease(release string) bool {
	var major, minor int
	n, _ := fmt.Sscanf(release, "%d.%d", &major, &minor)
	return n == 2 && (major > 6 || major == 6 && minor >= 17)
}

func (k *kernel) close() { unix.Close(k.fd) }

// lookUp asks for the socket with these two ends.
func (k *kernel) lookUp(local, remote netip.AddrPort) (diagnosis, error) {
	k.sequence++
	if err := unix.Sendto(k.fd, request(local, remote, k.sequence), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return diagnosis{}, fmt.Errorf("asking the kernel (sock_diag): %w", err)
	}
	for {
		n, from, err := unix.Recvfrom(k.fd, k.buf[:], 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return diagnosis{}, fmt.Errorf("the kernel's answer (sock_diag): %w", err)
		}
		sender, ok := from.(*unix.SockaddrNetlink)
		if !ok || sender.Pid != 0 || n >= unix.SizeofNlMsghdr && native.Uint32(k.buf[8:]) != k.sequence {
			continue // not the kernel's, or to a question that was given up
		}
		return answer(k.buf[:n])
	}
}

// The numbers are in the machine's order, addresses and ports in the network's.
var native = binary.NativeEndian

func request(local, remote netip.AddrPort, sequence uint32) []byte {
	b := make([]byte, unix.SizeofNlMsghdr+sizeRequest)
	native.PutUint32(b[0:], uint32(len(b)))
	native.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	native.PutUint32(b[8:], sequence)
	r := b[unix.SizeofNlMsghdr:]
	r[0] = unix.AF_INET
	if local.Addr().Is6() {
		r[0] = unix.AF_INET6
	}
	r[1] = unix.IPPROTO_TCP
	native.PutUint32(r[4:], 0xFFFFFFFF) // in any state
	id := r[atRequestID:]
	binary.BigEndian.PutUint16(id[0:], local.Port())
	binary.BigEndian.PutUint16(id[2:], remote.Port())
	copy(id[idSource:], local.Addr().AsSlice())
	copy(id[idTarget:], remote.Addr().AsSlice())
	native.PutUint32(id[idCookie:], noCookie)
	native.PutUint32(id[idCookie+4:], noCookie)
	return b
}

var errDiagnosis = errors.New("the kernel's answer (sock_diag) cannot be read")

// answer reads the kernel's. It is short where the kernel is another one than
// we know: an error.
func answer(b []byte) (diagnosis, error) {
	if len(b) < unix.SizeofNlMsghdr {
		return diagnosis{}, errDiagnosis
	}
	m := b[unix.SizeofNlMsghdr:]
	switch native.Uint16(b[4:]) {
	case unix.NLMSG_ERROR:
		if len(m) < 4 {
			return diagnosis{}, errDiagnosis
		}
		if errno := -int32(native.Uint32(m)); errno > 0 {
			return diagnosis{}, fmt.Errorf("the kernel (sock_diag): %w", unix.Errno(errno))
		}
		return diagnosis{}, errDiagnosis
	case unix.SOCK_DIAG_BY_FAMILY:
	default:
		return diagnosis{}, errDiagnosis
	}
	if len(m) < sizeMessage {
		return diagnosis{}, errDiagnosis
	}
	id := m[atMessageID:]
	end := func(address, port []byte) netip.AddrPort {
		n := 4
		if m[0] == unix.AF_INET6 {
			n = 16
		}
		a, _ := netip.AddrFromSlice(address[:n])
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(port))
	}
	return diagnosis{
		state: m[1], local: end(id[idSource:], id[0:]), remote: end(id[idTarget:], id[2:]),
		uid: native.Uint32(m[atMessageUID:]), inode: native.Uint32(m[atMessageUID+4:]),
	}, nil
}

// canTell tries whether the kernel answers at all, by asking about our own
// listener: without it every client would be refused.
func (k *kernel) canTell(l *net.TCPListener) error {
	ours, ok := addrPort(l.Addr())
	if !ok {
		return fmt.Errorf("%v is no TCP address", l.Addr())
	}
	none := netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
	if ours.Addr().Is6() {
		none = netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	d, err := k.lookUp(ours, none)
	if err == nil && d.state != stateListen {
		err = errDiagnosis
	}
	if err != nil {
		return fmt.Errorf("clients could not be told apart: %w", err)
	}
	return nil
}
