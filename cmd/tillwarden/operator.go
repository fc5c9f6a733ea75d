package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
)

func (a *app) operatorCommand() *cobra.Command {
	c := a.group("operator", "operators of this register: add, list, change",
		`  tillwarden operator add 201 --name "Manager" \
      --group "POS Cashier - Manager Override" \
      --group "Store/Local Operator Maintenance"
  tillwarden operator add 101 --name "Cashier" \
      --group "POS Cashier - Sales Only" --as 201
  tillwarden operator enrol-card 101 --as 201
  tillwarden operator list`,
		a.operatorAddCommand(), a.operatorListCommand(), a.operatorShowCommand(), a.operatorNameCommand(), a.operatorGroupsCommand(),
		a.operatorPINCommand(), a.operatorDaysCommand(), a.operatorPlacesCommand(), a.operatorPersonCommand(), a.operatorEnrolCommand(),
		a.operatorImportCommand(),
		a.operatorRevokeCommand(),
		a.operatorVerb(api.PeopleSuspend, "suspend NUMBER", "shut an operator out, at once", "A session of theirs ends."),
		a.operatorVerb(api.PeopleResume, "resume NUMBER", "take a suspension back", ""),
		a.operatorVerb(api.PeopleTerminate, "terminate NUMBER", "take PIN and cards from an operator for good",
			`A session of theirs ends at once, and nothing of theirs opens anything any more.
It cannot be taken back, and the number is not used again: what the journal says
of it stays about one operator. suspend is what can be taken back.`),
		a.operatorVerb(api.PeopleUnlock, "unlock NUMBER", "unlock number and PIN after too many wrong tries", "Needs another operator who may."),
	)
	c.Long = `Operators of this register's own roster.

The technician's socket makes the first operator on an empty roster. Every
later change needs an operator who may, so the first one's work groups have to
include that: name who acts with --as, whose PIN is asked for. On a terminal PINs
are asked for without showing them; otherwise they are read from standard input,
one a line, the acting operator's first.`
	return c
}

// asFlag adds --as.
func asFlag(c *cobra.Command, w *actor) {
	c.Flags().StringVar(&w.number, "as", "", "operator `number` that acts; the PIN is asked for")
}

func (a *app) operatorAddCommand() *cobra.Command {
	var w actor
	var noPIN bool
	r := api.PeopleRequest{}
	c := &cobra.Command{
		Use:   "add NUMBER --name NAME --group WORK-GROUP...",
		Short: "add an operator; the PIN is asked for",
		Long: `Adds an operator. On an empty roster the technician may add the first one
without --as.

--person names the human being behind it: give the same to two operators of one
person, and neither will approve the other's requests. Without it the operator
is a person of their own. With --change-pin the operator has to choose another
PIN before anything is done with this one.`,
		Example: `  tillwarden operator add 101 --name "Cashier" \
      --group "POS Cashier - Sales Only" --as 201`,
		Args: exactly("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.Name == "" || len(r.WorkGroups) == 0 {
				return usagef("operator add: --name and at least one --group are needed").
					hint("tillwarden policy matrix @active lists the work groups of the loaded policy")
			}
			if !w.given() {
				if err := a.checkFirst(cmd.Context(), r.WorkGroups); err != nil {
					return err
				}
			}
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			if !noPIN {
				if r.PIN, err = a.askNewPIN("operator " + args[0]); err != nil {
					return err
				}
				defer r.PIN.Wipe()
			}
			r.By, r.Number = by, args[0]
			return a.people(cmd, w, api.PeopleAdd, r)
		},
	}
	asFlag(c, &w)
	c.Flags().StringVar(&r.Name, "name", "", "`name` as people read it")
	c.Flags().StringVar(&r.Person, "person", "", "the `person` behind the number, where one has several")
	c.Flags().StringArrayVar(&r.WorkGroups, "group", nil, "`work group`; may be given more than once")
	c.Flags().BoolVar(&noPIN, "no-pin", false, "add without a PIN, for who signs on by card alone")
	c.Flags().BoolVar(&r.ChangePIN, "change-pin", false, "the operator chooses another PIN first")
	daysFlags(c, &r)
	placesFlags(c, &r)
	a.completeGroups(c, "group")
	return c
}

// checkFirst looks at the work groups of who is added without anybody who adds, before
// a PIN is asked for.
func (a *app) checkFirst(ctx context.Context, groups []string) error {
	client, err := a.dial(ctx, api.RoleTechnician)
	if err != nil {
		return nil // the request says it better
	}
	defer client.Close()
	s, err := client.Status(ctx)
	switch {
	case err != nil:
		return nil
	case s.Policy == nil:
		return refusedf("no policy is loaded, and so there are no work groups").hint("sudo tillwarden setup loads one, and asks for the first operator")
	case s.Operators != nil && *s.Operators > 0:
		return nil // the daemon asks for --as
	}
	return mayBeFirst(ctx, client, groups)
}

