package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/daemon/confedit"
	"tillwarden/enforcer/journal"
)

// daemonUnit is the daemon's unit of systemd.
const daemonUnit = "tillwardend.service"

// daemonUnits are all of its units: who connects to a socket starts the daemon.
var daemonUnits = []string{daemonUnit, "tillwardend-pos.socket", "tillwardend-console.socket", "tillwardend-technician.socket"}

// setupOptions say what setup does.
type setupOptions struct {
	root     string
	file     string // answers
	example  bool
	undo     bool
	dry      bool
	chain    string
	store    string
	register string
	replaces replacement
}

func (a *app) setupCommand() *cobra.Command {
	var o setupOptions
	c := &cobra.Command{
		Use:   "setup",
		Short: "set this register up, or take that back",
		Long: `Asks what this register has to know: whose it is, who may sign policies, and which
devices it has. Shows what it will write, writes it, takes the devices from everybody
but the daemon, tests them with you, and ends with the doctor.

With --answers FILE it asks nothing. Run again, it changes only what changes and
keeps comments; the file as it was is tillwarden.toml.previous. What it changed is in
` + recordPath + `; --undo gives all of it back.

With --root it sets up the machine whose files are in a folder, and says which
commands would have to be run there.`,
		Example: `  sudo tillwarden setup
  tillwarden setup --example-answers > answers.toml
  sudo tillwarden setup --answers answers.toml --store 0042 --register 7
  sudo tillwarden setup --undo`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.example {
				fmt.Fprint(a.out, exampleAnswers)
				return nil
			}
			m := newMachine(o.root)
			if m.live() && os.Geteuid() != 0 && !o.dry {
				return failedf("set-up writes to %s and gives devices away: it has to be root", configDir).hint("sudo tillwarden setup")
			}
			if o.undo {
				return a.setupUndo(cmd.Context(), m)
			}
			return a.setup(cmd.Context(), m, &o)
		},
	}
	a.rootFlag(c, &o.root, "set up the machine whose files are in this `folder` (or TILLWARDEN_ROOT)")
	f := c.Flags()
	f.StringVar(&o.file, "answers", "", "take the answers from this `file`, and ask nothing")
	f.BoolVar(&o.example, "example-answers", false, "print an answers file with explanations")
	f.BoolVar(&o.undo, "undo", false, "give back what set-up changed: files, devices, groups")
	f.BoolVar(&o.dry, "dry-run", false, "say what would be changed, and change nothing")
	f.StringVar(&o.chain, "chain", "", "the `chain`, whatever the answers say")
	f.StringVar(&o.store, "store", "", "the `store`, whatever the answers say")
	f.StringVar(&o.register, "register", "", "the register's `name`, whatever the answers say")
	f.StringVar(&o.replaces.register, "replaces", "", "take over number, epoch floor and last checkpoint of this `register`, which this one replaces")
	f.StringVar(&o.replaces.old, "old", "", "state `folder` of the register that is replaced, from its disk or a backup")
	f.Uint64Var(&o.replaces.epoch, "epoch", 0, "where that is lost: the highest `epoch` of a policy that it loaded")
	_ = c.MarkFlagDirname("old")
	c.MarkFlagsMutuallyExclusive("answers", "example-answers", "undo")
	return c
}

func (a *app) setupUndo(ctx context.Context, m *machine) error {
	list, err := a.undo(ctx, m)
	if a.json {
		if jerr := a.printJSON(struct {
			Undone []undone `json:"undone"`
		}{list}); err == nil {
			err = jerr
		}
		return err
	}
	for _, u := range list {
		a.say("%s: %s", u.What, u.Says)
	}
	if err == nil && len(list) == 0 {
		a.say("nothing was set up here: nothing to undo")
	} else if err == nil {
		a.say("tillwardend is stopped; journal, roster and keys are left in the state folder")
		a.say("to take over again: tillwarden setup --answers %s.undone", defaultConfigFile)
	}
	return err
}

