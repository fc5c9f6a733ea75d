package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/devices/find"
)

// bugreport gathers what support needs.
type bugreport struct {
	*app
	m       *machine
	now     time.Time
	name    string // of its folder in the archive
	parts   []reportPart
	missing []string
}

// reportPart is one file of a report.
type reportPart struct {
	Name string `json:"name"`
	What string `json:"what"`
	Size int    `json:"bytes"`
	text []byte
}

// How much goes into a report.
const (
	reportEntries = 200 // of the journal, the last
	reportLog     = 500 // lines of the daemon's log, the last
)

func (a *app) bugreportCommand() *cobra.Command {
	var out, root, config string
	var list bool
	c := &cobra.Command{
		Use:   "bugreport",
		Short: "pack what support needs, without secrets or operators' names",
		Long: `Packs what support needs to find out what is wrong with this register: versions, the
configuration, what the doctor finds, the status, devices, how many entries of which
kind the journal has and the last ones, and the daemon's log. Says what is in it, and
writes that into it as well, as MANIFEST.txt.

Not in it: keys, PINs, cards, what was printed, the roster, the journal itself, and
operators' names and numbers. What looks like a secret is taken out of everything; a
report in which one of this register's keys was found is not written.`,
		Example: "  sudo tillwarden bugreport\n  sudo tillwarden bugreport --list",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := &bugreport{app: a, m: newMachine(root), now: time.Now()}
			c := r.gather(cmd.Context(), config)
			state := daemon.DefaultConfig().State
			register := "register"
			if c != nil {
				state, register = c.State, c.Register
			}
			r.name = "tillwarden-bugreport-" + register + "-" + r.now.UTC().Format("20060102-150405")
			if out == "" {
				out = r.name + ".tar.gz"
			}
			for _, secret := range ownSecrets(r.m.at(filepath.Join(state, "keys"))) {
				for _, p := range r.parts {
					if bytes.Contains(p.text, secret) {
						return failedf("a secret key of this register is in %s: the report is not written", p.Name).hint("do not send that file to anybody, and replace the key")
					}
				}
			}
			if !list {
				file, err := r.pack()
				if err != nil {
					return err
				}
				if err := createFile(out, file, 0o600); err != nil {
					return err
				}
			}
			if a.json {
				answer := struct {
					File    string       `json:"file,omitempty"`
					Parts   []reportPart `json:"parts"`
					Missing []string     `json:"missing,omitempty"`
				}{out, r.parts, r.missing}
				if list {
					answer.File = ""
				}
				return a.printJSON(answer)
			}
			fmt.Fprint(a.out, r.manifest())
			if !list {
				a.say("\nwritten: %s", out)
			}
			return nil
		},
	}
	a.rootFlag(c, &root, "report on the machine whose files are in this `folder` (or TILLWARDEN_ROOT)")
	c.Flags().StringVar(&config, "config", "", "the daemon's configuration `file`, instead of "+defaultConfigFile)
	c.Flags().StringVarP(&out, "output", "o", "", "the report's `file`, instead of one named by register and time")
	c.Flags().BoolVar(&list, "list", false, "only say what would be in it")
	return c
}

// add takes a part in, without secrets.
func (r *bugreport) add(name, what string, text []byte) {
	text = redact(text)
	r.parts = append(r.parts, reportPart{name, what, len(text), text})
}

func (r *bugreport) addJSON(name, what string, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		r.lacks(what, err)
		return
	}
	r.add(name, what, append(text, '\n'))
}

func (r *bugreport) lacks(what string, err error) {
	r.missing = append(r.missing, fmt.Sprintf("%s: %v", what, err))
}

