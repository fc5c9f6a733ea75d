package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
)

// completeDrawer lists the register's drawers, where the daemon answers.
func (a *app) completeDrawer(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := completionContext(cmd)
	defer cancel()
	client, err := a.dial(ctx, anyRole...)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	list, err := client.Drawers(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []cobra.Completion
	for _, d := range list.Drawers {
		names = append(names, d.Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completePrinter lists the register's printers, where the daemon answers.
func (a *app) completePrinter(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := completionContext(cmd)
	defer cancel()
	client, err := a.dial(ctx, anyRole...)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer client.Close()
	names, _ := printerNames(ctx, client)
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeDevice lists what can be tried, where the daemon answers.
func (a *app) completeDevice(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := completionContext(cmd)
	defer cancel()
	client, err := a.dial(ctx, api.RoleTechnician)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer client.Close()
	list, _ := a.trials(ctx, client)
	var names []cobra.Completion
	for _, t := range list {
		names = append(names, t.Device)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completionContext(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(ctx, time.Second)
}

// completeFunction lists the functions of the shipped catalogue, with their names.
func (a *app) completeFunction(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := presetPolicy()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var list []cobra.Completion
	for _, f := range c.Functions() {
		list = append(list, cobra.CompletionWithDesc(f.Key, f.Name))
	}
	return list, cobra.ShellCompDirectiveNoFileComp
}

// completeGroups completes a flag with work groups.
func (a *app) completeGroups(c *cobra.Command, flag string) {
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.groupNames(), cobra.ShellCompDirectiveNoFileComp
	})
}

// groupNames are the work groups of the loaded policy, where the daemon
// answers, else those of the presets.
func (a *app) groupNames() []cobra.Completion {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	var names []cobra.Completion
	if client, err := a.dial(ctx, api.RoleTechnician, api.RoleConsole); err == nil {
		if p, err := client.Policy(ctx); err == nil {
			for _, g := range p.WorkGroups {
				names = append(names, g.Name)
			}
			return names
		}
	}
	c, err := presetPolicy()
	if err != nil {
		return nil
	}
	for _, g := range c.WorkGroups() {
		names = append(names, g.Name)
	}
	return names
}
