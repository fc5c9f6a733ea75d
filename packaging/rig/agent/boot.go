package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	disk = "/dev/vda"
	// modules lists the drivers in the ramdisk, in the order to load them in.
	modules = "/modules/order"
	// home is the agent's place in the booted system.
	home = "/run/rig"
)

// unit starts the agent early, so that a system that does not come up can be
// looked at.
const unit = `[Unit]
Description=The rig's agent
DefaultDependencies=no
After=systemd-remount-fs.service
Before=shutdown.target
Conflicts=shutdown.target
[Service]
ExecStart=` + home + `/agent
OOMScoreAdjust=-900
Restart=on-failure
`

// unwanted are units of a machine with people and a network in front of it, which
// cost seconds of each boot.
var unwanted = []string{
	"apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
	"fstrim.timer", "getty.target", "serial-getty@ttyS0.service", "systemd-networkd.service", "systemd-pstore.service",
	"systemd-timesyncd.service", "systemd-firstboot.service", "systemd-update-utmp.service", "modprobe@drm.service",
	"modprobe@efi_pstore.service", "modprobe@loop.service", "modprobe@dm_mod.service", "sys-kernel-tracing.mount",
	"dev-hugepages.mount", "dev-mqueue.mount",
}

// boot is the life of the ramdisk's init. It ends in another program, or in an
// error on the console.
func boot() error {
	err := bootSystem()
	fmt.Fprintln(os.Stderr, "rig: booting:", err)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	return err
}

// bootSystem comes back with an error alone.
func bootSystem() error {
	if err := unix.Mount("dev", "/dev", "devtmpfs", 0, ""); err != nil {
		return fmt.Errorf("mounting /dev: %w", err)
	}
	if err := loadModules(); err != nil {
		return err
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(disk); err == nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("no disk at %s", disk)
		}
	}
	if err := unix.Mount(disk, "/root", "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mounting the disk: %w", err)
	}
	if err := unix.Mount("run", "/root/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	if err := settleIn("/root"); err != nil {
		return err
	}
	if err := unix.Mount("/dev", "/root/dev", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("moving /dev: %w", err)
	}
	if err := unix.Chdir("/root"); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("moving the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	const init = "/lib/systemd/systemd"
	return fmt.Errorf("%s: %w", init, unix.Exec(init, []string{init}, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}))
}

func loadModules() error {
	list, err := os.ReadFile(modules)
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(list)) {
		f, err := os.Open(filepath.Join(filepath.Dir(modules), name))
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && err != unix.EEXIST {
			return fmt.Errorf("loading %s: %w", name, err)
		}
	}
	return nil
}

// settleIn puts the agent and its units into a system that is about to start.
func settleIn(root string) error {
	units := filepath.Join(root, "run/systemd/system")
	for _, dir := range []string{filepath.Join(root, home), filepath.Join(units, "sysinit.target.wants")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := copyFile("/init", filepath.Join(root, home, "agent")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(units, "rig-agent.service"), []byte(unit), 0o644); err != nil {
		return err
	}
	if err := os.Symlink("../rig-agent.service", filepath.Join(units, "sysinit.target.wants/rig-agent.service")); err != nil {
		return err
	}
	for _, name := range unwanted {
		if err := os.Symlink("/dev/null", filepath.Join(units, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
