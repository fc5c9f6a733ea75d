package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
	"tillwarden/signon"
)

func (a *app) rosterCommand() *cobra.Command {
	c := a.group("roster", "carry operators to the store's other registers",
		`  tillwarden roster export -o /media/usb/roster.twb --as 201
  sudo tillwarden roster apply /media/usb/roster.twb
  tillwarden roster export --revocations -o fired.twb --as 201
  tillwarden roster show`,
		a.rosterExportCommand(), a.rosterSignCommand(), a.rosterApplyCommand(), a.rosterShowCommand())
	c.Long = `Carries operators from the register where they are maintained to the store's other
ones, without a network: on a USB stick, or over ssh. What travels is signed with the
store's key, which each of them needs once (key new-store, key install-store).

An applied roster's operators stand beside a register's own ones, and are changed
where the roster is made; what was done here to them (a new PIN, a card, a suspension)
stays. Each roster has a higher epoch than the one before, and an older one is refused.
A list of revocations is small, and says who may do nothing any more: carry it at once.`
	return c
}

func (a *app) rosterExportCommand() *cobra.Command {
	var w actor
	var out string
	r := api.RosterExport{}
	c := &cobra.Command{
		Use:   "export -o FILE --as NUMBER",
		Short: "write a signed roster, or a list of revocations",
		Long: `Writes all operators who may still work into a signed roster, with the verifiers of
their PINs and cards; temporary cards stay behind. With --revocations it writes who was
terminated, and who is on the list that was applied here.

FILE holds names, and nothing that a PIN or a card could be found out from without the
store's key. Nothing in it is for other stores.`,
		Example: "  tillwarden roster export -o roster.twb --as 201",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" || !w.given() {
				return usagef("roster export: -o FILE and --as are needed").hint("an operator who may add others has to do it")
			}
			if err := notThere(out); err != nil { // before an epoch is spent on it
				return err
			}
			var made *api.RosterExported
			err := a.as(cmd.Context(), w, func(c *api.Client, by *api.Credentials) (err error) {
				r.By = by
				made, err = c.ExportRoster(cmd.Context(), r)
				return err
			})
			if err != nil {
				return err
			}
			if err := createFile(out, made.Bundle, 0o600); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					File      string   `json:"file"`
					Type      string   `json:"type"`
					Epoch     uint64   `json:"epoch"`
					Operators int      `json:"operators"`
					Without   []string `json:"without,omitempty"`
				}{out, made.Type, made.Epoch, made.Operators, made.Without})
			}
			a.say("%s: %s %d, %s", out, made.Type, made.Epoch, count(made.Operators, "operator"))
			if len(made.Without) > 0 {
				a.note("without the PIN or a card of %s: set before this register had the store's key. They sign on here once, or get new ones, and you export again", join(made.Without))
			}
			return nil
		},
	}
	asFlag(c, &w)
	c.Flags().StringVarP(&out, "output", "o", "", "`file` to write; it must not be there yet")
	c.Flags().BoolVar(&r.Revocations, "revocations", false, "the list of revocations, instead of the roster")
	return c
}

// notThere refuses a file that is there.
func notThere(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return refusedf("%s is there already", path).hint("choose another name, or move the old file away")
	}
	return nil
}

