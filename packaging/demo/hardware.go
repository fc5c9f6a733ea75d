package main

import (
	"context"
	"strings"

	"tillwarden/devices/sim"
)

// hardware is the demo's hand on the simulated printer, drawer and reader.
type hardware struct{ client *sim.Client }

func newHardware(control string) *hardware { return &hardware{sim.NewClient(control)} }

// swipe draws a card with a track 2 through the reader.
func (h *hardware) swipe(ctx context.Context, track string) error {
	return h.client.Swipe(ctx, sim.Card{Track2: track})
}

// swipeCard draws any card.
func (h *hardware) swipeCard(ctx context.Context, c sim.Card) error { return h.client.Swipe(ctx, c) }

// pulses is how often the printer drove the drawer.
func (h *hardware) pulses(ctx context.Context) (int, error) {
	s, err := h.client.State(ctx)
	return int(s.Pulses), err
}

// paper is everything that was printed.
func (h *hardware) paper(ctx context.Context) (string, error) {
	lines, _, err := h.client.Receipts(ctx, 0)
	return strings.Join(lines, "\n"), err
}

// lines is how many lines were printed.
func (h *hardware) lines(ctx context.Context) (int64, error) {
	s, err := h.client.State(ctx)
	return s.Lines, err
}

// since is what was printed from a line on.
func (h *hardware) since(ctx context.Context, from int64) ([]string, error) {
	lines, _, err := h.client.Receipts(ctx, from)
	return lines, err
}

func (h *hardware) openWithKey(ctx context.Context) error { return h.client.OpenDrawer(ctx, 1) }

// closeDrawer pushes the drawer shut, once it stands open.
func (h *hardware) closeDrawer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := h.client.Await(ctx, func(s sim.State) bool { return s.Drawers[0].Open }); err != nil {
		return err
	}
	return h.client.CloseDrawer(ctx, 1)
}
