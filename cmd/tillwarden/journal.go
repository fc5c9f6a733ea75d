package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/week"
)

func (a *app) journalCommand() *cobra.Command {
	c := a.group("journal", "what was decided, by which rule, and what really happened",
		`  tillwarden journal list --from 08:00 --outcome denied
  tillwarden journal show 412
  tillwarden journal tail --kind decision
  tillwarden journal verify copy.db --pub register.pub --checkpoint before.txt`,
		a.journalListCommand(), a.journalShowCommand(), a.journalTailCommand(), a.journalExportCommand(),
		a.journalCheckpointCommand(), a.journalVerifyCommand(), a.journalProveCommand(), a.journalVerifyProofCommand())
	c.Long = `The register's own record: append-only, a Merkle tree with signed checkpoints.

list, show, tail and export ask the daemon, or read a copy with --file. At the
console's socket an operator who may read it is named with --as. With --json
entries are printed as JSON, one a line.`
	return c
}

// journalFlags are what the reading commands share.
type journalFlags struct {
	actor
	file              string
	from, to          string
	operator          string
	approver, source  string
	function, outcome string
	kind              string
}

func (j *journalFlags) add(a *app, c *cobra.Command) {
	asFlag(c, &j.actor)
	f := c.Flags()
	f.StringVar(&j.file, "file", "", "read this copy of a journal, not the daemon's")
	f.StringVar(&j.from, "from", "", "entries from this `time` on: 2h (ago), 15:04, 2006-01-02, \"2006-01-02 15:04\", or RFC 3339")
	f.StringVar(&j.to, "to", "", "entries before this `time`")
	f.StringVar(&j.operator, "operator", "", "entries of this operator `number`")
	f.StringVar(&j.approver, "approver", "", "entries with this second person's operator `number`")
	f.StringVar(&j.source, "source", "", "entries that came from this `source`, as a device's name")
	f.StringVar(&j.function, "function", "", "entries on this `function`")
	f.StringVar(&j.outcome, "outcome", "", "entries with this `outcome`: "+join(entry.Outcomes()))
	f.StringVar(&j.kind, "kind", "", "entries of this `kind`: "+join(entry.Kinds()))
	_ = c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(entry.Kinds(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("outcome", cobra.FixedCompletions(entry.Outcomes(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("function", a.completeFunction)
}

// filter reads the flags' words.
func (j *journalFlags) filter(now time.Time) (api.Filter, error) {
	f := api.Filter{
		Operator: j.operator, Approver: j.approver, Source: j.source, Function: j.function, Outcome: j.outcome, Kind: j.kind,
	}
	if j.outcome != "" {
		if _, err := entry.ParseOutcome(j.outcome); err != nil {
			return f, usagef("--outcome: %w", err).hint("there are: %s", join(entry.Outcomes()))
		}
	}
	if j.kind != "" {
		if _, err := entry.ParseKind(j.kind); err != nil {
			return f, usagef("--kind: %w", err).hint("there are: %s", join(entry.Kinds()))
		}
	}
	for _, t := range []struct {
		flag, text string
		into       **time.Time
	}{{"--from", j.from, &f.From}, {"--to", j.to, &f.To}} {
		if t.text == "" {
			continue
		}
		when, err := parseTime(t.text, now)
		if err != nil {
			return f, usagef("%s: %w", t.flag, err).hint(`as 2h (ago), 15:04 (today), 2006-01-02, "2006-01-02 15:04", or 2006-01-02T15:04:05Z`)
		}
		*t.into = &when
	}
	if f.From != nil && f.To != nil && !f.From.Before(*f.To) {
		return f, usagef("--from %s is not before --to %s", j.from, j.to)
	}
	return f, nil
}

// parseTime reads the moments that people write, in local time.
func parseTime(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	if day, err := week.ParseDay(s, now.Location()); err == nil {
		return day, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location()), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", s)
}

func (a *app) journalListCommand() *cobra.Command {
	var j journalFlags
	limit := 50
	c := &cobra.Command{
		Use:   "list",
		Short: "list entries, the latest 50 unless told otherwise",
		Example: `  tillwarden journal list
  tillwarden journal list --from 08:00 --outcome denied --operator 101
  tillwarden journal list --file copy.db --limit 0 --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit is %d", limit).hint("0 means all")
			}
			src, err := a.journalSource(cmd.Context(), &j)
			if err != nil {
				return err
			}
			defer src.close()
			var entries []api.Entry
			if limit == 0 {
				err = src.each(cmd.Context(), func(e *api.Entry, _ []byte) error { entries = append(entries, *e); return nil })
			} else {
				entries, err = src.latest(cmd.Context(), limit)
			}
			if err != nil {
				return err
			}
			if a.json {
				for i := range entries {
					if err := a.printLine(&entries[i]); err != nil {
						return err
					}
				}
				return nil
			}
			if len(entries) == 0 {
				a.say("no entries")
				a.noteUnknownFunction(j.function)
				return nil
			}
			rows := [][]string{entryHeading}
			for i := range entries {
				rows = append(rows, entryRow(&entries[i], time.Local))
			}
			if err := table(a.out, rows); err != nil {
				return err
			}
			if limit > 0 && len(entries) == limit {
				a.note("the latest %d; --limit 0 lists all", limit)
			}
			return nil
		},
	}
	j.add(a, c)
	c.Flags().IntVar(&limit, "limit", limit, "at most `N`, the latest; 0 for all")
	return c
}

func (a *app) journalShowCommand() *cobra.Command {
	var j journalFlags
	c := &cobra.Command{
		Use: "show SEQ...", Short: "show entries in full", Example: "  tillwarden journal show 412",
		Args:              atLeast("SEQ"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			var seqs []api.Seq
			for _, arg := range args {
				n, err := strconv.ParseUint(arg, 10, 64)
				if err != nil || n == 0 {
					return usagef("%q is no entry's number", arg).hint("numbers are in the first column of tillwarden journal list")
				}
				seqs = append(seqs, api.Seq(n))
			}
			src, err := a.journalSource(cmd.Context(), &j)
			if err != nil {
				return err
			}
			defer src.close()
			for i, seq := range seqs {
				e, err := src.get(cmd.Context(), seq)
				if err != nil {
					return err
				}
				if a.json {
					if err := a.printLine(e); err != nil {
						return err
					}
					continue
				}
				if i > 0 {
					a.say("")
				}
				if err := table(a.out, fields(e, time.Local)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	asFlag(c, &j.actor)
	c.Flags().StringVar(&j.file, "file", "", "read this copy of a journal, not the daemon's")
	return c
}

func (a *app) journalTailCommand() *cobra.Command {
	var j journalFlags
	last := 10
	var once bool
	c := &cobra.Command{
		Use:   "tail",
		Short: "show the latest entries, and new ones as they are written",
		Example: `  tillwarden journal tail
  tillwarden journal tail --kind decision --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.journalSource(cmd.Context(), &j)
			if err != nil {
				return err
			}
			defer src.close()
			show := func(e *api.Entry, _ []byte) error {
				if a.json {
					return a.printLine(e)
				}
				r := entryRow(e, time.Local)
				_, err := fmt.Fprintf(a.out, "%6s  %s  %-17s  %-8s  %-6s  %s\n", r[0], r[1], r[2], r[3], r[4], r[5])
				return err
			}
			entries, err := src.latest(cmd.Context(), max(last, 1))
			if err != nil {
				return err
			}
			after := api.Seq(0)
			for i := range entries {
				after = entries[i].Seq
				if i >= len(entries)-last {
					if err := show(&entries[i], nil); err != nil {
						return err
					}
				}
			}
			if once || j.file != "" {
				return nil
			}
			err = src.follow(cmd.Context(), after, show)
			if cmd.Context().Err() != nil {
				return nil
			}
			return err
		},
	}
	j.add(a, c)
	c.Flags().IntVarP(&last, "lines", "n", last, "begin with the latest `N`")
	c.Flags().BoolVar(&once, "once", false, "do not wait for new ones")
	return c
}

func (a *app) journalExportCommand() *cobra.Command {
	var j journalFlags
	var out string
	c := &cobra.Command{
		Use:   "export",
		Short: "write all entries as JSON, one a line",
		Example: `  tillwarden journal export -o today.jsonl --from 2026-01-31
  tillwarden journal export --file copy.db --outcome denied | jq -r .function`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			src, err := a.journalSource(cmd.Context(), &j)
			if err != nil {
				return err
			}
			defer src.close()
			told := a.progress()
			defer told.done()
			n := 0
			write := func(w io.Writer) error {
				return src.each(cmd.Context(), func(e *api.Entry, line []byte) error {
					if n++; n%1024 == 0 {
						told.at("%d entries, up to %s", n, e.Time.Local().Format("2006-01-02 15:04"))
					}
					return writeLine(w, line)
				})
			}
			if out == "" {
				b := bufio.NewWriterSize(a.out, 1<<16)
				err := write(b)
				if flushed := b.Flush(); err == nil && flushed != nil {
					err = failedf("writing the export: %w", flushed)
				}
				return err
			}
			// What was interrupted must not look like all that there is.
			if err := durable.ReplaceWith(out, 0o640, write); err != nil {
				return failedf("writing %s: %w", out, err)
			}
			told.done()
			a.note("%s in %s", count(n, "entry"), out)
			return nil
		},
	}
	j.add(a, c)
	c.Flags().StringVarP(&out, "output", "o", "", "write to this `file` instead of standard output")
	return c
}

func writeLine(w io.Writer, line []byte) error {
	_, err := w.Write(append(slices.Clip(line), '\n'))
	if err != nil {
		return failedf("writing the export: %w", err)
	}
	return nil
}

func (a *app) journalCheckpointCommand() *cobra.Command {
	var key bool
	c := &cobra.Command{
		Use:   "checkpoint",
		Short: "print the journal's signed checkpoint, to be kept elsewhere",
		Long: `Prints the journal's latest signed checkpoint: how many entries there are, and the
root of the tree over them. Kept elsewhere, it later proves with journal verify
that nothing before it was changed or removed. --key prints the public key that
verifies this register's checkpoints instead.`,
		Example: "  tillwarden journal checkpoint > checkpoint.txt\n  tillwarden journal checkpoint --key > register.pub",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), api.RoleTechnician, api.RoleConsole)
			if err != nil {
				return err
			}
			cp, err := client.Checkpoint(cmd.Context())
			if err != nil {
				return err
			}
			switch {
			case a.json:
				return a.printJSON(cp)
			case key:
				a.say("%s", strings.TrimSpace(cp.PublicKey))
			default:
				fmt.Fprint(a.out, cp.Text)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&key, "key", false, "print the public key instead")
	return c
}
