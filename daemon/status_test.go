package daemon

import (
	"slices"
	"testing"

	"tillwarden/enforcer"
)

// TestBusySaysWhomItWaitsFor: a second person, or who asked and nobody else.
func TestBusySaysWhomItWaitsFor(t *testing.T) {
	for _, tc := range []struct {
		name    string
		pending *enforcer.Override
		want    []string
	}{
		{"nothing is pending", nil, nil},
		{"an override", &enforcer.Override{Requester: "101"}, []string{"an override waits for a second person"}},
		{"the own PIN", &enforcer.Override{Requester: "101", StepUp: true}, []string{"an action waits for the own PIN of operator 101"}},
	} {
		if got := new(Daemon).busy(&enforcer.Snapshot{Override: tc.pending}); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
