package rig

import (
	"encoding/json"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/packaging/rig/disk"
)

// system is a whole machine, with the package, on a disk that loses.
type system struct {
	t      *testing.T
	dir    string
	disk   *disk.Disk
	folder string // the programs'
	from   int64  // where in what was heard the present round begins
	*Machine
}

func (s *system) path(name string) string { return filepath.Join(s.dir, name) }

func newSystem(t *testing.T) *system {
	t.Helper()
	dir, err := os.MkdirTemp("", "rig-system-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &system{t: t, dir: dir}
	if s.folder, err = programs(); err != nil {
		t.Fatal(err)
	}
	server, err := build("tillwarden/packaging/rig/disk/server")
	if err != nil {
		t.Fatal(err)
	}
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	base, err := image(root)
	if err != nil {
		t.Fatal(err)
	}
	if err := command("cp", "--sparse=always", base, s.path("image")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(s.path("disk"), 0o755); err != nil {
		t.Fatal(err)
	}
	if s.disk, err = disk.Serve(server, s.path("image"), s.path("disk")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.disk.Close(); err != nil {
			t.Error(err)
		}
	})
	s.boot()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// boot boots it from the disk as it is.
func (s *system) boot() {
	s.t.Helper()
	m, err := Start(s.t.Context(), MachineOptions{Disk: s.disk.Path(), Share: s.folder, Heard: s.path("heard")})
	if err != nil {
		s.t.Fatal(err)
	}
	s.Machine = m
}

func (s *system) run(command string) string {
	s.t.Helper()
	out, err := s.Run(s.t.Context(), command)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// forget begins another round of what is acknowledged.
func (s *system) forget() {
	s.t.Helper()
	info, err := os.Stat(s.path("heard"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.from = info.Size()
}

// acknowledged is what the machine has said since that the daemon had journaled. The
// last of it may be cut off.
func (s *system) acknowledged() []api.Seq {
	s.t.Helper()
	f, err := os.Open(s.path("heard"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(s.from, io.SeekStart); err != nil {
		s.t.Fatal(err)
	}
	var all []api.Seq
	for in := json.NewDecoder(f); ; {
		var a api.Answer
		if in.Decode(&a) != nil {
			return all
		}
		all = append(all, a.Seq)
	}
}

// TestInvariant8PowerCutsOfAWholeSystem cuts the power of a machine on whose disk
// everything is, while its register is asked: it boots again, its daemon starts, the
// journal verifies, and has what was acknowledged.
func TestInvariant8PowerCutsOfAWholeSystem(t *testing.T) {
	needsRig(t)
	if !apart(t) {
		return
	}
	cuts := 1
	if scale == "all" {
		cuts = 20
	}
	s := newSystem(t)
	s.run("dpkg -i /rig/tillwarden.deb && systemctl is-active tillwardend")
	s.run("printf 'chain = \"Example\"\\nstore = \"1\"\\n[setup]\\npreset = true\\n' > /root/answers.toml && tillwarden setup --answers /root/answers.toml || tillwarden status")
	// Others write as well, and flush nothing: their sectors are what is lost.
	s.run("cat > /etc/rc.local <<'END'\n#!/bin/sh\nsysctl -q vm.dirty_expire_centisecs=50 vm.dirty_writeback_centisecs=20\n" +
		"setsid -f sh -c 'while sleep 0.1; do dd if=/dev/urandom of=/root/noise bs=16k count=4 conv=notrunc status=none; done' > /dev/null 2>&1 < /dev/null\nEND\n" +
		"chmod +x /etc/rc.local && sync && /etc/rc.local")
	entries, lost := 0, 0
	for n := range cuts {
		s.forget()
		s.run("setsid -f sh -c 'while :; do tillwarden ask pos.sale.item --json > /dev/virtio-ports/" + HeardPort + "; done' > /dev/null 2>&1 < /dev/null")
		for end := time.Now().Add(3 * time.Minute); len(s.acknowledged()) < 10+n; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("only %d answers in 3 minutes", len(s.acknowledged()))
			}
		}
		time.Sleep(rand.N(500 * time.Millisecond)) // or it would always be right after a flush
		some, err := s.disk.Cut(uint64(n + 1))
		if err != nil {
			t.Fatal(err)
		}
		lost += some
		s.PowerCut()
		acked := s.acknowledged()
		if err := s.Machine.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.disk.Restore(); err != nil {
			t.Fatal(err)
		}
		s.boot()
		s.run("systemctl is-active tillwardend")
		there := map[api.Seq]bool{}
		for line := range strings.Lines(s.run("tillwarden journal export")) {
			var e api.Entry
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			there[e.Seq] = true
		}
		for _, seq := range acked {
			if !there[seq] {
				t.Errorf("cut %d: entry %d was acknowledged and is not there", n+1, seq)
			}
		}
		s.run("systemctl stop tillwardend && /rig/tillwarden journal verify /var/lib/tillwarden/journal.db --pub /var/lib/tillwarden/keys/journal.pub")
		if bad := s.run("dmesg | grep 'EXT4-fs error' || true"); bad != "" {
			t.Errorf("cut %d: %s", n+1, bad)
		}
		s.run("systemctl start tillwardend")
		entries += len(acked)
	}
	if lost == 0 && cuts > 1 {
		t.Error("no cut lost anything: the disk does not lose")
	}
	t.Logf("%d cuts: %d entries acknowledged, %d sectors lost", cuts, entries, lost)
}
