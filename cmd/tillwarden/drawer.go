package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
)

func (a *app) drawerCommand() *cobra.Command {
	return a.group("drawer", "the drawers' states, and opening one",
		"  tillwarden drawer status\n  tillwarden drawer open --for pos.drawer.nosale --wait 1m",
		a.drawerStatusCommand(), a.drawerOpenCommand())
}

func (a *app) drawerStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "show whether drawers are open, and ready", Example: "  tillwarden drawer status",
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), anyRole...)
			if err != nil {
				return err
			}
			d, err := client.Drawers(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(d)
			}
			rows := [][]string{{"DRAWER", "PRINTER", "STATE", "SENSOR", "READY", "PROBLEM"}}
			for _, v := range d.Drawers {
				sensor := "calibrated"
				switch {
				case v.NoSensor:
					sensor = "none"
				case !v.Calibrated:
					sensor = "not calibrated"
				}
				printer := v.Printer
				if printer == v.Name { // it has a line of its own
					printer = ""
				}
				rows = append(rows, []string{v.Name, orDash(printer), v.State, sensor, yesNo(v.Ready), orDash(v.Problem)})
			}
			return table(a.out, rows)
		},
	}
}

func (a *app) drawerOpenCommand() *cobra.Command {
	var open api.OpenRequest
	var wait time.Duration
	var told toldFlags
	c := &cobra.Command{
		Use:   "open [DRAWER]",
		Short: "open a drawer, where the signed-on operator may",
		Long: `Asks for a function of the signed-on operator's session, and opens the drawer at
once where it is allowed. Without DRAWER it is the only one.

--amount, --percent and --count tell the size of what it is opened for, as
tillwarden ask does.`,
		Example: "  tillwarden drawer open --for pos.till.paidout --amount 4999 --wait 1m",
		Args:    between(0, 1, "DRAWER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole, api.RolePOS, api.RoleTechnician)
			if err != nil {
				return err
			}
			d, err := a.theDrawer(cmd, client, args)
			if err != nil {
				return err
			}
			open.Wait, open.Told = wait.Seconds(), told.told(cmd)
			answer, err := client.OpenDrawer(cmd.Context(), d.Name, open)
			if err != nil {
				return err
			}
			return a.answer(answer)
		},
		ValidArgsFunction: a.completeDrawer,
	}
	c.Flags().StringVar(&open.Function, "for", "pos.drawer.nosale", "the `function` that it is opened for")
	c.Flags().DurationVar(&wait, "wait", 0, "how `long` to wait for a second person, at most 5m")
	told.add(c)
	_ = c.RegisterFlagCompletionFunc("for", a.completeFunction)
	return c
}

// theDrawer is the one that was named, or the only one.
func (a *app) theDrawer(cmd *cobra.Command, client *api.Client, args []string) (*api.Drawer, error) {
	list, err := client.Drawers(cmd.Context())
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range list.Drawers {
		if len(args) > 0 && list.Drawers[i].Name == args[0] {
			return &list.Drawers[i], nil
		}
		names = append(names, list.Drawers[i].Name)
	}
	switch {
	case len(names) == 0:
		return nil, refusedf("this register has no drawer").hint("see [[printer.drawer]] and [[drawer]] in tillwardend's configuration")
	case len(args) > 0:
		return nil, usagef("there is no drawer %q", args[0]).hint("there are: %s", join(names))
	case len(names) > 1:
		return nil, usagef("there are several drawers: name one").hint("there are: %s", join(names))
	}
	return &list.Drawers[0], nil
}

func (a *app) deviceCommand() *cobra.Command {
	return a.group("device", "find, try and calibrate devices; resynchronise a printer",
		"  tillwarden device detect\n  tillwarden device test\n  tillwarden device calibrate drawer\n  tillwarden device resync",
		a.detectCommand(), a.testCommand(),
		a.group("calibrate", "teach a sensor", "  tillwarden device calibrate drawer", a.calibrateDrawerCommand()),
		a.resyncCommand())
}

