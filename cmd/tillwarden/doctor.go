package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/devices"
)

// finding is one thing that the doctor looked at.
type finding struct {
	Check string `json:"check"`
	// State is "ok", "note" for what is worth knowing, or "problem".
	State string `json:"state"`
	Says  string `json:"says"`
	// Do is what to do next about a problem.
	Do string `json:"do,omitempty"`
}

// doctor gathers findings.
type doctor struct {
	findings []finding
	away     bool // the findings leave the store: without what its people wrote
}

func (d *doctor) ok(check, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, State: "ok", Says: fmt.Sprintf(format, args...)})
}

func (d *doctor) note(check, do, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, State: "note", Says: fmt.Sprintf(format, args...), Do: do})
}

func (d *doctor) problem(check, do, format string, args ...any) {
	d.findings = append(d.findings, finding{Check: check, State: "problem", Says: fmt.Sprintf(format, args...), Do: do})
}

func (d *doctor) problems() int {
	n := 0
	for _, f := range d.findings {
		if f.State == "problem" {
			n++
		}
	}
	return n
}

// doctorOptions say what is looked at.
type doctorOptions struct {
	config string
	root   string
	probe  bool
}

func (a *app) doctorCommand() *cobra.Command {
	var o doctorOptions
	c := &cobra.Command{
		Use:   "doctor",
		Short: "look for what is wrong, and say what to do next",
		Long: `Looks at this register from the sockets to the drawers, and says for each problem
what to do next. Changes nothing. Exits with 1 when it found a problem.

It also looks for side doors, which lead to a printer or a drawer past the
daemon: CUPS' queues, rights of the printer's device and of others on the same
USB device, print ports, I/O ports of the mainboard. With --probe it asks each
network printer that is configured, and nothing else, which other services it
offers. It sees more as root. docs/printers.md says what it cannot see.`,
		Example: "  tillwarden doctor\n  sudo tillwarden doctor --probe",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var d doctor
			if !examineUnit(cmd.Context(), &d, newMachine(o.root)) {
				return a.showFindings(&d)
			}
			a.examineAll(cmd.Context(), &d, &o)
			return a.showFindings(&d)
		},
	}
	c.Flags().StringVar(&o.config, "config", "", "the daemon's configuration `file`, instead of "+defaultConfigFile)
	a.rootFlag(c, &o.root, "look for side doors in the machine whose files are in this `folder` (or TILLWARDEN_ROOT)")
	c.Flags().BoolVar(&o.probe, "probe", false, "ask network printers which services they offer")
	return c
}

// showFindings prints what was found. Problems are exit code 1.
func (a *app) showFindings(d *doctor) error {
	n := d.problems()
	if a.json {
		if err := a.printJSON(struct {
			Findings []finding `json:"findings"`
			Problems int       `json:"problems"`
		}{d.findings, n}); err != nil {
			return err
		}
	} else {
		for _, f := range d.findings {
			a.say("%-8s %-10s %s", f.State, f.Check, f.Says)
			if f.Do != "" {
				a.say("%-8s %-10s -> %s", "", "", f.Do)
			}
		}
		switch n {
		case 0:
			a.say("nothing is wrong")
		default:
			a.say("%s", count(n, "problem"))
		}
	}
	if n > 0 {
		return said(exitRefused)
	}
	return nil
}

// configuration reads the daemon's. One that is not there, or that this user may not
// read, is no error, where nobody named it.
func (o *doctorOptions) configuration() (*daemon.Config, error) {
	file := o.config
	if file == "" {
		file = filepath.Join(o.root, defaultConfigFile)
	}
	c, err := daemon.LoadConfig(file)
	if o.config == "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)) {
		return nil, nil
	}
	return c, err
}

// examineAll looks at the daemon, and at what leads past it.
func (a *app) examineAll(ctx context.Context, d *doctor, o *doctorOptions) {
	c, err := o.configuration()
	if err != nil {
		c = nil
	}
	known := a.examine(ctx, d, c)
	if err != nil {
		d.problem("side door", "tillwardend --check-config says more", "the printers cannot be looked at: %v", err)
		return
	}
	a.examineDoors(ctx, d, o, c, known)
}

