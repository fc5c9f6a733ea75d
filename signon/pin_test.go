package signon

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestHasherIsBounded(t *testing.T) {
	keys, err := NewKeys("0011223344556677", make([]byte, 32), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHasher(ring{own: keys}, cheap, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		if err := h.enter(ctx); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		h.slots = make(chan struct{}, 2) // of this bubble
		h.slots <- struct{}{}
		h.slots <- struct{}{}
		ctx, stop := context.WithCancel(t.Context())
		third := make(chan error)
		go func() { third <- h.enter(ctx) }()
		synctest.Wait()
		if err := h.enter(ctx); !errors.Is(err, errBusy) {
			t.Errorf("a fourth: %v, want busy", err)
		}
		stop()
		if err := <-third; !errors.Is(err, context.Canceled) {
			t.Errorf("the third, cancelled: %v", err)
		}
	})
	cancel()
}

// TestDefaultKDF checks a PIN with the parameters that are shipped.
func TestDefaultKDF(t *testing.T) {
	keys, err := NewKeys("0011223344556677", make([]byte, 32), make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	h, err := newHasher(ring{own: keys}, DefaultKDF(), 2, 8)
	if err != nil {
		t.Fatal(err)
	}
	v, err := h.make(t.Context(), []byte("2580"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if v.KDF != (KDF{Time: 2, Memory: 19 * 1024, Threads: 1}) || !v.valid() {
		t.Errorf("verifier with %+v", v.KDF)
	}
	if !h.check(v, []byte("2580")) || h.check(v, []byte("2581")) || h.check(nil, []byte("2580")) {
		t.Error("the check is wrong")
	}
	other := *v
	other.KeyID = "7766554433221100"
	if h.check(&other, []byte("2580")) {
		t.Error("a verifier of other keys is taken")
	}
}
