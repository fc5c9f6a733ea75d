package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

type daemonOptions struct {
	tty, await string
	socket     string
	peer       int
}

// waits is how long what comes from outside may take.
const waits = 30 * time.Second

// daemon is what is tried within the daemon's unit.
func (p *prober) daemon(o daemonOptions) {
	state := os.Getenv("STATE_DIRECTORY")
	if state == "" {
		state = "/var/lib/tillwarden"
	}
	p.must(state, o)
	p.files(state)
	p.programs(state)
	p.devices()
	p.sockets()
	p.processes()
	p.kernel()
	p.calls(state)
}

// must is what the daemon could not do without.
func (p *prober) must(state string, o daemonOptions) {
	p.works("sd_notify", func() error {
		heard, err := sd.SdNotify(false, sd.SdNotifyReady)
		if err == nil && !heard {
			err = errors.New("there is no NOTIFY_SOCKET")
		}
		return err
	})
	p.works("a file in its state, flushed", func() error {
		path := filepath.Join(state, "probe")
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		defer os.Remove(path)
		_, err = f.WriteString("x")
		return errors.Join(err, unix.Fdatasync(int(f.Fd())), unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), f.Close())
	})
	p.works("a file mapped to be read", func() error {
		b, err := mapped(state)
		if err == nil {
			err = unix.Munmap(b)
		}
		return err
	})
	p.works("its configuration", func() error { return opens("/etc/tillwarden/tillwarden.toml", os.O_RDONLY) })
	p.works("the boot's id", func() error { return opens("/proc/sys/kernel/random/boot_id", os.O_RDONLY) })
	p.works("groups by name", func() error { _, err := user.LookupGroup("tillwarden-pos"); return err })
	p.works("a port for the POS's group", func() error { return port("tillwarden-pos") })
	p.works("a link to it", func() error {
		link := "/dev/tillwarden/probe"
		return errors.Join(os.Symlink("/dev/null", link), os.Remove(link))
	})
	p.works("a watch on /dev", func() error {
		fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		_, err = unix.InotifyAddWatch(fd, "/dev", unix.IN_CREATE|unix.IN_ATTRIB)
		return err
	})
	p.works("a timer that hears of the clock being set", func() error {
		fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		far := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(1<<62 - 1))}
		return unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &far, nil)
	})
	p.works("a descriptor for systemd to keep", func() error {
		r, w, err := os.Pipe()
		if err != nil {
			return err
		}
		defer r.Close()
		defer w.Close()
		return storeFD(int(r.Fd()))
	})
	p.works("no core dump", func() error {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil || l.Cur != 0 || l.Max != 0 {
			return fmt.Errorf("%+v: %w", l, errors.Join(err, errors.New("a core may be dumped")))
		}
		return errors.Join(unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}), unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0))
	})
	if o.socket != "" {
		p.works("who calls at a socket", func() error { return peer(o.socket, o.peer) })
	}
	if o.tty != "" {
		p.works("its device", func() error { return opens(o.tty, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK) })
	}
	if o.await != "" {
		p.works("a device that is plugged in later", func() (err error) {
			end, refused := time.Now().Add(waits), false
			for ; ; time.Sleep(50 * time.Millisecond) {
				if err = opens(o.await, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK); err == nil || time.Now().After(end) {
					return err
				}
				// Until udev has been there it is not there, or not ours (EACCES). The rule of
				// the unit's devices (EPERM) does not change.
				if !refused && errors.Is(err, unix.EPERM) {
					end, refused = time.Now().Add(2*time.Second), true
				}
			}
		})
	}
}

func opens(path string, flags int) error {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// mapped maps a file of the state folder.
func mapped(state string) ([]byte, error) {
	path := filepath.Join(state, "probe")
	if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
		return nil, err
	}
	defer os.Remove(path)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ, unix.MAP_SHARED)
}

// port makes a pty, and gives it to a group as the daemon does.
func port(group string) error {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer master.Close()
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		return err
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return err
	}
	slave := fmt.Sprintf("/dev/pts/%d", n)
	g, err := user.LookupGroup(group)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chown(slave, -1, gid), os.Chmod(slave, 0o660)); err != nil {
		return err
	}
	f, err := os.OpenFile(slave, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		return err
	}
	return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
}

// storeFD hands a descriptor to systemd's store, and takes it back.
func storeFD(fd int) error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	to := &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")}
	if err := unix.Sendmsg(s, []byte("FDSTORE=1\nFDNAME=probe"), unix.UnixRights(fd), to, 0); err != nil {
		return err
	}
	return unix.Sendmsg(s, []byte("FDSTOREREMOVE=1\nFDNAME=probe"), nil, to, 0)
}

