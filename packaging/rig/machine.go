package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"tillwarden/packaging/rig/wire"
)

// Machine is a running virtual machine.
type Machine struct {
	*Guest
	dir   string
	cmd   *exec.Cmd
	ended chan struct{} // closed when qemu has ended
}

// MachineOptions say what a machine is like.
type MachineOptions struct {
	// Disk is a raw image that the machine works on, and leaves as it is when it
	// ends. Empty: a copy of the Debian root, thrown away at the end.
	Disk string
	// Cache is what qemu's host does with what the machine writes to a Disk of one's
	// own (qemu-system(1), -drive cache=); empty: writeback.
	Cache string
	// Share is a folder that the machine sees at /rig, for reading; empty: none.
	Share string
	// Heard is a file to which everything goes that the machine writes to
	// /dev/virtio-ports/HeardPort, at once; empty: there is no such port.
	Heard string
	// Line is a tty of the host that what stands at the far end of the machine's
	// /dev/ttyS1 is on; empty: nothing does.
	Line string
	// TPM is the folder of a simulated TPM's state, which is made there where there is
	// none, and outlives the machine; empty: the machine has no TPM.
	TPM string
	// Memory is in MiB; 0: 1024.
	Memory int
}

// HeardPort is the port of [MachineOptions.Heard].
const HeardPort = "tillwarden.heard"

// BootLimit is what a machine has until its system runs. It takes some 20 s on two
// quiet cores.
const BootLimit = 6 * time.Minute

// Start boots a machine and waits until its system is up. The machine ends with
// Close, PowerCut, or this process.
func Start(ctx context.Context, o MachineOptions) (*Machine, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	kernel, _, err := kernelOf(root)
	if err != nil {
		return nil, err
	}
	initial, err := ramdisk(root)
	if err != nil {
		return nil, err
	}
	drive := "file=" + o.Disk + ",cache=" + o.Cache
	switch {
	case o.Disk == "":
		disk, err := image(root)
		if err != nil {
			return nil, err
		}
		drive = "file=" + disk + ",snapshot=on"
	case o.Cache == "":
		drive = "file=" + o.Disk
	}
	qemu, err := program("qemu-system-x86_64")
	if err != nil {
		return nil, err
	}
	m := &Machine{ended: make(chan struct{})}
	if m.dir, err = os.MkdirTemp("", "rig-"); err != nil {
		return nil, err
	}
	if o.Memory == 0 {
		o.Memory = 1024
	}
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", "q35,sata=off,smbus=off,vmport=off", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", "1", "-m", fmt.Sprint(o.Memory),
		"-kernel", kernel, "-initrd", initial,
		"-append", "console=ttyS0 quiet loglevel=4 panic=-1 tsc=reliable no_timer_check mitigations=off audit=0 apparmor=0 selinux=0 module_blacklist=kvm_amd,psmouse,iTCO_wdt,lpc_ich,pcspkr,serio_raw random.trust_cpu=on systemd.show_status=0",
		"-serial", "file:" + m.console(),
		"-drive", "if=none,id=disk,format=raw," + drive, "-device", "virtio-blk-pci,drive=disk",
		"-device", "virtio-rng-pci",
		"-device", "virtio-serial-pci", "-chardev", "socket,id=agent,server=on,wait=off,path=" + m.path("agent.sock"),
		"-device", "virtserialport,chardev=agent,name=" + wire.Port,
	}
	if o.Share != "" {
		args = append(args, "-virtfs", "local,mount_tag=rig,security_model=none,readonly=on,path="+o.Share)
	}
	if o.Heard != "" {
		args = append(args, "-chardev", "file,id=heard,append=on,path="+o.Heard, "-device", "virtserialport,chardev=heard,name="+HeardPort)
	}
	if o.TPM != "" {
		socket := m.path("tpm.sock")
		if err := startTPM(o.TPM, socket); err != nil {
			return nil, errors.Join(err, os.RemoveAll(m.dir))
		}
		args = append(args, "-chardev", "socket,id=tpm,path="+socket, "-tpmdev", "emulator,id=tpm,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm")
	}
	if o.Line != "" {
		args = append(args, "-serial", o.Line)
	}
	said, err := os.Create(m.path("qemu.log"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(m.dir))
	}
	defer said.Close()
	m.cmd = exec.Command(qemu, args...)
	m.cmd.Dir, m.cmd.Stdout, m.cmd.Stderr = m.dir, said, said
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// The kernel sends the signal when the thread that started the process ends.
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		started <- m.cmd.Start()
		if m.cmd.Process != nil {
			_ = m.cmd.Wait()
		}
		close(m.ended)
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("starting qemu: %w", err), os.RemoveAll(m.dir))
	}
	if err := m.up(ctx, o); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// up waits for the system to be up.
func (m *Machine) up(ctx context.Context, o MachineOptions) error {
	ctx, cancel := context.WithTimeoutCause(ctx, BootLimit, fmt.Errorf("it is not up after %s", BootLimit))
	defer cancel()
	conn, err := m.connect(ctx, m.path("agent.sock"))
	if err == nil {
		m.Guest = newGuest(conn)
		err = m.ready(ctx)
	}
	if err == nil {
		// "degraded" is a system that is up, with a failed unit: what failed, and
		// whether that matters, the tests say.
		_, err = m.Run(ctx, "systemctl is-system-running --wait | grep -Eqx 'running|degraded'")
	}
	if err == nil && o.Share != "" {
		_, err = m.Run(ctx, "mkdir -p /rig && modprobe 9pnet_virtio && mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,ro rig /rig")
	}
	if err != nil {
		return fmt.Errorf("booting a machine: %w\n%s", err, m.said())
	}
	return nil
}

// connect waits for qemu to make its socket.
func (m *Machine) connect(ctx context.Context, path string) (net.Conn, error) {
	for {
		conn, err := net.Dial("unix", path)
		if err == nil {
			return conn, nil
		}
		select {
		case <-m.ended:
			return nil, errors.New("qemu ended")
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (m *Machine) path(name string) string { return filepath.Join(m.dir, name) }

func (m *Machine) console() string { return m.path("console.log") }

// said is the end of what qemu and the machine's console said.
func (m *Machine) said() string {
	text := ""
	for _, name := range []string{"qemu.log", "console.log"} {
		b, err := os.ReadFile(m.path(name))
		if err == nil && len(b) > 0 {
			text += fmt.Sprintf("%s:\n%s\n", name, b[max(0, len(b)-4096):])
		}
	}
	return text
}

// PowerCut ends the machine as a power cut does: nothing that it holds in memory
// reaches its disk any more.
func (m *Machine) PowerCut() {
	_ = m.cmd.Process.Kill()
	<-m.ended
}

// Close ends the machine and removes what it had.
func (m *Machine) Close() error {
	m.PowerCut()
	if m.Guest != nil {
		m.Guest.close()
	}
	return os.RemoveAll(m.dir)
}
