package main

import (
	"errors"

	"github.com/spf13/cobra"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/source"
)

func (a *app) explainCommand() *cobra.Command {
	var groups []string
	var withPresets bool
	c := &cobra.Command{
		Use:   "explain --group WORK-GROUP FUNCTION [FILE...]",
		Short: "say what a work group may do, and by which line of the source",
		Long: `Says whether an operator of the work groups may do something, needs an override
for it, or may not: by which function's which mark, at which file, line and
column, and what an override needs. Without FILEs it explains the presets.

It answers a question, and so exits with 0 whatever the answer is.`,
		Example: `  tillwarden policy explain --group "POS Cashier - Sales Only" pos.drawer.nosale
  tillwarden policy explain --group Till --group Audit backoffice.reports *.hcl`,
		Args: between(1, -1, "FUNCTION"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, part string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return a.completeFunction(cmd, args, part)
			}
			return hclFiles(cmd, args, part)
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(groups) == 0 {
				return usagef("policy explain: --group WORK-GROUP is missing").hint("tillwarden policy matrix lists the work groups")
			}
			p, err := a.soundPolicy(args[1:], withPresets || len(args) == 1)
			if err != nil {
				return err
			}
			e, err := source.Explain(p.compiled, p.sidecar, groups, args[0])
			if errors.Is(err, source.ErrUnknown) {
				return usagef("%w", err).hint("tillwarden policy matrix lists all of them")
			}
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(e)
			}
			return e.WriteText(a.out)
		},
	}
	c.Flags().StringArrayVar(&groups, "group", nil, "`work group`; several as an operator with all of them has")
	a.completeGroups(c, "group")
	presetsFlag(c, &withPresets)
	return c
}

func (a *app) matrixCommand() *cobra.Command {
	var format string
	var withPresets bool
	c := &cobra.Command{
		Use:   "matrix [FILE...]",
		Short: "every work group against every function",
		Long: `Prints what every work group gives of every function. Without FILEs it is that of
the presets. --json is --format json.`,
		Example:           "  tillwarden policy matrix\n  tillwarden policy matrix --format csv *.hcl > matrix.csv",
		ValidArgsFunction: hclFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if a.json {
				format = "json"
			}
			if format != "table" && format != "csv" && format != "json" {
				return usagef("--format is %q", format).hint("it is table, csv or json")
			}
			p, err := a.soundPolicy(args, withPresets || len(args) == 0)
			if err != nil {
				return err
			}
			cells := policy.Matrix(p.compiled)
			switch format {
			case "csv":
				return policy.WriteCSV(a.out, cells)
			case "json":
				return a.printJSON(cells)
			}
			return policy.WriteTable(a.out, cells)
		},
	}
	c.Flags().StringVar(&format, "format", "table", "`form`: table, csv or json")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]cobra.Completion{"table", "csv", "json"}, cobra.ShellCompDirectiveNoFileComp))
	presetsFlag(c, &withPresets)
	return c
}
