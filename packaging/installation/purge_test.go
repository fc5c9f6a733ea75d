package installation

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// nodesOwner stands for the daemon's user, whom the system that runs the test may not have.
const nodesOwner = "daemon"

// purge runs the package's postrm as a purge of what is in a folder.
func purge(t *testing.T, root string) {
	t.Helper()
	script, err := os.ReadFile("../debian/tillwarden.postrm")
	if err != nil {
		t.Fatal(err)
	}
	there := strings.NewReplacer("/var/lib/", root+"/var/lib/", "/etc/", root+"/etc/", "/run/", root+"/run/", " /dev ", " "+root+"/dev ",
		"passwd tillwarden", "passwd "+nodesOwner, "-user tillwarden", "-user "+nodesOwner).Replace(string(script))
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

// TestPurgeGivesDevicesBackWithoutUdev: in a container set-up took them by hand, and no
// rule of udev's gives them back.
func TestPurgeGivesDevicesBackWithoutUdev(t *testing.T) {
	needsRoot(t)
	number := func(find func(string) (string, error), name string) uint32 {
		t.Helper()
		id, err := find(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		return uint32(n)
	}
	owner := number(func(name string) (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	}, nodesOwner)
	group := func(name string) uint32 {
		return number(func(name string) (string, error) {
			g, err := user.LookupGroup(name)
			if err != nil {
				return "", err
			}
			return g.Gid, nil
		}, name)
	}
	root := t.TempDir()
	put(t, root, "var/lib/tillwarden/journal.db")
	nodes := map[string]struct {
		uid, gid uint32
		mode     os.FileMode
	}{
		"dev/ttyUSB0": {0, group("dialout"), 0o660},
		"dev/usb/lp0": {0, group("lp"), 0o660},
		"dev/hidraw0": {0, 0, 0o600},
		"dev/ttyS5":   {1, 1, 0o600}, // somebody else's
	}
	for name, n := range nodes {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mknod(at, syscall.S_IFCHR|0o600, 1<<8|3); err != nil {
			t.Skipf("no device's node can be made here: %v", err)
		}
		uid := owner
		if n.uid != 0 {
			uid = owner + 1
			n.uid, n.gid = uid, uid
			nodes[name] = n
		}
		if err := os.Chown(at, int(uid), int(uid)); err != nil {
			t.Fatal(err)
		}
	}
	purge(t, root)
	for name, want := range nodes {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		if st.Uid != want.uid || st.Gid != want.gid || info.Mode().Perm() != want.mode {
			t.Errorf("%s is %d:%d %v, want %v", name, st.Uid, st.Gid, info.Mode().Perm(), want)
		}
	}
}
