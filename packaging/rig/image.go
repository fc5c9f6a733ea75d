package rig

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// diskSize is what a machine's disk has; the file is sparse.
const diskSize = "3G"

// image gives the disk that machines start from: an ext4 file system with the
// root on it. No mount and no loop device is needed to make it.
func image(root string) (string, error) {
	return cached("disk", func(path string) error {
		return command("mke2fs", "-q", "-t", "ext4", "-L", "register", "-d", root, "-E", "lazy_itable_init=1,root_owner=0:0", path, diskSize)
	}, root, diskSize)
}

// NewDisk makes a disk of one's own for a machine ([MachineOptions].Disk), as machines
// start from it.
func NewDisk(path string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	base, err := image(root)
	if err != nil {
		return err
	}
	return command("cp", "--sparse=always", base, path)
}

// kernelOf gives the path of the root's kernel, and its version.
func kernelOf(root string) (path, version string, err error) {
	found, err := filepath.Glob(filepath.Join(root, "boot", "vmlinuz-*"))
	if err != nil || len(found) != 1 {
		return "", "", fmt.Errorf("in %s there are the kernels %q, want one", root, found)
	}
	return found[0], strings.TrimPrefix(filepath.Base(found[0]), "vmlinuz-"), nil
}

// bootModules are the drivers without which there is no disk and no agent.
var bootModules = []string{"virtio_pci", "virtio_blk", "ext4", "virtio_console"}

// ramdisk gives the initial ramdisk: the agent as init, and the drivers.
func ramdisk(root string) (string, error) {
	_, version, err := kernelOf(root)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "rig-agent-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	agent, err := goBuild(dir, "tillwarden/packaging/rig/agent", "build")
	if err != nil {
		return "", err
	}
	code, err := os.ReadFile(agent)
	if err != nil {
		return "", err
	}
	inputs := append([]string{root, version, string(code)}, bootModules...)
	return cached("ramdisk", func(path string) error {
		var a archive
		for _, dir := range []string{"dev", "root", "modules"} {
			a.add(dir, 0o040755, nil)
		}
		a.add("init", 0o100755, code)
		var order []string
		for _, m := range bootModules {
			list, err := output("modprobe", "-d", root, "-S", version, "--show-depends", m)
			if err != nil {
				return err
			}
			for line := range strings.Lines(list) {
				// "insmod PATH" or "builtin NAME"
				word := strings.Fields(line)
				if len(word) < 2 || word[0] != "insmod" {
					continue
				}
				name := filepath.Base(word[1])
				if slices.Contains(order, name) {
					continue
				}
				driver, err := os.ReadFile(word[1])
				if err != nil {
					return err
				}
				order = append(order, name)
				a.add("modules/"+name, 0o100644, driver)
			}
		}
		a.add("modules/order", 0o100644, []byte(strings.Join(order, "\n")))
		return os.WriteFile(path, a.bytes(), 0o644)
	}, inputs...)
}

// archive is a cpio archive of the form that the kernel takes for its initial
// ramdisk ("newc"; Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
type archive struct {
	buf   bytes.Buffer
	inode int
}

// add adds a file or folder, owned by root.
func (a *archive) add(name string, mode uint32, data []byte) {
	a.inode++
	fmt.Fprintf(&a.buf, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	a.buf.WriteString(name)
	a.buf.WriteByte(0)
	a.pad()
	a.buf.Write(data)
	a.pad()
}

func (a *archive) pad() {
	for a.buf.Len()%4 != 0 {
		a.buf.WriteByte(0)
	}
}

// bytes ends the archive.
func (a *archive) bytes() []byte {
	a.add("TRAILER!!!", 0, nil)
	return a.buf.Bytes()
}
