package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tillwarden/daemon"
	"tillwarden/devices"
	"tillwarden/devices/drawer"
	"tillwarden/devices/escpos"
	"tillwarden/devices/find"
	"tillwarden/devices/msr"
	"tillwarden/devices/printer"
	"tillwarden/enforcer/bundle"
)

// questions asks, and gathers the piece of configuration that the answers make.
type questions struct {
	*app
	b     strings.Builder
	names map[string]bool // of devices, which are unique
	err   error           // the first; nothing is asked after it
}

// ask asks until the answer is good.
func (q *questions) ask(question, standard string, good func(string) error) string {
	for q.err == nil {
		var text string
		if text, q.err = q.askLine(question, standard); q.err != nil {
			break
		}
		err := error(nil)
		if good != nil {
			err = good(text)
		}
		if err == nil {
			return text
		}
		q.note("%v", err)
	}
	return ""
}

// choose asks for one of some words.
func (q *questions) choose(question, standard string, words ...string) string {
	return q.ask(question+": "+join(words), standard, func(s string) error {
		if !slices.Contains(words, s) {
			return fmt.Errorf("%q is none of %s", s, join(words))
		}
		return nil
	})
}

// yes asks a question that is answered by yes or no.
func (q *questions) yes(question string, standard bool) bool {
	return q.choose(question, yesNo(standard), "yes", "no") == "yes"
}

func (q *questions) line(format string, args ...any) { fmt.Fprintf(&q.b, format+"\n", args...) }

// askSetup asks for everything.
func (a *app) askSetup(m *machine, now *daemon.Config, o *setupOptions) (*answers, error) {
	q := &questions{app: a, names: map[string]bool{}}
	s := setupAnswers{}
	q.identity(now, o)
	q.policy(m, now, &s)
	acc := readAccounts(m.at("/etc/passwd"), m.at("/etc/group"))
	people := acc.people()
	standard := "none"
	if len(people) == 1 {
		standard = people[0]
	}
	if s.POSUser = q.ask("User that the POS application runs as, or none ("+join(people)+")", standard, func(name string) error {
		if name == "none" {
			return nil
		}
		return acc.mayBePOS(name)
	}); s.POSUser == "none" {
		s.POSUser = ""
	}
	q.devices(m, now, s.POSUser)
	if now == nil || now.Chain == defaultChain {
		if s.Monitor = q.ask("Let through for a while what the policy refuses, and only journal it: for how long (14d at most), or no", "no", func(text string) error {
			if text == "no" {
				return nil
			}
			return checkMonitor(text)
		}); s.Monitor == "no" {
			s.Monitor = ""
		}
	}
	if q.err == nil && q.b.Len() > 0 {
		take := q.yes("Take these devices from everybody but the daemon", true)
		s.Take = &take
	}
	return &answers{setup: s, fragment: []byte(q.b.String())}, q.err
}

func (q *questions) identity(now *daemon.Config, o *setupOptions) {
	chain, store, register := "", "", ""
	if now != nil {
		register = now.Register
		if now.Chain != defaultChain { // else it is the file that is shipped: nobody has said
			chain, store = now.Chain, now.Store
		}
	} else if name, err := os.Hostname(); err == nil && bundle.CheckName(name) == nil {
		register = name
	}
	for _, w := range []struct{ key, question, given, standard string }{
		{"chain", "Chain, as its policies name it", o.chain, chain},
		{"store", "Store number", o.store, store},
		{"register", "Register number or name", o.register, register},
	} {
		value := w.given
		if value == "" {
			value = q.ask(w.question, w.standard, func(s string) error {
				if s == "" {
					return errors.New("it needs an answer")
				}
				return bundle.CheckName(s)
			})
		}
		q.line("%s = %s", w.key, quote(value))
	}
}