// setupPlan is what setup is going to do.
type setupPlan struct {
	now, next *daemon.Config // now: nil where there is none that can be read
	text      []byte         // the configuration as it is
	files     []newFile
	changes   []confedit.Change
	members   []recordMember
	take      bool
	nodes     []string     // of devices that were taken, and are not the daemon's now
	inUse     bool         // the register had its name and a policy before
	replaces  *replacement // nil: none
}

// setupReport is setup's answer in JSON.
type setupReport struct {
	Changes []confedit.Change `json:"changes"`
	Files   []string          `json:"files"`
	Members []recordMember    `json:"members"`
	Steps   []undone          `json:"steps"`
	DryRun  bool              `json:"dry_run,omitempty"`
	// Findings are the doctor's, and Next what people have to do.
	Findings []finding `json:"findings,omitempty"`
	Next     []string  `json:"next,omitempty"`
}

func (a *app) setup(ctx context.Context, m *machine, o *setupOptions) error {
	if r := &o.replaces; r.register != "" {
		if o.register == "" {
			o.register = r.register
		}
		if err := r.read(ctx); err != nil {
			return err
		}
	} else if r.old != "" || r.epoch != 0 {
		return usagef("--old and --epoch are about a register that is replaced: name it with --replaces")
	}
	text, now, err := m.configuration()
	if err != nil {
		return err
	}
	var ans *answers
	if o.file != "" {
		ans, err = readAnswers(o.file)
	} else {
		ans, err = a.askSetup(m, now, o)
	}
	if err != nil {
		return err
	}
	for _, w := range [][2]string{{"chain", o.chain}, {"store", o.store}, {"register", o.register}} {
		if err := ans.set(w[0], w[1]); err != nil {
			return err
		}
	}
	p, err := a.plan(m, ans, text, now)
	if err != nil {
		return err
	}
	if o.replaces.register != "" {
		p.replaces = &o.replaces
		if err := p.replaces.admits(p); err != nil {
			return err
		}
	}
	if err := a.sealedAs(ctx, m, p.next); err != nil {
		return err
	}
	report := &setupReport{Changes: p.changes, Files: []string{}, Members: p.members, Steps: []undone{}, DryRun: o.dry}
	for i := range p.files {
		report.Files = append(report.Files, p.files[i].path)
	}
	if !a.json {
		a.showPlan(p)
	}
	if !o.dry {
		if o.file == "" && !p.empty() {
			yes, err := a.askLine("Do this? yes or no", "yes")
			if err != nil {
				return err
			}
			if !strings.HasPrefix(strings.ToLower(yes), "y") {
				return refusedf("nothing was changed")
			}
		}
		if err := a.carryOut(ctx, m, p, report.step(a)); err != nil {
			return err
		}
	}
	if !o.dry && m.live() {
		if err := a.afterSetup(ctx, m, o, ans, p, report); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(report)
	}
	return nil // what is left to do was said; tillwarden doctor exits by it
}

// step takes down, and says, what was done.
func (r *setupReport) step(a *app) func(what, says string) {
	return func(what, says string) {
		r.Steps = append(r.Steps, undone{what, says})
		if !a.json {
			a.say("%s: %s", what, says)
		}
	}
}

// configuration reads the machine's. One that is not there, or not yet a
// configuration (no store is named), is no error.
func (m *machine) configuration() (text []byte, c *daemon.Config, err error) {
	if text, err = m.read(defaultConfigFile); err != nil {
		return nil, nil, err
	}
	if text == nil {
		return nil, nil, nil
	}
	c, err = daemon.ParseConfig(defaultConfigFile, text)
	if err != nil {
		c = nil // what is to be written is checked
	}
	return text, c, nil
}

// firstLines begin a configuration where there is none.
const firstLines = `# tillwarden: the configuration of this register. Keys that are not here have their
# defaults; docs/configuration.md explains all of them.

`