func (a *app) rosterSignCommand() *cobra.Command {
	var out string
	var keys []string
	c := &cobra.Command{
		Use:   "sign FILE -o OUT --key KEY",
		Short: "sign what was exported with the chain's key",
		Long: `Writes the roster, or the list of revocations, of FILE anew, signed with the chain's
key, as for a store whose people the chain answers for. What is in it, whom it is for
and its epoch stay. That FILE comes from where it says is not verified here: look at it
with roster show first. Registers apply it if KEY is one of their policy keys; PINs and
cards in it are known where the store's key is.`,
		Example: "  tillwarden roster sign roster.twb -o signed.twb --key chain.key",
		Args:    exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" || len(keys) == 0 {
				return usagef("roster sign: -o OUT and --key KEY are needed").hint("KEY is the one that signs policies")
			}
			if err := notThere(out); err != nil {
				return err
			}
			file, err := readFile(args[0], "the roster")
			if err != nil {
				return err
			}
			m, blob, err := bundle.Content(file)
			if err != nil {
				return refusedf("%s: %w", args[0], err)
			}
			w := rosterFile{File: out}
			if _, err := w.holds(args[0], m, blob); err != nil {
				return err
			}
			signers, err := privateKeys(keys)
			if err != nil {
				return err
			}
			if file, err = bundle.Seal(m, blob, signers...); err != nil {
				return failedf("sealing the roster: %w", err)
			}
			if err := createFile(out, file, 0o600); err != nil {
				return err
			}
			for _, k := range signers {
				w.Signers = append(w.Signers, k.Public().ID())
			}
			if a.json {
				return a.printJSON(w)
			}
			a.say("%s: %s %d of chain %s, store %s, made at %s, signed by %s", out, w.Type, w.Epoch, w.Chain, w.Store, w.MadeAt, join(w.Signers))
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "`file` to write; it must not be there yet")
	c.Flags().StringArrayVar(&keys, "key", nil, "private `key` that signs; may be given more than once")
	return c
}

func (a *app) rosterApplyCommand() *cobra.Command {
	var w actor
	r := api.RosterApply{}
	c := &cobra.Command{
		Use:   "apply FILE",
		Short: "apply a signed roster, or a list of revocations",
		Long: `Applies what was exported at another register: all of it, or nothing. The signature
says that it is the store's, so the technician may apply it without --as. Who is signed
on and may no longer is signed off at once.

A roster is refused where one of its operators has the number of one of this register's
own; --replace-own lets the roster's take their places.`,
		Example: "  sudo tillwarden roster apply roster.twb\n  tillwarden roster apply fired.twb --as 201",
		Args:    exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readFile(args[0], "the roster")
			if err != nil {
				return err
			}
			var done *api.RosterApplied
			err = a.as(cmd.Context(), w, func(c *api.Client, by *api.Credentials) (err error) {
				r.By, r.Name, r.Bundle = by, filepath.Base(args[0]), file
				done, err = c.ApplyRoster(cmd.Context(), r)
				return err
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(done)
			}
			a.applied(done)
			return nil
		},
	}
	asFlag(c, &w)
	c.Flags().BoolVar(&r.ReplaceOwn, "replace-own", false, "the roster's operators take the places of this register's own")
	return c
}

// applied says what was applied.
func (a *app) applied(w *api.RosterApplied) {
	a.say("%s (made at %s)", w.Say, w.MadeAt)
	if w.Type == bundle.TypeRevocations {
		a.say("%s on the list: %d new, %d taken from it", count(len(w.Revoked)+w.Unchanged, "operator"), len(w.Revoked), len(w.Freed))
		if len(w.Revoked) > 0 {
			a.say("may do nothing any more: %s", join(w.Revoked))
		}
		return
	}
	a.say("%d added, %d changed, %d removed, %d as before", w.Added, w.Changed, w.Removed, w.Unchanged)
	if len(w.Terminated) > 0 {
		a.note("terminated here, and stay so: %s", join(w.Terminated))
	}
	if len(w.Foreign) > 0 {
		a.note("cannot use their PIN here, which was made with another store's key: %s", join(w.Foreign))
	}
}

