package sandbox

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillwarden/packaging/rig"
)

// TestRigKeysInATPM: keys that are sealed to a register's TPM are there when it boots,
// and nowhere else: with another TPM, or none, as for who has taken its disk, the daemon
// does not start, makes no keys in their place, and it can be read why. With its own it
// is back.
func TestRigKeysInATPM(t *testing.T) {
	atLength(t, "it boots a machine four times")
	dir, err := os.MkdirTemp("", "sandbox-tpm-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	disk := filepath.Join(dir, "disk")
	if err := rig.NewDisk(disk); err != nil {
		t.Fatal(err)
	}
	boot := func(tpm string) func(ctx context.Context, share string) (system, error) {
		return func(ctx context.Context, share string) (system, error) {
			if tpm != "" {
				tpm = filepath.Join(dir, tpm)
			}
			return rig.Start(ctx, rig.MachineOptions{Disk: disk, TPM: tpm, Share: share})
		}
	}
	before := ""
	t.Run("sealed", func(t *testing.T) {
		r := install(t, boot("own"))
		before = r.verifier()
		r.run("systemctl enable tillwardend.service && tillwarden key seal --with tpm2")
		if left := r.run(plainKeys); left != "journal.pub" {
			t.Errorf("left in plain: %s", left)
		}
		if got := r.verifier(); got != before {
			t.Errorf("the key is %s, and was %s", got, before)
		}
		r.run("sync")
	})
	again := func(t *testing.T, tpm string) *register {
		t.Helper()
		dir, err := share()
		if err != nil {
			t.Fatal(err)
		}
		s, err := boot(tpm)(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		r := &register{t, s}
		t.Cleanup(r.end)
		return r
	}
	for name, tpm := range map[string]string{"without a TPM": "", "with another TPM": "another"} {
		t.Run(name, func(t *testing.T) {
			r := again(t, tpm)
			r.becomes("it has tried", "test $("+unit("NRestarts")+") -gt 1 && echo yes", "yes")
			if state := r.run(unit("ActiveState")); state == "active" {
				t.Error("it runs")
			}
			if left := r.run(plainKeys); left != "journal.pub" {
				t.Errorf("keys were made: %s", left)
			}
			said := r.run("journalctl -u tillwardend --no-pager -o cat")
			for _, want := range []string{"credential", "no drawer opens"} {
				if !strings.Contains(said, want) {
					t.Errorf("the system's journal does not say %q:\n%s", want, said)
				}
			}
			if said := r.fails("tillwarden doctor"); !strings.Contains(said, "sealed") {
				t.Errorf("the doctor does not say that it may be the keys:\n%s", said)
			}
			r.run("sync")
		})
	}
	t.Run("with its own again", func(t *testing.T) {
		r := again(t, "own")
		r.becomes("it is up", unit("ActiveState"), "active")
		if got := r.verifier(); got != before {
			t.Errorf("the key is %s, and was %s", got, before)
		}
		if said, _ := r.Run(t.Context(), "tillwarden doctor"); !strings.Contains(said, "sealed to this machine") {
			t.Errorf("the doctor does not say that the keys are sealed:\n%s", said)
		}
	})
}