// examine looks at the daemon and what it says, and returns its devices. c is its
// configuration, nil where that cannot be read.
func (a *app) examine(ctx context.Context, d *doctor, c *daemon.Config) []api.Device {
	if a.socket == "" {
		a.examineSockets(d)
	}
	client, err := a.dial(ctx, api.RoleTechnician, api.RoleConsole, api.RolePOS)
	if err != nil {
		f := classify(err)
		do := "systemctl status tillwardend"
		if len(f.hints) > 0 {
			do = f.hints[0]
		}
		d.problem("daemon", do, "%v", err)
		return nil
	}
	defer client.Close()
	s, err := client.Status(ctx)
	if err != nil {
		d.problem("daemon", "journalctl -u tillwardend says more", "does not answer: %v", err)
		return nil
	}
	if s.Version == a.version {
		d.ok("daemon", "up for %s, version %s", seconds(s.Uptime), s.Version)
	} else {
		d.problem("daemon", "restart it after an upgrade: systemctl restart tillwardend", "runs version %s, this command line is %s", s.Version, a.version)
	}
	examinePolicy(d, s)
	if s.Mode != nil {
		m := *s.Mode
		if d.away {
			m.Reason = ""
		}
		d.note("mode", "tillwarden mode enforce ends it; tillwarden mode report says what enforcing would change", "it does not enforce: %s", modeWords(&m))
	}
	if s.Operators != nil {
		switch {
		case *s.Operators > 0:
			d.ok("operators", "%d", *s.Operators)
		case s.Policy != nil:
			d.problem("operators", nextPeople, "there are none: nobody can sign on")
		case !notSetUp(s):
			d.problem("operators", "load a policy first, which has the work groups", "there are none: nobody can sign on")
		}
	}
	examinePeople(ctx, d, client, c)
	switch s.Keys {
	case api.KeysPlain:
		if notSetUp(s) {
			break // they bear the name that set-up is going to change
		}
		d.note("keys", "sudo tillwarden key seal", "the register's own keys are plain files: who copies the disk has them")
	case api.KeysSealed:
		d.ok("keys", "the register's own are sealed to this machine")
	}
	if j := s.Journal; j != nil {
		a.examineJournal(d, j)
	}
	examineClock(d, s.Clock)
	for i := range s.Devices {
		examineDevice(d, &s.Devices[i])
	}
	if len(s.Drawers) == 0 && !notSetUp(s) {
		d.problem("drawer", "sudo tillwarden setup, or in tillwardend's configuration: [[printer.drawer]] on a printer, [[drawer]] on a serial line of its own", "none is configured")
	}
	for i := range s.Drawers {
		w := &s.Drawers[i]
		switch {
		case !w.Ready:
			d.problem("drawer", "see its printer, or its line; after that: tillwarden drawer status", "%s cannot be opened now: %s", w.Name, w.Problem)
		case w.NoSensor:
			d.note("drawer", "set its status in tillwardend's configuration, if it reports on a modem line", "%s: nothing reports whether it is open, so that it cannot raise an alarm", w.Name)
		case !w.Calibrated:
			d.problem("drawer", "tillwarden device calibrate drawer "+w.Name, "%s: its sensor is not calibrated, so that it cannot raise an alarm", w.Name)
		default:
			d.ok("drawer", "%s is %s, ready", w.Name, w.State)
		}
	}
	for _, p := range s.Problems {
		if told(s, p) {
			continue
		}
		d.problem("register", "tillwarden status shows the whole", "%s", p)
	}
	return s.Devices
}

