package main

import (
	"strings"
	"testing"

	"tillwarden/daemon"
)

func TestSetupSaysWhatIsNext(t *testing.T) {
	c := &daemon.Config{Chain: "Example", Store: "1", Register: "1"}
	first := nextSteps(&setupPlan{next: c, files: []newFile{{path: "/root/x.key", outside: true}}, members: []recordMember{{"pos", "lp", false}}}, &setupAnswers{POSUser: "pos"})
	if len(first) != 4 || !strings.Contains(first[0], "/root/x.key") || !strings.HasPrefix(first[1], "pos has to log in") || !strings.Contains(first[2], "mode codes --set-up") {
		t.Errorf("after the first set-up: %q", first)
	}
	if again := nextSteps(&setupPlan{now: c, next: c}, &setupAnswers{}); len(again) != 0 {
		t.Errorf("after another one: %q", again)
	}
}
