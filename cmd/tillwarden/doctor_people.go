package main

import (
	"context"
	"slices"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/enforcer/policy"
)

// mayAdd is the function that lets somebody add operators.
const mayAdd = "backoffice.operator.add"

// may reports whether somebody with these work groups may do a function without anybody
// else.
func may(p *policy.Compiled, groups []string, key string) bool {
	i, ok := p.Lookup(key)
	return ok && p.Explain(groups, i).Access == policy.Allowed
}

// examinePeople looks at what the operators can do for each other at this register: let
// others in, and approve. Who may not see them, or has no configuration to read, is told
// nothing.
func examinePeople(ctx context.Context, d *doctor, client *api.Client, c *daemon.Config) {
	if c == nil {
		return
	}
	p, _, err := loadedBy(ctx, client)
	if err != nil {
		return
	}
	list, err := client.Operators(ctx, api.PeopleRequest{})
	if err != nil {
		return
	}
	var there []api.Operator
	for _, o := range list.Operators {
		if !o.Suspended && !o.Terminated {
			there = append(there, o)
		}
	}
	if len(there) == 0 {
		return // that nobody can sign on is said
	}
	elsewhere := slices.ContainsFunc(there, func(o api.Operator) bool { return o.Roster != 0 })
	if !elsewhere && !slices.ContainsFunc(there, func(o api.Operator) bool { return may(p, o.WorkGroups, mayAdd) }) {
		d.problem("operators", "bring a roster here (tillwarden roster apply FILE); or begin anew with people: stop tillwardend, move "+c.State+"/roster.db away, sudo tillwarden setup",
			"none of them may add others, or change anything about them")
	}
	examineApprovers(d, c, p, there)
	examineTimeClock(d, c, p, there)
}

// The functions that a time clock takes.
const (
	mayPunch    = "pos.time.punch"
	needNoPunch = "pos.clockin.notrequired"
	maySend     = "pos.forcedbreak"
)

// examineTimeClock looks at who is kept from signing on by a time clock that they
// may not use.
func examineTimeClock(d *doctor, c *daemon.Config, p *policy.Compiled, operators []api.Operator) {
	const check = "time clock"
	if !c.TimeClock.Run {
		return
	}
	var shut []string
	sends := false
	for _, o := range operators {
		sends = sends || may(p, o.WorkGroups, maySend)
		if may(p, o.WorkGroups, "pos.signon") && !may(p, o.WorkGroups, mayPunch) && !may(p, o.WorkGroups, needNoPunch) {
			shut = append(shut, o.Number)
		}
	}
	switch {
	case len(shut) > 0:
		d.problem(check, "give a work group of theirs "+mayPunch+" or "+needNoPunch+", or leave [timeclock] run out",
			"may sign on, and neither clock in nor do without: %s", join(shut))
	case !sends:
		d.note(check, "give a work group "+maySend, "nobody may send others on a break, or end one")
	default:
		d.ok(check, "runs: whoever may sign on may clock in, or need not")
	}
}

// examineApprovers looks at whether those who may approve have what this register wants
// of them.
func examineApprovers(d *doctor, c *daemon.Config, p *policy.Compiled, operators []api.Operator) {
	const check = "override"
	var able int
	var cardless []string // who could, with a card
	var wants bool        // somebody needs card and PIN
	for i := range operators {
		o := &operators[i]
		if !may(p, o.WorkGroups, policy.KeyManagerOverride) {
			continue
		}
		switch {
		case !needsCard(c, p, o.WorkGroups):
			able++
		case o.Cards == 0:
			wants, cardless = true, append(cardless, o.Number)
		default:
			wants = true
			if len(c.Readers) > 0 && len(c.Keypads) > 0 {
				able++
			}
		}
	}
	const (
		soften = `[override] fallback = "yes" in ` + defaultConfigFile + ` lets number and PIN stand for the card, from systemctl reload tillwardend on`
		enrol  = "tillwarden operator enrol-card NUMBER --as NUMBER"
		wanted = "an override is approved with card and PIN here, and "
	)
	unable := ": nobody can approve one"
	if able > 0 {
		unable = ""
	}
	without := join(cardless) + " cannot, without a card"
	if d.away {
		without = count(len(cardless), "operator") + " cannot, without a card"
	}
	switch {
	case wants && len(c.Readers) == 0:
		d.problem(check, soften+"; or plug in a card reader: sudo tillwarden setup", wanted+"there is no card reader%s", unable)
	case wants && len(c.Keypads) == 0:
		d.problem(check, soften+"; or plug in a keypad: sudo tillwarden setup", wanted+"there is no keypad for the PIN%s", unable)
	case len(cardless) > 0 && able == 0:
		d.problem(check, enrol+"; or "+soften, wanted+"nobody who may has a card: nobody can approve one")
	case len(cardless) > 0:
		d.note(check, enrol+"; or "+soften, wanted+"%s", without)
	case able == 0:
		d.note(check, "tillwarden policy who-can "+policy.KeyManagerOverride+" @active says which work groups have it", "nobody has Manager Override: what needs a second person nobody can approve")
	default:
		d.ok(check, "can be approved by %s", count(able, "operator"))
	}
}

// needsCard reports whether somebody with these work groups has to show card and PIN to
// approve here: number and PIN will not do.
func needsCard(c *daemon.Config, p *policy.Compiled, groups []string) bool {
	site, _ := policy.ParseSignOn(c.Override.Method) // a configuration has no other
	asked, firm := policy.SignOnDefault, policy.SignOnDefault
	for _, g := range groups {
		info, ok := p.WorkGroup(g)
		if !ok {
			continue
		}
		firm = policy.Stricter(firm, info.Approve)
		if m := info.Approve; m == policy.SignOnDefault {
			asked = policy.Stricter(asked, site)
		} else {
			asked = policy.Stricter(asked, m)
		}
	}
	if asked != policy.SignOnCardPIN {
		return false
	}
	return firm == policy.SignOnCardPIN || !c.NumberAndPIN() // what the policy itself says the site does not soften
}