// peer waits until somebody calls, and wants to see whose that is.
func peer(path string, want int) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	defer l.Close()
	_ = l.SetDeadline(time.Now().Add(waits))
	if err := os.Chmod(path, 0o666); err != nil {
		return err
	}
	c, err := l.AcceptUnix()
	if err != nil {
		return err
	}
	defer c.Close()
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var who *unix.Ucred
	if ctlErr := raw.Control(func(fd uintptr) { who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil || ctlErr != nil {
		return errors.Join(err, ctlErr)
	}
	if int(who.Uid) != want {
		return fmt.Errorf("user %d called, and was seen as %d", want, who.Uid)
	}
	return nil
}

// files are those that it has no business with.
func (p *prober) files(state string) {
	for _, dir := range []string{
		"/etc", "/etc/tillwarden", "/usr/sbin", "/usr/local", "/opt", "/root", "/home", "/srv", "/boot", "/var/lib", "/var/log", "/var/spool", "/var/cache",
		"/run", "/run/tillwarden", "/run/systemd/system", "/run/udev", "/dev", "/dev/shm", "/dev/mqueue", filepath.Dir(state),
	} {
		p.denied("a file in "+dir, func() error {
			path := filepath.Join(dir, ".tillwarden-probe")
			err := opens(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
			_ = os.Remove(path)
			return err
		})
	}
	for _, path := range []string{"/etc/shadow", "/etc/tillwarden/tillwarden.toml", "/usr/sbin/tillwardend"} {
		p.denied("writing "+path, func() error { return opens(path, os.O_WRONLY) })
	}
	p.denied("reading /etc/shadow", func() error { return opens("/etc/shadow", os.O_RDONLY) })
	p.denied("listing people's homes", func() error {
		names, err := os.ReadDir("/home")
		if err == nil && len(names) == 0 {
			err = unix.EACCES // an empty folder lies over it
		}
		return err
	})
	p.denied("a set-uid file", func() error {
		path := filepath.Join(state, "probe-suid")
		defer os.Remove(path)
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			return nil // it has to be there to be tried
		}
		return unix.Chmod(path, 0o4755)
	})
	p.denied("giving a file away", func() error {
		path := filepath.Join(state, "probe-chown")
		defer os.Remove(path)
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			return nil
		}
		return os.Chown(path, 0, 0)
	})
	p.denied("a device's node", func() error {
		path := filepath.Join(state, "probe-node")
		defer os.Remove(path)
		return unix.Mknod(path, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	})
	p.denied("system's bus", func() error { return dials("/run/dbus/system_bus_socket") })
	p.denied("systemd's own socket", func() error { return dials("/run/systemd/private") })
	p.denied("CUPS", func() error { return dials("/run/cups/cups.sock") })
}

func dials(path string) error {
	c, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	return c.Close()
}

// programs must not be run, nor code that was made.
func (p *prober) programs(state string) {
	for _, path := range []string{"/bin/true", "/bin/sh", "/usr/bin/env"} {
		p.denied("running "+path, func() error { return exec.Command(path).Run() })
	}
	self, err := os.Executable()
	if err != nil {
		p.add(result{Name: "running what it wrote", Want: "denied", Got: "something else"}, err)
		return
	}
	// A script that this program reads: it needs no interpreter that may not be run, and
	// ends with 2 where it is.
	script := []byte("#!" + self + " nothing\n")
	ran := func(err error) error {
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return nil
		}
		return err
	}
	for _, dir := range []string{state, "/tmp", "/var/tmp", "/dev/tillwarden", "/dev/shm"} {
		p.denied("running what it wrote in "+dir, func() error {
			path := filepath.Join(dir, "probe-program")
			defer os.Remove(path)
			if err := os.WriteFile(path, script, 0o700); err != nil {
				return err
			}
			return ran(exec.Command(path).Run())
		})
	}
	p.denied("running what is in memory", func() error {
		fd, err := unix.MemfdCreate("probe", 0)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(fd), "memfd")
		defer f.Close()
		if _, err := f.Write(script); err != nil {
			return err
		}
		return ran(exec.Command(fmt.Sprintf("/proc/self/fd/%d", fd)).Run())
	})
	p.denied("memory that is written and run", func() error { return anonymous(unix.PROT_READ | unix.PROT_WRITE | unix.PROT_EXEC) })
	p.denied("memory that is made to be run", func() error {
		b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return nil
		}
		defer func() { _ = unix.Munmap(b) }()
		return unix.Mprotect(b, unix.PROT_READ|unix.PROT_EXEC)
	})
	p.denied("a file of its own, mapped to be run", func() error {
		path := filepath.Join(state, "probe-map")
		defer os.Remove(path)
		if err := os.WriteFile(path, make([]byte, 4096), 0o700); err != nil {
			return nil
		}
		f, err := os.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		b, err := unix.Mmap(int(f.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE)
		if err == nil {
			_ = unix.Munmap(b)
		}
		return err
	})
}

