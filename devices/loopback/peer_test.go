package loopback

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// whose asks as accept does.
func whose(t *testing.T, conn *net.TCPConn) owner {
	t.Helper()
	k, err := openKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	theirs, _ := addrPort(conn.RemoteAddr())
	ours, _ := addrPort(conn.LocalAddr())
	user, err := k.clientUser(theirs, ours)
	if err != nil {
		t.Fatal(err)
	}
	descriptor(conn, func(fd int) {
		if !living(stateOf(fd)) {
			user = owner{}
		}
	})
	return user
}

// TestNobodyKnowsWhoseAClientWasThatIsGone: not root's, whom old kernels name, and
// nobody's who takes its address.
func TestNobodyKnowsWhoseAClientWasThatIsGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	say(t, gone, "hello")
	from := gone.LocalAddr().(*net.TCPAddr).Port
	gone.Close()
	ours, err := l.(*net.TCPListener).AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if user := whose(t, ours); user.told {
		t.Errorf("it was user %d's", user.uid)
	}
	// Somebody else takes its address: listening on it, or asking to connect from it.
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	}}
	if other, err := lc.Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", from)); err == nil {
		defer other.Close()
		if user := whose(t, ours); user.told {
			t.Errorf("with a listener there it was user %d's", user.uid)
		}
	}
}

// TestWhoseAnEndIs: what each answer of the kernel's says.
func TestWhoseAnEndIs(t *testing.T) {
	const (
		synSent, timeWait = 2, 6
		pos               = 1000
	)
	told := owner{uid: pos, told: true}
	for _, tc := range []struct {
		name   string
		found  diagnosis
		keeps  bool
		want   owner
		refuse bool
	}{
		{"open", diagnosis{state: stateEstablished, uid: pos, inode: 7}, false, told, false},
		{"open, root's", diagnosis{state: stateEstablished, inode: 7}, false, owner{told: true}, false},
		{"half closed", diagnosis{state: stateFinWait2, uid: pos, inode: 7}, false, told, false},
		{"closed", diagnosis{state: stateFinWait2}, false, owner{}, false},
		{"closed, and its user forgotten", diagnosis{state: stateFinWait1}, true, owner{}, false},
		{"closed, and its user kept", diagnosis{state: stateFinWait1, uid: pos}, true, told, false},
		{"closed, and root has another name here", diagnosis{state: stateFinWait1, uid: pos}, false, owner{}, false},
		{"closed, and root has no name here", diagnosis{state: stateFinWait1, uid: nobody}, true, owner{}, false},
		{"closed a while ago", diagnosis{state: timeWait}, true, owner{}, false},
		{"another's, who connects from there", diagnosis{state: synSent, uid: pos, inode: 7}, true, owner{}, false},
		{"another's, who listens there", diagnosis{state: stateListen, uid: pos, inode: 7}, true, owner{}, false},
		{"somebody's without a name here", diagnosis{state: stateEstablished, uid: nobody, inode: 7}, true, owner{}, true},
	} {
		got, err := tc.found.owner(tc.keeps)
		if got != tc.want || (err != nil) != tc.refuse {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
	for release, want := range map[string]bool{"6.1.0-37-amd64": false, "6.16.9": false, "6.17.0": true, "6.18.44-x": true, "7.0": true, "5.99": false, "": false, "new": false} {
		if got := sinceRelease(release); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}

// TestStrangersAreNotAsked: who does not come over loopback is no user here, and
// is not taken for one who is gone.
func TestStrangersAreNotAsked(t *testing.T) {
	k, err := openKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer k.close()
	ours := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9100}
	theirs := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 40000}
	from, _ := addrPort(theirs)
	to, _ := addrPort(ours)
	if user, err := k.clientUser(from, to); err == nil {
		t.Errorf("it is %+v", user)
	}
}

// TestOursMustLive: when the far side's address belongs to a later connection,
// ours has ended by then.
func TestOursMustLive(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := func(from int) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: from}, Control: func(_, _ string, raw syscall.RawConn) error {
			return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
		}}
		conn, err := d.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first := dial(0)
	say(t, first, "not allowed")
	ours, err := l.(*net.TCPListener).AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	_ = first.(*net.TCPConn).SetLinger(0) // its end is gone at once, and ours with it
	from := first.LocalAddr().(*net.TCPAddr).Port
	first.Close()
	second := dial(from)
	defer second.Close()
	if user := whose(t, ours); user.told {
		t.Errorf("the first connection was told to be user %d's, by the second", user.uid)
	}
	next, err := l.(*net.TCPListener).AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if user := whose(t, next); !user.told || int(user.uid) != os.Getuid() {
		t.Errorf("the second one is %+v's", user)
	}
}