// gather collects the parts. What cannot be had is noted as missing.
func (r *bugreport) gather(ctx context.Context, config string) *daemon.Config {
	file := config
	if file == "" {
		file = r.m.at(defaultConfigFile)
	}
	var c *daemon.Config
	if text, err := os.ReadFile(file); err != nil {
		r.lacks("the configuration", err)
	} else {
		r.add("tillwarden.toml", "the configuration", text)
		if c, err = daemon.ParseConfig(defaultConfigFile, text); err != nil {
			c = nil
			r.add("tillwarden.toml.errors", "what is wrong with the configuration", []byte(err.Error()+"\n"))
		}
	}
	d := doctor{away: true}
	r.examineAll(ctx, &d, &doctorOptions{root: r.m.root, config: config})
	r.addJSON("doctor.json", "what the doctor found", d.findings)
	r.addJSON("devices.json", "the devices that are there, and what they are used as", detect(r.m.root, c))
	r.daemonsParts(ctx)
	r.add("nodes.txt", "who may use the devices' files", r.nodes(c))
	if rules, err := r.m.read(rulesPath); err == nil && rules != nil {
		r.add("udev.rules", "set-up's rule of udev", rules)
	}
	r.add("system.txt", "system and kernel", r.system())
	if r.m.live() {
		log, err := r.m.command(ctx, "journalctl", "-u", daemonUnit, "-n", fmt.Sprint(reportLog), "--no-pager", "-o", "short-iso")
		if err != nil {
			r.lacks("the daemon's log", err)
		} else {
			r.add("log.txt", fmt.Sprintf("the daemon's log, the last %d lines at most", reportLog), append([]byte(log), '\n'))
		}
		r.udev(ctx, c)
	}
	return c
}

// daemonsParts are those that the daemon gives.
func (r *bugreport) daemonsParts(ctx context.Context) {
	client, err := r.dial(ctx, api.RoleTechnician)
	if err != nil {
		r.lacks("the daemon's status and journal", err)
		r.addJSON("versions.json", "versions", map[string]string{"tillwarden": r.version, "go": runtime.Version()})
		return
	}
	defer client.Close()
	s, err := client.Status(ctx)
	if err != nil {
		r.lacks("the daemon's status", err)
		return
	}
	r.addJSON("versions.json", "versions", map[string]string{"tillwarden": r.version, "tillwardend": s.Version, "go": runtime.Version()})
	// Who is signed on is nobody's business but the store's.
	signedOn, pending := s.Session != nil, s.Override != nil
	s.Session, s.Override = nil, nil
	if s.Mode != nil {
		s.Mode.By, s.Mode.With, s.Mode.Reason = "", "", ""
	}
	r.addJSON("status.json", "the daemon's status, without people", struct {
		*api.Status
		SignedOn bool `json:"somebody_is_signed_on"`
		Pending  bool `json:"an_override_is_pending"`
	}{s, signedOn, pending})
	page, err := client.Journal(ctx, api.JournalQuery{Limit: reportEntries, Reverse: true})
	if err != nil {
		r.lacks("the journal's last entries", err)
		return
	}
	counts := map[string]int{}
	last := []reportEntry{}
	for i := range page.Entries {
		e := &page.Entries[i]
		counts[strings.TrimRight(strings.Join([]string{e.Kind, e.Outcome, e.Reason}, " "), " ")]++
		last = append(last, entryForReport(e))
	}
	r.addJSON("journal.json", fmt.Sprintf("how the journal is, and its last %d entries without people", reportEntries), struct {
		Last    api.Seq        `json:"last"`
		Counts  map[string]int `json:"counts"`
		Entries []reportEntry  `json:"entries"`
	}{page.Last, counts, last})
}

