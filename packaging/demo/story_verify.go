package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
)

// verify: the day's journal as an auditor gets it.
func (d *day) verify(ctx context.Context) error {
	d.step("The evening: the day's journal, verified on a copy.")
	r := d.r
	entries := r.journal.all(0)
	if err := noPulseWithoutGrant(entries); err != nil {
		return err
	}
	granted := 0
	for _, e := range entries {
		if e.Kind == "redeemed" && e.Outcome == "allowed" {
			granted++
		}
	}
	pulses, err := d.hw.pulses(ctx)
	if err != nil {
		return err
	}
	if pulses != granted {
		return fmt.Errorf("the printer got %d pulses, the journal has %d", pulses, granted)
	}
	d.saw("%d entries; %d pulses at the printer, and each has its decision", len(entries), pulses)

	checkpoint, err := r.must(ctx, "", "journal", "checkpoint")
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path("checkpoint.txt"), []byte(checkpoint), 0o600); err != nil {
		return err
	}
	public, err := r.must(ctx, "", "journal", "checkpoint", "--key")
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path("journal.pub"), []byte(public), 0o600); err != nil {
		return err
	}
	list, err := r.must(ctx, "", "journal", "list", "--limit", "0", "--outcome", "denied")
	if err != nil {
		return err
	}
	d.told("tillwarden journal list --outcome denied:")
	d.quote(list)
	r.journal.close()
	if err := r.daemon.stop(); err != nil {
		return err
	}
	if r.daemon.err != nil {
		return fmt.Errorf("the daemon stopped with %w", r.daemon.err)
	}
	d.saw("the daemon stopped in good order")

	copied := r.path("copy.db")
	if err := copyFile(copied, r.path("state", "journal.db")); err != nil {
		return err
	}
	verify := []string{"journal", "verify", copied, "--pub", r.path("journal.pub"), "--checkpoint", r.path("checkpoint.txt")}
	out, err := r.must(ctx, "", verify...)
	if err != nil {
		return err
	}
	d.told("tillwarden journal verify copy.db --pub journal.pub --checkpoint checkpoint.txt:")
	d.quote(out)

	d.step("And a copy in which one entry was changed.")
	seq, err := tamper(copied, entries)
	if err != nil {
		return err
	}
	d.told("In entry %d the cash pickup that was asked for becomes something else.", seq)
	out, err = r.want(ctx, 1, "", verify...)
	if err != nil {
		return err
	}
	d.quote(out)
	if want := fmt.Sprintf("entry %d", seq); !strings.Contains(out, want) {
		return fmt.Errorf("the report does not name %s", want)
	}
	d.saw("found, and refused with exit code 1")
	return nil
}

// noPulseWithoutGrant holds every pulse of the journal to an allowed decision
// or an approval before it, each used once.
func noPulseWithoutGrant(entries []api.Entry) error {
	decisions := map[api.Seq]bool{}
	for _, e := range entries {
		switch {
		case (e.Kind == "decision" || e.Kind == "approval") && e.Outcome == "allowed":
			decisions[e.Seq] = true
		case e.Kind == "redeemed" && e.Outcome == "allowed":
			if !decisions[e.About] {
				return fmt.Errorf("entry %d is a pulse without a grant of its own", e.Seq)
			}
			delete(decisions, e.About)
		}
	}
	return nil
}

// tamper changes one entry of a journal's file: a refused cash pickup becomes
// something harmless. Nothing else is touched, in no page of the file.
func tamper(path string, entries []api.Entry) (api.Seq, error) {
	const from, to = "pos.till.pickup", "pos.till.paidin"
	for _, e := range entries {
		if e.Kind != "decision" || e.Function != from {
			continue
		}
		kind, err := entry.ParseKind(e.Kind)
		if err != nil {
			return 0, err
		}
		// An entry is a CBOR map whose first keys are 1, its number, and 2, its kind.
		head := append(cborUint([]byte{1}, uint64(e.Seq)), cborUint([]byte{2}, uint64(kind))...)
		b, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		changed := 0
		for at := 0; ; {
			n := bytes.Index(b[at:], head)
			if n < 0 {
				break
			}
			at += n + len(head)
			body := b[at:min(at+400, len(b))]
			if i := bytes.Index(body, []byte(from)); i >= 0 {
				copy(body[i:], to)
				changed++
			}
		}
		if changed == 0 {
			return 0, fmt.Errorf("entry %d was not found in the copy", e.Seq)
		}
		return e.Seq, os.WriteFile(path, b, 0o600)
	}
	return 0, errors.New("the journal has no decision on a cash pickup")
}

// cborUint appends a number as CBOR writes it.
func cborUint(b []byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, byte(n))
	case n < 1<<8:
		return append(b, 0x18, byte(n))
	case n < 1<<16:
		return append(b, 0x19, byte(n>>8), byte(n))
	}
	return append(b, 0x1a, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
