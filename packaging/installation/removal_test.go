package installation

import (
	"strings"
	"testing"
)

// verifies checks a journal and the checkpoint in /root/checkpoint with the command line
// of another machine, as it were.
func (s *system) verifies(journal, key string) {
	s.t.Helper()
	s.run("/rig/tillwarden journal verify " + journal + " --pub " + key + " --checkpoint /root/checkpoint")
}

// none checks that a command which looks for something finds nothing.
func (s *system) none(command string) {
	s.t.Helper()
	if found := s.run(command); found != "" {
		s.t.Errorf("%s:\n%s", command, found)
	}
}

// TestRigRemovalKeepsAllThatWasWritten: removed, nothing of it runs or can be reached, and
// a register that is installed again goes on where it was.
func TestRigRemovalKeepsAllThatWasWritten(t *testing.T) {
	s := newSystem(t)
	r, _ := s.setUp()
	r.SignOn()
	r.Opens("till")
	s.run("tillwarden journal checkpoint > /root/checkpoint")
	s.run("touch /etc/udev/rules.d/72-tillwarden-devices.rules") // set-up's, where there is udev
	kept := "cd / && sha256sum /etc/tillwarden/* /var/lib/tillwarden/keys/* /etc/udev/rules.d/72-tillwarden-devices.rules"
	before := s.run(kept)

	if said := s.run("dpkg --remove tillwarden 2>&1"); !strings.Contains(said, "tillwarden setup --undo") {
		t.Errorf("removing does not say how the devices are given back:\n%s", said)
	}
	s.none("pgrep -x tillwardend || true")
	s.none("ls -d /run/tillwarden/*.sock /dev/tillwarden /usr/sbin/tillwardend 2>/dev/null || true")
	s.none("systemctl list-units --all --plain --no-legend 'tillwardend*' | grep -v not-found || true")
	s.is(kept, before)
	s.verifies("/var/lib/tillwarden/journal.db", "/var/lib/tillwarden/keys/journal.pub")

	s.install()
	s.is(kept, before)
	s.serves(r, "installed again")
	s.run("systemctl stop tillwardend.service tillwardend-pos.socket tillwardend-console.socket tillwardend-technician.socket")
	s.verifies("/var/lib/tillwarden/journal.db", "/var/lib/tillwarden/keys/journal.pub")
}

// TestRigPurgeAndWhatComesAfter: a purge of a register in use leaves the evidence, which
// verifies, and nothing else, wherever its keys are; the next installation is a first one,
// and the next purge does not touch what the one before has left.
func TestRigPurgeAndWhatComesAfter(t *testing.T) {
	const purged = "/var/lib/tillwarden/archive/purged-*"
	for _, c := range []struct{ name, keys, evidence string }{
		{"keys in files", "true", "journal.db journal.db.head journal.pub receipt.key"},
		{"sealed keys", "tillwarden key seal --with host", "journal.db journal.db.head journal.pub tillwarden.receipt.key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			r, _ := s.setUp()
			r.SignOn()
			r.Opens("till")
			s.run(c.keys)
			s.run("tillwarden journal checkpoint > /root/checkpoint")

			said := s.run("dpkg --purge tillwarden 2>&1")
			if folder := s.run("echo " + purged); !strings.Contains(said, "is kept, in "+folder) {
				t.Errorf("the purge does not say that the journal is in %s:\n%s", folder, said)
			}
			s.is("ls "+purged+" | xargs", c.evidence)
			s.is("stat -c %U:%a /var/lib/tillwarden /var/lib/tillwarden/archive "+purged+" | sort -u", "root:700")
			s.verifies(purged+"/journal.db", purged+"/journal.pub")
			s.none("ls -A /var/lib/tillwarden | grep -v '^archive$' || true")
			s.none("find / -xdev -name '*tillwarden*' -not -path '/var/lib/tillwarden*'")
			s.none("ls -d /etc/tillwarden /run/tillwarden /dev/tillwarden /etc/credstore.encrypted/tillwarden* 2>/dev/null || true")

			sums := "cd / && sha256sum " + s.run("echo "+purged) + "/*"
			before := s.run(sums)
			s.install()
			s.script("installed")
			s.is("tillwarden operator list --json | grep -c number || true", "0")
			s.run("dpkg --remove tillwarden && dpkg --purge tillwarden")
			s.is("ls -d "+purged+" | wc -l", "2")
			s.is(sums, before)

			s.install()
			s.run("touch /etc/tillwarden-purge-journal && dpkg --purge tillwarden")
			s.none("ls -d /var/lib/tillwarden /etc/tillwarden-purge-journal 2>/dev/null || true")
		})
	}
}
