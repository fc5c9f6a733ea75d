package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
)

// trial is one device's test, for JSON.
type trial struct {
	Device string `json:"device"`
	Kind   string `json:"kind"`
	api.TestAnswer
}

func (a *app) testCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test [DEVICE]",
		Short: "try a device, or all: a slip, a swipe, keys, a drawer's sensor",
		Long: `Tries a device through the daemon, or all of them one after the other: a printer
prints a few lines; of a reader the next card is described, and of a keypad what is
typed next, and neither has an effect; a drawer says how it stands. What is on a card
is not shown. A code at a keypad is, as [[keypad.code]] wants it. Exits with 1 where
something is to be done.`,
		Example: "  tillwarden device test\n  tillwarden device test reader",
		Args:    between(0, 1, "DEVICE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.dial(cmd.Context(), api.RoleTechnician)
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := a.trials(cmd.Context(), client)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				i := slices.IndexFunc(list, func(t trial) bool { return t.Device == args[0] })
				if i < 0 {
					var names []string
					for _, t := range list {
						names = append(names, t.Device)
					}
					return usagef("there is no device %q", args[0]).hint("there are: %s", join(names))
				}
				list = list[i : i+1]
			}
			good := true
			for i := range list {
				if err := a.try(cmd.Context(), client, &list[i]); err != nil {
					if len(args) > 0 || cmd.Context().Err() != nil {
						return err
					}
					list[i].Say = err.Error()
					if !a.json {
						a.say("%s", list[i].Say)
					}
				}
				good = good && list[i].Good
			}
			if a.json {
				if err := a.printJSON(struct {
					Tests []trial `json:"tests"`
				}{list}); err != nil {
					return err
				}
			}
			if !good {
				return said(exitRefused)
			}
			return nil
		},
		ValidArgsFunction: a.completeDevice,
	}
}

// trials are the devices that can be tried: all, and the drawers that hang on printers.
func (a *app) trials(ctx context.Context, client *api.Client) ([]trial, error) {
	devices, err := client.Devices(ctx)
	if err != nil {
		return nil, err
	}
	drawers, err := client.Drawers(ctx)
	if err != nil {
		return nil, err
	}
	list := []trial{}
	for _, d := range devices.Devices {
		if d.Kind != "drawer" {
			list = append(list, trial{Device: d.Name, Kind: d.Kind})
		}
	}
	for _, d := range drawers.Drawers {
		list = append(list, trial{Device: d.Name, Kind: "drawer"})
	}
	return list, nil
}

// asksFor is what people do for a device's test.
var asksFor = map[string]string{
	"reader": "swipe any card at %s, within 30 seconds",
	"keypad": "type something at %s, and Enter, within 30 seconds; not a PIN",
}

func (a *app) try(ctx context.Context, client *api.Client, t *trial) error {
	if ask := asksFor[t.Kind]; ask != "" {
		a.note(ask, t.Device)
	}
	answer, err := client.Test(ctx, t.Device)
	if err != nil {
		return fmt.Errorf("%s %s: %w", t.Kind, t.Device, err)
	}
	t.TestAnswer = *answer
	if !a.json {
		a.say("%s %s: %s", t.Kind, t.Device, answer.Say)
	}
	return nil
}
