package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/daemon/confedit"
	"tillwarden/devices/find"
	"tillwarden/enforcer"
	"tillwarden/enforcer/policy/presets"
)

// setupAnswers are what setup has to know beside the configuration: the table [setup]
// of an answers file. All else in it is configuration, by the same keys.
type setupAnswers struct {
	// POSUser is who the POS application runs as.
	POSUser string `toml:"pos_user"`
	// Take gives the devices to the daemon alone; not written is yes.
	Take *bool `toml:"take_devices"`
	// Keys are files of public keys that policies are signed with.
	Keys []string `toml:"policy_keys"`
	// Policy is the file of a signed policy.
	Policy string `toml:"policy"`
	// Preset begins with the shipped work groups, signed with a key that is made here,
	// whose private part goes to PrivateKey, or nowhere.
	Preset     bool   `toml:"preset"`
	PrivateKey string `toml:"private_key"`
	// NoSales is how many no-sales a session the cashiers of the preset may have
	// without asking; 0: none.
	NoSales  int           `toml:"no_sales"`
	Operator firstOperator `toml:"operator"`
	// Monitor begins in monitor mode for so long, as "14d"; empty: enforces at once.
	Monitor       string `toml:"monitor"`
	MonitorReason string `toml:"monitor_reason"`
}

// firstOperator is who is made on an empty roster; the PIN is asked for.
type firstOperator struct {
	Number string   `toml:"number"`
	Name   string   `toml:"name"`
	Groups []string `toml:"groups"`
}

func (s *setupAnswers) take() bool { return s.Take == nil || *s.Take }

// answersFile is a whole answers file, for strict reading.
type answersFile struct {
	daemon.Config
	Setup setupAnswers `toml:"setup"`
}

// answers are what setup works from: its own part, and a piece of configuration.
type answers struct {
	setup    setupAnswers
	fragment []byte
}

// exampleAnswers is what setup --example-answers prints. A test reads it.
const exampleAnswers = `# Answers for: tillwarden setup --answers FILE
#
# All but the table [setup] is the register's configuration: any key of
# tillwarden.toml may stand here, and is put into it. Keys that are not here stay as
# they are there. What differs from register to register may come from the command
# line: --store 0042 --register 7.

chain = "Example Stores"
store = "0042"
register = "1"

[setup]
# Who the POS application runs as. This user may then print through the daemon and ask
# it, and no longer gets at the devices past it: leaves the groups lp and dialout.
pos_user = "pos"
# The devices below become the daemon's alone (a udev rule).
take_devices = true

# The chain's public keys, and a policy that they signed. Files are looked for beside this
# one. Leave policy out where bundles come later (tillwarden load FILE).
policy_keys = ["chain.key.pub"]
policy = "policy.twb"
# Or, to begin with: the shipped work groups, signed with a key that is made here. Its
# private part goes to a file, which belongs off the register, or with "" nowhere.
#preset = true
#private_key = "/root/policy.key"
# Three no-sales a session for its cashiers without asking; left out they ask each time.
#no_sales = 3

# To move in without a big bang: for so long (14d at most, once an installation) what the
# policy refuses is let through, and journaled as refused. Leave it out to enforce at once.
#monitor = "14d"
#monitor_reason = "moving in"

# The first operator, where there is none yet. The PIN is read from standard input.
#[setup.operator]
#number = "201"
#name = "Manager"
#groups = ["POS Cashier - Manager Override", "Store/Local Operator Maintenance"]

# The devices, as in tillwarden.toml. In a path, * stands for what differs from device
# to device; exactly one that is plugged in has to fit.
[[printer]]
name = "receipt"
path = "/dev/serial/by-id/usb-EPSON_TM-T88V*"
dialect = "epson"
flow = "dsr"
link = "/dev/tillwarden/receipt"
link_group = "tillwarden-pos"

[[printer.drawer]]
name = "till"
connector = 1

[[reader]]
name = "reader"
path = "/dev/serial/by-id/usb-MagTek*"
format = "magtek"
`

// readAnswers reads an answers file. Paths in [setup] are made whole.
func readAnswers(file string) (*answers, error) {
	text, err := readFile(file, "the answers")
	if err != nil {
		return nil, err
	}
	var all answersFile
	if err := daemon.DecodeStrict(file, text, &all); err != nil {
		return nil, usagef("%w", err).hint("tillwarden setup --example-answers shows what there is")
	}
	a := &answers{setup: all.Setup}
	if a.fragment, err = confedit.Without(text, "setup"); err != nil {
		return nil, usagef("%s: %w", file, err)
	}
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, failedf("reading the answers: %w", err)
	}
	whole := func(path *string) {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
	for i := range a.setup.Keys {
		whole(&a.setup.Keys[i])
	}
	whole(&a.setup.Policy)
	whole(&a.setup.PrivateKey)
	return a, a.setup.check()
}

