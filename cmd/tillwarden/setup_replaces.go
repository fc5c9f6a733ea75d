package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/daemon"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

// replacement is what is known of a register that is replaced.
type replacement struct {
	register string
	old      string // its state folder, from its disk or a backup; empty: it is lost
	epoch    uint64 // where the folder is lost: the highest epoch that it loaded
	takeover daemon.Takeover
	entries  entry.Seq
	db, pub  string // its journal, and the key that verifies it
}

// read finds out what there is to take over.
func (r *replacement) read(ctx context.Context) error {
	r.takeover = daemon.Takeover{Register: r.register, Floors: map[string]daemon.Floor{}}
	if r.epoch > 0 {
		r.takeover.Floors[enforcer.BundlePolicy] = daemon.Floor{Epoch: r.epoch}
	}
	if r.old == "" {
		if r.epoch == 0 {
			return usagef("--replaces: nothing is known of register %s", r.register).
				hint("--old FOLDER is its state folder, from its disk or a backup").
				hint("if that is lost: --epoch N, the highest epoch of a policy that it loaded, so that none older loads here")
		}
		return nil
	}
	r.db, r.pub = filepath.Join(r.old, "journal.db"), filepath.Join(r.old, "keys", "journal.pub")
	if err := r.verify(ctx); err != nil {
		return err
	}
	return r.floors(ctx)
}

func (r *replacement) verify(ctx context.Context) error {
	var keys []note.Verifier
	text, err := os.ReadFile(r.pub)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.pub = ""
	case err != nil:
		return failedf("reading the old register's public key: %w", err)
	default:
		k, err := journal.ParsePublic(string(text))
		if err != nil {
			return failedf("%s: %w", r.pub, err)
		}
		keys = append(keys, k)
	}
	report, err := journal.Verify(ctx, r.db, keys)
	if err != nil {
		return copyError(err)
	}
	if want := "/" + r.register + "/"; !strings.Contains(report.Origin, want) {
		return refusedf("%s is the journal of %s, not of register %s", r.db, report.Origin, r.register).hint("name the register as its own configuration did")
	}
	r.takeover.Verified = report.OK && len(keys) > 0
	r.entries = entry.Seq(report.Last)
	return nil
}

// floors are the highest epochs that the old journal says were loaded, and its last
// checkpoint.
func (r *replacement) floors(ctx context.Context) error {
	j, err := openReader(r.db)
	if err != nil {
		return err
	}
	defer j.Close()
	err = j.Each(ctx, journal.Filter{Kind: entry.KindLoad}, func(e *entry.Entry) error {
		if e.Outcome != entry.OutcomeAllowed || e.Policy == nil || !slices.Contains(enforcer.BundleKinds(), e.Text) {
			return nil
		}
		if f, ok := r.takeover.Floors[e.Text]; !ok || e.Policy.Epoch > f.Epoch {
			r.takeover.Floors[e.Text] = daemon.Floor{Epoch: e.Policy.Epoch, SHA256: hex.EncodeToString(e.Policy.Digest[:])}
		}
		return nil
	})
	if err == nil {
		err = j.Checkpoints(ctx, func(_ int64, checkpoint []byte) error {
			r.takeover.Checkpoint = string(checkpoint)
			return nil
		})
	}
	if err != nil && !errors.Is(err, journal.ErrDamaged) {
		return err
	}
	return nil // what is damaged is archived as it is; verify has said so
}

// admits refuses a policy that the register would: one below what the old register had.
func (r *replacement) admits(p *setupPlan) error {
	floor, ok := r.takeover.Floors[enforcer.BundlePolicy]
	for i := range p.files {
		f := &p.files[i]
		if f.path != policyBundle || !ok {
			continue
		}
		if m, _, err := bundle.Content(f.content); err == nil && m.Epoch < floor.Epoch {
			return refusedf("the policy has epoch %d, and register %s had one of epoch %d: an older one is not loaded", m.Epoch, r.register, floor.Epoch).
				hint("take the policy that the store has now, or compile it with a higher --epoch")
		}
	}
	return nil
}

// says is what of it people want to know before it happens.
func (r *replacement) says() string {
	var b strings.Builder
	fmt.Fprintf(&b, "replaces register %s: ", r.register)
	if f, ok := r.takeover.Floors[enforcer.BundlePolicy]; ok {
		fmt.Fprintf(&b, "no policy below epoch %d; ", f.Epoch)
	}
	switch {
	case r.db == "":
		b.WriteString("its journal is lost")
	case r.takeover.Verified:
		fmt.Fprintf(&b, "its journal of %d entries is whole, and is archived", r.entries)
	default:
		fmt.Fprintf(&b, "its journal does not verify (tillwarden journal verify %s says more), and is archived as it is", r.db)
	}
	return b.String()
}

// leave puts the old journal into the archive, which is the daemon's own.
func (r *replacement) leave(m *machine, state string) (archive string, err error) {
	dir := m.at(state)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", failedf("making the state folder: %w", err)
	}
	if uid, gid, known := readAccounts(m.at("/etc/passwd"), m.at("/etc/group")).numbers(daemonUser); known && m.live() {
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return "", failedf("giving the state folder to the daemon: %w", err)
		}
	}
	folder, err := openStateFolder(dir)
	if err != nil {
		return "", failedf("opening the state folder: %w", err)
	}
	defer folder.Close()
	if r.db != "" {
		archive = filepath.Join("archive", fmt.Sprintf("%s-%d", r.register, r.entries))
		if err := r.archive(folder, archive); err != nil {
			return "", failedf("archiving the old journal: %w", err)
		}
	}
	r.takeover.Archive = archive
	return archive, nil
}

// handOver puts what the daemon takes over at its next start beside its state, the daemon's
// own. By then its configuration has the name: taken over under the one that it was
// installed with, that would count as in use, and could be changed no more.
func (r *replacement) handOver(m *machine, state string) error {
	folder, err := openStateFolder(m.at(state))
	if err != nil {
		return failedf("opening the state folder: %w", err)
	}
	defer folder.Close()
	if done, err := folder.ReadFile("takeover.done.json"); err == nil {
		if t, err := daemon.ParseTakeover(done); err == nil && reflect.DeepEqual(t, &r.takeover) {
			return nil // it is in the journal already
		}
	}
	text, err := json.MarshalIndent(&r.takeover, "", "  ")
	if err != nil {
		return err
	}
	if err := folder.write("takeover.json", bytes.NewReader(append(text, '\n'))); err != nil {
		return failedf("writing what the daemon takes over: %w", err)
	}
	return nil
}

// archive copies the old journal, with what verifies it. What is there already is taken
// for the same copy: an archive is named by its register and its last entry.
func (r *replacement) archive(folder *stateFolder, to string) error {
	for _, dir := range []string{filepath.Dir(to), to} {
		if err := folder.folder(dir); err != nil {
			return err
		}
	}
	files := map[string]string{r.db: "journal.db"}
	if r.pub != "" {
		files[r.pub] = "journal.pub"
	}
	for from, name := range files {
		if _, err := folder.Stat(filepath.Join(to, name)); err == nil {
			continue
		}
		in, err := os.Open(from)
		if err != nil {
			return err
		}
		if err := errors.Join(folder.write(filepath.Join(to, name), in), in.Close()); err != nil {
			return err
		}
	}
	if r.takeover.Checkpoint == "" {
		return nil
	}
	return folder.write(filepath.Join(to, "checkpoint.txt"), strings.NewReader(r.takeover.Checkpoint))
}
