package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal"
)

func (a *app) journalVerifyCommand() *cobra.Command {
	var pubs, checkpoints []string
	c := &cobra.Command{
		Use:   "verify FILE --pub KEY",
		Short: "verify a copy of a journal, alone",
		Long: `Checks a copy of a journal, with nothing else at hand than the register's public
key: every entry against its hash, the tree over them, the index, and every
stored checkpoint. --checkpoint names one that was got from the register earlier,
by another way: everything up to it is then proved unchanged and complete.

Exits with 1 where something is wrong. What could not be checked is said.`,
		Example: `  tillwarden journal checkpoint --key > register.pub     # once
  tillwarden journal checkpoint > monday.txt             # now and then
  tillwarden journal verify copy.db --pub register.pub --checkpoint monday.txt`,
		Args: exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var keys []note.Verifier
			for _, p := range pubs {
				k, err := journalKey(p)
				if err != nil {
					return err
				}
				keys = append(keys, k)
			}
			var texts [][]byte
			for _, p := range checkpoints {
				text, err := readFile(p, "the checkpoint")
				if err != nil {
					return err
				}
				texts = append(texts, text)
			}
			r, err := journal.Verify(cmd.Context(), args[0], keys, texts...)
			switch {
			case errors.Is(err, journal.ErrNotJournal), errors.Is(err, journal.ErrDamaged):
				return refusedf("%w", err).hint("if it should be one, its first pages are damaged")
			case err != nil:
				return copyError(err)
			}
			if a.json {
				if err := a.printJSON(r); err != nil {
					return err
				}
			} else {
				a.showReport(r)
			}
			if !r.OK {
				return said(exitRefused)
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&pubs, "pub", nil, "public `key` of the register: a file, or the key itself; may be given more than once")
	c.Flags().StringArrayVar(&checkpoints, "checkpoint", nil, "`file` with a checkpoint got earlier; may be given more than once")
	return c
}

// journalKey reads a register's public key: a file, or the text itself.
func journalKey(arg string) (note.Verifier, error) {
	if strings.Contains(arg, "+") {
		if _, err := os.Stat(arg); err != nil {
			k, err := journal.ParsePublic(arg)
			if err != nil {
				return nil, failedf("--pub: %w", err)
			}
			return k, nil
		}
	}
	text, err := readFile(arg, "the public key")
	if err != nil {
		return nil, err
	}
	k, err := journal.ParsePublic(string(text))
	if err != nil {
		return nil, failedf("%s: %w", arg, err).hint("tillwarden journal checkpoint --key prints it; on the register it is keys/journal.pub in the state folder")
	}
	return k, nil
}

func (a *app) showReport(r *journal.Report) {
	for _, f := range r.Findings {
		where := f.What
		switch {
		case f.To > 0 && f.To != f.Seq:
			where += fmt.Sprintf(" %d-%d", f.Seq, f.To)
		case f.Seq > 0:
			where += fmt.Sprintf(" %d", f.Seq)
		case f.Page > 0:
			where += fmt.Sprintf(" page %d", f.Page)
		}
		a.say("wrong: %s: %s", where, f.Text)
	}
	if more := r.Total - len(r.Findings); more > 0 {
		a.say("wrong: %d more", more)
	}
	for _, u := range r.Unchecked {
		a.say("not checked: %s", u)
	}
	if r.Entries > 0 {
		a.say("%s, %d to %d, of %s", count(int(r.Entries), "entry"), r.First, r.Last, r.Origin)
		a.say("%s stored, %d signed by a given key, up to entry %d", count(r.Stored, "checkpoint"), r.Signed, r.Covered)
		if r.Held > 0 {
			a.say("held to a given checkpoint up to entry %d", r.Held)
		}
		if r.Root != "" {
			a.say("root %s", r.Root)
		}
	}
	if r.OK {
		a.say("verified in %s: nothing is wrong", r.Took.Round(time.Millisecond))
	} else {
		a.say("not verified: %s", count(r.Total, "finding"))
	}
}
