package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/devices/escpos"
	"tillwarden/devices/printer"
	"tillwarden/devices/record"
)

// defaultConfigFile is the daemon's configuration.
const defaultConfigFile = "/etc/tillwarden/tillwarden.toml"

func (a *app) printerProfileCommand() *cobra.Command {
	var flags dialectFlags
	var config, name string
	c := &cobra.Command{
		Use:   "profile FILE...",
		Short: "what each kick of recorded jobs would be for, and by which rule",
		Long: `Reads recorded jobs and says for each kick which purpose it would get: that of a
rule of the print profile, of its receipt, or none. The rules are those of a
printer in the daemon's configuration; without one (--config "") the default ones.
Times between jobs are those of the record; bare bytes come all at once.`,
		Example: `  tillwarden printer profile monday.rec
  tillwarden printer profile --config ./till.toml --printer receipt job.bin`,
		Args: atLeast("FILE"),
		RunE: func(cmd *cobra.Command, files []string) error {
			rules, configured, err := profileRules(config, name, cmd.Flags().Changed("config"))
			if err != nil {
				return err
			}
			if flags.dialect == "" {
				flags.dialect = configured
			}
			rows := []kickRow{}
			for _, file := range files {
				found, err := a.profileFile(&flags, rules, file)
				if err != nil {
					return err
				}
				rows = append(rows, found...)
			}
			if a.json {
				return a.printJSON(struct {
					Kicks []kickRow `json:"kicks"`
				}{rows})
			}
			if len(rows) == 0 {
				a.say("no kicks")
				return nil
			}
			cells := [][]string{{"FILE", "JOB", "OFFSET", "DRAWER", "PURPOSE", "FUNCTION", "BY", "LINES"}}
			for _, r := range rows {
				cells = append(cells, []string{
					r.File, fmt.Sprint(r.Job), fmt.Sprintf("%08x", r.Offset), fmt.Sprint(r.Drawer), r.Purpose, r.Function, orDash(r.Rule), fmt.Sprint(r.Lines),
				})
			}
			return table(a.out, cells)
		},
	}
	flags.add(c)
	c.Flags().StringVar(&config, "config", defaultConfigFile, "the daemon's configuration `file`; empty for the default rules")
	c.Flags().StringVar(&name, "printer", "", "which `printer` of it; the first unless given")
	_ = c.RegisterFlagCompletionFunc("printer", func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c, err := daemon.LoadConfig(config)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return printersOf(c), cobra.ShellCompDirectiveNoFileComp
	})
	return c
}

// kickRow is one kick with its purpose.
type kickRow struct {
	File   string `json:"file"`
	Job    int    `json:"job"`
	Offset int64  `json:"offset"`
	Drawer int    `json:"drawer"`
	// Purpose is "profile", "receipt", "unproven", "none".
	Purpose  string `json:"purpose"`
	Function string `json:"function"`
	// Rule is what decided: a rule of the profile, or the receipt.
	Rule  string `json:"rule,omitempty"`
	Lines uint32 `json:"lines"`
}

// profileRules are those of a configured printer.
func profileRules(file, name string, asked bool) (rules printer.Rules, dialect string, err error) {
	if file == "" {
		return rules, "", nil
	}
	c, err := daemon.LoadConfig(file)
	if err != nil {
		if !asked {
			return rules, "", failedf("read the print profile: %w", err).hint(`name the configuration with --config FILE, or take the default rules: --config ""`)
		}
		return rules, "", failedf("read the print profile: %w", err)
	}
	for i := range c.Printers {
		if p := &c.Printers[i]; name == "" || p.Name == name {
			rules, err = p.Rules()
			return rules, p.Dialect, err
		}
	}
	if name == "" {
		return rules, "", nil
	}
	return rules, "", usagef("%s has no printer %q", file, name).hint("there are: %s", join(printersOf(c)))
}

func printersOf(c *daemon.Config) []string {
	var names []string
	for i := range c.Printers {
		names = append(names, c.Printers[i].Name)
	}
	return names
}

func (a *app) profileFile(flags *dialectFlags, rules printer.Rules, file string) ([]kickRow, error) {
	in, err := a.open(file)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var (
		filter   *escpos.Filter
		purposes *printer.Purposes
		rows     []kickRow
		waiting  []kickRow // as they came, until they have their purpose
		now      time.Duration
		job      int
	)
	// A kick is told from another by its time of arrival and its drawer: each is
	// given one of its own.
	settle := func() {
		for _, r := range purposes.Take(now) {
			if r.Outcome != printer.Decide {
				continue
			}
			for i, w := range waiting {
				if uint64(w.Offset+1) == r.Kick.Generation {
					w.Purpose, w.Function, w.Rule, w.Lines = r.Kick.Purpose.String(), r.Kick.Function, r.Kick.Claimant, r.Kick.Lines
					rows = append(rows, w)
					waiting = append(waiting[:i], waiting[i+1:]...)
					break
				}
			}
			purposes.Opened(r.Kick.Drawer, 0, now)
		}
	}
	segment := func(s *escpos.Segment) {
		switch {
		case s.Kind == escpos.Kick:
			waiting = append(waiting, kickRow{File: file, Job: job, Offset: s.Offset, Drawer: s.Drawer})
			purposes.Kick(printer.Kick{Drawer: connectorName(s.Drawer), Generation: uint64(s.Offset + 1)}, now)
		case s.Forwarded():
			purposes.Print(s, now)
		}
		settle()
	}
	err = stream(in, func(recorded string) error {
		d, err := flags.choose(recorded)
		if err != nil {
			return err
		}
		filter = escpos.NewFilter(d)
		purposes, err = printer.NewPurposes(rules, nil)
		return err
	}, func(p record.Piece) error {
		now = max(now, p.Time())
		settle()
		if p.Breaks(job) {
			filter.Idle(segment)
		}
		if len(p.Bytes) > 0 {
			job = p.Job
		}
		filter.Feed(p.Bytes, segment)
		return nil
	})
	if err != nil {
		return nil, streamError(err)
	}
	filter.Idle(segment)
	now += 2 * time.Second
	settle()
	return rows, nil
}
