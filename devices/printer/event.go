package printer

import (
	"context"
	"time"

	"tillwarden/enforcer/journal/entry"
)

// Event is something that the journal should have: what a drawer or a printer
// really did, and what was not forwarded.
type Event struct {
	// Kind is one of the KindDrawer… and KindDevice… kinds, or KindSaleNoReceipt.
	Kind    entry.Kind
	Reason  entry.Reason
	Outcome entry.Outcome
	// At is on the boot clock.
	At     time.Duration
	Drawer string
	// About is the decision that it follows from: the grant of an opening.
	About entry.Seq
	// Session is the session that it belongs to, where it belongs to one.
	Session entry.Seq
	Elapsed time.Duration
	Count   uint64
	// Text is in our own words; it never holds what was printed.
	Text string
}

// Kick is an order in the print stream to open a drawer, with its purpose.
type Kick struct {
	Printer string
	Drawer  string
	// Function is what the drawer is to be opened for.
	Function string
	Purpose  entry.Purpose
	// Claimant is who named the purpose: "profile:<rule>", "receipt", or who asked.
	Claimant string
	// Ask is what Guard.Ask was given, where the kick had been announced.
	Ask uint64
	// Lines and Digest are those of the receipt that came with it.
	Lines  uint32
	Digest []byte
	// Session is the one that was current when the kick arrived; zero: none.
	Session entry.Seq
	// Generation is that of the state (session, lock, policy) that it arrived in.
	Generation uint64
	At         time.Duration
}

// Authority decides about kicks. Kick is called one at a time, in their order,
// from a goroutine that does nothing else: printing goes on meanwhile. While it
// runs, later kicks wait, so it should not wait for people.
type Authority interface {
	Kick(ctx context.Context, k Kick)
}