// check refuses answers that contradict each other.
func (s *setupAnswers) check() error {
	switch {
	case s.Preset && (len(s.Keys) > 0 || s.Policy != ""):
		return usagef("[setup] has preset, and policy_keys or policy").hint("the shipped work groups are signed with a key that is made here: choose one way")
	case !s.Preset && s.PrivateKey != "":
		return usagef("[setup] has private_key without preset").hint("a key is made only for the shipped work groups: preset = true")
	case !s.Preset && s.NoSales != 0:
		return usagef("[setup] has no_sales without preset").hint("it is an option of the shipped work groups: preset = true")
	case s.NoSales < 0 || s.NoSales > presets.MaxNoSales:
		return usagef("[setup] no_sales is %d", s.NoSales).hint("how many a session: 1 to %d", presets.MaxNoSales)
	case s.Monitor != "" && checkMonitor(s.Monitor) != nil:
		return usagef("[setup] monitor: %w", checkMonitor(s.Monitor)).hint("write it as \"14d\" or \"36h\"")
	case s.Operator.Number != "" && (s.Operator.Name == "" || len(s.Operator.Groups) == 0):
		return usagef("[setup.operator] needs name and groups")
	case s.Operator.Number == "" && (s.Operator.Name != "" || len(s.Operator.Groups) > 0):
		return usagef("[setup.operator] has no number")
	}
	return nil
}

// checkMonitor says what is wrong with how long monitor mode is to last.
func checkMonitor(text string) error {
	var how span
	if err := how.Set(text); err != nil {
		return err
	}
	if time.Duration(how) > enforcer.MonitorLimit {
		return fmt.Errorf("%s is too long: %s at most", text, api.SayLeft(enforcer.MonitorLimit))
	}
	return nil
}

// set puts one key of the configuration into the answers.
func (a *answers) set(key, value string) error {
	if value == "" {
		return nil
	}
	next, _, err := confedit.Merge(a.fragment, fmt.Appendf(nil, "%s = %s\n", key, quote(value)))
	if err != nil {
		return usagef("the answers: %w", err)
	}
	a.fragment = next
	return nil
}

// quote writes a string as TOML has it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, "\\u%04X", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// resolve puts the names of devices in the place of patterns: that which is
// configured already, where it fits, else the one that is plugged in.
func (a *answers) resolve(root string, now *daemon.Config) error {
	var all answersFile
	if err := daemon.DecodeStrict("answers", a.fragment, &all); err != nil {
		return usagef("%w", err)
	}
	var b strings.Builder
	var found []find.Device
	has := map[string]string{}
	for _, d := range configured(now) {
		has[d.table+" "+d.name] = d.path
	}
	put := func(table, name, path string) error {
		if !strings.ContainsAny(path, "*?[") || strings.Contains(path, "://") {
			return nil
		}
		if ok, _ := filepath.Match(path, has[table+" "+name]); ok {
			fmt.Fprintf(&b, "[[%s]]\nname = %s\npath = %s\n", table, quote(name), quote(has[table+" "+name]))
			return nil
		}
		if found == nil {
			found = find.Devices(root)
		}
		var fit, there []string
		for i := range found {
			there = append(there, found[i].Path)
			if ok, err := filepath.Match(path, found[i].Path); err != nil {
				return usagef("%s %s: path %q: %w", table, name, path, err)
			} else if ok {
				fit = append(fit, found[i].Path)
			}
		}
		switch len(fit) {
		case 1:
			fmt.Fprintf(&b, "[[%s]]\nname = %s\npath = %s\n", table, quote(name), quote(fit[0]))
			return nil
		case 0:
			return refusedf("%s %s: no device is %s", table, name, path).hint("there are: %s", orDash(join(there))).hint("is it plugged in, and switched on? tillwarden device detect")
		}
		return refusedf("%s %s: %d devices are %s", table, name, len(fit), path).hint("name one of %s", join(fit))
	}
	for _, d := range configured(&all.Config) {
		if err := put(d.table, d.name, d.path); err != nil {
			return err
		}
	}
	next, _, err := confedit.Merge(a.fragment, []byte(b.String()))
	if err != nil {
		return usagef("the answers: %w", err)
	}
	a.fragment = next
	return nil
}

// ownDevice is a device of a configuration.
type ownDevice struct {
	table string // printer, drawer, reader or keypad
	name  string
	path  string
}

// configured are the devices of a configuration; nil has none.
func configured(c *daemon.Config) (list []ownDevice) {
	if c == nil {
		return nil
	}
	for i := range c.Printers {
		list = append(list, ownDevice{"printer", c.Printers[i].Name, c.Printers[i].Path})
	}
	for i := range c.Drawers {
		list = append(list, ownDevice{"drawer", c.Drawers[i].Name, c.Drawers[i].Path})
	}
	for i := range c.Readers {
		list = append(list, ownDevice{"reader", c.Readers[i].Name, c.Readers[i].Path})
	}
	for i := range c.Keypads {
		list = append(list, ownDevice{"keypad", c.Keypads[i].Name, c.Keypads[i].Path})
	}
	return list
}
