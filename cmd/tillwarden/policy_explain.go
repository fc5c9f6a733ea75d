package main

import (
	"github.com/spf13/cobra"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/source"
)

func (a *app) explainCommand() *cobra.Command {
	var groups []string
	var withPresets bool
	var when whenFlags
	c := &cobra.Command{
		Use:   "explain --group WORK-GROUP FUNCTION [FILE...]",
		Short: "say what a work group may do, and by which line of the source",
		Long: `Says whether an operator of the work groups may do something, needs an override
for it, or may not: by which function's which mark, at which file, line and
column, and what an override needs.

Where a work group limits the function it says how far. With --amount, --percent,
--count (how often in the session, this time included), --at or --register it says
what a question of that size, then and there, would be answered.

` + policiesHelp + ` Without FILEs it explains the presets.

It answers a question, and so exits with 0 whatever the answer is.`,
		Example: `  tillwarden policy explain --group "POS Cashier - Sales Only" pos.drawer.nosale
  tillwarden policy explain --group Till --group Audit backoffice.reports *.hcl
  tillwarden policy explain --group Till pos.till.paidout --amount 4999 ours.hcl`,
		Args:              between(1, -1, "FUNCTION"),
		ValidArgsFunction: a.functionThenPolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(groups) == 0 {
				return usagef("policy explain: --group WORK-GROUP is missing").hint("tillwarden policy matrix lists the work groups, with the same FILEs behind it")
			}
			v, err := a.policyAt(cmd.Context(), args[1:], withPresets)
			if err != nil {
				return err
			}
			values, told, err := when.values(cmd)
			if err != nil {
				return err
			}
			e, err := source.Explain(v.Compiled, v.Sidecar, groups, args[0])
			if told {
				e, err = source.ExplainWhen(v.Compiled, v.Sidecar, groups, args[0], values)
			}
			if err != nil {
				return unknownName(err)
			}
			if a.json {
				return a.printJSON(e)
			}
			return e.WriteText(a.out)
		},
	}
	c.Flags().StringArrayVar(&groups, "group", nil, "`work group`; several as an operator with all of them has")
	a.completeGroups(c, "group")
	when.add(c)
	presetsFlag(c, &withPresets)
	return c
}

func (a *app) matrixCommand() *cobra.Command {
	var format string
	var withPresets bool
	c := &cobra.Command{
		Use:   "matrix [FILE...]",
		Short: "every work group against every function",
		Long: `Prints what every work group gives of every function. --json is --format json.

` + policiesHelp + ` Without FILEs it is the presets.`,
		Example:           "  tillwarden policy matrix\n  tillwarden policy matrix --format csv *.hcl > matrix.csv",
		ValidArgsFunction: completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			if a.json {
				format = "json"
			}
			if format != "table" && format != "csv" && format != "json" {
				return usagef("--format is %q", format).hint("it is table, csv or json")
			}
			v, err := a.policyAt(cmd.Context(), args, withPresets)
			if err != nil {
				return err
			}
			cells := policy.Matrix(v.Compiled)
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
