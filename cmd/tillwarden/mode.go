package main

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
)

func (a *app) modeCommand() *cobra.Command {
	c := a.group("mode", "enforcing, monitor mode and break-glass",
		`  tillwarden mode show
  tillwarden mode monitor --for 14d --reason "moving in" --as 201 --with 202
  tillwarden mode enforce --as 201`,
		a.modeShowCommand(), a.modeMonitorCommand(), a.modeBreakGlassCommand(), a.modeEnforceCommand(),
		a.modeReportCommand(), a.modeCodesCommand(), a.modeSignCommand())
	c.Long = `A register enforces: the policy alone decides. For a limited time two persons may
begin another mode. In monitor mode what the policy refuses is let through,
journaled and counted. In break-glass drawers open for sales and printing passes,
whatever the policy and the printer's dialect say.

A mode ends by itself when its time is up, and the register enforces again.
Signing on, approving, people, the policy and protected functions are decided as
ever in every mode.`
	return c
}

// span is a flag for how long, with days: 14d, 36h, 90m.
type span time.Duration

func (s *span) Type() string { return "long" }

func (s *span) String() string {
	if *s == 0 {
		return ""
	}
	return api.SayLeft(time.Duration(*s))
}

func (s *span) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no number of days", text)
		}
		*s = span(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is no time: write it as 14d, 36h or 90m", text)
	}
	*s = span(d)
	return nil
}

// modeWords is a mode in a line.
func modeWords(m *api.Mode) string {
	if m.Mode == "enforce" {
		return "enforcing: the policy alone decides"
	}
	s := fmt.Sprintf("%s, %s left", m.Mode, api.SayLeft(time.Duration(m.Left*float64(time.Second))))
	if len(m.Functions) > 0 {
		s += ", of " + join(m.Functions)
	}
	if m.Reason != "" {
		s += ": " + m.Reason
	}
	return s
}

func (a *app) modeShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   "show the mode, who began it, and how long it lasts",
		Example: "  tillwarden mode show",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), anyRole...)
			if err != nil {
				return err
			}
			m, err := client.Mode(cmd.Context())
			if err != nil {
				return err
			}
			return a.showMode(m)
		},
	}
}

func (a *app) showMode(m *api.Mode) error {
	if a.json {
		return a.printJSON(m)
	}
	rows := [][]string{{"mode", modeWords(m)}}
	if m.By != "" {
		with := m.With
		if with == "" {
			with = "a sealed code"
		}
		rows = append(rows, []string{"begun by", m.By + " and " + with})
	}
	if m.Seq > 0 {
		rows = append(rows, []string{"journal", fmt.Sprintf("entry %d", m.Seq)})
	}
	if m.Codes > 0 {
		rows = append(rows, []string{"codes", fmt.Sprintf("%d one-time codes for break-glass are left", m.Codes)})
	}
	if m.Total > 0 {
		spent, total := time.Duration(m.Spent*float64(time.Second)), time.Duration(m.Total*float64(time.Second))
		rows = append(rows, []string{"monitor mode", fmt.Sprintf("%s of %s used up by this installation", api.SayLeft(spent), api.SayLeft(total))})
	}
	return table(a.out, rows)
}

// modeFlags are what beginning a mode takes.
type modeFlags struct {
	by, with actor
	code     bool
	how      span
	r        api.ModeRequest
}

func (f *modeFlags) add(c *cobra.Command) {
	asFlag(c, &f.by)
	c.Flags().StringVar(&f.with.number, "with", "", "operator `number` of the second person; the PIN is asked for")
	c.Flags().Var(&f.how, "for", "for how `long`, as 14d, 36h or 90m")
	c.Flags().StringVar(&f.r.Reason, "reason", "", "`why`; it goes to the journal")
}

const twoPersons = `

It takes two different persons who may: --as and --with, whose PINs are asked for
one after the other. Without a terminal they are read from standard input, one a
line. "card" instead of a number is the card that is swiped next at the register's
reader: where the site asks for cards, a number is not enough.`

// byCard stands for a number: the card that is swiped next.
const byCard = "card"

// person asks for the PIN of one of those who change the mode; nil: nobody is named.
func (a *app) person(w actor) (*api.Person, error) {
	switch w.number {
	case "":
		return nil, nil
	case byCard:
		pin, err := a.askPIN("whose card it is")
		return &api.Person{Credentials: api.Credentials{PIN: pin}, Card: true}, err
	}
	c, err := a.credentials(w)
	if err != nil {
		return nil, err
	}
	return &api.Person{Credentials: *c}, nil
}

