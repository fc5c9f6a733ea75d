package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/bundle"
)

var anyRole = []api.Role{api.RoleConsole, api.RoleTechnician, api.RolePOS}

func (a *app) statusCommand() *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "status",
		Short: "how the register is: policy, session, drawers, devices",
		Long: `Exits with 1 where something that a drawer needs is missing; tillwarden doctor
says what to do.

With --wait-idle it shows nothing, and waits until nothing is under way that a
restart of the daemon would come in between of: a receipt that is printed, a
pending override, a card that waits for its PIN. It exits with 1 where that is
still so after this time.`,
		Example: "  tillwarden status\n  tillwarden status --json\n  tillwarden status --wait-idle 30s && systemctl restart tillwardend",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), anyRole...)
			if err != nil {
				return err
			}
			if wait > 0 {
				return a.waitIdle(cmd.Context(), client, wait)
			}
			s, err := client.Status(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				if err := a.printJSON(s); err != nil {
					return err
				}
			} else if err := a.showStatus(s); err != nil {
				return err
			}
			if s.State != "ready" {
				return said(exitRefused)
			}
			return nil
		},
	}
	c.Flags().DurationVar(&wait, "wait-idle", 0, "wait until nothing is under way, for at most this `long`, as 30s")
	return c
}

// idlePause is how often the register is asked whether it is idle now.
const idlePause = 250 * time.Millisecond

// waitIdle waits until nothing is under way at the register.
func (a *app) waitIdle(ctx context.Context, client *api.Client, limit time.Duration) error {
	end := time.NewTimer(limit)
	defer end.Stop()
	for {
		s, err := client.Status(ctx)
		if err != nil {
			return err
		}
		if len(s.Busy) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end.C:
			return refusedf("still busy after %s: %s", limit, join(s.Busy))
		case <-time.After(idlePause):
		}
	}
}

func (a *app) showStatus(s *api.Status) error {
	rows := [][]string{
		{"register", fmt.Sprintf("%s, store %s, %s", s.Register, s.Store, s.Chain)},
		{"state", fmt.Sprintf("%s, up %s, version %s", s.State, seconds(s.Uptime), s.Version)},
		{"policy", "none: nothing is allowed"},
		{"session", "nobody is signed on"},
	}
	if s.Mode != nil {
		rows = append(rows, []string{"mode", strings.ToUpper(s.Mode.Mode) + strings.TrimPrefix(modeWords(s.Mode), s.Mode.Mode)})
	}
	if p := s.Policy; p != nil {
		rows[2][1] = fmt.Sprintf("epoch %d, %d functions, %.12s", p.Epoch, p.Functions, p.Digest)
	}
	if n := s.Session; n != nil {
		rows[3][1] = fmt.Sprintf("%s %s, by %s, since %s", n.Operator, n.Name, n.Method, n.Began.Local().Format("15:04"))
		if n.Locked {
			rows[3][1] += ", locked"
		}
		if n.FellBack {
			rows[3][1] += ", a manager's rights wait for the own PIN"
		}
	}
	if o := s.Override; o != nil {
		rows = append(rows, []string{"override", fmt.Sprintf("%d pending: %s, asked by %s, for %s more", o.ID, o.Prompt, o.Requester, seconds(o.ExpiresIn))})
	}
	for _, b := range s.Busy {
		rows = append(rows, []string{"busy", b})
	}
	if s.Operators != nil {
		rows = append(rows, []string{"operators", fmt.Sprint(*s.Operators)})
	}
	if j := s.Journal; j != nil {
		rows = append(rows, []string{"journal", fmt.Sprintf("%d entries, %s, %s", j.Last, megabytes(j.Bytes), j.State)})
	}
	for _, d := range s.Drawers {
		rows = append(rows, []string{"drawer", drawerWords(&d)})
	}
	for _, d := range s.Devices {
		rows = append(rows, []string{d.Kind, deviceWords(&d)})
	}
	for _, p := range s.Problems {
		rows = append(rows, []string{"problem", p})
	}
	switch {
	case notSetUp(s):
		rows = append(rows, []string{"next", nextSetUp})
	case s.Policy == nil && policyKeys(s) != "":
		rows = append(rows, []string{"next", nextKeys})
	case s.Policy == nil:
		rows = append(rows, []string{"next", nextPolicy})
	case len(s.Problems) > 0:
		rows = append(rows, []string{"next", "tillwarden doctor says what to do"})
	}
	return table(a.out, rows)
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

func drawerWords(d *api.Drawer) string {
	s := d.Name + ": " + d.State
	switch {
	case d.NoSensor:
		s += ", no sensor"
	case !d.Calibrated:
		s += ", sensor not calibrated"
	}
	if d.Ready {
		return s + ", ready"
	}
	return s + ", not ready: " + d.Problem
}

func deviceWords(d *api.Device) string {
	s := d.Name + ": " + d.State
	if d.Problem != "" {
		s += ", " + d.Problem
	}
	return s
}

func (a *app) watchCommand() *cobra.Command {
	var after int64
	c := &cobra.Command{
		Use:   "watch",
		Short: "show what happens, as it happens",
		Long: `Shows each event as it happens, until interrupted. When the daemon restarts, it
goes on where it ended. --after N begins after journal entry N.`,
		Example: "  tillwarden watch",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			client, err := a.dial(ctx, anyRole...)
			if err != nil {
				return err
			}
			var last *api.Seq
			if after >= 0 {
				n := api.Seq(after)
				last = &n
			}
			lost := false
			for {
				err := client.Events(ctx, last, func(e *api.Event) error {
					lost = false
					seq := e.Seq
					last = &seq
					if a.json {
						return a.printLine(e)
					}
					say := e.Say
					if say == "" {
						say = about(&e.Entry)
					}
					a.say("%s  %-12s %s", e.Time.Local().Format("15:04:05"), e.Kind, say)
					return nil
				})
				if ctx.Err() != nil {
					return nil
				}
				if err != nil && !errors.Is(err, &api.Error{Code: api.CodeUnreachable}) {
					return err
				}
				if err != nil && !lost {
					lost = true
					a.note("the daemon is gone; waiting for it")
				}
				if !pause(ctx, time.Second) {
					return nil
				}
			}
		},
	}
	c.Flags().Int64Var(&after, "after", -1, "begin after journal entry `N`")
	return c
}

