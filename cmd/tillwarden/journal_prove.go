package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal"
	"tillwarden/enforcer/journal/entry"
)

func (a *app) journalProveCommand() *cobra.Command {
	var j journalFlags
	var out string
	c := &cobra.Command{
		Use:   "prove SEQ",
		Short: "prove one entry, to whoever has the public key alone",
		Long: `Writes a proof of one entry: the entry, a signed checkpoint, and the hashes that lead
from the one to the other. tillwarden journal verify-proof checks it with the
register's public key alone. It stays true when the journal has long removed the
entry: make it while the entry is there.`,
		Example: `  tillwarden journal prove 412 -o 412.proof
  tillwarden journal prove 412 --file copy.db > 412.proof`,
		Args:              exactly("SEQ"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			seq, err := strconv.ParseUint(args[0], 10, 64)
			if err != nil || seq == 0 {
				return usagef("%q is no entry's number", args[0]).hint("numbers are in the first column of tillwarden journal list")
			}
			src, err := a.journalSource(cmd.Context(), &j)
			if err != nil {
				return err
			}
			defer src.close()
			text, err := src.prove(cmd.Context(), api.Seq(seq))
			if err != nil {
				return err
			}
			switch {
			case a.json:
				return a.printJSON(api.Proof{Text: string(text)})
			case out == "":
				fmt.Fprintf(a.out, "%s", text)
				return nil
			}
			return replaceFile(out, text, 0o640)
		},
	}
	asFlag(c, &j.actor)
	c.Flags().StringVar(&j.file, "file", "", "read this copy of a journal, not the daemon's")
	c.Flags().StringVarP(&out, "output", "o", "", "write to this `file` instead of standard output")
	return c
}

func (a *app) journalVerifyProofCommand() *cobra.Command {
	var pubs []string
	c := &cobra.Command{
		Use:   "verify-proof FILE --pub KEY",
		Short: "check a proof of one entry, with nothing but the public key",
		Long: `Checks what tillwarden journal prove wrote, and shows the entry that it proves: that
it stood, exactly so, in the journal of the register whose key signed. What the
register wrote down is thereby proved, not that it is true.

Exits with 1 where the proof does not hold.`,
		Example: "  tillwarden journal verify-proof 412.proof --pub register.pub",
		Args:    exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(pubs) == 0 {
				return usagef("--pub is missing").hint("tillwarden journal checkpoint --key prints a register's key; keep it from when it was set up")
			}
			var keys []note.Verifier
			for _, p := range pubs {
				k, err := journalKey(p)
				if err != nil {
					return err
				}
				keys = append(keys, k)
			}
			text, err := readFile(args[0], "the proof")
			if err != nil {
				return err
			}
			proof, err := journal.ParseProof(text)
			if err != nil {
				return refusedf("%s: %w", args[0], err)
			}
			p, err := proof.Check(keys...)
			if err != nil {
				return refusedf("%s: %w", args[0], err)
			}
			if a.json {
				return a.printJSON(p)
			}
			words := api.Words(&p.Entry)
			if err := table(a.out, fields(&words, time.Local)); err != nil {
				return err
			}
			a.say("")
			a.say("proved: entry %d of %s, by a checkpoint over %s", p.Entry.Seq, p.Origin, count(int(p.Size), "entry"))
			return nil
		},
	}
	c.Flags().StringArrayVar(&pubs, "pub", nil, "public `key` of the register: a file, or the key itself; may be given more than once")
	return c
}

// proofError says what to do about an entry that cannot be proved.
func proofError(seq entry.Seq, last entry.Seq, err error) error {
	switch {
	case errors.Is(err, journal.ErrNotFound):
		return noEntry(api.Seq(seq), api.Seq(last))
	case errors.Is(err, journal.ErrProof):
		return refusedf("%w", err).hint("a checkpoint is made within a minute; or ask the daemon, which makes one")
	}
	return damaged(err)
}