// examineClock looks at what the kernel tells the daemon of the wall clock.
func examineClock(d *doctor, state string) {
	const wrong = "times in the journal may be wrong, and so may the hours that limits hold in"
	switch state {
	case "synchronised":
		d.ok("clock", "synchronised")
	case "unsynchronised":
		d.note("clock", "timedatectl set-ntp true, or set the clock", "not synchronised: %s", wrong)
	case "unknown":
		d.note("clock", "timedatectl says whether it is in step; that the daemon may ask, too, takes adjtimex in its unit's SystemCallFilter= (systemctl show -p SystemCallFilter tillwardend; docs/hardening.md)",
			"the kernel does not tell tillwardend whether it is right: %s", wrong)
	}
}

// noCredentials is the exit code of a service whose credentials could not be opened
// (EXIT_CREDENTIALS, systemd.exec(5)).
const noCredentials = "243"

// examineUnit looks at how the daemon's unit does, which starts it again for as
// long as it takes: each end that nobody asked for counts. It reports whether there is
// a daemon to look at: none is to run where it is switched off.
func examineUnit(ctx context.Context, d *doctor, m *machine) bool {
	if !m.live() {
		return true
	}
	text, err := m.command(ctx, "systemctl", "show", "--property=LoadState,ActiveState,UnitFileState,Result,ExecMainStatus,NRestarts", "tillwardend.service")
	if err != nil {
		return true // a system without systemd has no unit
	}
	unit := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if key, value, ok := strings.Cut(line, "="); ok {
			unit[key] = value
		}
	}
	const log = "journalctl -u tillwardend -p warning says why"
	switch again := unit["NRestarts"]; {
	case unit["LoadState"] != "loaded": // it runs otherwise, if it does
	case unit["ActiveState"] == "inactive" && unit["UnitFileState"] == "disabled":
		do := "sudo tillwarden setup switches it on"
		if again := m.undone(); again != "" {
			do = again
		}
		d.problem("unit", do, "tillwardend.service is switched off, as setup --undo leaves it: nothing prints through it, and it opens no drawer")
		return false
	case unit["ActiveState"] != "active" && unit["ExecMainStatus"] == noCredentials:
		d.problem("unit", "give it its own mainboard and TPM back; docs/hardening.md (Keys) has what to do where they are lost",
			"its sealed keys do not open on this machine, so that tillwardend.service does not start: nothing prints, and no drawer opens")
	case unit["ActiveState"] == "inactive" && unit["Result"] == "success":
		d.problem("unit", "sudo systemctl start tillwardend", "tillwardend.service is inactive, as systemctl stop leaves it: nothing prints, and no drawer opens")
	case unit["ActiveState"] != "active":
		d.problem("unit", log, "tillwardend.service is %s (%s), and was started again %s times: nothing prints, and no drawer opens", unit["ActiveState"], unit["Result"], again)
		said, err := m.command(ctx, "journalctl", "--boot", "--unit=tillwardend.service", "--identifier=tillwardend", "--priority=err", "--lines=1", "--output=cat")
		if said = strings.TrimSpace(said); err == nil && said != "" {
			d.problem("unit", "see to that; it starts by itself then", "it said last: %s", said)
		}
	case again != "0" && again != "":
		d.note("unit", log, "the daemon ended %s times without being asked to, and was started again", again)
	default:
		d.ok("unit", "the daemon has not ended since it was started")
	}
	return true
}

// What is to be done next about a register as the package installs it.
const (
	nextSetUp  = "sudo tillwarden setup asks what it has to know, and does the rest"
	nextKeys   = "sudo tillwarden setup does; or put the public key that your policies are signed with there, systemctl restart tillwardend, tillwarden load FILE"
	nextPolicy = "sudo tillwarden setup loads the first one; later ones: tillwarden load FILE"
	nextPeople = "sudo tillwarden setup asks for the first one; or: sudo tillwarden operator add NUMBER --name NAME --group WORK-GROUP --group WORK-GROUP, with one that may add others"
)

// notSetUp reports whether nobody has set this register up: it has no policy and
// no drawer.
func notSetUp(s *api.Status) bool { return s.Policy == nil && len(s.Drawers) == 0 }

// policyKeysPart begins what the daemon says of the keys of policies.
const policyKeysPart = "policy keys: "

