package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/signon"
)

func (a *app) operatorImportCommand() *cobra.Command {
	var w actor
	var dry bool
	c := &cobra.Command{
		Use:   "import FILE.csv --as NUMBER",
		Short: "take a list of operators in: all of them, or none",
		Long: `Takes a list of operators in. Who is not there is added, who is there becomes as the
list says, and who stands not in the list is left alone; so a list may be taken in
again. With one wrong line nothing is changed, and all wrong lines are shown.

The list is CSV in UTF-8, and its first line names the columns, in any order:
  number, name, work_groups                  needed
  person, from, until, stores, registers     may be missing
Names within a cell are parted by |. An empty cell of from, until, stores or
registers is no bound; a column that is missing leaves what is there.

PINs do not belong into a list. Operators get a PIN (operator set-pin) or a card
(operator enrol-card) one by one.`,
		Example: `  tillwarden operator import staff.csv --dry-run --as 201
  tillwarden operator import staff.csv --as 201`,
		Args: exactly("FILE.csv"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !w.given() {
				return usagef("operator import: --as is missing").hint("an operator who may add and change others has to do it")
			}
			text, err := readFile(args[0], "the list")
			if err != nil {
				return err
			}
			rows, wrong := signon.ReadRows(bytes.NewReader(text))
			a.note("%s: %s read", args[0], count(len(rows)+len(wrong), "line"))
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			r := api.ImportRequest{By: by, DryRun: dry || len(wrong) > 0}
			for _, row := range rows {
				r.Rows = append(r.Rows, api.ImportRow(row))
			}
			answer := &api.ImportAnswer{Say: "nothing was changed"}
			if len(rows) > 0 || len(wrong) == 0 {
				a.note("held against the roster")
				client, err := a.dialFor(cmd.Context(), w)
				if err != nil {
					return err
				}
				if answer, err = client.Import(cmd.Context(), r); err != nil {
					return err
				}
			}
			for _, e := range wrong {
				answer.Errors = append(answer.Errors, api.ImportError{Line: e.Line, Say: e.Say, Reason: e.Reason.String()})
			}
			slices.SortStableFunc(answer.Errors, func(x, y api.ImportError) int { return cmp.Compare(x.Line, y.Line) })
			return a.imported(args[0], answer, dry)
		},
	}
	asFlag(c, &w)
	c.Flags().BoolVar(&dry, "dry-run", false, "find what is wrong, show what would be changed, and change nothing")
	return c
}

// imported says how it came out.
func (a *app) imported(file string, w *api.ImportAnswer, dry bool) error {
	if a.json {
		if err := a.printJSON(w); err != nil {
			return err
		}
	} else {
		for _, e := range w.Errors {
			a.say("%s:%d: %s", file, e.Line, e.Say)
		}
		if dry && len(w.Errors) == 0 {
			rows := [][]string{{"LINE", "NUMBER", "WHAT"}}
			for _, r := range w.Rows {
				if r.Say != signon.RowUnchanged {
					rows = append(rows, []string{fmt.Sprint(r.Line), r.Number, r.Say})
				}
			}
			if len(rows) > 1 {
				if err := table(a.out, rows); err != nil {
					return err
				}
			}
		}
		does := "would be "
		if w.Applied {
			does = ""
		}
		if len(w.Errors) > 0 {
			a.say("%s: nothing was changed", count(len(w.Errors), "wrong line"))
		} else {
			a.say("%[1]d %[4]sadded, %[2]d %[4]schanged, %[3]d as the list says", w.Added, w.Changed, w.Unchanged, does)
		}
	}
	if len(w.Errors) > 0 {
		return said(exitRefused)
	}
	return nil
}