func anonymous(prot int) error {
	b, err := unix.Mmap(-1, 0, 4096, prot, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		_ = unix.Munmap(b)
	}
	return err
}

// devices are those that are no printer and no serial line.
func (p *prober) devices() {
	for _, path := range []string{
		"/dev/mem", "/dev/port", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/loop-control", "/dev/loop0", "/dev/fuse", "/dev/net/tun",
		"/dev/uinput", "/dev/uhid", "/dev/hidraw0", "/dev/input/event0", "/dev/input/mice", "/dev/tty0", "/dev/tty1", "/dev/console", "/dev/vcs",
		"/dev/bus/usb/001/001", "/dev/tpm0", "/dev/tpmrm0", "/dev/rtc0", "/dev/watchdog", "/dev/snd/timer", "/dev/video0", "/dev/kvm", "/dev/vhci",
		"/dev/hpet", "/dev/cpu_dma_latency", "/dev/rfkill", "/dev/userfaultfd",
	} {
		p.denied("opening "+path, func() error { return opens(path, os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY) })
	}
}

// sockets are those of every kind but unix sockets.
func (p *prober) sockets() {
	for name, s := range map[string]struct{ family, kind, proto int }{
		"AF_INET": {unix.AF_INET, unix.SOCK_STREAM, 0}, "AF_INET6": {unix.AF_INET6, unix.SOCK_DGRAM, 0},
		"AF_NETLINK": {unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE}, "uevents": {unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_KOBJECT_UEVENT},
		"AF_PACKET": {unix.AF_PACKET, unix.SOCK_RAW, 0}, "AF_BLUETOOTH": {unix.AF_BLUETOOTH, unix.SOCK_RAW, 1}, "AF_VSOCK": {unix.AF_VSOCK, unix.SOCK_STREAM, 0},
		"AF_ALG": {unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, "AF_CAN": {unix.AF_CAN, unix.SOCK_RAW, 1}, "AF_TIPC": {unix.AF_TIPC, unix.SOCK_DGRAM, 0},
	} {
		p.denied("a socket of "+name, func() error {
			fd, err := unix.Socket(s.family, s.kind|unix.SOCK_CLOEXEC, s.proto)
			if err == nil {
				unix.Close(fd)
			}
			return err
		})
	}
	p.denied("interfaces of the machine", func() error {
		names, err := os.ReadDir("/sys/class/net")
		if err != nil {
			return err
		}
		for _, n := range names {
			// Those that the kernel puts into every new name space are nobody's.
			if kind, err := os.ReadFile(filepath.Join("/sys/class/net", n.Name(), "type")); err == nil && strings.TrimSpace(string(kind)) == "1" {
				return nil
			}
		}
		return unix.EACCES
	})
}

// processes are other people's.
func (p *prober) processes() {
	p.denied("seeing process 1", func() error {
		_, err := os.ReadFile("/proc/1/cmdline")
		if errors.Is(err, fs.ErrNotExist) {
			err = unix.EACCES // that is how ProtectProc= says no
		}
		return err
	})
	p.denied("a signal to process 1", func() error { return unix.Kill(1, unix.SIGCONT) })
	p.denied("tracing", func() error { return call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0) })
	p.denied("reading another's memory", func() error {
		b := make([]byte, 8)
		local := []unix.Iovec{{Base: &b[0], Len: 8}}
		_, err := unix.ProcessVMReadv(os.Getpid(), local, []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&b[0])), Len: 8}}, 0)
		return err
	})
	p.denied("being put first", func() error { return unix.Setpriority(unix.PRIO_PROCESS, 0, -5) })
	p.denied("real time", func() error {
		type param struct{ priority int32 }
		return call(unix.SYS_SCHED_SETSCHEDULER, 0, 1, uintptr(unsafe.Pointer(&param{1})))
	})
}

