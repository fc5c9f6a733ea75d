package main

import (
	"context"
	"fmt"
)

// person is one operator of the demo, known by role.
type person struct {
	role   string
	number string
	pin    string
	// track is what track 2 of the card says: digits and nothing else, and
	// nothing that a payment card begins with.
	track  string
	groups []string
}

func (p *person) String() string { return p.role + " " + p.number }

// The cast. The numbers and PINs are made up.
var (
	manager = &person{
		role: "manager", number: "201", pin: "730519", track: "9900000201",
		groups: []string{"POS Cashier - Manager Override", "Store/Local Operator Maintenance"},
	}
	cashier = &person{
		role: "cashier", number: "101", pin: "448201", track: "9900000101",
		groups: []string{"POS Cashier - Sales Only"},
	}
	second = &person{
		role: "cashier", number: "102", pin: "915673", track: "9900000102",
		groups: []string{"POS Cashier - Sales and Returns"},
	}
)

// hire adds an operator through the command line, and enrols the card by a
// swipe. The manager does it, except for the manager, whom the technician adds.
func (d *day) hire(ctx context.Context, p *person) error {
	args := []string{"operator", "add", p.number, "--name", p.String()}
	for _, g := range p.groups {
		args = append(args, "--group", g)
	}
	input := p.pin + "\n"
	acting := []string(nil)
	if p != manager {
		acting = []string{"--as", manager.number}
		input = manager.pin + "\n" + input
	}
	if _, err := d.r.must(ctx, input, append(args, acting...)...); err != nil {
		return fmt.Errorf("adding %s: %w", p, err)
	}
	after := d.r.journal.last()
	done := make(chan error, 1)
	go func() {
		// Nobody edits the own entry but for a card of the first operator:
		// whoever enrols it, the acting operator is the manager.
		_, err := d.r.must(ctx, manager.pin+"\n", "operator", "enrol-card", p.number, "--as", manager.number)
		done <- err
	}()
	if err := d.swipeUntil(ctx, p.track, done); err != nil {
		return fmt.Errorf("enrolling the card of %s: %w", p, err)
	}
	_, err := d.r.journal.await(ctx, "card enrolled", after, is("people", "allowed"))
	return err
}
