package installation

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// purge runs the package's postrm as a purge of what is in a folder.
func purge(t *testing.T, root string) {
	t.Helper()
	script, err := os.ReadFile("../debian/tillwarden.postrm")
	if err != nil {
		t.Fatal(err)
	}
	there := strings.NewReplacer("/var/lib/", root+"/var/lib/", "/etc/", root+"/etc/", "/run/", root+"/run/").Replace(string(script))
	c := exec.Command("/bin/sh", "-s", "purge")
	c.Stdin = strings.NewReader(there)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("purge: %v\n%s", err, out)
	}
}

// put makes files, and their folders, in a folder.
func put(t *testing.T, root string, files ...string) {
	t.Helper()
	for _, f := range files {
		f = filepath.Join(root, f)
		if err := os.MkdirAll(filepath.Dir(f), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, []byte(filepath.Base(f)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// kept lists what a purge left of the state folder, without its own folder's name.
func kept(t *testing.T, root string) string {
	t.Helper()
	var names []string
	state := filepath.Join(root, "var/lib/tillwarden")
	err := filepath.WalkDir(state, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(state, path) // below it
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		parts := strings.Split(name, "/")
		for j, p := range parts {
			if strings.HasPrefix(p, "purged-") {
				parts[j] = "purged"
			}
		}
		names[i] = strings.Join(parts, "/")
	}
	return strings.Join(names, " ")
}

func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a purge gives files to root, which takes root")
	}
}

func TestPurgeKeepsTheEvidence(t *testing.T) {
	needsRoot(t)
	root := t.TempDir()
	put(t, root, "var/lib/tillwarden/journal.db", "var/lib/tillwarden/state.json", "var/lib/tillwarden/keys/journal.pub",
		"var/lib/tillwarden/keys/journal.key", "var/lib/tillwarden/archive/7-12/journal.db",
		"etc/credstore.encrypted/tillwarden.journal.key", "etc/credstore.encrypted/tillwarden.receipt.key", "etc/credstore.encrypted/another.key",
		"etc/tillwarden/tillwarden.toml", "etc/udev/rules.d/72-tillwarden-devices.rules",
		"etc/systemd/system/tillwardend.service.d/tillwarden-setup.conf")
	purge(t, root)
	want := "archive/7-12/journal.db archive/purged/journal.db archive/purged/journal.pub archive/purged/tillwarden.receipt.key"
	if got := kept(t, root); got != want {
		t.Errorf("kept %q, want %q", got, want)
	}
	if left, err := os.ReadDir(filepath.Join(root, "etc/credstore.encrypted")); err != nil || len(left) != 1 {
		t.Errorf("credentials left: %v, %v", left, err)
	}
	for _, gone := range []string{"etc/tillwarden", "etc/udev/rules.d/72-tillwarden-devices.rules", "etc/systemd/system/tillwardend.service.d"} {
		if _, err := os.Lstat(filepath.Join(root, gone)); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
}

// TestPurgeFollowsNoLinks: the state folder was the daemon's user's, and what that has
// left there leads a purge, which is root's, nowhere else.
func TestPurgeFollowsNoLinks(t *testing.T) {
	needsRoot(t)
	for _, name := range []string{"archive", "keys"} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			outside := filepath.Join(root, "elsewhere")
			put(t, root, "var/lib/tillwarden/journal.db", "var/lib/tillwarden/keys/journal.pub", "elsewhere/receipt.key")
			link := filepath.Join(root, "var/lib/tillwarden", name)
			if err := os.RemoveAll(link); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, link); err != nil {
				t.Fatal(err)
			}
			purge(t, root)
			if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o755 {
				t.Errorf("the folder elsewhere was changed: %v, %v", info, err)
			}
			if there, err := os.ReadDir(outside); err != nil || len(there) != 1 || there[0].Name() != "receipt.key" {
				t.Errorf("what is elsewhere was changed: %v, %v", there, err)
			}
			if got := kept(t, root); !strings.HasPrefix(got, "archive/purged/journal.db") {
				t.Errorf("kept %q", got)
			}
		})
	}
}

// TestPurgeLeavesAnAdministratorsDropIn: what set-up did not write is not its to remove.
func TestPurgeLeavesAnAdministratorsDropIn(t *testing.T) {
	needsRoot(t)
	root := t.TempDir()
	const theirs = "etc/systemd/system/tillwardend.service.d/limits.conf"
	put(t, root, "var/lib/tillwarden/journal.db", theirs)
	purge(t, root)
	if _, err := os.Lstat(filepath.Join(root, theirs)); err != nil {
		t.Error(err)
	}
}