// reportEntry is what of a journal entry is in a report: no people, nothing that people
// wrote, nothing that was printed.
type reportEntry struct {
	Seq      api.Seq   `json:"seq"`
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"`
	Outcome  string    `json:"outcome,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Function string    `json:"function,omitempty"`
	Device   string    `json:"device,omitempty"`
	Drawer   string    `json:"drawer,omitempty"`
	Purpose  string    `json:"purpose,omitempty"`
	Method   string    `json:"method,omitempty"`
	Epoch    uint64    `json:"policy_epoch,omitempty"`
	About    api.Seq   `json:"about,omitempty"`
	Lines    uint32    `json:"lines,omitempty"`
	Elapsed  string    `json:"elapsed,omitempty"`
	Clock    string    `json:"clock"`
	// Text is the daemon's own, of entries that are about no person.
	Text string `json:"text,omitempty"`
}

// ownText are the kinds of entries whose text the daemon wrote, about itself and its devices.
var ownText = map[string]bool{"start": true, "stop": true, "config": true, "device-up": true, "device-down": true, "device-trust": true, "space": true, "load": true, "recovered": true}

func entryForReport(e *api.Entry) reportEntry {
	w := reportEntry{
		e.Seq, e.Time, e.Kind, e.Outcome, e.Reason, e.Function, e.Device, e.Drawer, e.Purpose, e.Method, e.Epoch, e.About, e.Lines, e.Elapsed, e.Clock, "",
	}
	if ownText[e.Kind] {
		w.Text = e.Text
	}
	return w
}

// nodes says who may use the configured devices' files.
func (r *bugreport) nodes(c *daemon.Config) []byte {
	acc := readAccounts(r.m.at("/etc/passwd"), r.m.at("/etc/group"))
	var b bytes.Buffer
	for _, path := range takenNodes(r.m.root, c) {
		st, mode, ok := statNode(r.m.at(path))
		if !ok {
			fmt.Fprintf(&b, "%s: not there\n", path)
			continue
		}
		owner := acc.user(st.Uid)
		if st.Uid != 0 && owner != daemonUser {
			owner = "somebody else"
		}
		fmt.Fprintf(&b, "%s: %s %s %04o\n", path, owner, acc.group(st.Gid), mode)
	}
	return b.Bytes()
}

// system is what the machine says of itself, without its name.
func (r *bugreport) system() []byte {
	var b bytes.Buffer
	for _, f := range []string{"/etc/os-release", "/proc/version", "/proc/uptime", "/proc/meminfo"} {
		lines := strings.SplitAfter(text(r.m.at(f)), "\n")
		fmt.Fprintf(&b, "== %s\n%s\n", f, strings.Join(lines[:min(len(lines), 12)], ""))
	}
	return b.Bytes()
}

// udev asks udev for what it knows of the devices.
func (r *bugreport) udev(ctx context.Context, c *daemon.Config) {
	var b bytes.Buffer
	nodes := takenNodes(r.m.root, c)
	for _, d := range find.Devices(r.m.root) {
		nodes = append(nodes, d.Node)
	}
	seen := map[string]bool{}
	for _, node := range nodes {
		if seen[node] {
			continue
		}
		seen[node] = true
		said, err := r.m.command(ctx, "udevadm", "info", "--query=property", "--name="+node)
		if err != nil {
			said = "udev does not know it"
		}
		fmt.Fprintf(&b, "== %s\n%s\n", node, said)
	}
	r.add("udev.txt", "what udev knows of the devices", b.Bytes())
}

// manifest says what is in the report.
func (r *bugreport) manifest() string {
	var b strings.Builder
	fmt.Fprintf(&b, "tillwarden bug report of %s\n\nin it:\n", r.now.UTC().Format(time.RFC3339))
	for _, p := range r.parts {
		fmt.Fprintf(&b, "  %-24s %7d bytes  %s\n", p.Name, p.Size, p.What)
	}
	if len(r.missing) > 0 {
		b.WriteString("could not be had:\n")
		for _, m := range r.missing {
			b.WriteString("  " + m + "\n")
		}
	}
	b.WriteString("not in it: keys, PINs, cards, what was printed, the roster, the journal, operators'\nnames and numbers; what looks like a secret was taken out\n")
	return b.String()
}

// pack makes the archive.
func (r *bugreport) pack() ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	t := tar.NewWriter(z)
	parts := append([]reportPart{{Name: "MANIFEST.txt", text: []byte(r.manifest())}}, r.parts...)
	for _, p := range parts {
		if err := t.WriteHeader(&tar.Header{Name: r.name + "/" + p.Name, Mode: 0o600, Size: int64(len(p.text)), ModTime: r.now}); err != nil {
			return nil, err
		}
		if _, err := t.Write(p.text); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
