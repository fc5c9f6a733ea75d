package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
)

func (a *app) askCommand() *cobra.Command {
	var ask api.AskRequest
	var wait time.Duration
	var told toldFlags
	c := &cobra.Command{
		Use:   "ask FUNCTION",
		Short: "ask whether the signed-on operator may do something",
		Long: `Asks for one function on behalf of who is signed on, as a POS does over the API.
The question and its answer are journaled.

--open now opens the drawer at once where it is allowed; --open on-kick lets the
next kick in the print stream open it. Where an override is required, --wait
waits for a second person, and --no-override asks without announcing one.

--amount, --percent and --count tell the size of what is asked for, as a POS
does. Where a work group limits the function they are held against the limit; what a
limit wants to know and is not told needs an override.
Exits with 0 when allowed, else with 1.`,
		Example: `  tillwarden ask pos.drawer.nosale --no-override
  tillwarden ask pos.till.paidout --open now --wait 1m
  tillwarden ask pos.discount.line.amount --amount 4999`,
		Args: exactly("FUNCTION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole, api.RolePOS, api.RoleTechnician)
			if err != nil {
				return err
			}
			ask.Function, ask.Wait, ask.Told = args[0], wait.Seconds(), told.told(cmd)
			answer, err := client.Ask(cmd.Context(), ask)
			if err != nil {
				return err
			}
			return a.answer(answer)
		},
		ValidArgsFunction: a.completeFunction,
	}
	c.Flags().StringVar(&ask.Open, "open", api.OpenNone, "none, now or on-kick: `when` the drawer opens")
	c.Flags().StringVar(&ask.Drawer, "drawer", "", "the `drawer`, where there are several")
	c.Flags().DurationVar(&wait, "wait", 0, "how `long` to wait for a second person, as 30s or 2m (at most 5m)")
	c.Flags().BoolVar(&ask.NoOverride, "no-override", false, "only ask; announce no override")
	told.add(c)
	_ = c.RegisterFlagCompletionFunc("open", cobra.FixedCompletions(
		[]cobra.Completion{api.OpenNone, api.OpenNow, api.OpenOnKick}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// answer says what was decided, and gives the exit code for it.
func (a *app) answer(w *api.Answer) error {
	if a.json {
		if err := a.printJSON(w); err != nil {
			return err
		}
	} else {
		a.say("%s: %s", w.Outcome, w.Say)
		if w.Mode != "" {
			a.say("the policy says: %s", w.Policy)
		}
		if l := w.Limit; l != nil && l.Uses > 0 && w.Outcome == "allowed" && l.Part == "" {
			a.say("number %d in this session", l.Uses)
		}
		if w.Drawer != nil {
			line := fmt.Sprintf("drawer %s: %s", w.Drawer.Name, w.Drawer.Result)
			if w.Drawer.Reason != "" {
				line += " (" + w.Drawer.Reason + ")"
			}
			a.say("%s", line)
		}
		if w.Approver != "" {
			a.say("approved by operator %s", w.Approver)
		}
		switch {
		case w.Outcome != "override-required" || w.Override == 0:
		case w.Reason == entry.ReasonStepUp.String(), w.Reason == entry.ReasonFellBack.String():
			a.say("it waits for the own PIN: enter it at the keypad, or: tillwarden override confirm %d", w.Override)
		default:
			a.say("override %d is pending: a second person swipes, or: tillwarden override approve %d --as NUMBER", w.Override, w.Override)
		}
		if w.Seq > 0 {
			a.say("journal entry %d", w.Seq)
		}
	}
	if w.Reason == entry.ReasonWhyNeeded.String() && !a.json {
		a.note("hint: --reason, with a code of tillwarden override reasons, or in words of 8 letters at least where no code is enough")
	}
	if w.Reason == entry.ReasonUnknownFunction.String() {
		a.noteUnknownFunction(w.Function)
	}
	if w.Outcome != "allowed" || (w.Drawer != nil && w.Drawer.Result == api.DrawerNotOpened) {
		return said(exitRefused)
	}
	return nil
}

func (a *app) overrideCommand() *cobra.Command {
	return a.group("override", "what waits for a second person, or for the own PIN",
		`  tillwarden override show
  tillwarden override approve --as 201`,
		a.overrideShowCommand(), a.overrideBy("approve"), a.overrideBy("refuse"), a.overrideConfirmCommand(), a.overrideCancelCommand(), a.overrideWaitCommand(), a.overrideReasonsCommand())
}

func (a *app) overrideShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "show the pending override",
		Example: "  tillwarden override show",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole, api.RolePOS, api.RoleTechnician)
			if err != nil {
				return err
			}
			list, err := client.Overrides(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list.Overrides) == 0 {
				a.say("nothing is pending")
				return nil
			}
			for _, o := range list.Overrides {
				rows := [][]string{
					{"override", fmt.Sprint(o.ID)},
					{"asked by", o.Requester + " " + o.Name},
					{"for", o.Prompt + " (" + o.Function + ")"},
					{"drawer", orDash(o.Drawer)},
					{"stands for", seconds(o.ExpiresIn).String()},
				}
				if told := sayTold(o.Told); told != "" {
					rows = append(rows, []string{"told", told})
				}
				if o.Limit != nil {
					rows = append(rows, []string{"beyond", sayLimit(o.Limit)})
				}
				if o.Transaction {
					rows = append(rows, []string{"may hold", "for the rest of the transaction"})
				}
				if o.Reason != "" {
					rows = append(rows, []string{"reason", "a " + o.Reason + " is needed: tillwarden override reasons"})
				}
				if o.StepUp {
					rows = append(rows, []string{"waits for", "the own PIN of " + o.Requester})
				}
				if o.Needs > 1 {
					rows = append(rows, []string{"approved", fmt.Sprintf("by %d of %d %s", o.Approvals, o.Needs, join(o.Approved))})
				}
				if err := table(a.out, rows); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func seconds(s float64) time.Duration {
	return time.Duration(s * float64(time.Second)).Round(time.Second)
}

// overrideID is the argument, or the one override that is pending.
func (a *app) overrideID(cmd *cobra.Command, client *api.Client, args []string) (api.Seq, error) {
	if len(args) == 1 {
		id, err := strconv.ParseUint(args[0], 10, 64)
		if err != nil || id == 0 {
			return 0, usagef("%q is no override's number", args[0]).hint("tillwarden override show says what is pending")
		}
		return api.Seq(id), nil
	}
	list, err := client.Overrides(cmd.Context())
	if err != nil {
		return 0, err
	}
	if len(list.Overrides) == 0 {
		return 0, refusedf("no override is pending")
	}
	return list.Overrides[0].ID, nil
}

func (a *app) overrideBy(verb string) *cobra.Command {
	var w actor
	var reason, remote string
	var rest bool
	short := "approve it as a second person"
	long := `The approver may what is asked for, has Manager Override, and is another
person than the one who asked. Where two persons have to approve, the first one's
approval counts and the override stands until another one approves, too; it
exits with 1 until then. Where the function wants a reason, --reason is a code of
tillwarden override reasons, or the own words. --remote is for an approver who is
signed on elsewhere, where the site allows that.`
	if verb == "refuse" {
		short, long = "refuse it as a second person", "Who may approve may refuse."
	}
	c := &cobra.Command{
		Use: verb + " [ID]", Short: short, Long: long + "\nWithout an ID it is the one that is pending. The PIN is asked for.",
		Example:           "  tillwarden override " + verb + " --as 201",
		Args:              between(0, 1, "ID"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !w.given() {
				return usagef("override %s: --as NUMBER is missing", verb).hint("it says who is the second person")
			}
			r := api.ApproveRequest{Remote: remote, Transaction: rest}
			if err := setReason(&r, reason); err != nil {
				return err
			}
			client, err := a.dial(cmd.Context(), api.RoleConsole)
			if err != nil {
				return err
			}
			id, err := a.overrideID(cmd, client, args)
			if err != nil {
				return err
			}
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			if verb == "refuse" {
				done, err := client.Refuse(cmd.Context(), id, *by)
				if err != nil {
					return err
				}
				return a.done(done)
			}
			r.Credentials = *by
			answer, err := client.Approve(cmd.Context(), id, r)
			if err != nil {
				return err
			}
			return a.answer(answer)
		},
	}
	asFlag(c, &w)
	if verb == "approve" {
		c.Flags().StringVar(&reason, "reason", "", "why: a `code` of the list, or words")
		c.Flags().BoolVar(&rest, "transaction", false, "for the rest of the transaction, where the function allows it")
		c.Flags().StringVar(&remote, "remote", "", "the approver is signed on elsewhere: `where`")
	}
	return c
}

// setReason puts a reason's code, or words, into a request, before anybody types a PIN.
func setReason(r *api.ApproveRequest, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" {
		return nil
	}
	if code, err := strconv.ParseUint(reason, 10, 16); err == nil {
		r.ReasonCode = uint16(code)
		return nil
	}
	if err := enforcer.CheckWhy(reason); err != nil {
		return usagef("override approve: --reason: %w", err)
	}
	r.Reason = reason
	return nil
}

func (a *app) overrideReasonsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reasons", Short: "list the reasons that approvals are given for",
		Long:    "The list is the site's ([[override.reason]] of the configuration), or the shipped one.",
		Example: "  tillwarden override reasons",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole, api.RoleTechnician)
			if err != nil {
				return err
			}
			list, err := client.Reasons(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			rows := [][]string{{"CODE", "REASON"}}
			for _, r := range list.Reasons {
				rows = append(rows, []string{fmt.Sprint(r.Code), r.Name})
			}
			return table(a.out, rows)
		},
	}
}