func (a *app) operatorNameCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:               "set-name NUMBER NAME",
		Short:             "change an operator's name",
		Example:           `  tillwarden operator set-name 101 "Cashier, evenings" --as 201`,
		Args:              exactly("NUMBER", "NAME"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			return a.people(cmd, w, api.PeopleSetName, api.PeopleRequest{By: by, Number: args[0], Name: args[1]})
		},
	}
	asFlag(c, &w)
	return c
}

func (a *app) operatorRevokeCommand() *cobra.Command {
	var w actor
	var card uint32
	var all bool
	c := &cobra.Command{
		Use:               "revoke-card NUMBER --card N | --all",
		Short:             "take a card away, as when it was lost",
		Long:              "Cards are numbered from 1 in the order in which they were enrolled.",
		Example:           "  tillwarden operator revoke-card 101 --all --as 201",
		Args:              exactly("NUMBER"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (card > 0) {
				return usagef("operator revoke-card: say either --card N or --all").hint("tillwarden operator show %s says how many there are", args[0])
			}
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			return a.people(cmd, w, api.PeopleRevokeCard, api.PeopleRequest{By: by, Number: args[0], Card: card})
		},
	}
	asFlag(c, &w)
	c.Flags().Uint32Var(&card, "card", 0, "which card, by its `number`")
	c.Flags().BoolVar(&all, "all", false, "all of them")
	return c
}

func (a *app) operatorGroupsCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:     "set-groups NUMBER WORK-GROUP...",
		Short:   "give an operator exactly these work groups",
		Long:    "The work groups that are given replace those that the operator has.\nNobody edits the own ones.",
		Example: `  tillwarden operator set-groups 101 "POS Cashier - Sales and Returns" --as 201`,
		Args:    atLeast("NUMBER", "WORK-GROUP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			return a.people(cmd, w, api.PeopleSetGroups, api.PeopleRequest{By: by, Number: args[0], WorkGroups: args[1:]})
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return a.groupNames(), cobra.ShellCompDirectiveNoFileComp
		},
	}
	asFlag(c, &w)
	return c
}

func (a *app) operatorPINCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:   "set-pin NUMBER",
		Short: "set an operator's PIN, which is asked for",
		Long: `Sets a PIN: the own one with the own number after --as, or somebody else's, who
then has to choose another before anything is done with it.

Refused are PINs that are tried first: fewer digits than the site wants, one or
a few digits over and over, runs, years, and the operator number, also backwards.`,
		Example: `  tillwarden operator set-pin 101 --as 201
  printf '%s\n%s\n' "$ACTING_PIN" "$NEW_PIN" |
      tillwarden operator set-pin 101 --as 201`,
		Args: exactly("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			pin, err := a.askNewPIN("operator " + args[0] + ", the new one")
			if err != nil {
				return err
			}
			defer pin.Wipe()
			return a.people(cmd, w, api.PeopleSetPIN, api.PeopleRequest{By: by, Number: args[0], PIN: pin})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	asFlag(c, &w)
	return c
}

// operatorVerb makes a command that does one thing with one operator.
func (a *app) operatorVerb(verb api.PeopleVerb, use, short, long string) *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use: use, Short: short, Long: long,
		Example: fmt.Sprintf("  tillwarden operator %s 101 --as 201", verb),
		Args:    exactly("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			return a.people(cmd, w, verb, api.PeopleRequest{By: by, Number: args[0]})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	asFlag(c, &w)
	return c
}

// people sends one change and says how it came out.
func (a *app) people(cmd *cobra.Command, w actor, verb api.PeopleVerb, r api.PeopleRequest) error {
	client, err := a.dialFor(cmd.Context(), w)
	if err != nil {
		return err
	}
	answer, err := client.People(cmd.Context(), verb, r)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(answer)
	}
	a.say("operator %s: %s", r.Number, peopleDone[verb])
	if verb == api.PeopleTerminate {
		if s, err := client.Roster(cmd.Context()); err == nil && s.StoreKey != "" {
			a.note("at the store's other registers it holds once it was carried there: tillwarden roster export --revocations")
		}
	}
	return nil
}