// pause waits, and reports whether it was not interrupted.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (a *app) menuCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "menu",
		Short:   "list what the signed-on operator may run without an override",
		Example: "  tillwarden menu",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), anyRole...)
			if err != nil {
				return err
			}
			m, err := client.Menu(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(m)
			}
			rows := [][]string{{"ID", "FUNCTION", "NAME", "WITHIN"}}
			for _, i := range m.Items {
				rows = append(rows, []string{fmt.Sprint(i.ID), i.Function, i.Name, sayWithin(i.Within)})
			}
			return table(a.out, rows)
		},
	}
}

func (a *app) loadCommand() *cobra.Command {
	var w actor
	c := &cobra.Command{
		Use:   "load FILE",
		Short: "load a signed policy, or a mode that the chain has signed",
		Long: `Hands a bundle of tillwarden policy compile to the daemon. It loads only with a
signature that the register knows, for its chain and store, and with a higher
epoch than any before; a bad one changes nothing, and is journaled.

An authorisation of tillwarden mode sign begins its mode, and needs nobody else.`,
		Example: "  tillwarden load policy.twb     # or: tillwarden policy load policy.twb",
		Args:    exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, err := readFile(args[0], "the bundle")
			if err != nil {
				return err
			}
			kind := bundle.TypePolicy
			if m, _, err := bundle.Inspect(file); err == nil {
				kind = m.Type // the daemon verifies it
			}
			var answer *api.LoadAnswer
			err = a.as(cmd.Context(), w, func(c *api.Client, by *api.Credentials) (err error) {
				answer, err = c.Load(cmd.Context(), api.LoadRequest{Type: kind, Name: filepath.Base(args[0]), Bundle: file, By: by})
				return err
			})
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(answer)
			}
			a.say("%s", answer.Say)
			return nil
		},
	}
	asFlag(c, &w)
	return c
}

func (a *app) devicesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "devices",
		Short:   "list printers, drawers on lines of their own, readers and keypads",
		Example: "  tillwarden devices",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.dial(cmd.Context(), api.RoleTechnician, api.RoleConsole)
			if err != nil {
				return err
			}
			d, err := client.Devices(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(d)
			}
			rows := [][]string{{"NAME", "KIND", "STATE", "SINCE", "PATH", "PROBLEM"}}
			for i := range d.Devices {
				v := &d.Devices[i]
				since := "-"
				if v.Since != nil {
					since = v.Since.Local().Format("01-02 15:04:05")
				}
				rows = append(rows, []string{v.Name, v.Kind, v.State, since, orDash(v.Path), orDash(v.Problem)})
			}
			return table(a.out, rows)
		},
	}
}

// stdinLine waits for Enter, where people are asked to do something.
func (a *app) stdinLine(prompt string) error {
	if _, ok := a.terminal(); ok {
		fmt.Fprintf(a.err, "%s, then press Enter ", prompt)
	} else {
		a.note("%s; then a line on standard input", prompt)
	}
	read := make(chan error, 1)
	go func() {
		_, err := a.lines.read(a.in)
		read <- err
	}()
	var err error
	select {
	case err = <-read:
	case <-a.ctx.Done():
		return a.ctx.Err()
	}
	if err != nil {
		return usagef("nobody confirmed it on standard input").hint("without a terminal, use --now closed and --now open")
	}
	return nil
}