func (a *app) rosterShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE]",
		Short: "show which roster is applied, or what a file holds",
		Long: `Shows which roster and which list of revocations are applied at this register. With
FILE it shows what that file says of itself; nothing of it is verified.`,
		Example: "  tillwarden roster show\n  tillwarden roster show roster.twb",
		Args:    between(0, 1, "FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.showRosterFile(args[0])
			}
			client, err := a.dial(cmd.Context(), api.RoleTechnician, api.RoleConsole)
			if err != nil {
				return err
			}
			s, err := client.Roster(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(s)
			}
			return table(a.out, [][]string{
				{"store key", orDash(s.StoreKey)},
				{"own operators", fmt.Sprint(s.Own)},
				{"of the roster", fmt.Sprint(s.OfRoster)},
				{"roster", sayBundle(s.Roster)},
				{"revocations", sayBundle(s.Revocations)},
				{"revoked", fmt.Sprint(s.Revoked)},
			})
		},
	}
}

func sayBundle(b *api.AppliedBundle) string {
	if b == nil {
		return "none applied"
	}
	return fmt.Sprintf("%d, made at %s, applied %s", b.Epoch, b.MadeAt, b.Applied.Local().Format("2006-01-02 15:04"))
}

// rosterFile is what a file says of itself.
type rosterFile struct {
	File      string           `json:"file"`
	Type      string           `json:"type"`
	Chain     string           `json:"chain"`
	Store     string           `json:"store"`
	Epoch     uint64           `json:"epoch"`
	MadeAt    string           `json:"made_at"`
	Signers   []string         `json:"signers"`
	Operators []rosterFileLine `json:"operators,omitempty"`
	Revoked   []string         `json:"revoked,omitempty"`
}

type rosterFileLine struct {
	Number     string   `json:"number"`
	Name       string   `json:"name"`
	WorkGroups []string `json:"work_groups"`
	HasPIN     bool     `json:"has_pin"`
	Cards      int      `json:"cards"`
	Suspended  bool     `json:"suspended,omitempty"`
}

func (a *app) showRosterFile(path string) error {
	file, err := readFile(path, "the roster")
	if err != nil {
		return err
	}
	m, signers, err := bundle.Inspect(file)
	if err != nil {
		return refusedf("%s: %w", path, err)
	}
	_, blob, _ := bytes.Cut(file, []byte("\n"))
	w := rosterFile{File: path, Signers: signers}
	rows, err := w.holds(path, m, blob)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(w)
	}
	a.say("%s %d of chain %s, store %s, made at %s (not verified)", w.Type, w.Epoch, w.Chain, w.Store, w.MadeAt)
	if m.Type == bundle.TypeRevocations {
		a.say("may do nothing any more: %s", orDash(join(w.Revoked)))
		return nil
	}
	return table(a.out, rows)
}

// holds takes in what the bundle of people at path holds, and gives its operators as a
// table.
func (w *rosterFile) holds(path string, m bundle.Manifest, blob []byte) (rows [][]string, err error) {
	w.Type, w.Chain, w.Store, w.Epoch = m.Type, m.Chain, m.Store, m.Epoch
	switch m.Type {
	case bundle.TypeRoster:
		r, err := signon.ParseRoster(blob)
		if err != nil {
			return nil, refusedf("%s: %w", path, err)
		}
		w.MadeAt = r.MadeAt
		rows = [][]string{{"NUMBER", "NAME", "PIN", "CARDS", "WORK GROUPS"}}
		for _, o := range r.Summaries() {
			w.Operators = append(w.Operators, rosterFileLine(o))
			rows = append(rows, []string{o.Number, cut(o.Name, 24), yesNo(o.HasPIN), fmt.Sprint(o.Cards), cut(join(o.WorkGroups), 36)})
		}
	case bundle.TypeRevocations:
		r, err := signon.ParseRevocations(blob)
		if err != nil {
			return nil, refusedf("%s: %w", path, err)
		}
		w.MadeAt = r.MadeAt
		for _, o := range r.Revoked {
			w.Revoked = append(w.Revoked, o.Number)
		}
	default:
		return nil, refusedf("%s is a %s, and neither a roster nor a list of revocations", path, m.Type).hint("tillwarden policy inspect shows it")
	}
	return rows, nil
}
