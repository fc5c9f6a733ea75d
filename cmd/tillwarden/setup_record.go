package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"tillwarden/daemon"
)

// recordPath is where setup keeps what it changed, for setup --undo.
const recordPath = configDir + "/setup.json"

// setupRecord is what setup changed on a machine, and how it was before. Each part is
// on disk before the change that it is about.
type setupRecord struct {
	Version int            `json:"version"`
	Files   []recordFile   `json:"files,omitempty"`
	Members []recordMember `json:"members,omitempty"`
	Nodes   []recordNode   `json:"nodes,omitempty"`
}

type recordFile struct {
	Path string `json:"path"`
	// Before is the file as setup found it; Made says that there was none.
	Before []byte      `json:"before,omitempty"`
	Made   bool        `json:"made,omitempty"`
	Mode   fs.FileMode `json:"mode,omitempty"`
	// After is the SHA-256 of what setup wrote last, to tell what others wrote since.
	After string `json:"after"`
}

type recordMember struct {
	User   string `json:"user"`
	Group  string `json:"group"`
	Joined bool   `json:"joined"` // false: was taken out
}

type recordNode struct {
	Path string      `json:"path"`
	UID  uint32      `json:"uid"`
	GID  uint32      `json:"gid"`
	Mode fs.FileMode `json:"mode"`
}

const recordVersion = 1

func (m *machine) readRecord() (*setupRecord, error) {
	text, err := m.read(recordPath)
	if err != nil {
		return nil, err
	}
	r := &setupRecord{Version: recordVersion}
	if text == nil {
		return r, nil
	}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, failedf("reading %s: %w", recordPath, err).hint("move it away: setup then begins anew, and can undo only what it does from now on")
	}
	if r.Version != recordVersion {
		return nil, failedf("%s is of version %d, this command line reads %d", recordPath, r.Version, recordVersion).hint("use the version that wrote it")
	}
	return r, nil
}

func (m *machine) writeRecord(r *setupRecord) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return m.write(recordPath, append(text, '\n'), 0o600)
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// put writes a file, and records how it was before setup first touched it.
func (m *machine) put(r *setupRecord, f *newFile) error {
	if f.outside {
		return createFile(f.path, f.content, f.mode)
	}
	if f.kept {
		return m.write(f.path, f.content, f.mode)
	}
	before, err := m.read(f.path)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(r.Files, func(o recordFile) bool { return o.Path == f.path })
	if i < 0 {
		old := recordFile{Path: f.path, Before: before, Made: before == nil, Mode: f.mode}
		if info, err := os.Stat(m.at(f.path)); err == nil {
			old.Mode = info.Mode().Perm()
		}
		r.Files = append(r.Files, old)
		i = len(r.Files) - 1
	}
	r.Files[i].After = digestOf(f.content)
	if err := m.writeRecord(r); err != nil {
		return err
	}
	return m.write(f.path, f.content, f.mode)
}

// undone is one thing that setup --undo did, or left alone.
type undone struct {
	What string `json:"what"`
	Says string `json:"says"`
}

// undo gives back what setup took, the last first.
func (a *app) undo(ctx context.Context, m *machine) ([]undone, error) {
	r, err := m.readRecord()
	if err != nil {
		return nil, err
	}
	list := []undone{}
	tell := func(what, says string) { list = append(list, undone{what, says}) }
	_, was, err := m.configuration()
	if err != nil {
		return nil, err
	}
	if len(r.Files) > 0 {
		// First: the devices are free when the daemon is gone. It does not run without what
		// set-up wrote, for its journal bears the name that this register had.
		a.system(ctx, m, tell, "systemctl", append([]string{"disable", "--now"}, daemonUnits...)...)
	}
	if was != nil && len(r.Files) > 0 {
		if err := m.removeLinks(was, tell); err != nil {
			return list, err
		}
	}
	rules, unit := false, false
	for i := len(r.Files) - 1; i >= 0; i-- {
		f := &r.Files[i]
		rules = rules || f.Path == rulesPath
		unit = unit || f.Path == dropinPath
		if err := m.restore(f, r.answers(), tell); err != nil {
			return list, err
		}
	}
	for i := len(r.Members) - 1; i >= 0; i-- {
		if v := &r.Members[i]; v.Joined {
			a.system(ctx, m, tell, "gpasswd", "-d", v.User, v.Group)
		} else {
			a.system(ctx, m, tell, "gpasswd", "-a", v.User, v.Group)
		}
	}
	if rules {
		a.reloadUdev(ctx, m, tell)
	}
	// No rule of udev's gives a node to root again: that is how the kernel makes it.
	for i := range r.Nodes {
		m.giveBack(&r.Nodes[i], tell)
	}
	if unit {
		a.system(ctx, m, tell, "systemctl", "daemon-reload")
	}
	if err := os.Remove(m.at(recordPath)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return list, failedf("removing %s: %w", recordPath, err)
	}
	return list, nil
}

