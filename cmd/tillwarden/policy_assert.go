package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"tillwarden/enforcer/policy/source"
)

func (a *app) policyTestCommand() *cobra.Command {
	var withPresets bool
	c := &cobra.Command{
		Use:   "test FILE...",
		Short: "see whether a policy does what its tests say",
		Long: `Tests say in files of their own, *.test.hcl, what a policy must come to: what a work
group may, may not, needs an override for, and may approve for whom. Of what does
not hold it prints the place, what was expected, what is, and the rule that decided.

FILEs are tests, and the policy that they are about. A folder has both. Where only
tests are named, the policy is what lies beside them. ` + policiesHelp + `

Exits with 0 where all hold, with 1 where one does not, and with 2 where they could
not be run: something cannot be read, or a test names what the policy has not.`,
		Example: `  tillwarden policy test policies/
  tillwarden policy test checks.test.hcl @active
  tillwarden policy test @presets`,
		Args:              filesOrPresets(&withPresets),
		ValidArgsFunction: completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := a.test(cmd.Context(), args, withPresets)
			if err != nil {
				f := classify(err)
				f.code = exitUsage
				return f
			}
			if a.json {
				err = a.printJSON(r)
			} else {
				err = r.WriteText(a.out)
			}
			if err == nil && r.Failed > 0 {
				err = said(exitRefused)
			}
			return err
		},
	}
	presetsFlag(c, &withPresets)
	return c
}

// test runs the tests among these files against the policy that they are.
func (a *app) test(ctx context.Context, args []string, withPresets bool) (*source.TestReport, error) {
	var named, files []string
	for _, name := range args {
		if !source.IsTest(name) {
			named = append(named, name)
		}
		if !strings.HasPrefix(name, "@") {
			files = append(files, name)
		}
	}
	read, err := readSources(files)
	if err != nil {
		return nil, err
	}
	_, tests := source.Split(read)
	if withPresets || slices.Contains(named, presetsPolicy) {
		_, shipped := source.Split(shippedFiles())
		maps.Copy(tests, shipped)
	}
	if len(tests) == 0 {
		return nil, usagef("policy test: there are no tests: no file's name ends with %s", source.TestSuffix).
			hint("docs/policy.md says how to write one")
	}
	if len(named) == 0 && !withPresets {
		named = source.Folders(files)
	}
	v, err := a.policyAt(ctx, named, withPresets)
	if err != nil {
		return nil, err
	}
	r, findings := source.Test(v, tests)
	if r == nil {
		return nil, a.unsound("the tests have", findings)
	}
	return r, nil
}

// testsHold runs the tests beside the sources of a policy. Where one does not
// hold it says so as policy test does.
func (a *app) testsHold(paths []string, p *loadedPolicy) error {
	const skip = "to sign it without its tests: --no-test"
	tests, err := source.TestsBeside(paths)
	if err != nil {
		return failedf("reading the tests beside the sources: %w", err).hint(skip)
	}
	if len(tests) == 0 {
		return nil
	}
	r, findings := source.Test(source.Version{Compiled: p.compiled, Sidecar: p.sidecar}, tests)
	if r == nil {
		return a.unsound("no bundle was written: the tests beside the sources have", findings).hint(skip)
	}
	if r.Failed == 0 {
		if !a.json {
			a.note("%s of %s hold", count(r.Held, "test"), count(len(tests), "file"))
		}
		return nil
	}
	f := refusedf("no bundle was written: not all tests beside the sources hold")
	if a.json {
		for _, t := range r.Tests {
			for _, x := range t.Failures {
				f = f.hint("%s: test %q: %s %s: expected %s, is %s", x.Pos, t.Name, x.Assertion, x.Function, x.Expected, x.Actual)
			}
		}
	} else if err := r.WriteText(a.err); err != nil {
		return err
	}
	return f.hint(skip)
}