// plan finds out what has to change.
func (a *app) plan(m *machine, ans *answers, text []byte, now *daemon.Config) (*setupPlan, error) {
	if err := ans.resolve(m.root, now); err != nil {
		return nil, err
	}
	base := text
	if base == nil {
		base = []byte(firstLines)
	}
	merged, changes, err := confedit.Merge(base, ans.fragment)
	if err != nil {
		return nil, refusedf("%s: %w", defaultConfigFile, err)
	}
	c, err := parseMerged(merged)
	if err != nil {
		return nil, err
	}
	files, fragment, err := a.policyFiles(m, &ans.setup, c)
	if err != nil {
		return nil, err
	}
	merged, more, err := confedit.Merge(merged, []byte(fragment))
	if err != nil {
		return nil, refusedf("%s: %w", defaultConfigFile, err)
	}
	if c, err = parseMerged(merged); err != nil {
		return nil, err
	}
	if acc := readAccounts(m.at("/etc/passwd"), m.at("/etc/group")); m.live() {
		if _, _, ok := acc.numbers(daemonUser); !ok {
			return nil, failedf("there is no user %s here", daemonUser).hint("install the package first: apt install ./tillwarden_*.deb")
		}
	}
	inUse, err := m.sameRegister(c)
	if err != nil {
		return nil, err
	}
	p := &setupPlan{inUse: inUse, now: now, next: c, text: text, changes: append(append([]confedit.Change{}, changes...), more...), take: ans.setup.take()}
	if p.members, err = m.members(&ans.setup); err != nil {
		return nil, err
	}
	if text != nil && len(p.changes) > 0 {
		files = append(files, newFile{path: defaultConfigFile + ".previous", content: text, mode: 0o644, what: "the configuration as it was"})
	}
	if text == nil || len(p.changes) > 0 {
		files = append(files, newFile{path: defaultConfigFile, content: merged, mode: 0o644, what: "the configuration"})
	}
	old, err := m.read(rulesPath)
	if err != nil {
		return nil, err
	}
	if rules := udevRules(m.root, now, c, old); p.take && rules != "" {
		files = append(files, newFile{path: rulesPath, content: []byte(rules), mode: 0o644, what: "gives the devices to the daemon alone"})
	}
	if dropin := unitDropin(c); dropin != "" {
		files = append(files, newFile{path: dropinPath, content: []byte(dropin), mode: 0o644, what: "gives the daemon the addresses and groups that these devices need"})
	} else if old, err := m.read(dropinPath); err == nil && old != nil {
		files = append(files, newFile{path: dropinPath, content: []byte("# Written by tillwarden setup: no device needs anything of the unit any more.\n"), mode: 0o644, what: "takes the daemon's addresses and groups back"})
	}
	for i := range files {
		same, err := m.same(&files[i])
		if err != nil {
			return nil, err
		}
		if !same {
			p.files = append(p.files, files[i])
		}
	}
	if p.take && m.live() && !p.rules() { // rules that are there already may not have been held to a device
		p.nodes = m.strayNodes(c)
	}
	return p, nil
}

// rules reports whether udev's rules are to be written.
func (p *setupPlan) rules() bool {
	return slices.ContainsFunc(p.files, func(f newFile) bool { return f.path == rulesPath })
}

// sameRegister refuses to give another name to a register that was in use: its journal
// and its key bear the one that it has. It reports whether it was in use.
func (m *machine) sameRegister(next *daemon.Config) (inUse bool, err error) {
	if _, err := os.Stat(m.at(filepath.Join(next.State, "policy.bundle"))); err != nil {
		return false, nil // no policy was ever loaded: the daemon begins anew under the new name
	}
	pub, err := os.ReadFile(m.at(filepath.Join(next.State, "keys", "journal.pub")))
	if err != nil {
		return false, nil // the daemon says what is wrong
	}
	name, _, _ := strings.Cut(string(pub), "+")
	if name == journal.KeyName(next.Chain, next.Store, next.Register) {
		return true, nil
	}
	return true, refusedf("this register was in use as %s, and its journal bears that name", name).
		hint("take chain, store and register as they were").
		hint("for another name it begins anew: tillwarden journal export, then stop tillwardend and move %s away", next.State)
}

// parseMerged checks what is to be written as the daemon will.
func parseMerged(text []byte) (*daemon.Config, error) {
	c, err := daemon.ParseConfig(defaultConfigFile, text)
	var wrong *daemon.ConfigErrors
	if errors.As(err, &wrong) {
		f := refusedf("with these answers the configuration would be wrong; nothing was changed")
		for i := range wrong.Errors {
			e := &wrong.Errors[i]
			line := strings.TrimSpace(e.Key + ": " + e.Message)
			if e.Hint != "" {
				line += "; " + e.Hint
			}
			f = f.hint("%s", line)
		}
		return nil, f
	}
	return c, err
}

