package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
)

func TestSetupSaysWhatIsNext(t *testing.T) {
	c := &daemon.Config{Chain: "Example", Store: "1", Register: "1"}
	first := nextSteps(&setupPlan{next: c, files: []newFile{{path: "/root/x.key", outside: true}}, members: []recordMember{{"pos", "lp", false}}}, &setupAnswers{POSUser: "pos"})
	if len(first) != 4 || !strings.Contains(first[0], "/root/x.key") || !strings.HasPrefix(first[1], "pos has to log in") || !strings.Contains(first[2], "mode codes --set-up") {
		t.Errorf("after the first set-up: %q", first)
	}
	if back := nextSteps(&setupPlan{next: c, inUse: true, members: []recordMember{{"pos", "lp", false}}}, &setupAnswers{POSUser: "pos"}); len(back) != 1 || !strings.HasPrefix(back[0], "pos has to log in") {
		t.Errorf("taken over again: %q", back)
	}
	if again := nextSteps(&setupPlan{now: c, next: c}, &setupAnswers{}); len(again) != 0 {
		t.Errorf("after another one: %q", again)
	}
}

// TestSetupReloadsOrRestarts: the daemon takes over what changed by a reload where that is
// enough, and is restarted or started where it is not.
func TestSetupReloadsOrRestarts(t *testing.T) {
	const base = "chain = \"Example\"\nstore = \"0042\"\nregister = \"1\"\n"
	for _, test := range []struct {
		name, answers string
		down          bool
		want          string
	}{
		{"what a reload takes over", "[signon]\nidle = \"20m\"\n", false, "systemctl reload tillwardend.service"},
		{"what it does not", "[override]\nwait = \"2m\"\n", false, "systemctl restart tillwardend.service"},
		{"a daemon that does not run", "[signon]\nidle = \"20m\"\n", true, "systemctl enable --now tillwardend.service tillwardend-pos.socket tillwardend-console.socket tillwardend-technician.socket"},
		{"the network", "[[printer]]\nname = \"p\"\npath = \"tcp://192.0.2.10\"\nlink = \"/dev/tillwarden/p\"\n", false, "systemctl daemon-reload; systemctl restart tillwardend.service"},
		{"nothing", "", false, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := &machine{root: plant(t, map[string]string{defaultConfigFile: base})}
			var ran []string
			m.command = func(_ context.Context, name string, args ...string) (string, error) {
				line := strings.Join(append([]string{name}, args...), " ")
				switch {
				case slices.Contains(args, "is-active") && test.down:
					return "inactive", errors.New("exit status 3")
				case slices.Contains(args, "is-active"), slices.Contains(args, "cat"):
					return "", nil
				}
				ran = append(ran, line)
				return "", nil
			}
			a := &app{out: new(bytes.Buffer), err: new(bytes.Buffer)}
			text, now, err := m.configuration()
			if err != nil {
				t.Fatal(err)
			}
			p, err := a.plan(m, &answers{fragment: []byte(base + test.answers)}, text, now)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.carryOut(t.Context(), m, p, func(string, string) {}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(ran, "; "); got != test.want {
				t.Errorf("ran %q, want %q", got, test.want)
			}
		})
	}
}

