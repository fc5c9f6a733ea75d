package entry

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestWordsComplete holds each list of words to its list of numbers: a number
// without a word of its own would be read as another by reports and filters.
func TestWordsComplete(t *testing.T) {
	for _, list := range []struct {
		what  string
		names []string
		end   int
	}{
		{"kind", kindNames[:], int(kindEnd)},
		{"outcome", outcomeNames[:], int(OutcomeError) + 1},
		{"reason", reasonNames[:], int(reasonEnd)},
		{"method", methodNames[:], int(methodEnd)},
		{"purpose", purposeNames[:], int(purposeEnd)},
		{"mode", modeNames[:], int(modeEnd)},
		{"clock", clockNames[:], int(clockEnd)},
	} {
		if len(list.names) != list.end {
			t.Errorf("%s: %d words for %d numbers", list.what, len(list.names), list.end)
		}
		seen := map[string]bool{}
		for i, n := range list.names {
			if n == "" || seen[n] {
				t.Errorf("%s %d: word %q is empty or used twice", list.what, i, n)
			}
			seen[n] = true
		}
	}
}

// TestNumbersAreForEver pins numbers that are on disk at registers: if this
// fails, a line was inserted or removed in the middle of a list.
func TestNumbersAreForEver(t *testing.T) {
	for word, pair := range map[string][2]int{
		"sign-on": {int(KindSignOn), 7}, "decision": {int(KindDecision), 13}, "redeemed": {int(KindRedeemed), 18},
		"card-refused": {int(KindCardRefused), 30}, "called": {int(KindCalled), 33},
		"wrong-pin": {int(ReasonWrongPIN), 20}, "stopped": {int(ReasonStopped), 68},
		"denied": {int(OutcomeDenied), 3}, "keypad": {int(MethodKeypad), 8}, "none (purpose)": {int(PurposeNone), 5},
		"mode": {int(KindMode), 36}, "mode-changed": {int(ReasonModeChanged), 77}, "break-glass": {int(ModeBreakGlass), 2},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %d, was released as %d", word, pair[0], pair[1])
		}
	}
}

func TestParseIsReverseOfString(t *testing.T) {
	for k := KindStart; k < kindEnd; k++ {
		if got, err := ParseKind(k.String()); err != nil || got != k {
			t.Errorf("ParseKind(%q) = %v, %v", k, got, err)
		}
	}
	for r := ReasonRule; r < reasonEnd; r++ {
		if got, err := ParseReason(r.String()); err != nil || got != r {
			t.Errorf("ParseReason(%q) = %v, %v", r, got, err)
		}
	}
	for m := MethodCard; m < methodEnd; m++ {
		if got, err := ParseMethod(m.String()); err != nil || got != m {
			t.Errorf("ParseMethod(%q) = %v, %v", m, got, err)
		}
	}
	for p := Purpose(1); p < purposeEnd; p++ {
		if got, err := ParsePurpose(p.String()); err != nil || got != p {
			t.Errorf("ParsePurpose(%q) = %v, %v", p, got, err)
		}
	}
	for m := ModeMonitor; m < modeEnd; m++ {
		if got, err := ParseMode(m.String()); err != nil || got != m {
			t.Errorf("ParseMode(%q) = %v, %v", m, got, err)
		}
	}
	for c := ClockSynchronised; c < clockEnd; c++ {
		if got, err := ParseClock(c.String()); err != nil || got != c {
			t.Errorf("ParseClock(%q) = %v, %v", c, got, err)
		}
	}
	if _, err := ParseOutcome("perhaps"); err == nil {
		t.Error("ParseOutcome took a word that is none")
	}
}

func TestJSONIsInWords(t *testing.T) {
	b, err := json.Marshal(Entry{
		Seq: 7, Kind: KindDecision, Outcome: OutcomeDenied, Reason: ReasonRule, Function: "pos.drawer.nosale", FunctionID: 1602,
		Rule: &Rule{WorkGroup: "G", Function: "pos.drawer", Mark: "X"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"kind":"decision"`, `"outcome":"denied"`, `"reason":"rule"`, `"mark":"X"`, `"function_id":1602`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s lacks %s", b, want)
		}
	}
}
