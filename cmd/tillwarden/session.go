package main

import (
	"context"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
)

func (a *app) signOnCommand() *cobra.Command {
	return a.withPIN("signon NUMBER", "sign on with operator number and PIN", "The PIN is asked for. A card is swiped at the reader instead.",
		"  tillwarden signon 101", (*api.Client).SignOn)
}

func (a *app) unlockCommand() *cobra.Command {
	return a.withPIN("unlock NUMBER", "unlock the register with operator number and PIN",
		"The operator who is signed on may, and who has the right to unlock for others.", "  tillwarden unlock 101", (*api.Client).Unlock)
}

// withPIN makes a command that shows an operator's number and PIN.
func (a *app) withPIN(use, short, long, example string, f func(*api.Client, context.Context, api.Credentials) (*api.SignOnAnswer, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args:              exactly("NUMBER"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.present(cmd, actor{args[0]}, f) },
	}
}

// present shows number and PIN, and says how it came out.
func (a *app) present(cmd *cobra.Command, w actor, f func(*api.Client, context.Context, api.Credentials) (*api.SignOnAnswer, error)) error {
	by, err := a.credentials(w)
	if err != nil {
		return err
	}
	defer wipe(by)
	client, err := a.dial(cmd.Context(), api.RoleConsole)
	if err != nil {
		return err
	}
	answer, err := f(client, cmd.Context(), *by)
	if err != nil {
		return err
	}
	if !answer.OK && answer.Reason == entry.ReasonNewPIN.String() {
		if answer, err = a.presentNewPIN(cmd, client, answer.Say, *by, f); err != nil {
			return err
		}
	}
	if a.json {
		if err := a.printJSON(answer); err != nil {
			return err
		}
	} else {
		a.say("%s", answer.Say)
	}
	if !answer.OK {
		return said(exitRefused)
	}
	return nil
}

// presentNewPIN lets who has to choose a new PIN do so, and goes on with it.
func (a *app) presentNewPIN(cmd *cobra.Command, client *api.Client, say string, old api.Credentials, f func(*api.Client, context.Context, api.Credentials) (*api.SignOnAnswer, error)) (*api.SignOnAnswer, error) {
	a.note("%s", say)
	pin, err := a.askNewPIN("operator " + old.Number + ", the new one")
	if err != nil {
		return nil, err
	}
	defer pin.Wipe()
	if _, err := client.People(cmd.Context(), api.PeopleSetPIN, api.PeopleRequest{By: &old, Number: old.Number, PIN: pin}); err != nil {
		return nil, err
	}
	return f(client, cmd.Context(), api.Credentials{Number: old.Number, PIN: pin})
}

func (a *app) signOffCommand() *cobra.Command {
	var w actor
	c := a.plain("signoff", "end the session", `Held kicks, grants and pending overrides end with it. A locked session is ended
with --as by the operator whose it is, or by one who may unlock for others.`, (*api.Client).SignOff)
	plain := c.RunE
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if w.given() {
			return a.present(cmd, w, (*api.Client).SignOffBy)
		}
		return plain(cmd, args)
	}
	asFlag(c, &w)
	return c
}

func (a *app) lockCommand() *cobra.Command {
	return a.plain("lock", "lock the register", "The session stays; nothing opens until it is unlocked.", (*api.Client).Lock)
}

// plain makes a command that needs nothing and nobody.
func (a *app) plain(use, short, long string, f func(*api.Client, context.Context) (*api.Done, error)) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Example: "  tillwarden " + use,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole, api.RolePOS, api.RoleTechnician)
			if err != nil {
				return err
			}
			done, err := f(client, cmd.Context())
			if err != nil {
				return err
			}
			return a.done(done)
		},
	}
}

// done says how something without an answer of its own came out.
func (a *app) done(d *api.Done) error {
	if a.json {
		if err := a.printJSON(d); err != nil {
			return err
		}
	} else {
		a.say("%s", d.Say)
	}
	return nil
}
