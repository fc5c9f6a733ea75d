package rig

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suite is the Debian release that registers run.
const suite = "bookworm"

// packages are what a register's Debian has beside the essential ones, and what
// the tests look at it with.
var packages = []string{
	"systemd", "systemd-sysv", "libpam-systemd", "udev", "dbus", "kmod", "e2fsprogs", "procps", "iproute2",
	"libusb-1.0-0", "strace",
	// systemd's way to a TPM.
	"libtss2-esys-3.0.2-0", "libtss2-rc0", "libtss2-tcti-device0",
}

// bulky are the kernel's drivers for what no machine of ours has: half of its size.
var bulky = []string{
	"drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/net/ethernet", "drivers/net/wireless",
	"drivers/net/can", "drivers/isdn", "drivers/staging", "drivers/iio", "sound",
}

// kernelHook adds Debian's kernel. It is unpacked only, since installing it makes
// an initial ramdisk, for minutes, that the rig has a smaller one in place of.
const kernelHook = `set -e
cd "$1"
name=$(APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-cache depends linux-image-amd64 | sed -n 's/ *Depends: //p' | head -n 1)
mkdir -p tmp/kernel
(cd tmp/kernel && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq download "$name")
dpkg-deb --fsys-tarfile tmp/kernel/*.deb | tar -x --keep-directory-symlink
rm -r tmp/kernel
cd lib/modules/*/kernel
rm -rf BULKY
cd ../../..
depmod -b "$1" "$(basename "$1"/lib/modules/*)"
`

// settleHook makes it a system that nobody has to log in to, and that answers
// alike each time.
const settleHook = `set -e
echo register > "$1/etc/hostname"
echo /dev/vda / ext4 rw,noatime 0 1 > "$1/etc/fstab"
ln -sf /lib/systemd/system/multi-user.target "$1/etc/systemd/system/default.target"
rm -rf "$1"/var/cache/apt/*.bin
`

const machineID = "6e0c3a3a2f0d4c1b9a7d5e3f1a2b3c4d"

// sources are where Debian comes from: the host's own mirror, with Debian's
// security updates, since the kernel comes from there.
func sources() (string, error) {
	const file = "/etc/apt/sources.list.d/debian.sources"
	if b, err := os.ReadFile(file); err == nil && bytes.Contains(b, []byte(suite)) {
		return file, nil
	}
	const list = "/etc/apt/sources.list"
	if b, err := os.ReadFile(list); err == nil && bytes.Contains(b, []byte(suite)) {
		return list, nil
	}
	return "", fmt.Errorf("neither %s nor %s names a mirror of Debian %s: the rig is built on Debian 12", file, list, suite)
}

// Root gives the folder of a Debian 12 with systemd and Debian's kernel. It is for
// reading: containers put something over it, machines have a copy.
func Root() (string, error) {
	if err := privileged(); err != nil {
		return "", err
	}
	from, err := sources()
	if err != nil {
		return "", err
	}
	kernel := strings.Replace(kernelHook, "BULKY", strings.Join(bulky, " "), 1)
	args := []string{
		"--mode=root", "--variant=minbase", "--format=directory", "--include=" + strings.Join(packages, ","),
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		`--aptopt=Acquire::Languages "none"`, "--aptopt=Acquire::Retries 3",
		"--customize-hook=" + kernel, "--customize-hook=" + settleHook, suite,
	}
	return cached("root", func(path string) error {
		if err := command("mmdebstrap", append(args, path, from)...); err != nil {
			return err
		}
		// mmdebstrap leaves none, and a system without one begins with a first
		// boot's work.
		return os.WriteFile(filepath.Join(path, "etc/machine-id"), []byte(machineID+"\n"), 0o444)
	}, append(args, machineID)...)
}

// privileged reports whether the rig can work at all.
func privileged() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("the rig needs root: it makes devices' nodes, and files of other users")
	}
	return nil
}

// command runs a program of packaging/setup.sh's, and says what it said if it
// fails.
func command(name string, args ...string) error {
	_, err := output(name, args...)
	return err
}

func output(name string, args ...string) (string, error) {
	path, err := program(name)
	if err != nil {
		return "", err
	}
	cmd := exec.Command(path, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w:\n%s%s", name, err, out, said.Bytes())
	}
	return string(out), nil
}

// program finds a program, in the system's folders as well, which users' PATH
// may lack.
func program(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is missing: run packaging/setup.sh rig", name)
}
