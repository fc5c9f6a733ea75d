package enforcer

import "errors"

// What Redeem and Lapse answer when a grant does not open the drawer, or did not in order.
var (
	// ErrNoGrant: no grant, the zero grant, a copy, or one of another gate.
	ErrNoGrant = errors.New("not a grant of this gate")
	// ErrUsed: the grant was redeemed, or given back.
	ErrUsed = errors.New("the grant was used")
	// ErrExpired: the grant was not redeemed in time.
	ErrExpired = errors.New("the grant has expired")
	// ErrWrongDrawer: the grant is for another drawer.
	ErrWrongDrawer = errors.New("the grant is for another drawer")
	// ErrStale: session, lock, policy or roster changed since the grant was made.
	ErrStale = errors.New("the grant's state is over")
	// ErrUnrecorded: it opened the drawer, and the journal does not say so yet: it did not
	// take that entry, which is owed. The decision's entry is there.
	ErrUnrecorded = errors.New("the pulse was written, but not journaled")
)

// What the other methods answer when they could not do what they were asked.
var (
	// ErrNoSession: nobody is signed on.
	ErrNoSession = errors.New("nobody is signed on")
	// ErrNoOverride: no such override is pending, nor was one lately.
	ErrNoOverride = errors.New("no such override is pending")
	// ErrNotEntitled: who refused an override could not have approved it either.
	ErrNotEntitled = errors.New("not entitled to answer this override")
	// ErrNoMode: the register enforces already.
	ErrNoMode = errors.New("no mode to end")
	// ErrEpoch: the epoch is lower than one that was loaded, or the same with other content.
	ErrEpoch = errors.New("epoch is not above the one that was loaded")
	// ErrDigest: the policy is not the one that its reference names.
	ErrDigest = errors.New("policy does not match its digest")
	// ErrRequest: a request that no caller should make: a name far too long, no policy, no function to fire.
	ErrRequest = errors.New("malformed request")
	// ErrClosed: the gate was closed.
	ErrClosed = errors.New("the gate is closed")
)

// What NewGate finds wrong with the state file; it starts without a session then.
var (
	// ErrState: the state file cannot be read as one.
	ErrState = errors.New("state file is damaged")
)
