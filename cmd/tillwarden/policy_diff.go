package main

import (
	"github.com/spf13/cobra"

	"tillwarden/enforcer/policy/source"
)

func (a *app) diffCommand() *cobra.Command {
	var withPresets, exitCode bool
	c := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "say what a new policy does otherwise than an old one",
		Long: `Says by work group what becomes allowed, what needs an override, and what is
denied, by which mark of which function, and where that stands. Functions that
are new in the catalogue stand apart, with whom they reach by being blank; so do
attributes of functions and restricted work groups.

` + policiesHelp + ` With --presets, sources are added to
what is shipped, on both sides.

Work groups are the same where their names are, functions where their ids are.
It exits with 0 unless --exit-code is given.`,
		Example: `  tillwarden policy diff @active policies/
  tillwarden policy diff --exit-code last.twb next.twb
  tillwarden policy diff --presets old.hcl new.hcl --json`,
		Args:              exactly("OLD", "NEW"),
		ValidArgsFunction: completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			var sides [2]source.Version
			for n, name := range args {
				v, err := a.policyAt(cmd.Context(), []string{name}, withPresets && name[:min(1, len(name))] != "@")
				if err != nil {
					return err
				}
				sides[n] = v
			}
			d := source.Compare(sides[0], sides[1])
			var err error
			if a.json {
				err = a.printJSON(d)
			} else {
				err = d.WriteText(a.out)
			}
			if err == nil && exitCode && !d.Same {
				return said(exitRefused)
			}
			return err
		},
	}
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 1 where there is a difference")
	presetsFlag(c, &withPresets)
	return c
}
