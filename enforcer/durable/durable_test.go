package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alone wants that nothing but these files is in the folder.
func alone(t *testing.T, dir string, names ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(names) {
		t.Errorf("the folder holds %v, want %v", list, names)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	for _, want := range []string{"first", "second"} {
		if err := Replace(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := content(t, path); got != want {
			t.Errorf("file holds %q, want %q", got, want)
		}
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", st.Mode(), err)
	}
	alone(t, dir, "file")
}

func TestCreateTakesNoPlace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := Create(path, []byte("first"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Create(path, []byte("second"), 0o644); !errors.Is(err, fs.ErrExist) {
		t.Errorf("creating it again: %v, want fs.ErrExist", err)
	}
	if got := content(t, path); got != "first" {
		t.Errorf("file holds %q", got)
	}
	alone(t, dir, "file")
}

func TestFailureLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "taken")
	if err := os.MkdirAll(filepath.Join(path, "inside"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Replace(path, []byte("new"), 0o600); err == nil {
		t.Error("a folder was replaced by a file")
	}
	alone(t, dir, "taken")
	if err := Replace(filepath.Join(dir, "no", "such"), nil, 0o600); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

func TestName(t *testing.T) {
	dir := t.TempDir()
	temp, path := filepath.Join(dir, "temp"), filepath.Join(dir, "file")
	if err := os.WriteFile(temp, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Name(temp, path); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); got != "x" {
		t.Errorf("file holds %q", got)
	}
	alone(t, dir, "file")
}

// TestReplaceWithNothingHalf: where what fills it fails, the old content stays, and
// nothing lies beside it.
func TestReplaceWithNothingHalf(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "export")
	if err := Replace(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := errors.New("stopped")
	err := ReplaceWith(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 3*bufferSize))
		return errors.Join(err, stop)
	})
	if !errors.Is(err, stop) {
		t.Errorf("%v, want %v", err, stop)
	}
	if got := content(t, path); got != "old" {
		t.Errorf("%d bytes, want the old ones", len(got))
	}
	alone(t, dir, "export")
	err = ReplaceWith(path, 0o600, func(w io.Writer) error {
		_, err := w.Write(make([]byte, 3*bufferSize))
		return err
	})
	if got := content(t, path); err != nil || len(got) != 3*bufferSize {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	alone(t, dir, "export")
}

// TestReplaceTakesNoDeviceAway: as root it could.
func TestReplaceTakesNoDeviceAway(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Replace(pipe, []byte("new"), 0o600); !errors.Is(err, ErrNoFile) {
		t.Errorf("a pipe: %v", err)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is gone: %v, %v", info, err)
	}
	alone(t, dir, "pipe")
}