// TestSetupTakesDevicesBack: run again it gives the daemon what it has lost, though the
// rules are as they were.
func TestSetupTakesDevicesBack(t *testing.T) {
	const config = "chain = \"Example\"\nstore = \"0042\"\nregister = \"1\"\n[[reader]]\nname = \"r\"\npath = \"/dev/ttyS0\"\n"
	for name, c := range map[string]struct {
		owner int
		want  []string
	}{
		"the daemon's": {os.Getuid(), nil},
		"another's":    {os.Getuid() + 1, []string{"/dev/ttyS0"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &machine{root: plant(t, map[string]string{
				defaultConfigFile: config, "/dev/ttyS0": "", "/etc/passwd": fmt.Sprintf("tillwarden:x:%d:%d::/:/bin/false\n", c.owner, os.Getgid()),
			})}
			m.command = func(context.Context, string, ...string) (string, error) { return "", nil }
			a := &app{out: new(bytes.Buffer), err: new(bytes.Buffer)}
			text, now, err := m.configuration()
			if err != nil {
				t.Fatal(err)
			}
			p, err := a.plan(m, &answers{}, text, now)
			if err != nil || !p.rules() || len(p.nodes) > 0 {
				t.Fatalf("the first time: %v, %v", p, err)
			}
			for i := range p.files {
				if err := m.put(&setupRecord{Version: recordVersion}, &p.files[i]); err != nil {
					t.Fatal(err)
				}
			}
			if p, err = a.plan(m, &answers{}, text, now); err != nil || p.rules() || !slices.Equal(p.nodes, c.want) || p.empty() != (c.want == nil) {
				t.Fatalf("again: %v, %v", p, err)
			}
		})
	}
}

// TestTheFirstOperatorMayAddOthers, or nobody could.
func TestTheFirstOperatorMayAddOthers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startFake(t, dir, &fake{fresh: true}) // its policy is the shipped one
	client := api.NewClient(filepath.Join(dir, "technician.sock"))
	defer client.Close()
	const manager, maintenance = "POS Cashier - Manager Override", "Store/Local Operator Maintenance"
	for groups, ok := range map[string]bool{manager: false, maintenance: true, manager + ";" + maintenance: true, "No Such Group": true} {
		if err := mayBeFirst(t.Context(), client, strings.Split(groups, ";")); (err == nil) != ok {
			t.Errorf("%s: %v", groups, err)
		}
	}
	// People are asked again; an answers file is refused.
	a := &app{in: strings.NewReader("201\n\n" + manager + "\n\n4711\n"), out: &bytes.Buffer{}, err: &bytes.Buffer{}, ctx: t.Context()}
	if err := a.firstOperator(t.Context(), client, &setupOptions{}, &setupAnswers{}, func(string, string) {}); err != nil {
		t.Errorf("asked again: %v", err)
	}
	ans := &setupAnswers{Operator: firstOperator{Number: "201", Name: "Manager", Groups: []string{manager}}}
	err := a.firstOperator(t.Context(), client, &setupOptions{file: "a.toml"}, ans, func(string, string) {})
	if err == nil || !strings.Contains(err.Error(), "may add others") {
		t.Errorf("an answers file: %v", err)
	}
}