func (a *app) showPlan(p *setupPlan) {
	if p.replaces != nil {
		a.say("%s", p.replaces.says())
	} else if p.empty() {
		a.say("nothing changes")
		return
	}
	for _, c := range p.changes {
		if c.From == "" {
			a.say("%-40s %s", c.Key, c.To)
		} else {
			a.say("%-40s %s, was %s", c.Key, c.To, c.From)
		}
	}
	for i := range p.files {
		a.say("write  %-33s %s", p.files[i].path, p.files[i].what)
	}
	for _, v := range p.members {
		if v.Joined {
			a.say("group  %-33s %s joins it", v.Group, v.User)
		} else {
			a.say("group  %-33s %s leaves it", v.Group, v.User)
		}
	}
	for _, node := range p.nodes {
		a.say("device %-33s the daemon gets it back", node)
	}
}

// empty reports whether there is nothing to do.
func (p *setupPlan) empty() bool {
	return p.replaces == nil && len(p.changes)+len(p.files)+len(p.members)+len(p.nodes) == 0
}

// carryOut does what is planned. Each change is recorded before it is made.
func (a *app) carryOut(ctx context.Context, m *machine, p *setupPlan, tell func(what, says string)) error {
	r, err := m.readRecord()
	if err != nil {
		return err
	}
	wrote := false
	if p.replaces != nil {
		archive, err := p.replaces.leave(m, p.next.State)
		if err != nil {
			return err
		}
		wrote = true
		if archive != "" {
			tell(filepath.Join(p.next.State, archive, "journal.db"), "the old journal; tillwarden journal list --file reads it")
		}
	}
	for i := range p.files {
		if err := m.put(r, &p.files[i]); err != nil {
			return err
		}
		wrote = wrote || !p.files[i].outside
		tell(p.files[i].path, "written")
	}
	if p.replaces != nil {
		if err := p.replaces.handOver(m, p.next.State); err != nil {
			return err
		}
	}
	for _, v := range p.members {
		if !slices.Contains(r.Members, v) {
			r.Members = append(r.Members, v)
			if err := m.writeRecord(r); err != nil {
				return err
			}
		}
		name, args := v.command()
		a.system(ctx, m, tell, name, args...)
	}
	if p.rules() || len(p.nodes) > 0 {
		if err := a.takeNodes(ctx, m, r, p.next, tell); err != nil {
			return err
		}
	}
	return a.startDaemon(ctx, m, p, wrote, tell)
}

// startDaemon lets the daemon take over what was written: by a reload where that is
// enough.
func (a *app) startDaemon(ctx context.Context, m *machine, p *setupPlan, wrote bool, tell func(what, says string)) error {
	switch {
	case !wrote:
		return nil
	case !m.live():
		a.system(ctx, m, tell, "systemctl", append([]string{"enable", "--now"}, daemonUnits...)...)
		return nil
	}
	if _, err := m.command(ctx, "systemctl", "cat", daemonUnit); err != nil {
		tell(daemonUnit, "is not installed: start tillwardend by hand")
		return nil
	}
	opened := slices.ContainsFunc(p.files, func(f newFile) bool { return f.path == dropinPath })
	if opened {
		a.system(ctx, m, tell, "systemctl", "daemon-reload")
	}
	_, inactive := m.command(ctx, "systemctl", "is-active", "--quiet", daemonUnit)
	switch {
	case inactive != nil:
		a.system(ctx, m, tell, "systemctl", append([]string{"enable", "--now"}, daemonUnits...)...)
	case p.now == nil || p.replaces != nil || opened || len(p.now.NeedsRestart(p.next)) > 0:
		a.system(ctx, m, tell, "systemctl", "restart", daemonUnit)
	default:
		a.system(ctx, m, tell, "systemctl", "reload", daemonUnit)
	}
	return nil
}

