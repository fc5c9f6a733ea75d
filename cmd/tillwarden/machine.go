package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/enforcer/durable"
)

// machine is the machine that is set up: its files below a root, and its commands, which
// are run only where the root is this machine's own.
type machine struct {
	root string
	// command runs a program and gives what it printed; nil where the root is another
	// machine's files.
	command func(ctx context.Context, name string, args ...string) (string, error)
}

// rootFlag adds --root.
func (a *app) rootFlag(c *cobra.Command, root *string, what string) {
	c.Flags().StringVar(root, "root", a.machineRoot(), what)
	_ = c.MarkFlagDirname("root")
}

// machineRoot is where the machine's files are, where no flag says.
func (a *app) machineRoot() string {
	if root := a.env("TILLWARDEN_ROOT"); root != "" {
		return root
	}
	return "/"
}

func newMachine(root string) *machine {
	m := &machine{root: root}
	if filepath.Clean(root) == "/" {
		m.command = runCommand
	}
	return m
}

// commandTime is how long a program of the system may take: udev waits for devices.
const commandTime = 2 * time.Minute

func runCommand(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Run(); err != nil {
		said := strings.TrimSpace(out.String())
		if said != "" {
			return said, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, cut(said, 300))
		}
		return said, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(out.String()), nil
}

func (m *machine) live() bool { return m.command != nil }

// at is where a file of the machine is.
func (m *machine) at(path string) string { return filepath.Join(m.root, path) }

// read gives a file, and nil where there is none.
func (m *machine) read(path string) ([]byte, error) {
	b, err := os.ReadFile(m.at(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failedf("reading %s: %w", path, err).hint("run this as root")
	}
	if b == nil {
		b = []byte{}
	}
	return b, nil
}

// write puts a file in its place, whole or not at all. One that is there keeps its mode.
func (m *machine) write(path string, content []byte, mode fs.FileMode) error {
	at := m.at(path)
	if info, err := os.Stat(at); err == nil {
		mode = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return failedf("writing %s: %w", path, err)
	}
	if err := durable.Replace(at, content, mode); err != nil {
		return failedf("writing %s: %w", path, err)
	}
	return nil
}
