package api

import (
	"encoding/json"
	"reflect"
	"testing"

	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/journal/journaltest"
)

// TestStoredIsTheReverseOfWords: what comes over the wire is what the journal has.
func TestStoredIsTheReverseOfWords(t *testing.T) {
	check := func(e *entry.Entry) {
		t.Helper()
		raw, err := json.Marshal(Words(e))
		if err != nil {
			t.Fatal(err)
		}
		var w Entry
		if err := json.Unmarshal(raw, &w); err != nil {
			t.Fatal(err)
		}
		got, err := w.Stored()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&got, e) {
			t.Fatalf("got  %+v\nwant %+v", got, *e)
		}
	}
	for e := range (journaltest.Store{Seed: 2, Entries: 3000}).All() {
		check(e)
	}
	amount, percent, count := uint64(1999), uint64(1250), uint64(3)
	full := entry.Entry{
		Seq: 7, Kind: entry.KindApproval, Stamp: entry.Stamp{Wall: 1e18 + 1, Boot: 5, BootID: entry.BootID{1, 2}, Clock: entry.ClockUnsynchronised},
		Session: 3, Operator: "1", Person: "p", WorkGroups: []string{"A", "B"}, Function: "pos.return", FunctionID: 1400,
		Outcome: entry.OutcomeDenied, Reason: entry.ReasonApproverLimit, Rule: &entry.Rule{WorkGroup: "A", Function: "pos", Mark: "check"},
		Approval: &entry.Approval{Operator: "9", Person: "q", Method: entry.MethodRemote, Override: 5, First: 6, Fallback: true, At: "lane 2", OffClock: true, Transaction: true},
		Method:   entry.MethodPOS, Source: "s", Device: "d", Drawer: "till", Purpose: entry.PurposeNone, Claimant: "pos",
		Policy: &entry.PolicyRef{Epoch: 4, Digest: [32]byte{9, 8}}, About: 5, Lines: 2, Digest: []byte{1, 2, 3}, Elapsed: 1500, Count: 8, Subject: "x",
		Text: "t", Mode: entry.ModeMonitor, Why: "w", WhyCode: 12, Told: &entry.Told{Amount: &amount, Percent: &percent, Count: &count},
		Limit: &entry.Limit{WorkGroup: "A", Function: "pos.manageroverride", Part: "percent", Most: 1250, Uses: 2}, Uses: 3, Later: true,
	}
	v := reflect.ValueOf(full)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("this test leaves out %s", v.Type().Field(i).Name)
		}
	}
	check(&full)
}

func TestStoredRefusesWhatItDoesNotKnow(t *testing.T) {
	good := Words(&entry.Entry{Seq: 1, Kind: entry.KindStart, Policy: &entry.PolicyRef{}})
	if _, err := good.Stored(); err != nil {
		t.Fatal(err)
	}
	for what, spoil := range map[string]func(*Entry){
		"kind":    func(w *Entry) { w.Kind = "kind-999" },
		"reason":  func(w *Entry) { w.Reason = "perhaps" },
		"clock":   func(w *Entry) { w.Clock = "late" },
		"boot id": func(w *Entry) { w.BootID = "12" },
		"policy":  func(w *Entry) { w.Policy = w.Policy + "00" },
		"digest":  func(w *Entry) { w.Digest = "xy" },
		"elapsed": func(w *Entry) { w.Elapsed = "long" },
	} {
		w := good
		spoil(&w)
		if e, err := w.Stored(); err == nil || !reflect.DeepEqual(e, entry.Entry{}) {
			t.Errorf("%s: %+v, %v", what, e, err)
		}
	}
}
