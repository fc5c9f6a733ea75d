package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tillwarden/enforcer/durable"
)

// memory knows the jobs of which something was sent and that did not end. CUPS
// gives such a job again after an error, a restart or a loss of power, from its
// beginning, with all its kicks.
type memory struct {
	dir string // "" where there is none
}

// forgetAfter is how long a job is known. CUPS does not keep one for longer
// (MaxJobTime, PreserveJobFiles: a day).
const forgetAfter = 30 * 24 * time.Hour

// memoryDir is a folder in CUPS' cache, which outlives a restart.
func memoryDir(getenv func(string) string) string {
	cache := getenv("CUPS_CACHEDIR")
	if cache == "" {
		return ""
	}
	return filepath.Join(cache, "tillwarden")
}

func (m memory) file(job string) string { return filepath.Join(m.dir, "begun-"+job) }

// begun reports whether something of the job was sent before.
func (m memory) begun(job string) bool {
	if m.dir == "" {
		return false
	}
	_, err := os.Lstat(m.file(job))
	return err == nil
}

var errNoMemory = errors.New("CUPS_CACHEDIR names no folder")

// begin takes down, on disk, that something of the job is about to be sent.
func (m memory) begin(job string) error {
	if m.dir == "" {
		return errNoMemory
	}
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	m.prune()
	if err := durable.Replace(m.file(job), nil, 0o600); err != nil {
		return fmt.Errorf("taking down that job %s was begun: %w", job, err)
	}
	return nil
}

// ended forgets a job that was sent whole: who prints it again means to.
func (m memory) ended(job string) {
	if m.dir != "" {
		_ = os.Remove(m.file(job))
	}
}

// prune forgets what is long over.
func (m memory) prune() {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		var info fs.FileInfo
		if info, err = e.Info(); err == nil && time.Since(info.ModTime()) > forgetAfter {
			_ = os.Remove(filepath.Join(m.dir, e.Name()))
		}
	}
}

// jobName tells a job from all others: by the UUID that CUPS gives it, else by
// its number.
func jobName(id, options string) string {
	for _, o := range strings.Fields(options) {
		if uuid, ok := strings.CutPrefix(o, "job-uuid=urn:uuid:"); ok && len(uuid) == 36 && strings.Trim(uuid, "0123456789abcdefABCDEF-") == "" {
			return strings.ToLower(uuid)
		}
	}
	return id
}
