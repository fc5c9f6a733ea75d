package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// toldFlags tell the size of what is asked for.
type toldFlags struct {
	amount, count uint64
	percent       float64
}

func (t *toldFlags) add(c *cobra.Command) {
	c.Flags().Uint64Var(&t.amount, "amount", 0, "the `amount`, in the smallest unit of the currency: 49.99 is 4999")
	c.Flags().Float64Var(&t.percent, "percent", 0, "the `percent`, as 10 or 12.5")
	c.Flags().Uint64Var(&t.count, "count", 0, "how `often` it is done at once; once, where it is not given")
}

// told is what was told: a flag that is not given tells nothing.
func (t *toldFlags) told(c *cobra.Command) (out api.Told) {
	if c.Flags().Changed("amount") {
		out.Amount = &t.amount
	}
	if c.Flags().Changed("percent") {
		out.Percent = &t.percent
	}
	if c.Flags().Changed("count") {
		out.Count = &t.count
	}
	return out
}

// whenFlags say what limits are held against.
type whenFlags struct {
	toldFlags
	at, register string
}

func (w *whenFlags) add(c *cobra.Command) {
	w.toldFlags.add(c)
	c.Flags().Lookup("count").Usage = "how `often` in the session, this time included; the first, where it is not given"
	c.Flags().StringVar(&w.at, "at", "", "the `time` of the week, as \"mon 21:00\"")
	c.Flags().StringVar(&w.register, "register", "", "the `register`, by its configured name")
}

// values are what was given, and whether anything was.
func (w *whenFlags) values(c *cobra.Command) (v policy.Values, told bool, err error) {
	t := w.told(c)
	if err := t.Check(); err != nil {
		return v, false, usagef("%w", err)
	}
	told = t != (api.Told{}) || w.at != "" || w.register != ""
	v.Uses, v.Register = policy.Tell(1), w.register
	e := t.Entry()
	if e == nil {
		e = new(entry.Told)
	}
	for _, x := range []struct {
		n    *uint64
		into *policy.Told
	}{{e.Amount, &v.Amount}, {e.Percent, &v.Percent}, {e.Count, &v.Uses}} {
		if x.n != nil {
			*x.into = policy.Tell(*x.n)
		}
	}
	if w.at != "" {
		m, err := week.ParseMoment(w.at)
		if err != nil {
			return v, false, usagef("--at: %w", err)
		}
		v.At = []week.Moment{m}
	}
	return v, told, nil
}

// sayTold is what was told in a few words.
func sayTold(t api.Told) string {
	var parts []string
	if t.Amount != nil {
		parts = append(parts, fmt.Sprintf("amount %d", *t.Amount))
	}
	if t.Percent != nil {
		parts = append(parts, strconv.FormatFloat(*t.Percent, 'f', -1, 64)+" %")
	}
	if t.Count != nil {
		parts = append(parts, fmt.Sprintf("count %d", *t.Count))
	}
	return strings.Join(parts, ", ")
}

// sayLimit is a limit of a work group in a few words.
func sayLimit(l *api.Limit) string {
	s := "within that"
	if l.Part != "" {
		s = l.Part
		if l.Most > 0 {
			s += " of " + strconv.FormatFloat(l.Most, 'f', -1, 64)
		}
	}
	if l.Function != "" {
		s += " at " + l.Function
	}
	s += " of " + l.WorkGroup
	if l.Uses > 0 {
		s += fmt.Sprintf(" (number %d in the session)", l.Uses)
	}
	return s
}

// sayWithin is how far something is given; empty where it has no limit.
func sayWithin(limits []api.MenuLimit) string {
	all := make([]string, len(limits))
	for n, l := range limits {
		var parts []string
		if l.Amount > 0 {
			parts = append(parts, fmt.Sprintf("amount %d", l.Amount))
		}
		if l.Percent > 0 {
			parts = append(parts, strconv.FormatFloat(l.Percent, 'f', -1, 64)+" %")
		}
		if l.Count > 0 {
			parts = append(parts, fmt.Sprintf("%d a session", l.Count))
		}
		if l.Hours != "" {
			parts = append(parts, l.Hours)
		}
		if l.Registers != "" {
			parts = append(parts, "registers "+l.Registers)
		}
		all[n] = strings.Join(parts, ", ")
	}
	return strings.Join(all, "; or ")
}
