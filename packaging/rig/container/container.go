// Package container is a whole Debian system in a container of systemd-nspawn(1),
// up in half a second: for units, their sandboxes and what the package does to a
// system. Nothing in it outlasts it.
//
// It runs on the host's kernel, without udev and without devices: what takes a
// driver or a power cut is a machine's (package rig). It needs root.
package container

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options of a container.
type Options struct {
	// Root is the system's folder. It is not written to.
	Root string
	// Share are folders of the host that are seen in the container, for reading:
	// the host's path by the container's.
	Share map[string]string
}

// Container is a running system.
type Container struct {
	dir    string
	group  *cgroup
	spawn  *exec.Cmd
	ended  chan error // systemd-nspawn's
	leader int        // the container's process 1, as the host counts
}

// bootTime is how long a system may take to come up.
const bootTime = time.Minute

// Start boots a container, and waits until its system is up.
func Start(ctx context.Context, o Options) (_ *Container, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("a container needs root")
	}
	c := &Container{ended: make(chan error, 1)}
	if c.dir, err = os.MkdirTemp("", "container-"); err != nil {
		return nil, err
	}
	console, err := os.Create(filepath.Join(c.dir, "console.log"))
	if err != nil {
		return nil, err
	}
	defer console.Close()
	if c.group, err = newCgroup(filepath.Base(c.dir)); err != nil {
		os.RemoveAll(c.dir)
		return nil, err
	}
	group, err := os.Open(c.group.path)
	if err != nil {
		return nil, errors.Join(err, c.group.close(), os.RemoveAll(c.dir))
	}
	defer group.Close()
	args := []string{
		"--quiet", "--directory=" + o.Root, "--volatile=overlay", "--boot", "--register=no", "--keep-unit", "--private-network",
		"--machine=" + filepath.Base(c.dir), "--console=pipe", "--kill-signal=SIGRTMIN+4", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
		// Without it DevicePolicy=, DeviceAllow= and IPAddressDeny= do nothing, and say nothing.
		"--system-call-filter=bpf",
	}
	for inside, outside := range o.Share {
		args = append(args, "--bind-ro="+outside+":"+inside)
	}
	c.spawn = exec.Command("systemd-nspawn", append(args, "systemd.show_status=0")...)
	c.spawn.Stdout, c.spawn.Stderr = console, console
	c.spawn.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	c.spawn.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: int(group.Fd())}
	if err := c.spawn.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a container: %w (packaging/setup.sh rig installs it)", err), c.group.close(), os.RemoveAll(c.dir))
	}
	go func() { c.ended <- c.spawn.Wait() }()
	if err := c.up(ctx); err != nil {
		said := c.said()
		return nil, errors.Join(fmt.Errorf("starting a container: %w\n%s", err, said), c.Close())
	}
	return c, nil
}

// up waits until the system is.
func (c *Container) up(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	for {
		if c.leader == 0 {
			c.leader = leaderBelow(c.spawn.Process.Pid)
		}
		if c.leader != 0 {
			state, err := c.Run(ctx, "test -S /run/systemd/private && systemctl is-system-running --wait || true")
			switch state = strings.TrimSpace(state); {
			case err == nil && state == "running":
				return nil
			case err == nil && state == "degraded":
				units, _ := c.Run(ctx, "systemctl list-units --failed --plain --no-legend")
				return fmt.Errorf("units have failed:\n%s", units)
			}
		}
		select {
		case err := <-c.ended:
			c.ended <- err
			return fmt.Errorf("systemd-nspawn ended: %w", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// leaderBelow finds the process below another that is the first of its own name
// space; 0: there is none yet.
func leaderBelow(pid int) int {
	list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	for _, f := range strings.Fields(string(list)) {
		child, err := strconv.Atoi(f)
		if err != nil {
			continue
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", child))
		if err != nil {
			continue
		}
		for _, line := range strings.Split(string(status), "\n") {
			if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
				if ns := strings.Fields(ids); len(ns) > 1 && ns[len(ns)-1] == "1" {
					return child
				}
			}
		}
		if found := leaderBelow(child); found != 0 {
			return found
		}
	}
	return 0
}

// Run runs a shell command in the container as root, and gives what it printed.
// The error of one that fails has all that it said.
func (c *Container) Run(ctx context.Context, command string) (string, error) {
	cmd := exec.CommandContext(ctx, "nsenter", "-t", strconv.Itoa(c.leader), "-a", "env", "-i", "HOME=/root", "LC_ALL=C.UTF-8",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", command)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w\n%s%s", command, err, out.Bytes(), said.Bytes())
	}
	return out.String(), nil
}

// Path is where the host sees a file of the container's.
func (c *Container) Path(inside string) string {
	return filepath.Join("/proc", strconv.Itoa(c.leader), "root", inside)
}

// said is the end of what the console showed.
func (c *Container) said() string {
	b, _ := os.ReadFile(filepath.Join(c.dir, "console.log"))
	return string(b[max(0, len(b)-4096):])
}

// Close ends the container at once, and removes what is left of it.
func (c *Container) Close() error {
	if c.leader != 0 {
		_ = syscall.Kill(c.leader, syscall.SIGKILL) // with the first all others of its name space end
	} else {
		_ = c.spawn.Process.Kill()
	}
	select {
	case <-c.ended:
	case <-time.After(10 * time.Second):
		_ = c.spawn.Process.Kill()
		<-c.ended
	}
	return errors.Join(c.group.close(), os.RemoveAll(c.dir))
}
