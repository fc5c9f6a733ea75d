package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"tillwarden/devices/find"
)

// TestRulesAndTableCannotDriftApart: the rules name each maker that the table
// names, and no other; and the package takes them from here and nowhere else.
func TestRulesAndTableCannotDriftApart(t *testing.T) {
	var b strings.Builder
	if err := write(&b, find.Makers()); err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, m := range regexp.MustCompile(`ATTRS\{idVendor\}=="([^"]*)"`).FindAllStringSubmatch(b.String(), -1) {
		if named[m[1]] {
			t.Errorf("%s is named twice", m[1])
		}
		named[m[1]] = true
	}
	for _, m := range find.Makers() {
		if !regexp.MustCompile(`^[0-9a-f]{4}$`).MatchString(m.Vendor) {
			t.Errorf("%s: %q is no vendor id as udev has them", m.Name, m.Vendor)
		}
		if !named[m.Vendor] {
			t.Errorf("%s (%s) is in no rule", m.Name, m.Vendor)
		}
		delete(named, m.Vendor)
	}
	for vendor := range named {
		t.Errorf("%s has a rule and is not in the table", vendor)
	}
	rules, err := os.ReadFile("../debian/rules")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(rules), "run ./packaging/udev >debian/tillwarden.udev") {
		t.Error("the package's build does not make its rules with this program")
	}
	if _, err := os.Stat("../debian/tillwarden.udev"); err == nil {
		t.Error("there are other rules in packaging/debian")
	}
}

// TestRulesGiveNothingAway: an installed package changes nobody's rights.
func TestRulesGiveNothingAway(t *testing.T) {
	var b strings.Builder
	if err := write(&b, find.Makers()); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"OWNER", "GROUP", "MODE", "RUN", "PROGRAM"} {
		if regexp.MustCompile(`\b` + key + `\b\+?:?=`).MatchString(b.String()) {
			t.Errorf("the rules set %s", key)
		}
	}
}