// policyKeys is what is wrong with the keys that policies are signed with; empty: nothing.
func policyKeys(s *api.Status) string {
	for _, p := range s.Problems {
		if what, ok := strings.CutPrefix(p, policyKeysPart); ok {
			return what
		}
	}
	return ""
}

// examinePolicy looks at what decides, and at whether anybody has set that up.
func examinePolicy(d *doctor, s *api.Status) {
	if notSetUp(s) {
		d.problem("set-up", nextSetUp, "this register is not set up yet: nothing opens")
	}
	switch {
	case s.Policy != nil:
		d.ok("policy", "epoch %d, %d functions", s.Policy.Epoch, s.Policy.Functions)
	case policyKeys(s) != "":
		d.problem("policy", nextKeys, "none is loaded, and none can be: %s", policyKeys(s))
	default:
		d.problem("policy", nextPolicy, "none is loaded: nothing is allowed")
	}
}

// told reports whether a problem of the status was told above, of its part.
func told(s *api.Status, problem string) bool {
	if s.Policy == nil && (strings.HasPrefix(problem, "no policy is loaded") || strings.HasPrefix(problem, policyKeysPart)) {
		return true
	}
	for _, v := range s.Devices {
		if v.State != "up" && strings.HasPrefix(problem, v.Kind+" "+v.Name+" is ") {
			return true
		}
	}
	return false
}

// examineSockets looks at who may reach the daemon.
func (a *app) examineSockets(d *doctor) {
	info, err := os.Stat(a.runDir)
	if err != nil {
		return // dial says it better
	}
	if info.Mode().Perm()&0o002 != 0 {
		d.problem("sockets", "chmod o-w "+a.runDir, "everybody may write to %s, and put sockets of their own there", a.runDir)
		return
	}
	for _, role := range []api.Role{api.RoleConsole, api.RoleTechnician} {
		path := filepath.Join(a.runDir, role.String()+".sock")
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			d.problem("sockets", "systemctl restart tillwardend", "%s is missing", path)
			return
		case err != nil:
			return
		case info.Mode().Perm()&0o002 != 0:
			d.problem("sockets", "see [sockets] in tillwardend's configuration", "everybody may use %s", path)
			return
		}
	}
	d.ok("sockets", "in %s", a.runDir)
}

func (a *app) examineJournal(d *doctor, j *api.JournalStatus) {
	switch j.State {
	case "", "ok":
		d.ok("journal", "%d entries, %s, room for %s more", j.Last, megabytes(j.Bytes), megabytes(j.FreeBytes))
	case api.JournalFailed:
		d.problem("journal", "journalctl -k -p warning says what became of its disk; once that takes something again the daemon goes on by itself", "it cannot be written: nothing is decided, and no drawer opens")
	default:
		d.problem("journal", "make room on its disk; at zero no drawer opens", "%s: %s left", j.State, megabytes(j.FreeBytes))
	}
}

func examineDevice(d *doctor, v *api.Device) {
	says := v.Name + " is " + v.State
	if v.Problem != "" {
		says += ": " + v.Problem
	}
	switch v.State {
	case "up":
		d.ok(v.Kind, "%s", says)
	case "untrusted":
		d.problem(v.Kind, "switch the printer off and on; if it stays so, say that you did: tillwarden device resync "+v.Name, "%s", says)
	default:
		do := "check its cable and power; its path is " + orDash(v.Path)
		switch {
		case strings.HasPrefix(v.Path, "tcp://"):
			do = "check that it is switched on and can be reached at " + v.Path + "; sudo tillwarden setup lets the daemon out to that address, and to no other"
		case strings.Contains(v.Problem, devices.Why(fs.ErrPermission)), strings.Contains(v.Problem, fs.ErrPermission.Error()):
			do = "sudo tillwarden setup gives " + orDash(v.Path) + " to the daemon again"
		case strings.Contains(v.Problem, devices.Why(devices.ErrBusy)):
			do = "a side door below may name who has it; else: sudo fuser -v " + orDash(v.Path) + " (package psmisc)"
		}
		d.problem(v.Kind, do, "%s", says)
	}
}
