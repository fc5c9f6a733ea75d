package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// app is one run of the command line: where it reads and writes, and the
// flags that every command has.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      func(string) string
	version  string

	json   bool
	runDir string
	socket string

	tool  tool            // runs systemd's tools; nil: as they are on the PATH
	ctx   context.Context // of this run: a prompt ends with it
	lines lineReader      // standard input, where it is read line by line
}

// main runs one command line and gives the exit code.
func (a *app) main(ctx context.Context, args []string) int {
	a.ctx = ctx
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	return a.report(err)
}

// defaultRunDir is where the daemon puts its sockets.
const defaultRunDir = "/run/tillwarden"

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "tillwarden",
		Short: "who may open which drawer: policies, journals and the register",
		Long: `tillwarden is the command line of a register's drawer gate.

Policies and keys are made offline: policy, key. What happened is in the
journal: journal. The other commands speak to the daemon of this register,
tillwardend, over its unix sockets in ` + defaultRunDir + `.

Exit codes: 0 done or allowed; 1 refused, denied, or problems found; 2 the
command line cannot be understood; 3 could not do it.`,
		Example: `  tillwarden policy explain --group "POS Cashier - Sales Only" pos.return
  tillwarden status
  tillwarden journal tail`,
		Version:       a.version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          a.subcommandsOnly,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("tillwarden {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%s", flagWords(err)).hint("%s --help shows what it takes", cmd.CommandPath())
	})
	runDir := a.env("TILLWARDEN_RUN_DIR")
	if runDir == "" {
		runDir = defaultRunDir
	}
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, "print JSON, for scripts")
	flags.StringVar(&a.runDir, "run-dir", runDir, "folder of the daemon's sockets (or TILLWARDEN_RUN_DIR)")
	flags.StringVar(&a.socket, "socket", "", "the daemon's socket, instead of one found in --run-dir")
	_ = root.MarkPersistentFlagDirname("run-dir")

	root.AddGroup(
		&cobra.Group{ID: groupRegister, Title: "At the register:"},
		&cobra.Group{ID: groupPeople, Title: "People:"},
		&cobra.Group{ID: groupRecords, Title: "Policies and records:"},
		&cobra.Group{ID: groupSetup, Title: "Setting up and trying out:"},
	)
	for group, commands := range map[string][]*cobra.Command{
		groupRegister: {
			a.statusCommand(), a.watchCommand(), a.signOnCommand(), a.signOffCommand(), a.lockCommand(), a.unlockCommand(),
			a.menuCommand(), a.askCommand(), a.overrideCommand(), a.drawerCommand(), a.modeCommand(),
		},
		groupPeople:  {a.operatorCommand(), a.rosterCommand(), a.timeCommand()},
		groupRecords: {a.policyCommand(), a.keyCommand(), a.journalCommand(), a.reportCommand()},
		groupSetup:   {a.setupCommand(), a.doctorCommand(), a.bugreportCommand(), a.loadCommand(), a.devicesCommand(), a.deviceCommand(), a.printerCommand(), a.simCommand()},
	} {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	root.AddCommand(a.manualCommand())
	narrow(root)
	return root
}

// flagWords is what is wrong with a flag, without the words of the Go library that
// read its value.
func flagWords(err error) string {
	var bad *pflag.InvalidValueError
	var number *strconv.NumError
	if errors.As(err, &bad) && errors.As(err, &number) {
		what := "whole number"
		switch bad.GetFlag().Value.Type() {
		case "float64":
			what = "number"
		case "uint64":
			what = "whole number from 0 on"
		}
		if errors.Is(number, strconv.ErrRange) {
			what += " of that size"
		}
		return fmt.Sprintf("--%s: %q is no %s", bad.GetFlag().Name, bad.GetValue(), what)
	}
	return err.Error()
}

// The groups of commands in the help.
const (
	groupRegister = "register"
	groupPeople   = "people"
	groupRecords  = "records"
	groupSetup    = "setup"
)

// group makes a command that only has subcommands.
func (a *app) group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Example: example,
		Args: a.subcommandsOnly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usagef("%s: say what to do: %s", cmd.CommandPath(), names(cmd)).
				hint("%s --help says what each does", cmd.CommandPath())
		},
	}
	c.AddCommand(commands...)
	return c
}

// subcommandsOnly refuses what is no subcommand, and says which is meant.
func (a *app) subcommandsOnly(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	f := usagef("there is no command %q", strings.TrimPrefix(cmd.CommandPath()+" "+args[0], cmd.Root().Name()+" "))
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return f.hint("did you mean %q?", near[0])
	}
	return f.hint("there are: %s", names(cmd))
}

func names(cmd *cobra.Command) string {
	var list []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			list = append(list, c.Name())
		}
	}
	return join(list)
}

// exactly wants n arguments, named as in the command's use line.
func exactly(names ...string) cobra.PositionalArgs {
	return between(len(names), len(names), names...)
}

// atLeast wants all the named arguments; the last may come more than once.
func atLeast(names ...string) cobra.PositionalArgs { return between(len(names), -1, names...) }

// between wants from low to high arguments; high -1 means without end.
func between(low, high int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return usagef("%s: %s is missing", cmd.CommandPath(), names[min(len(args), len(names)-1)]).
				hint("usage: %s", cmd.UseLine())
		case high >= 0 && len(args) > high:
			return usagef("%s: %q is one argument too many", cmd.CommandPath(), args[high]).hint("usage: %s", cmd.UseLine())
		}
		return nil
	}
}