// askSwipes says that cards are waited for, in the order in which they are named.
func (a *app) askSwipes(persons ...*api.Person) {
	n := 0
	for _, p := range persons {
		if p != nil && p.Card {
			n++
		}
	}
	switch n {
	case 1:
		a.note("swipe the card at the register now")
	case 2:
		a.note("swipe the first card at the register now, and then the other")
	}
}

func wipePersons(persons ...*api.Person) {
	for _, p := range persons {
		if p != nil {
			p.PIN.Wipe()
		}
	}
}

// request asks for both PINs.
func (a *app) modeRequest(f *modeFlags, verb string) error {
	switch {
	case f.r.Reason == "":
		return usagef("mode %s: --reason is missing", verb).hint("say why; it goes to the journal")
	case f.r.SetUp && (f.by.given() || f.with.given()):
		return usagef("mode %s: --set-up needs nobody: leave --as and --with out", verb)
	case f.code && f.with.given():
		return usagef("mode %s: say either --with or --code", verb)
	case !f.r.SetUp && (!f.by.given() || !f.with.given() && !f.code):
		return usagef("mode %s: two persons are needed: --as NUMBER --with NUMBER", verb)
	}
	// Here already: nobody types two PINs for nothing.
	if err := enforcer.CheckWhy(strings.TrimSpace(f.r.Reason)); err != nil {
		return usagef("mode %s: --reason: %w", verb, err)
	}
	f.r.Seconds = time.Duration(f.how).Seconds()
	var err error
	if f.r.By, err = a.person(f.by); err != nil {
		return err
	}
	if f.code {
		f.r.Code, err = a.askSecret("one-time code", "a one-time code is 12 letters and digits; it is read after the PIN")
		return err
	}
	f.r.With, err = a.person(f.with)
	return err
}

func (f *modeFlags) wipe() {
	wipePersons(f.r.By, f.r.With)
	f.r.Code.Wipe()
}

func (a *app) modeMonitorCommand() *cobra.Command {
	f := modeFlags{how: span(api.MaxMonitor)}
	c := &cobra.Command{
		Use:   "monitor --reason WHY --as NUMBER --with NUMBER",
		Short: "let through, and journal, what the policy refuses",
		Long: `For a limited time what the policy refuses is let through, and the journal has it
as a refusal that monitor mode let through. Say --function to monitor single
functions only; what else is refused stays refused.

An installation has 14 days of monitor mode in all.` + twoPersons,
		Example: `  tillwarden mode monitor --for 14d --reason "moving in" --as 201 --with 202
  tillwarden mode monitor --for 2d --reason "new rules" \
      --function pos.till.paidout --as 201 --with 202`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer f.wipe()
			if err := a.modeRequest(&f, "monitor"); err != nil {
				return err
			}
			client, err := a.dialFor(cmd.Context(), f.by)
			if err != nil {
				return err
			}
			a.askSwipes(f.r.By, f.r.With)
			answer, err := client.Monitor(cmd.Context(), f.r)
			if err != nil {
				return err
			}
			return a.modeAnswer(answer)
		},
	}
	f.add(c)
	c.Flags().StringArrayVar(&f.r.Functions, "function", nil, "only this function's `key`; may be given more than once")
	c.Flags().BoolVar(&f.r.SetUp, "set-up", false, "for the technician who sets the register up: without two persons, once, before anybody has signed on")
	_ = c.RegisterFlagCompletionFunc("function", func(cmd *cobra.Command, _ []string, word string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return a.completeFunction(cmd, nil, word)
	})
	return c
}

func (a *app) modeBreakGlassCommand() *cobra.Command {
	f := modeFlags{how: span(api.MaxBreakGlass)}
	c := &cobra.Command{
		Use:   "break-glass --reason WHY --as NUMBER --with NUMBER",
		Short: "open drawers for sales, whatever the policy says",
		Long: `For 4 hours at most drawers open for sales whatever the policy says, also where
nobody can sign on. Everything is journaled, and shown at the register. Openings
that are no sales are decided as ever.` + twoPersons + `

Where there is one person, a code of the sealed list counts as the second: --code
instead of --with (tillwarden mode codes makes the list).`,
		Example: `  tillwarden mode break-glass --reason "reader is broken" --as 201 --with 202
  tillwarden mode break-glass --reason "the reader is broken" --as 201 --code`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			defer f.wipe()
			if err := a.modeRequest(&f, "break-glass"); err != nil {
				return err
			}
			client, err := a.dialFor(cmd.Context(), f.by)
			if err != nil {
				return err
			}
			a.askSwipes(f.r.By, f.r.With)
			answer, err := client.BreakGlass(cmd.Context(), f.r)
			if err != nil {
				return err
			}
			return a.modeAnswer(answer)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.code, "code", false, "a one-time code of the sealed list instead of a second person; it is asked for")
	return c
}