// restore puts a file back as it was, unless somebody else changed it since. A
// configuration is kept beside it, with what else set-up was told.
func (m *machine) restore(f *recordFile, answers string, tell func(what, says string)) error {
	now, err := m.read(f.Path)
	if err != nil {
		return err
	}
	switch {
	case now != nil && digestOf(now) != f.After && f.Path != defaultConfigFile:
		tell(f.Path, "left: it was changed since")
		return nil
	case now != nil && f.Path == defaultConfigFile:
		if err := m.write(f.Path+".undone", append(now, answers...), 0o644); err != nil {
			return err
		}
		tell(f.Path+".undone", "is the configuration as it was until now")
	}
	if f.Made {
		if err := os.Remove(m.at(f.Path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failedf("removing %s: %w", f.Path, err)
		}
		tell(f.Path, "removed")
		return nil
	}
	tell(f.Path, "as it was before")
	return m.write(f.Path, f.Before, f.Mode)
}

// answers is what set-up was told beside the configuration, for an answers file that
// takes over again.
func (r *setupRecord) answers() string {
	taken := slices.ContainsFunc(r.Files, func(f recordFile) bool { return f.Path == rulesPath })
	s := fmt.Sprintf("\n# For tillwarden setup --answers; the daemon takes no table [setup].\n[setup]\ntake_devices = %v\n", taken)
	if n := len(r.Members); n > 0 {
		s += fmt.Sprintf("pos_user = %q\n", r.Members[n-1].User)
	}
	return s
}

// removeLinks removes the POS's ports, which lead nowhere when the daemon has stopped,
// and later perhaps to somebody else's terminal.
func (m *machine) removeLinks(c *daemon.Config, tell func(what, says string)) error {
	for i := range c.Printers {
		link := c.Printers[i].Link
		if link == "" {
			continue
		}
		if info, err := os.Lstat(m.at(link)); err != nil || info.Mode().Type() != fs.ModeSymlink {
			continue
		}
		if err := os.Remove(m.at(link)); err != nil {
			return failedf("removing %s: %w", link, err)
		}
		tell(link, "removed")
	}
	return nil
}

func (m *machine) giveBack(n *recordNode, tell func(what, says string)) {
	info, err := os.Stat(m.at(n.Path))
	if err != nil {
		return // unplugged: when it comes back no rule is there
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == n.UID && info.Mode().Perm() == n.Mode {
		return
	}
	if err := errors.Join(os.Chown(m.at(n.Path), int(n.UID), int(n.GID)), os.Chmod(m.at(n.Path), n.Mode)); err != nil {
		tell(n.Path, "still the daemon's: "+err.Error())
		return
	}
	tell(n.Path, "as it was before")
}

// system runs a program of the system; where the root is another machine's it says
// what would be run there.
func (a *app) system(ctx context.Context, m *machine, tell func(what, says string), name string, args ...string) bool {
	line := name + " " + strings.Join(args, " ")
	if !m.live() {
		tell(line, "not run: "+m.root+" is not this machine")
		return false
	}
	if _, err := m.command(ctx, name, args...); err != nil {
		tell(line, "failed: "+err.Error())
		return false
	}
	tell(line, "done")
	return true
}

// undone says how to take over again where setup --undo gave the machine back, and
// nothing was set up since; empty: it did not.
func (m *machine) undone() string {
	left := defaultConfigFile + ".undone"
	if _, err := os.Stat(m.at(left)); err != nil {
		return ""
	}
	if _, err := os.Stat(m.at(recordPath)); err == nil {
		return ""
	}
	return "to take over again: sudo tillwarden setup --answers " + left
}