// peopleDone says what was done.
var peopleDone = map[api.PeopleVerb]string{
	api.PeopleAdd:        "added",
	api.PeopleSetName:    "name changed",
	api.PeopleSetGroups:  "work groups set",
	api.PeopleSetPIN:     "PIN set",
	api.PeopleEnrolCard:  "card enrolled",
	api.PeopleRevokeCard: "card revoked",
	api.PeopleSuspend:    "suspended",
	api.PeopleResume:     "active again",
	api.PeopleUnlock:     "number and PIN unlocked",
	api.PeopleSetDays:    "days set",
	api.PeopleSetPlaces:  "stores and registers set",
	api.PeopleSetPerson:  "person changed",
	api.PeopleTerminate:  "terminated: PIN and cards are gone",
}

func (a *app) operatorListCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:     "list",
		Short:   "list the operators of this register",
		Example: "  tillwarden operator list",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list *api.Operators
			err := a.as(cmd.Context(), w, func(c *api.Client, by *api.Credentials) (err error) {
				list, err = c.Operators(cmd.Context(), api.PeopleRequest{By: by})
				return err
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(list)
			}
			if len(list.Operators) == 0 {
				a.say("no operators yet")
				a.note("hint: the technician adds the first one: tillwarden operator add NUMBER --name NAME --group WORK-GROUP")
				return nil
			}
			return table(a.out, operatorRows(list.Operators))
		},
	}
	asFlag(c, &w)
	return c
}

// operatorRows is the list as a table. Where they are from has a column where some
// came with a roster.
func operatorRows(list []api.Operator) [][]string {
	travelled := slices.ContainsFunc(list, func(o api.Operator) bool { return o.Roster > 0 })
	rows := [][]string{{"NUMBER", "NAME", "PIN", "CARDS", "STATE", "WORK GROUPS"}}
	for i := range list {
		o := &list[i]
		rows = append(rows, []string{o.Number, cut(o.Name, 24), yesNo(o.HasPIN), fmt.Sprint(o.Cards), operatorState(o), cut(join(o.WorkGroups), 44)})
	}
	if travelled {
		rows[0] = slices.Insert(rows[0], 4, "FROM")
		for i := range list {
			rows[i+1] = slices.Insert(rows[i+1], 4, shortFrom(&list[i]))
		}
	}
	return rows
}

// shortFrom is fromRoster in a column.
func shortFrom(o *api.Operator) string {
	if o.Roster > 0 {
		return "roster"
	}
	return "own"
}

// fromRoster says where an operator is maintained.
func fromRoster(o *api.Operator) string {
	if o.Roster > 0 {
		return fmt.Sprintf("roster %d", o.Roster)
	}
	return "this register"
}

func operatorState(o *api.Operator) string {
	switch {
	case o.Standing != "":
		return o.Standing
	case o.Suspended:
		return "suspended"
	case o.LockedFor > 0:
		return "locked " + time.Duration(o.LockedFor*float64(time.Second)).Round(time.Second).String()
	case o.MustChangePIN:
		return "new-pin"
	}
	return "active"
}

func (a *app) operatorShowCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:     "show NUMBER",
		Short:   "show one operator",
		Example: "  tillwarden operator show 101",
		Args:    exactly("NUMBER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var answer *api.PeopleAnswer
			err := a.as(cmd.Context(), w, func(c *api.Client, by *api.Credentials) (err error) {
				answer, err = c.People(cmd.Context(), api.PeopleShow, api.PeopleRequest{By: by, Number: args[0]})
				return err
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(answer.Operator)
			}
			o := answer.Operator
			if o == nil {
				return failedf("the daemon's answer names no operator")
			}
			rows := [][]string{
				{"number", o.Number},
				{"name", o.Name},
				{"person", o.Person},
				{"work groups", join(o.WorkGroups)},
				{"from", fromRoster(o)},
				{"state", operatorState(o)},
				{"pin", yesNo(o.HasPIN)},
				{"cards", fmt.Sprint(o.Cards)},
			}
			for _, c := range o.CardList {
				rows = append(rows, []string{fmt.Sprintf("card %d", c.ID), sayCard(c)})
			}
			if o.From != "" || o.Until != "" {
				rows = append(rows, []string{"days", "from " + orDash(o.From) + " until " + orDash(o.Until)})
			}
			if len(o.Stores) > 0 {
				rows = append(rows, []string{"stores", join(o.Stores)})
			}
			if len(o.Registers) > 0 {
				rows = append(rows, []string{"registers", join(o.Registers)})
			}
			if o.Changed != nil {
				rows = append(rows, []string{"changed", o.Changed.Local().Format("2006-01-02 15:04:05")})
			}
			return table(a.out, rows)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	asFlag(c, &w)
	return c
}
