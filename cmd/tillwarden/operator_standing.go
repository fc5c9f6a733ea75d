package main

import (
	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
)

// The commands that say when and where an operator may work, and who it is.

func daysFlags(c *cobra.Command, r *api.PeopleRequest) {
	c.Flags().StringVar(&r.From, "from", "", "first `day`, as 2026-11-27")
	c.Flags().StringVar(&r.Until, "until", "", "last `day`, as 2026-12-31")
}

func placesFlags(c *cobra.Command, r *api.PeopleRequest) {
	c.Flags().StringArrayVar(&r.Stores, "store", nil, "`store` where the operator may work; may be given more than once")
	c.Flags().StringArrayVar(&r.Registers, "register", nil, "`register` where the operator may work; may be given more than once")
}

// operatorChange makes a command that changes one operator by its flags. none is
// the flag that says that there is to be no bound, and why it is needed.
func (a *app) operatorChange(verb api.PeopleVerb, use, short, long, example, none, noneHelp string, flags func(*cobra.Command, *api.PeopleRequest), given func(*api.PeopleRequest) bool) *cobra.Command {
	var w actor
	var unbound bool
	r := api.PeopleRequest{}
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args:              exactly("NUMBER"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if given(&r) == unbound {
				return usagef("operator %s: say what is to hold, or --%s", verb, none).hint("%s --help shows what it takes", cmd.CommandPath())
			}
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			r.By, r.Number = by, args[0]
			return a.people(cmd, w, verb, r)
		},
	}
	asFlag(c, &w)
	flags(c, &r)
	c.Flags().BoolVar(&unbound, none, false, noneHelp)
	return c
}

func (a *app) operatorDaysCommand() *cobra.Command {
	return a.operatorChange(api.PeopleSetDays, "set-days NUMBER --from DAY --until DAY | --always",
		"set an operator's first and last day",
		`Before the first day and after the last an operator can neither sign on, nor
approve, nor unlock; a session ends at midnight after the last day. Days are those
of this register's clock and time zone. Who sets the clock moves them, and each
step of the clock is in the journal. A day that is not given is no bound.`,
		"  tillwarden operator set-days 101 --until 2026-12-31 --as 201", "always", "on any day", daysFlags,
		func(r *api.PeopleRequest) bool { return r.From != "" || r.Until != "" })
}

func (a *app) operatorPlacesCommand() *cobra.Command {
	return a.operatorChange(api.PeopleSetPlaces, "set-places NUMBER --register R... | --everywhere",
		"bind an operator to stores and registers",
		`Elsewhere the operator can neither sign on, nor approve, nor unlock. What is given
replaces what was there; stores and registers are called as in the registers' own
configuration (store, register).`,
		"  tillwarden operator set-places 101 --register 1 --register 2 --as 201", "everywhere", "in every store, at every register", placesFlags,
		func(r *api.PeopleRequest) bool { return len(r.Stores)+len(r.Registers) > 0 })
}

func (a *app) operatorPersonCommand() *cobra.Command {
	var w, second actor
	c := &cobra.Command{
		Use:   "set-person NUMBER PERSON --as NUMBER --with NUMBER",
		Short: "say whose number it is; takes two operators",
		Long: `Two-person rules compare persons, not numbers: nobody approves what another number
of the same person asks for. So it takes two operators of different persons to
change one, and neither may be the person that it was or is to be. The PIN of --as
is asked for first, then that of --with.`,
		Example:           "  tillwarden operator set-person 201 m.jones --as 301 --with 302",
		Args:              exactly("NUMBER", "PERSON"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !w.given() || !second.given() {
				return usagef("operator set-person: --as and --with are needed").hint("it takes two operators who may change others")
			}
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			with, err := a.credentials(second)
			if err != nil {
				return err
			}
			defer wipe(with)
			return a.people(cmd, w, api.PeopleSetPerson, api.PeopleRequest{By: by, With: with, Number: args[0], Person: args[1]})
		},
	}
	asFlag(c, &w)
	c.Flags().StringVar(&second.number, "with", "", "the second operator's `number`; the PIN is asked for")
	return c
}

func (a *app) operatorEnrolCommand() *cobra.Command {
	var w actor
	r := api.PeopleRequest{}
	c := &cobra.Command{
		Use:   "enrol-card NUMBER",
		Short: "enrol the card that is swiped next at this register",
		Long: `The next card that is swiped at the register's reader within 30 seconds becomes
this operator's. Payment cards, licences and cards that somebody has are refused.

--temporary is for who forgot the own card: until midnight, and given by somebody
else. The next day the same card may be given to the next.`,
		Example:           "  tillwarden operator enrol-card 101 --as 201\n  tillwarden operator enrol-card 101 --temporary --as 201",
		Args:              exactly("NUMBER"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := a.credentials(w)
			if err != nil {
				return err
			}
			defer wipe(by)
			a.note("swipe the card of operator %s at the register now", args[0])
			r.By, r.Number = by, args[0]
			return a.people(cmd, w, api.PeopleEnrolCard, r)
		},
	}
	asFlag(c, &w)
	c.Flags().BoolVar(&r.Temporary, "temporary", false, "until midnight")
	return c
}

// sayCard is a card as people read it.
func sayCard(c api.OperatorCard) string {
	s := c.Format + ", enrolled " + c.Enrolled.Local().Format("2006-01-02 15:04")
	if c.Until != nil {
		s += ", until " + c.Until.Local().Format("2006-01-02 15:04")
	}
	return s
}