// afterSetup waits for the daemon, makes the first operator, tests the devices, and lets
// the doctor have the last word.
func (a *app) afterSetup(ctx context.Context, m *machine, o *setupOptions, ans *answers, p *setupPlan, report *setupReport) error {
	client, err := a.awaitDaemon(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	tell := report.step(a)
	if err := a.beginMonitored(ctx, client, &ans.setup, tell); err != nil {
		return err
	}
	report.Next = nextSteps(p, &ans.setup)
	if err := a.firstOperator(ctx, client, o, &ans.setup, tell); err != nil {
		a.sayNext(report.Next) // it is not said again
		return err
	}
	if o.file == "" && !a.json && len(configured(p.next)) > 0 {
		if err := a.tryWithPeople(ctx, client); err != nil {
			return err
		}
	}
	var d doctor
	a.examineAll(ctx, &d, &doctorOptions{root: m.root})
	report.Findings = d.findings
	if a.json {
		return nil
	}
	a.say("")
	if err := a.showFindings(&d); err != nil && !errors.As(err, new(said)) {
		return err
	}
	a.sayNext(report.Next)
	return nil
}

// sayNext says what people have to do.
func (a *app) sayNext(steps []string) {
	if a.json || len(steps) == 0 {
		return
	}
	a.say("\nnext:")
	for _, step := range steps {
		a.say("  %s", step)
	}
}

// nextSteps are what people have to do after a set-up that changed something.
func nextSteps(p *setupPlan, s *setupAnswers) (steps []string) {
	for i := range p.files {
		if f := &p.files[i]; f.outside {
			steps = append(steps, "take "+f.path+" off this register: who has it decides who may open the drawers")
		}
	}
	if len(p.members) > 0 {
		steps = append(steps, s.POSUser+" has to log in again: until then it has the groups that it had")
	}
	if p.inUse {
		return steps
	}
	if p.now == nil || p.now.Chain != p.next.Chain || p.now.Store != p.next.Store || p.now.Register != p.next.Register {
		steps = append(steps, "before anybody signs on: tillwarden mode codes --set-up, and seal the list of codes that it prints",
			"tillwarden operator add NUMBER --name NAME --group WORK-GROUP --as NUMBER adds people")
	}
	return steps
}

// tryWithPeople tests each device, and calibrates the drawers.
func (a *app) tryWithPeople(ctx context.Context, client *api.Client) error {
	yes, err := a.askLine("Test the devices now? yes or no", "yes")
	if err != nil || !strings.HasPrefix(strings.ToLower(yes), "y") {
		return err
	}
	drawers, err := client.Drawers(ctx)
	if err != nil {
		return err
	}
	for i := range drawers.Drawers {
		if w := &drawers.Drawers[i]; !w.NoSensor && !w.Calibrated && w.Ready {
			if _, err := a.calibrate(ctx, client, w, []bool{false, true}, true); err != nil {
				a.note("%v: later, tillwarden device calibrate drawer %s", err, w.Name)
			}
		}
	}
	list, err := a.trials(ctx, client)
	if err != nil {
		return err
	}
	for i := range list {
		if err := a.try(ctx, client, &list[i]); err != nil {
			if ctx.Err() != nil {
				return err
			}
			a.say("%v", err)
		}
	}
	return nil
}

// daemonTime is how long the daemon may take to answer after a start.
const daemonTime = 15 * time.Second

func (a *app) awaitDaemon(ctx context.Context) (*api.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, daemonTime)
	defer cancel()
	for {
		client, err := a.dial(ctx, api.RoleTechnician)
		if err == nil {
			if _, err = client.Status(ctx); err == nil {
				return client, nil
			}
			client.Close()
		}
		if errors.Is(err, fs.ErrPermission) || !pause(ctx, 300*time.Millisecond) {
			return nil, failedf("everything is written, and the daemon does not answer: %w", err).hint("journalctl -u %s -n 20 says why", daemonUnit)
		}
	}
}

