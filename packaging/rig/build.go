package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// binariesVariable names the folder of what was built already, for processes that a
// test starts.
const binariesVariable = "TILLWARDEN_RIG_BINARIES"

// binaries is where this process builds programs of the project's, once each.
var binaries = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv(binariesVariable); dir != "" {
		return dir, nil
	}
	dir, err := os.MkdirTemp("", "rig-bin-")
	if err != nil {
		return "", err
	}
	// Systems see it as /rig, and not only their root runs what is in it.
	return dir, os.Chmod(dir, 0o755)
})

// Share gives a folder for systems to see, with programs of the project's by the last
// part of their packages' names, and the Debian package as tillwarden.deb. It is
// RemoveBinaries that removes it.
func Share(programs ...string) (string, error) {
	for _, pkg := range programs {
		if _, err := build(pkg); err != nil {
			return "", err
		}
	}
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	return dir, buildPackage(filepath.Join(dir, "tillwarden.deb"))
}

// RemoveBinaries removes what this process has built. It is for the end of
// TestMain.
func RemoveBinaries() {
	if dir, err := binaries(); err == nil && os.Getenv(binariesVariable) == "" {
		_ = os.RemoveAll(dir)
	}
}

// build builds a program without C, so that it runs in any guest.
func build(pkg string) (string, error) { return buildOnce(pkg, "build") }

// buildTest builds a package's tests.
func buildTest(pkg string) (string, error) { return buildOnce(pkg, "test", "-c") }

func buildOnce(pkg string, verb ...string) (string, error) {
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, filepath.Base(pkg))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	return goBuild(dir, pkg, verb...)
}

func goBuild(dir, pkg string, verb ...string) (string, error) {
	path := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", append(verb, "-trimpath", "-buildvcs=false", "-o", path, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return path, nil
}

// buildPackage builds the Debian package, as it is handed out.
func buildPackage(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "rig-deb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	out, err := exec.Command("../deb.sh", "amd64", dir).CombinedOutput()
	if err != nil {
		return fmt.Errorf("building the package: %w\n%s", err, out)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("building the package gave %q, want one", found)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// buildNewer makes another version of a package, for upgrades, of the same content. It
// is not compressed: what unpacks it is an emulated processor.
func buildNewer(of, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	dir, err := os.MkdirTemp("", "rig-newer-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	control := filepath.Join(dir, "DEBIAN", "control")
	if err := command("dpkg-deb", "--raw-extract", of, dir); err != nil {
		return err
	}
	if err := command("sed", "-i", "s/^Version: .*/&+newer/", control); err != nil {
		return err
	}
	return command("dpkg-deb", "--root-owner-group", "-Znone", "--build", dir, path)
}
