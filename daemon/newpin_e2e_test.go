package daemon

import (
	"testing"
	"time"

	"tillwarden/daemon/api"
)

// A PIN that a manager has set is changed at the keypad before it opens anything,
// and later at its operator's wish. What is refused leaves the old one.
func TestNewPINAtTheKeypad(t *testing.T) {
	const given, first, second = "70415926", "26804971", "59317042"
	b := withReader(t, "")
	b.staffed()
	reset := api.PeopleRequest{By: boss(), Number: "1001", PIN: api.Secret(given)}
	if _, err := b.con.People(b.t.Context(), api.PeopleSetPIN, reset); err != nil {
		t.Fatal(err)
	}
	// The manager's word is good for nothing but another PIN.
	by := &api.Credentials{Number: "1001", PIN: api.Secret(given)}
	if a, err := b.con.SignOn(t.Context(), *by); err != nil || a.OK || a.Reason != "new-pin" {
		t.Fatalf("%+v %v", a, err)
	}
	if _, err := b.con.Operators(t.Context(), api.PeopleRequest{By: &api.Credentials{Number: "1001", PIN: api.Secret(given)}}); !isCode(err, api.CodeRefused) {
		t.Fatal(err)
	}
	denied := func() int { return len(b.entries("sign-on")) }
	n := denied()
	b.enter("1001")
	b.enter(given)
	until(t, "the new PIN is asked for", func() bool { return denied() > n })
	b.enter(first)
	b.enter(second) // not the same
	b.enter(first)
	b.enter(first)
	b.session("signed on with the new PIN", func(s *api.SessionState) bool { return s.SignedOn && s.Session.Operator == "1001" })

	before := len(b.entries("identify"))
	b.enter("*7#")
	b.enter(given) // not the PIN any more
	until(t, "the wrong old PIN is refused", func() bool { return len(b.entries("identify")) > before })
	changes := func() (made, refused int) {
		for _, e := range b.entries("people") {
			if e.Operator == "1001" && e.Outcome == "allowed" {
				made++
			} else if e.Operator == "1001" {
				refused++
			}
		}
		return made, refused
	}
	b.enter("*7#")
	b.enter(first)
	b.enter("12345678")
	b.enter("12345678")
	until(t, "a run is refused", func() bool { _, refused := changes(); return refused == 1 })
	b.enter("*7#")
	b.enter(first)
	b.enter(second)
	b.enter(second)
	until(t, "the PIN is changed", func() bool { made, _ := changes(); return made == 2 })
	b.enter("*0#")
	b.session("signed off", func(s *api.SessionState) bool { return !s.SignedOn })
	if a, err := b.con.SignOn(t.Context(), api.Credentials{Number: "1001", PIN: api.Secret(second)}); err != nil || !a.OK {
		t.Fatalf("%+v %v", a, err)
	}
	b.noSecrets(given, first, second)
}

// A card for a day: given by somebody else, shown with the end of its day, and good at
// the reader.
func TestTemporaryCardAtTheReader(t *testing.T) {
	b := withReader(t, `
[signon]
method = "card"
`)
	b.staffed()
	own := api.PeopleRequest{By: boss(), Number: "9000", Temporary: true}
	if _, err := b.con.People(t.Context(), api.PeopleEnrolCard, own); !isCode(err, api.CodeRefused) {
		t.Fatalf("to themselves: %v", err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := b.con.People(b.t.Context(), api.PeopleEnrolCard, api.PeopleRequest{By: boss(), Number: "1001", Temporary: true})
		done <- err
	}()
	until(t, "a card is waited for", func() bool {
		b.d.swipes.mu.Lock()
		defer b.d.swipes.mu.Unlock()
		return b.d.swipes.enrol != nil || len(done) > 0
	})
	b.swipe(cardNobody)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	a, err := b.con.People(t.Context(), api.PeopleShow, api.PeopleRequest{By: boss(), Number: "1001"})
	if err != nil || len(a.Operator.CardList) != 1 || a.Operator.CardList[0].Until == nil || time.Until(*a.Operator.CardList[0].Until) > 25*time.Hour {
		t.Fatalf("%+v %v", a, err)
	}
	time.Sleep(2100 * time.Millisecond) // the same card again within two seconds is the same swipe
	b.swipe(cardNobody)
	b.session("signed on with the card of a day", func(s *api.SessionState) bool { return s.SignedOn && s.Session.Operator == "1001" })
}
