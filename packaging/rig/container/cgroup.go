package container

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// cgroup is a control group (cgroups(7), version 2) of a container's own. Without
// one, the units of containers that run at the same time would share groups by their
// names, and a container would begin with the filters that the units of those before
// it left (DeviceAllow=, IPAddressDeny=): they are attached to a group until that is
// removed.
type cgroup struct{ path string }

// newCgroup makes one below this process's.
func newCgroup(name string) (*cgroup, error) {
	root := "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
		root = filepath.Join(root, "unified") // beside those of version 1
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(own) {
		if path, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("0::")); ok {
			g := &cgroup{filepath.Join(root, string(path), name)}
			if err := os.Mkdir(g.path, 0o755); err != nil {
				return nil, fmt.Errorf("making a control group: %w", err)
			}
			return g, nil
		}
	}
	return nil, errors.New("this process is in no control group of version 2")
}

// close ends what is left in it, and removes it.
func (g *cgroup) close() error {
	// Linux 5.14; those before it have only what the container's end has ended.
	_ = os.WriteFile(filepath.Join(g.path, "cgroup.kill"), []byte("1"), 0)
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err := g.remove()
		if err == nil || errors.Is(err, fs.ErrNotExist) || time.Now().After(end) {
			return err
		}
	}
}

// remove removes it and those below it. Their files go with them.
func (g *cgroup) remove() error {
	var all []string
	err := filepath.WalkDir(g.path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	slices.Reverse(all)
	for _, path := range all {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