// kernel is what is set for everybody.
func (p *prober) kernel() {
	for path, text := range map[string]string{
		"/proc/sys/kernel/core_pattern": "|/bin/false", "/proc/sys/kernel/hostname": "probe", "/proc/sys/vm/drop_caches": "1", "/proc/sysrq-trigger": "h",
		"/sys/kernel/uevent_helper": "/bin/false", "/sys/power/state": "mem", "/sys/module/usbcore/parameters/authorized_default": "0",
	} {
		p.denied("setting "+path, func() error { return os.WriteFile(path, []byte(text), 0o600) })
	}
	p.denied("its control group", func() error {
		own, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			return err
		}
		_, path, _ := bytes.Cut(bytes.TrimSpace(own), []byte("::"))
		return os.WriteFile(filepath.Join("/sys/fs/cgroup", string(path), "cgroup.procs"), []byte("0"), 0o600)
	})
	p.denied("the kernel's log", func() error { return call(unix.SYS_SYSLOG, 3, 0, 0) })
	p.denied("the host's name", func() error { return unix.Sethostname([]byte("probe")) })
	p.denied("the clock", func() error {
		now := unix.NsecToTimeval(time.Now().UnixNano())
		return unix.Settimeofday(&now)
	})
	p.denied("the clock's rate", func() error {
		_, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_FREQUENCY})
		return err
	})
}

// call makes a system call by its number, with arguments that would do no harm.
func call(number uintptr, a, b, c uintptr) error {
	if _, _, errno := syscall.Syscall(number, a, b, c); errno != 0 {
		return errno
	}
	return nil
}

// calls are system calls that it needs none of. They are made with arguments that
// no kernel would take: "invalid argument" says that the filter let it through.
func (p *prober) calls(state string) {
	const none = ^uintptr(0)
	for name, c := range map[string][4]uintptr{
		"mount": {unix.SYS_MOUNT, 0, 0, 0}, "umount2": {unix.SYS_UMOUNT2, 0, none, 0}, "pivot_root": {unix.SYS_PIVOT_ROOT, 0, 0, 0},
		"chroot": {unix.SYS_CHROOT, 0, 0, 0}, "reboot": {unix.SYS_REBOOT, 0, 0, 0}, "kexec_load": {unix.SYS_KEXEC_LOAD, 0, none, 0},
		"init_module": {unix.SYS_INIT_MODULE, 0, 0, 0}, "finit_module": {unix.SYS_FINIT_MODULE, none, 0, none}, "delete_module": {unix.SYS_DELETE_MODULE, 0, 0, 0},
		"bpf": {unix.SYS_BPF, none, 0, 0}, "perf_event_open": {unix.SYS_PERF_EVENT_OPEN, 0, none, none}, "userfaultfd": {unix.SYS_USERFAULTFD, none, 0, 0},
		"add_key": {unix.SYS_ADD_KEY, 0, 0, 0}, "keyctl": {unix.SYS_KEYCTL, none, 0, 0}, "request_key": {unix.SYS_REQUEST_KEY, 0, 0, 0},
		"io_uring_setup": {unix.SYS_IO_URING_SETUP, 0, 0, 0}, "memfd_create": {unix.SYS_MEMFD_CREATE, 0, none, 0}, "execveat": {unix.SYS_EXECVEAT, none, 0, 0},
		"unshare": {unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0}, "setns": {unix.SYS_SETNS, none, unix.CLONE_NEWNS, 0}, "clone3": {unix.SYS_CLONE3, 0, 0, 0},
		"setuid": {unix.SYS_SETUID, 0, 0, 0}, "setgid": {unix.SYS_SETGID, 0, 0, 0}, "setgroups": {unix.SYS_SETGROUPS, 1, 0, 0}, "capset": {unix.SYS_CAPSET, 0, 0, 0},
		"swapon": {unix.SYS_SWAPON, 0, 0, 0}, "acct": {unix.SYS_ACCT, 0, 0, 0}, "quotactl": {unix.SYS_QUOTACTL, none, 0, 0},
		"personality": {unix.SYS_PERSONALITY, 0x0040000, 0, 0}, "process_vm_writev": {unix.SYS_PROCESS_VM_WRITEV, 0, 0, none}, "kcmp": {unix.SYS_KCMP, 0, 0, none},
		"open_by_handle_at": {unix.SYS_OPEN_BY_HANDLE_AT, none, 0, 0}, "pidfd_getfd": {unix.SYS_PIDFD_GETFD, none, 0, none}, "vhangup": {unix.SYS_VHANGUP, 0, 0, 0},
	} {
		p.denied("calling "+name, func() error { return call(c[0], c[1], c[2], c[3]) })
	}
}
