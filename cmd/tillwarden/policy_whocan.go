package main

import (
	"errors"

	"github.com/spf13/cobra"

	"tillwarden/enforcer/policy/source"
)

func (a *app) whoCanCommand() *cobra.Command {
	var withPresets bool
	var roster string
	c := &cobra.Command{
		Use:   "who-can FUNCTION [FILE...]",
		Short: "say who may do something, and who needs an override",
		Long: `Says of every work group whether it may do a function, needs an override for it, or
may not, by which mark of which function and where that stands, and which of them
may approve it for others. With --operators it says the same of people, over all
work groups that each has.

` + policiesHelp + ` Without FILEs it is the presets.`,
		Example: `  tillwarden policy who-can pos.drawer.nosale policies/
  tillwarden policy who-can pos.return.cash @active --operators @live`,
		Args:              between(1, -1, "FUNCTION"),
		ValidArgsFunction: a.functionThenPolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := a.policyAt(cmd.Context(), args[1:], withPresets)
			if err != nil {
				return err
			}
			operators, err := a.holders(cmd.Context(), roster)
			if err != nil {
				return err
			}
			w, err := source.AskWhoCan(v, args[0], operators)
			if err != nil {
				return unknownName(err)
			}
			if a.json {
				return a.printJSON(w)
			}
			return w.WriteText(a.out)
		},
	}
	presetsFlag(c, &withPresets)
	operatorsFlag(c, &roster)
	return c
}

func (a *app) showCommand() *cobra.Command {
	var withPresets bool
	var under string
	c := &cobra.Command{
		Use:   "show WORK-GROUP [FILE...]",
		Short: "show a work group's tree: its marks and what comes of them",
		Long: `Shows every function with the work group's mark, what the work group gives of it,
and whose mark that comes from: where the own one stands, or the function above
that bears it.

` + policiesHelp + ` Without FILEs it is the presets.`,
		Example: `  tillwarden policy show "POS Cashier - Sales Only"
  tillwarden policy show Clerks policies/ --under pos.drawer`,
		Args: between(1, -1, "WORK-GROUP"),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, part string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return a.groupNames(), cobra.ShellCompDirectiveNoFileComp
			}
			return completePolicies(cmd, args, part)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			v, err := a.policyAt(cmd.Context(), args[1:], withPresets)
			if err != nil {
				return err
			}
			s, err := source.Show(v, args[0], under)
			if err != nil {
				return unknownName(err)
			}
			if a.json {
				return a.printJSON(s)
			}
			return s.WriteText(a.out)
		},
	}
	c.Flags().StringVar(&under, "under", "", "only this `function` and what is below it")
	_ = c.RegisterFlagCompletionFunc("under", func(cmd *cobra.Command, _ []string, part string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeFunction(cmd, nil, part)
	})
	presetsFlag(c, &withPresets)
	return c
}

// functionThenPolicies completes a function, and then what can stand for a policy.
func (a *app) functionThenPolicies(cmd *cobra.Command, args []string, part string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeFunction(cmd, args, part)
	}
	return completePolicies(cmd, args, part)
}

// unknownName is what to say of a name that the policy does not have.
func unknownName(err error) error {
	if errors.Is(err, source.ErrUnknown) {
		return usagef("%w", err).hint("tillwarden policy matrix lists all of them, with the same FILEs behind it")
	}
	return err
}