func (q *questions) policy(m *machine, now *daemon.Config, s *setupAnswers) {
	words := []string{"chain", "preset"}
	standard := "preset"
	if now != nil && len(now.Policy.Keys) > 0 {
		if b, err := m.read(now.Policy.Keys[0]); err == nil && b != nil {
			words, standard = append(words, "keep"), "keep"
		}
	}
	switch q.choose("Policies: the chain's own key, or to begin with the shipped work groups and a new key", standard, words...) {
	case "chain":
		s.Keys = []string{q.ask("File with the chain's public key", "", func(path string) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, err = bundle.ParsePublic(text)
			return err
		})}
		if s.Policy = q.ask("File with a policy that it signed, or none to load one later", "none", nil); s.Policy == "none" {
			s.Policy = ""
		}
	case "preset":
		s.Preset = true
		s.PrivateKey = q.ask("File for the new private key, which belongs off this register; none to keep it nowhere", "/root/tillwarden-policy.key", func(path string) error {
			if _, err := os.Lstat(path); err == nil {
				return fmt.Errorf("%s is there already", path)
			}
			if path == "none" {
				return nil
			}
			if dir, err := os.Stat(filepath.Dir(path)); err != nil || !dir.IsDir() {
				return fmt.Errorf("there is no folder %s", filepath.Dir(path))
			}
			return nil
		})
		if s.PrivateKey == "none" {
			s.PrivateKey = ""
		}
	}
}

// devices asks about each device that was found, and for a printer in the network.
func (q *questions) devices(m *machine, now *daemon.Config, posUser string) {
	used := map[string]string{}
	found := find.Devices(m.root)
	for _, d := range configured(now) {
		q.names[d.name] = true
		used[d.path] = d.table + " " + d.name
		if dev := deviceOf(m.root, found, d.path); dev != nil {
			used[dev.Path] = d.table + " " + d.name
		}
	}
	printers := 0
	for _, d := range configured(now) {
		if d.table == "printer" {
			printers++
		}
	}
	for i := range found {
		d := &found[i]
		switch {
		case q.err != nil:
			return
		case used[d.Path] != "":
			q.note("%s at %s is %s, as before", d.Name(), d.Path, used[d.Path])
			continue
		case d.Kind == find.HID:
			q.note("%s types like a keyboard: readers and keypads are read on serial lines; many can be set to one", d.Name())
			continue
		}
		kinds := []string{"printer", "none"}
		if d.Kind == find.Serial {
			kinds = []string{"printer", "reader", "keypad", "drawer", "none"}
		}
		standard := d.Likely
		if standard == "" || !slices.Contains(kinds, standard) {
			standard = "none"
		}
		switch q.choose(fmt.Sprintf("%s at %s is a", d.Name(), d.Path), standard, kinds...) {
		case "printer":
			path := d.Path
			name := q.name("Printer's name", "receipt")
			if d.Kind == find.Printer && d.Path == d.Node {
				path = ownNames + name // lp numbers change
			}
			q.printer(m, name, path, d.Kind == find.Serial, posUser)
			printers++
		case "reader":
			q.line("\n[[reader]]\nname = %s\npath = %s", quote(q.name("Reader's name", "reader")), quote(d.Path))
			q.line("format = %s", quote(q.choose("What it sends", string(msr.FormatMagTek), string(msr.FormatMagTek), string(msr.FormatIDTech), string(msr.FormatIDTechSecure))))
		case "keypad":
			q.line("\n[[keypad]]\nname = %s\npath = %s", quote(q.name("Keypad's name", "keypad")), quote(d.Path))
		case "drawer":
			q.line("\n[[drawer]]\nname = %s\npath = %s", quote(q.name("Drawer's name", "till")), quote(d.Path))
			q.line("model = %s", quote(q.ask("Its model (docs/printers.md)", "apg-484a", func(s string) error {
				_, err := drawer.ModelNamed(s)
				return err
			})))
		}
	}
	if printers > 0 {
		return
	}
	address := q.ask("Address of a network printer, or none", "none", func(s string) error {
		if s == "none" {
			return nil
		}
		_, err := devices.TCPAddress("tcp://" + s)
		return err
	})
	if q.err == nil && address != "none" {
		q.printer(m, q.name("Printer's name", "receipt"), "tcp://"+address, false, posUser)
	}
}