func (a *app) overrideConfirmCommand() *cobra.Command {
	return &cobra.Command{
		Use: "confirm [ID]", Short: "confirm with the own PIN what waits for it",
		Long: `Some functions take the own PIN of the operator who is signed on again, each
time. Without an ID it is what is pending. The PIN is asked for; at a keypad it is
entered as it is.`,
		Example:           "  tillwarden override confirm",
		Args:              between(0, 1, "ID"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole)
			if err != nil {
				return err
			}
			id, err := a.overrideID(cmd, client, args)
			if err != nil {
				return err
			}
			pin, err := a.askPIN("who is signed on")
			if err != nil {
				return err
			}
			defer pin.Wipe()
			answer, err := client.Confirm(cmd.Context(), id, pin)
			if err != nil {
				return err
			}
			return a.answer(answer)
		},
	}
}

func (a *app) overrideCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use: "cancel [ID]", Short: "take it back", Example: "  tillwarden override cancel",
		Args:              between(0, 1, "ID"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole, api.RolePOS, api.RoleTechnician)
			if err != nil {
				return err
			}
			id, err := a.overrideID(cmd, client, args)
			if err != nil {
				return err
			}
			done, err := client.Cancel(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.done(done)
		},
	}
}

func (a *app) overrideWaitCommand() *cobra.Command {
	wait := time.Minute
	c := &cobra.Command{
		Use: "wait [ID]", Short: "wait for its end",
		Long:              "Exits with 0 when it was approved, else with 1; still pending after --for is 1 too.",
		Example:           "  tillwarden override wait --for 30s",
		Args:              between(0, 1, "ID"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.dial(cmd.Context(), api.RoleConsole, api.RolePOS, api.RoleTechnician)
			if err != nil {
				return err
			}
			id, err := a.overrideID(cmd, client, args)
			if err != nil {
				return err
			}
			answer, err := client.WaitOverride(cmd.Context(), id, wait)
			if err != nil {
				return err
			}
			return a.answer(answer)
		},
	}
	c.Flags().DurationVar(&wait, "for", wait, "how `long`, at most 5m")
	return c
}