// TestUndoLeavesWhatOthersChanged, and gives back what was recorded before a crash in the
// middle of it.
func TestUndoLeavesWhatOthersChanged(t *testing.T) {
	const old, now = "chain = \"Example\"\n", "chain = \"Example\"\nstore = \"1\"\nregister = \"1\"\n[[printer]]\nname = \"p\"\npath = \"/dev/ttyS0\"\nlink = \"/dev/tillwarden/p\"\n"
	root := plant(t, map[string]string{"/dev/ttyS0": "", "/dev/tillwarden/p": "->/dev/pts/7", defaultConfigFile: old})
	m := &machine{root: root}
	a := &app{}
	r := &setupRecord{Version: recordVersion}
	for _, f := range []newFile{{path: rulesPath, content: []byte("# ours\n"), mode: 0o644}, {path: defaultConfigFile, content: []byte(now), mode: 0o644}, {path: dropinPath, content: []byte("# x\n"), mode: 0o644}} {
		if err := m.put(r, &f); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(m.at(dropinPath), []byte("# somebody else's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(m.at(rulesPath)); err != nil { // as if it had not been written yet
		t.Fatal(err)
	}
	list, err := a.undo(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(list, undone{dropinPath, "left: it was changed since"}) {
		t.Errorf("undone: %v", list)
	}
	for path, want := range map[string]string{dropinPath: "# somebody else's\n", defaultConfigFile: old, defaultConfigFile + ".undone": now + r.answers()} {
		if got, err := m.read(path); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v", path, got, err)
		}
	}
	if _, err := os.Lstat(m.at("/dev/tillwarden/p")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the POS's port is left: %v", err)
	}
	if again, err := a.undo(t.Context(), m); err != nil || len(again) != 0 {
		t.Errorf("undone again: %v, %v", again, err)
	}
}

// TestNetworkDropinHasNoZones: systemd takes none (systemd.resource-control(5)), and would
// leave out the whole line; nor does a zone, which may be any text, write a line of its own.
func TestNetworkDropinHasNoZones(t *testing.T) {
	c := &daemon.Config{Printers: make([]daemon.PrinterConfig, 2)}
	c.Printers[0].Path, c.Printers[1].Path = "tcp://[fe80::1%eth0]:9100", "tcp://[fe80::2%x\nExecStartPre=y]:9100"
	if got := unitDropin(c); !strings.HasSuffix(got, "\nIPAddressAllow=fe80::1 fe80::2\n") || strings.Contains(got, "ExecStartPre") {
		t.Errorf("%s", got)
	}
}

// TestUnitDropinHasGroupsAndNothingElse: a group's name puts no other line into the unit.
func TestUnitDropinHasGroupsAndNothingElse(t *testing.T) {
	t.Parallel()
	c := &daemon.Config{Printers: make([]daemon.PrinterConfig, 3), Drawers: make([]daemon.SerialDrawerConfig, 2)}
	c.Printers[0].LinkGroup, c.Printers[1].LinkGroup, c.Printers[2].LinkGroup = posGroup, "lp", "x\nExecStartPre=y"
	c.Drawers[0].LinkGroup, c.Drawers[1].LinkGroup = "drawers", "lp"
	if got := unitDropin(c); !strings.HasSuffix(got, "\n[Service]\nSupplementaryGroups=drawers lp\n") {
		t.Errorf("%s", got)
	}
	c = &daemon.Config{Printers: []daemon.PrinterConfig{{LinkGroup: posGroup}, {}}}
	if got := unitDropin(c); got != "" {
		t.Errorf("a unit that has all: %s", got)
	}
}

// TestSetupAsksForAPINThatWillDo: people who mistype the first operator's PIN are asked
// again; an answers file's is taken or refused.
func TestSetupAsksForAPINThatWillDo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	startFake(t, dir, &fake{fresh: true})
	for name, c := range map[string]struct {
		answers     string
		typed, fail string
		told        bool
	}{
		"at once":                   {"", "4711\n", "", true},
		"the second time":           {"", "1111\n4711\n", "", true},
		"never":                     {"", "1111\n1111\n1111\n4711\n", "too easy to guess", false},
		"nothing typed":             {"", "", "missing on standard input", false},
		"an answers file, at once":  {"a.toml", "4711\n", "", true},
		"an answers file, too easy": {"a.toml", "1111\n4711\n", "too easy to guess", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := api.NewClient(filepath.Join(dir, "technician.sock"))
			defer client.Close()
			a := &app{in: strings.NewReader(c.typed), out: &bytes.Buffer{}, err: &bytes.Buffer{}, ctx: t.Context()}
			ans := &setupAnswers{Operator: firstOperator{Number: "201", Name: "Manager", Groups: []string{"Front"}}}
			told := false
			err := a.firstOperator(t.Context(), client, &setupOptions{file: c.answers}, ans, func(what, _ string) { told = what == "operator 201" })
			if told != c.told || (c.fail == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.fail) {
				t.Fatalf("added: %v, %v", told, err)
			}
			if err != nil && !strings.Contains(strings.Join(classify(err).hints, "; "), "run it again") {
				t.Errorf("it does not say what to do: %q", classify(err).hints)
			}
		})
	}
}