// The form of one-time codes: 60 bits, of an alphabet without what is taken for
// something else, in three groups.
const (
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeGroup    = 4
	codeGroups   = 3
)

func newCode() api.Secret {
	var random [codeGroup * codeGroups]byte
	_, _ = rand.Read(random[:]) // never fails
	var code api.Secret
	for i, b := range random {
		if i > 0 && i%codeGroup == 0 {
			code = append(code, '-')
		}
		code = append(code, codeAlphabet[b%byte(len(codeAlphabet))])
	}
	return code
}

func (a *app) modeCodesCommand() *cobra.Command {
	var by, with actor
	var r api.CodesRequest
	n := 10
	c := &cobra.Command{
		Use:   "codes --as NUMBER --with NUMBER",
		Short: "make a list of one-time codes for break-glass, shown once",
		Long: `Makes one-time codes, and writes them on standard output this once: print them, and
seal the sheet in an envelope that lies in the safe. With one of them break-glass
needs one person instead of two. The register keeps only what they are checked
against, and a new list makes every older one void.` + twoPersons + `

While the register is set up, before anybody has signed on, the technician makes
the first list with --set-up.`,
		Example: "  tillwarden mode codes --as 201 --with 202 | lp\n  tillwarden mode codes --set-up",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if n < 1 || n > 50 {
				return usagef("mode codes: --count is not between 1 and 50")
			}
			if r.SetUp == (by.given() && with.given()) || r.SetUp && (by.given() || with.given()) {
				return usagef("mode codes: two persons are needed: --as NUMBER --with NUMBER")
			}
			var err error
			defer func() { wipePersons(r.By, r.With) }()
			if r.By, err = a.person(by); err != nil {
				return err
			}
			if r.With, err = a.person(with); err != nil {
				return err
			}
			for range n {
				r.Codes = append(r.Codes, newCode())
			}
			client, err := a.dialFor(cmd.Context(), by)
			if err != nil {
				return err
			}
			a.askSwipes(r.By, r.With)
			done, err := client.MakeCodes(cmd.Context(), r)
			if err != nil {
				return err
			}
			if a.json {
				codes := make([]string, n)
				for i, c := range r.Codes {
					codes[i] = string(c)
				}
				return a.printJSON(map[string]any{"codes": codes})
			}
			a.say("Break-glass codes, each good once. Keep this sheet sealed.\n")
			for i, c := range r.Codes {
				a.say("%3d  %s  used on ____________ by ____________", i+1, string(c))
			}
			a.say("\ntillwarden mode break-glass --as NUMBER --code --reason WHY")
			a.note("%s", done.Say)
			return nil
		},
	}
	asFlag(c, &by)
	c.Flags().StringVar(&with.number, "with", "", "operator `number` of the second person; the PIN is asked for")
	c.Flags().IntVar(&n, "count", n, "how `many`, at most 50")
	c.Flags().BoolVar(&r.SetUp, "set-up", false, "for the technician who sets the register up, before anybody has signed on")
	return c
}

func (a *app) modeEnforceCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:     "enforce",
		Short:   "end the mode: the policy alone decides again",
		Long:    "The technician needs nobody for this; at the console an operator who may is named\nwith --as, or --as card.",
		Example: "  tillwarden mode enforce\n  tillwarden mode enforce --as 201",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			by, err := a.person(w)
			if err != nil {
				return err
			}
			defer wipePersons(by)
			client, err := a.dialFor(cmd.Context(), w)
			if err != nil {
				return err
			}
			a.askSwipes(by)
			answer, err := client.EndMode(cmd.Context(), api.EndModeRequest{By: by})
			if err != nil {
				return err
			}
			return a.modeAnswer(answer)
		},
	}
	asFlag(c, &w)
	return c
}

func (a *app) modeAnswer(w *api.ModeAnswer) error {
	if a.json {
		return a.printJSON(w)
	}
	a.say("%s", w.Say)
	if w.Mode.Left > 0 {
		a.say("%s left; tillwarden mode enforce ends it", api.SayLeft(time.Duration(w.Mode.Left*float64(time.Second))))
	}
	return nil
}