// name asks for a name that no other device has.
func (q *questions) name(question, standard string) string {
	for n := 2; q.names[standard]; n++ {
		standard = fmt.Sprintf("%s%d", strings.TrimRight(standard, "0123456789"), n)
	}
	name := q.ask(question, standard, func(s string) error {
		switch {
		case !daemon.DeviceName(s):
			return fmt.Errorf("%q is no name: use letters, digits, - and _, 32 at most", s)
		case q.names[s]:
			return fmt.Errorf("%s is another device's name", s)
		}
		return nil
	})
	q.names[name] = true
	return name
}

// speeds are those of serial printers, in bits a second.
var speeds = []string{"1200", "2400", "4800", "9600", "19200", "38400", "57600", "115200", "230400", "460800", "921600"}

func (q *questions) printer(m *machine, name, path string, serial bool, posUser string) {
	q.line("\n[[printer]]\nname = %s\npath = %s", quote(name), quote(path))
	var known []string
	for _, d := range escpos.Dialects() {
		known = append(known, d.Name())
	}
	dialect := q.choose("Its language (docs/printers.md says how to choose)", known[0], known...)
	q.line("dialect = %s", quote(dialect))
	if d, err := escpos.DialectNamed(dialect); err == nil && d.Uncertain() != "" {
		if !q.yes(fmt.Sprintf("%s is not certain: %s. Will that do", dialect, d.Uncertain()), false) {
			q.err = refusedf("%s has to be accepted: choose another language, or another printer", dialect)
			return
		}
		q.line("accept = %s", quote(dialect))
	}
	q.line("resync = %s", quote(resyncOf(dialect)))
	if serial {
		baud := q.ask("Its speed", "38400", func(s string) error {
			if !slices.Contains(speeds, s) {
				return fmt.Errorf("%q is no speed: the printer's self-test prints it; there are %s", s, join(speeds))
			}
			return nil
		})
		q.line("baud = %s", baud)
		q.line("flow = %s", quote(q.choose("How it says that it takes no more (the self-test prints it as handshaking)", "dsr", "dsr", "cts", "xonxoff", "rtscts", "none")))
	}
	q.line("link = %s", quote(q.ask("The port that the POS prints to", "/dev/tillwarden/"+name, func(path string) error {
		if !strings.HasPrefix(filepath.Clean(path), "/dev/") {
			return fmt.Errorf("%q is no port: take a name in /dev/tillwarden", path)
		}
		if info, err := os.Lstat(m.at(path)); err == nil && info.Mode()&os.ModeSymlink == 0 {
			return fmt.Errorf("%s is there already: take a name in /dev/tillwarden", path)
		}
		return nil
	})))
	if posUser != "" {
		q.line("link_group = %s", quote(posGroup))
	}
	drawers := q.ask("How many drawers hang on it: 0, 1 or 2", "1", func(s string) error {
		if _, ok := numbered(s, 0, 2); !ok {
			return fmt.Errorf("a printer has connectors for two drawers at most")
		}
		return nil
	})
	n, _ := numbered(drawers, 0, 2)
	for c := 1; c <= n; c++ {
		q.line("\n[[printer.drawer]]\nname = %s\nconnector = %d", quote(q.name("Drawer's name", "till")), c)
	}
}

// resyncOf is how a printer of a language is trusted again: the least that asks anything
// of people.
func resyncOf(dialect string) string {
	d, err := escpos.DialectNamed(dialect)
	for _, word := range []string{"clear", "powercycle"} {
		o := printer.Options{Dialect: d, PulseOn: 50 * time.Millisecond, PulseOff: 500 * time.Millisecond}
		if err != nil {
			break
		}
		if o.Resync, err = printer.ParseResync(word); err == nil && o.CheckDialect() == nil {
			return word
		}
	}
	return "technician"
}