func (a *app) calibrateDrawerCommand() *cobra.Command {
	var now string
	c := &cobra.Command{
		Use:   "drawer [DRAWER]",
		Short: "teach a drawer's sensor which level means open",
		Long: `A drawer's sensor is one wire, and which level means open differs from make to
make. Until it was calibrated, a drawer that opens by itself is no alarm.

Without --now it asks for the drawer to be closed and then opened. With --now
closed or --now open it takes the drawer to stand so at this moment; both are
needed, in either order.`,
		Example: "  tillwarden device calibrate drawer\n  tillwarden device calibrate drawer --now closed",
		Args:    between(0, 1, "DRAWER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var states []bool
			switch now {
			case "":
				states = []bool{false, true}
			case "closed":
				states = []bool{false}
			case "open":
				states = []bool{true}
			default:
				return usagef("--now is %q", now).hint("it is closed or open")
			}
			client, err := a.dial(cmd.Context(), api.RoleTechnician)
			if err != nil {
				return err
			}
			d, err := a.theDrawer(cmd, client, args)
			if err != nil {
				return err
			}
			answer, err := a.calibrate(cmd.Context(), client, d, states, now == "")
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(answer)
			}
			return nil
		},
		ValidArgsFunction: a.completeDrawer,
	}
	c.Flags().StringVar(&now, "now", "", "closed or open: how it stands at this `moment`")
	_ = c.RegisterFlagCompletionFunc("now", cobra.FixedCompletions([]cobra.Completion{"closed", "open"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// calibrate takes a drawer's sensor's reading in each of some states; with ask, people
// are asked to bring the drawer into it first.
func (a *app) calibrate(ctx context.Context, client *api.Client, d *api.Drawer, states []bool, ask bool) (answer *api.CalibrateAnswer, err error) {
	for _, open := range states {
		if ask {
			how := "close the drawer " + d.Name
			if open {
				how = "open the drawer " + d.Name + " with its key"
			}
			if err := a.stdinLine(how); err != nil {
				return nil, err
			}
		}
		if answer, err = client.Calibrate(ctx, d.Printer, api.CalibrateRequest{Drawer: d.Name, Open: open}); err != nil {
			return nil, err
		}
		if !a.json && (answer.Calibrated || !ask) { // else the next question says it
			a.say("%s", answer.Say)
		}
		if answer.Calibrated {
			break // with what was read before
		}
	}
	return answer, nil
}

func (a *app) resyncCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "resync [PRINTER]",
		Short: "give the technician's word that a printer was switched off and on",
		Long: `A printer may hold half a command from before the daemon started. Until that is
ruled out nothing is sent to it. Switch the printer off and on, then say so.`,
		Example: "  tillwarden device resync",
		Args:    between(0, 1, "PRINTER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.dial(cmd.Context(), api.RoleTechnician)
			if err != nil {
				return err
			}
			name, err := thePrinter(cmd.Context(), client, args)
			if err != nil {
				return err
			}
			done, err := client.Resync(cmd.Context(), name)
			if err != nil {
				return fmt.Errorf("printer %s: %w", name, err)
			}
			return a.done(done)
		},
		ValidArgsFunction: a.completePrinter,
	}
}

// thePrinter is the one that was named, or the only one.
func thePrinter(ctx context.Context, client *api.Client, named []string) (string, error) {
	printers, err := printerNames(ctx, client)
	switch {
	case err != nil:
		return "", err
	case len(printers) == 0:
		return "", refusedf("this register has no printer").hint("see [[printer]] in tillwardend's configuration")
	case len(named) > 0 && !slices.Contains(printers, named[0]):
		return "", usagef("there is no printer %q", named[0]).hint("there are: %s", join(printers))
	case len(named) > 0:
		return named[0], nil
	case len(printers) > 1:
		return "", usagef("there are several printers: name one").hint("there are: %s", join(printers))
	}
	return printers[0], nil
}

func printerNames(ctx context.Context, client *api.Client) ([]string, error) {
	list, err := client.Devices(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range list.Devices {
		if d.Kind == "printer" {
			names = append(names, d.Name)
		}
	}
	return names, nil
}
