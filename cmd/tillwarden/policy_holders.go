package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/policy/source"
	"tillwarden/signon"
)

// liveRoster stands for the operators of this register.
const liveRoster = "@live"

func operatorsFlag(c *cobra.Command, roster *string) {
	c.Flags().StringVar(roster, "operators", "", "operators too: @live for this register's, or a `file`: a roster, or from operator list --json")
	_ = c.RegisterFlagCompletionFunc("operators", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return []cobra.Completion{liveRoster}, cobra.ShellCompDirectiveDefault
	})
}

// holders reads the operators that a policy is looked at for: nil where none
// are named.
func (a *app) holders(ctx context.Context, roster string) ([]source.Holder, error) {
	var list *api.Operators
	switch roster {
	case "":
		return nil, nil
	case liveRoster:
		client, err := a.dial(ctx, api.RoleTechnician)
		if err != nil {
			return nil, err
		}
		defer client.Close()
		if list, err = client.Operators(ctx, api.PeopleRequest{}); err != nil {
			return nil, err
		}
	default:
		raw, err := readFile(roster, "the operators")
		if err != nil {
			return nil, err
		}
		if m, blob, err := bundle.Content(raw); err == nil && m.Type == bundle.TypeRoster {
			return rosterHolders(roster, blob)
		}
		if err := json.Unmarshal(raw, &list); err != nil || list == nil || list.Operators == nil {
			return nil, failedf("%s is no list of operators", roster).hint("tillwarden operator list --json > FILE makes one; tillwarden roster export makes a roster")
		}
	}
	holders := []source.Holder{}
	for _, o := range list.Operators {
		holders = append(holders, source.Holder{Number: o.Number, Name: o.Name, WorkGroups: o.WorkGroups, Suspended: o.Suspended})
	}
	return holders, nil
}

// rosterHolders are a roster's operators. Nothing is decided by them here, so that its
// signatures need not be looked at.
func rosterHolders(path string, blob []byte) ([]source.Holder, error) {
	r, err := signon.ParseRoster(blob)
	if err != nil {
		return nil, failedf("%s: %w", path, err)
	}
	holders := []source.Holder{}
	for _, o := range r.Summaries() {
		holders = append(holders, source.Holder{Number: o.Number, Name: o.Name, WorkGroups: o.WorkGroups, Suspended: o.Suspended})
	}
	return holders, nil
}