// beginMonitored begins in monitor mode where that was asked for, before there are people:
// a register that is in use goes on as it does.
func (a *app) beginMonitored(ctx context.Context, client *api.Client, s *setupAnswers, tell func(what, says string)) error {
	if s.Monitor == "" {
		return nil
	}
	st, err := client.Status(ctx)
	if err != nil || !st.Enforcing || st.Operators == nil || *st.Operators > 0 {
		return err
	}
	var how span
	if err := how.Set(s.Monitor); err != nil {
		return usagef("[setup] monitor: %w", err)
	}
	reason := s.MonitorReason
	if reason == "" {
		reason = "moving in, by set-up"
	}
	if _, err := client.Monitor(ctx, api.ModeRequest{Seconds: time.Duration(how).Seconds(), Reason: reason, SetUp: true}); err != nil {
		tell("monitor mode", "not begun, it enforces at once: "+err.Error())
		return nil
	}
	tell("monitor mode", "begun for "+s.Monitor+": what the policy refuses is let through, and journaled")
	return nil
}

// firstOperator makes one on an empty roster.
func (a *app) firstOperator(ctx context.Context, client *api.Client, o *setupOptions, s *setupAnswers, tell func(what, says string)) error {
	st, err := client.Status(ctx)
	if err != nil {
		return err
	}
	if st.Operators == nil || *st.Operators > 0 || st.Policy == nil {
		return nil
	}
	op := s.Operator
	if op.Number != "" {
		if err := mayBeFirst(ctx, client, op.Groups); err != nil {
			return classify(err).hint("all else is done; for the operator, and the doctor's word, run it again")
		}
	}
	if op.Number == "" && o.file == "" {
		if op.Number, err = a.askLine("Number of the first operator, who may add others; none to add one later", "none"); err != nil || op.Number == "none" {
			return err
		}
		if op.Name, err = a.askLine("Name", "Manager"); err != nil {
			return err
		}
		for first := true; first || len(op.Groups) == 0; first = false {
			groups, err := a.askLine("Work groups, with semicolons between", "POS Cashier - Manager Override; Store/Local Operator Maintenance")
			if err != nil {
				return err
			}
			for g := range strings.SplitSeq(groups, ";") {
				op.Groups = append(op.Groups, strings.TrimSpace(g))
			}
			if err := mayBeFirst(ctx, client, op.Groups); err != nil {
				a.note("%v", err)
				op.Groups = nil
			}
		}
	}
	if op.Number == "" {
		return nil
	}
	for left := pinTries - 1; ; left-- {
		err := a.addFirst(ctx, client, &op)
		if err == nil {
			break
		}
		if o.file != "" || left == 0 || ctx.Err() != nil {
			return classify(err).hint("all else is done; for the operator, and the doctor's word, run it again")
		}
		f := classify(err)
		a.note("%v", f)
		for _, h := range f.hints {
			a.note("hint: %s", h)
		}
	}
	tell("operator "+op.Number, peopleDone[api.PeopleAdd])
	return nil
}

// mayBeFirst refuses a first operator who could add nobody: then nobody could, for the
// technician adds the first one only. A register without a policy, or that does not know
// the work groups, says so itself.
func mayBeFirst(ctx context.Context, client *api.Client, groups []string) error {
	p, _, err := loadedBy(ctx, client)
	if err != nil {
		return nil
	}
	for _, g := range groups {
		if _, known := p.WorkGroup(g); !known {
			return nil
		}
	}
	if may(p, groups, mayAdd) {
		return nil
	}
	return refusedf("%s: the first operator has to be one who may add others, and with these work groups may not", join(groups)).
		hint("tillwarden policy who-can %s @active says which may", mayAdd)
}

// pinTries is how often set-up asks people for a first PIN that will do.
const pinTries = 3

func (a *app) addFirst(ctx context.Context, client *api.Client, op *firstOperator) error {
	pin, err := a.askNewPIN("operator " + op.Number)
	if err != nil {
		return err
	}
	defer pin.Wipe()
	if _, err := client.People(ctx, api.PeopleAdd, api.PeopleRequest{Number: op.Number, Name: op.Name, WorkGroups: op.Groups, PIN: pin}); err != nil {
		return fmt.Errorf("adding operator %s: %w", op.Number, err)
	}
	return nil
}
