package rig

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// cacheVariable names a folder of one's own for what is built.
const cacheVariable = "TILLWARDEN_RIG_CACHE"

// CacheDir is where what is built is kept: $TILLWARDEN_RIG_CACHE, or
// tillwarden-rig in the user's cache folder. It takes about 2 GB. Remove it to
// build anew, with what Debian has by then.
func CacheDir() (string, error) {
	if dir := os.Getenv(cacheVariable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for what is built: set %s: %w", cacheVariable, err)
	}
	return filepath.Join(dir, "tillwarden-rig"), nil
}

// unused is how long what was built is kept without being used: a change of the
// inputs that is taken back costs nothing.
const unused = 7 * 24 * time.Hour

// building keeps one process from building the same twice; the lock on the
// folder keeps others from it.
var building sync.Mutex

// cached gives the path of what build makes out of inputs, building it if it was
// not built before. build writes to the path that it is given; only what it
// finished counts.
func cached(name string, build func(path string) error, inputs ...string) (string, error) {
	building.Lock()
	defer building.Unlock()
	dir, err := CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", fmt.Errorf("waiting for another that builds in %s: %w", dir, err)
	}
	sum := sha256.Sum256([]byte(strings.Join(inputs, "\x00")))
	path := filepath.Join(dir, name+"-"+hex.EncodeToString(sum[:8]))
	now := time.Now()
	if err := os.Chtimes(path, now, now); err == nil {
		return path, nil
	}
	if err := removeUnused(filepath.Join(dir, name+"-*"), now.Add(-unused)); err != nil {
		return "", err
	}
	half := path + ".half"
	if err := build(half); err != nil {
		return "", errors.Join(fmt.Errorf("building %s: %w", name, err), os.RemoveAll(half))
	}
	// What is in it may have times of its own.
	now = time.Now()
	return path, errors.Join(os.Chtimes(half, now, now), os.Rename(half, path))
}

func removeUnused(pattern string, before time.Time) error {
	old, err := filepath.Glob(pattern)
	if err != nil {
		return err
	}
	for _, path := range old {
		info, err := os.Stat(path)
		if err == nil && info.ModTime().Before(before) {
			err = os.RemoveAll(path)
		}
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
