package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tillwarden/daemon/api"
	"tillwarden/devices"
	"tillwarden/devices/drawer"
	"tillwarden/devices/escpos"
	"tillwarden/devices/loopback"
	"tillwarden/devices/msr"
	"tillwarden/devices/printer"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/policy"
	"tillwarden/signon"
	"tillwarden/signon/card"
)

// checker collects what is wrong, each with its place.
type checker struct {
	lines   map[string]place
	listens map[string]string // which printer has an address
	errors  []ConfigError
}

// wrong notes an error at a key, or at the nearest table above it that stands in the file.
func (k *checker) wrong(key, hint, format string, args ...any) {
	at, ok := k.lines[key]
	for above := key; !ok && above != ""; {
		i := strings.LastIndexByte(above, '.')
		above = above[:max(i, 0)]
		at, ok = k.lines[above]
	}
	k.errors = append(k.errors, ConfigError{Line: at.line, Column: at.column, Key: key, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (k *checker) config(c *Config) {
	for key, v := range map[string]string{"chain": c.Chain, "store": c.Store, "register": c.Register} {
		if v == "" {
			k.wrong(key, "a policy is for one chain and store: name them as its bundle does", "is missing")
		} else if err := bundle.CheckName(v); err != nil {
			k.wrong(key, "", "%v", err)
		}
	}
	for key, v := range map[string]string{"state": c.State, "run": c.Run} {
		if !filepath.IsAbs(v) {
			k.wrong(key, "", "%q is not a path from the root", v)
		}
	}
	if _, err := parseLevel(c.Log); err != nil {
		k.wrong("log", "", "%v", err)
	}
	for _, f := range c.Feedback {
		if f != "event" && f != "slip" {
			k.wrong("feedback", `known are "event" and "slip"`, "there is no feedback called %q", f)
		}
	}
	if len(c.Feedback) == 0 {
		k.wrong("feedback", `choose "event", "slip" or both`, "nobody at the register would see why a drawer stays shut")
	}
	if len(c.Feedback) == 1 && c.Feedback[0] == "slip" && len(c.Printers) == 0 {
		k.wrong("feedback", `add "event", or a [[printer]]`, "slips need a printer, and nothing else would tell people why a drawer stays shut")
	}
	if len(c.Policy.Keys) == 0 {
		k.wrong("policy.keys", "name the public keys that your policies are signed with", "without a key no policy is trusted")
	}
	if c.Policy.Threshold < 1 || c.Policy.Threshold > max(len(c.Policy.Keys), 1) {
		k.wrong("policy.threshold", "", "has to be between 1 and the number of keys, %d", len(c.Policy.Keys))
	}
	if c.Policy.File != "" && !filepath.IsAbs(c.Policy.File) {
		k.wrong("policy.file", "", "%q is not a path from the root", c.Policy.File)
	}
	k.signon(&c.SignOn)
	k.override(&c.Override)
	k.within("timeclock.forced_break", c.TimeClock.ForcedBreak, "1m", "8h")
	if c.Journal.MaxMiB < 64 || c.Journal.MaxMiB > 64<<10 {
		k.wrong("journal.max_mib", "", "has to be between 64 and 65536")
	}
	if n := c.Journal.KeepDays; n != 0 && (n < 30 || n > 36_500) {
		k.wrong("journal.keep_days", "", "has to be 0 (for ever), or between 30 and 36500")
	}
	k.api(&c.API)
	for name, s := range map[string]SocketConfig{"pos": c.Sockets.POS, "console": c.Sockets.Console, "technician": c.Sockets.Technician} {
		k.mode("sockets."+name+".mode", s.Mode)
	}
	k.devices(c)
}

func (k *checker) signon(s *SignOnConfig) {
	k.word("signon.over", s.Over, signon.Overs()...)
	k.word("signon.again", s.Again, signon.Agains()...)
	k.word("signon.removed", s.Removed, signon.Removals()...)
	if m, ok := policy.ParseSignOn(s.Method); !ok || m == policy.SignOnDefault {
		k.wrong("signon.method", "known are card, card+pin, number+pin", "there is no method called %q", s.Method)
	}
	if s.Idle != 0 {
		k.within("signon.idle", s.Idle, "1m", "24h")
	}
	if s.Manager != 0 {
		k.within("signon.manager_idle", s.Manager, "1m", "24h")
	}
	k.between("signon.pin_min", s.PINMin, 4, 12)
	k.between("signon.tries", s.Tries, 3, 10)
	k.within("signon.lockout", s.Lockout, "1m", "24h")
	k.within("signon.pin_wait", s.PINWait, "5s", "2m")
	k.within("signon.same_card", s.SameCard, "500ms", "10s")
	k.between("signon.argon2.memory_kib", s.Argon2.MemoryKiB, 8, 1<<20)
	k.between("signon.argon2.passes", s.Argon2.Passes, 1, 10)
	if _, err := card.Named(s.Formats...); err != nil {
		k.wrong("signon.formats", "", "%v", err)
	}
	for i := range s.Cards {
		key := fmt.Sprintf("signon.card[%d]", i)
		f, err := s.Cards[i].format()
		if err == nil {
			err = f.Validate()
		}
		if err != nil {
			k.wrong(key, "", "%v", err)
		}
	}
}

// format makes the card format that the table describes.
func (c *CardConfig) format() (card.Format, error) {
	check, err := card.ParseCheck(c.Check)
	if c.Check == "none" {
		check, err = card.CheckNone, nil
	}
	f := card.Format{
		Name: c.Name, Prefix: c.Prefix, Site: c.Site, Skip: c.Skip, Min: c.Min, Max: c.Max,
		Chars: c.Chars, Check: check, Rest: c.Rest,
	}
	switch c.Track {
	case 0:
		f.Track = card.Text
	case 1:
		f.Track = card.Track1
	case 2:
		f.Track = card.Track2
	case 3:
		f.Track = card.Track3
	default:
		return f, fmt.Errorf("there is no track %d", c.Track)
	}
	if f.Max == 0 {
		f.Max = f.Min
	}
	return f, err
}

func (k *checker) override(o *OverrideConfig) {
	k.within("override.wait", o.Wait, "10s", "15m")
	k.within("override.transaction", o.Transaction, "10s", "30m")
	if m, ok := policy.ParseSignOn(o.Method); !ok || m == policy.SignOnDefault {
		k.wrong("override.method", "known are card, card+pin, number+pin", "there is no method called %q", o.Method)
	}
	k.word("override.fallback", o.Fallback, fallbackAuto, fallbackYes, fallbackNo)
	seen := map[int]bool{}
	for i, w := range o.Reasons {
		key := fmt.Sprintf("override.reason[%d]", i)
		k.between(key+".code", w.Code, 1, enforcer.MaxWhyCode)
		if seen[w.Code] {
			k.wrong(key+".code", "", "%d is there already", w.Code)
		}
		seen[w.Code] = true
		if !policy.ValidName(w.Name) {
			k.wrong(key+".name", "", "is missing, longer than %d bytes, or not plain text", policy.MaxName)
		}
	}
}

func (k *checker) api(a *APIConfig) {
	for key, v := range map[string]int{
		"connections": a.Connections, "connections_per_user": a.ConnectionsPerUser, "burst": a.Burst, "pin_burst": a.PINBurst,
		"waiters": a.Waiters, "streams": a.Streams,
	} {
		k.between("api."+key, v, 1, 1_000_000)
	}
	if a.Rate <= 0 {
		k.wrong("api.rate", "", "has to be more than 0")
	}
	if a.PINRate <= 0 {
		k.wrong("api.pin_rate", "", "has to be more than 0")
	}
}

// limits are the API's bounds as configured.
func (a *APIConfig) limits() api.Limits {
	return api.Limits{
		Conns: a.Connections, ConnsPerUID: a.ConnectionsPerUser, Rate: a.Rate, Burst: a.Burst, PINRate: a.PINRate,
		PINBurst: a.PINBurst, Waiters: a.Waiters, Streams: a.Streams,
	}
}

const deviceNameHint = "use letters, digits, - and _, 32 at most"

// DeviceName reports whether a device may be called so.
func DeviceName(name string) bool {
	return name != "" && len(name) <= 32 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

func (k *checker) devices(c *Config) {
	names := map[string]string{}
	unique := func(key, name string) {
		switch {
		case name == "":
			k.wrong(key, "", "is missing")
		case !DeviceName(name):
			k.wrong(key, deviceNameHint, "%q is no name", name)
		case names[name] != "":
			k.wrong(key, "", "%q is the name of %s already", name, names[name])
		default:
			names[name] = key
		}
	}
	paths := map[string]string{}
	// line checks how a device is reached, and its line, if there is one.
	line := func(key string, l *LineConfig) devices.Transport {
		if l.Path == "" {
			k.wrong(key+".path", "name the device, as /dev/serial/by-id/...", "is missing")
			return devices.TransportSerial
		}
		if strings.ContainsFunc(l.Path, func(r rune) bool { return r == '"' || unicode.IsControl(r) }) {
			// It goes into rules of udev's and a unit's drop-in (tillwarden setup).
			k.wrong(key+".path", "", "%q: no device's path has quotes or control characters", l.Path)
		}
		way, err := devices.TransportOf(l.Path)
		if err != nil {
			k.wrong(key+".path", "", "%v", err)
			return way
		}
		if paths[l.Path] != "" {
			k.wrong(key+".path", "", "%s has it already", paths[l.Path])
		}
		paths[l.Path] = key
		if way != devices.TransportSerial {
			for _, of := range []string{".baud", ".data_bits", ".parity", ".stop_bits"} {
				if _, written := k.lines[key+of]; written {
					k.wrong(key+of, "leave it out", "%s is a %s: there is no line to set", l.Path, way)
				}
			}
			return way
		}
		k.between(key+".baud", l.Baud, 50, 4_000_000)
		k.between(key+".data_bits", l.DataBits, 5, 8)
		k.between(key+".stop_bits", l.StopBits, 1, 2)
		k.word(key+".parity", l.Parity, "none", "odd", "even")
		return way
	}
	serial := func(key string, l *LineConfig) {
		if way := line(key, l); way != devices.TransportSerial {
			k.wrong(key+".path", "name a serial line, as /dev/serial/by-id/...", "%s is a %s", l.Path, way)
		}
	}
	for i := range c.Printers {
		p := &c.Printers[i]
		key := fmt.Sprintf("printer[%d]", i)
		unique(key+".name", p.Name)
		way := line(key, &p.LineConfig)
		k.dialect(key, p)
		k.listen(key, p)
		if p.Link == "" && p.Listen == "" {
			k.wrong(key+".link", "it is the path that the POS prints to", "is missing")
		} else if p.Link != "" && !filepath.IsAbs(p.Link) {
			k.wrong(key+".link", "", "%q is not a path from the root", p.Link)
		}
		k.mode(key+".link_mode", p.LinkMode)
		k.word(key+".kick_order", p.KickOrder, "with", "before", "asked")
		k.between(key+".receipt_lines", p.ReceiptLines, 1, 100)
		k.word(key+".resync", p.Resync, "clear", "powercycle", "technician")
		k.word(key+".flow", p.Flow, "none", "dsr", "cts", "xonxoff", "rtscts")
		if way != devices.TransportSerial && p.Flow != "none" {
			k.wrong(key+".flow", "leave it out", "a %s says by itself when it takes no more", way)
		}
		k.word(key+".drain", p.Drain, dialects, "yes", "no")
		k.word(key+".disable_realtime", p.DisableRealtime, dialects, "yes", "no")
		k.within(key+".pulse_on", p.PulseOn, "2ms", "510ms")
		k.within(key+".pulse_off", p.PulseOff, "2ms", "510ms")
		k.within(key+".poll", p.Poll, "50ms", "1m")
		k.within(key+".left_open", p.LeftOpen, "10s", "1h")
		connectors := map[int]bool{}
		for j := range p.Drawers {
			d := &p.Drawers[j]
			dkey := fmt.Sprintf("%s.drawer[%d]", key, j)
			unique(dkey+".name", d.Name)
			if d.Connector != 1 && d.Connector != 2 || connectors[d.Connector] {
				k.wrong(dkey+".connector", "1 is the connector's pin 2, 2 its pin 5", "has to be 1 or 2, each once")
			}
			connectors[d.Connector] = true
		}
		for j := range p.Profiles {
			r := &p.Profiles[j]
			rkey := fmt.Sprintf("%s.profile[%d]", key, j)
			if r.Name == "" {
				k.wrong(rkey+".name", "the journal names the rule by it", "is missing")
			}
			if (r.Text == "") == (r.Pattern == "") {
				k.wrong(rkey+".text", "", "a rule looks for a text, or for a pattern")
			}
			if _, err := regexp.Compile(r.Pattern); err != nil {
				k.wrong(rkey+".pattern", "", "%v", err)
			}
			if r.NotSale == (r.Function != "") {
				k.wrong(rkey+".function", "", "a rule names a function, or says not_sale = true")
			}
			if r.Function != "" && !policy.ValidKey(r.Function) {
				k.wrong(rkey+".function", "", "%q is no function's key", r.Function)
			}
		}
	}
	for i := range c.Drawers {
		s := &c.Drawers[i]
		key := fmt.Sprintf("drawer[%d]", i)
		unique(key+".name", s.Name)
		serial(key, &s.LineConfig)
		k.serialDrawer(key, s)
	}
	tells := false // one of the readers, when its card is taken out
	for i := range c.Readers {
		key := fmt.Sprintf("reader[%d]", i)
		unique(key+".name", c.Readers[i].Name)
		serial(key, &c.Readers[i].LineConfig)
		k.word(key+".format", c.Readers[i].Format, string(msr.FormatMagTek), string(msr.FormatIDTech), string(msr.FormatIDTechSecure))
		if err := msr.CheckRemoved(c.Readers[i].Removed); err != nil {
			k.wrong(key+".removed", "", "%v", err)
		}
		tells = tells || c.Readers[i].Removed != ""
	}
	if c.SignOn.Removed != signon.Removals()[0] && !tells {
		k.wrong("signon.removed", "set removed of a [[reader]] to what it sends then", "no reader says when a card is taken out")
	}
	drawers := map[string]bool{}
	for _, p := range c.Printers {
		for _, d := range p.Drawers {
			drawers[d.Name] = true
		}
	}
	for _, s := range c.Drawers {
		drawers[s.Name] = true
	}
	for i := range c.Keypads {
		key := fmt.Sprintf("keypad[%d]", i)
		unique(key+".name", c.Keypads[i].Name)
		serial(key, &c.Keypads[i].LineConfig)
		for j, code := range c.Keypads[i].Codes {
			ckey := fmt.Sprintf("%s.code[%d]", key, j)
			if len(code.Code) < 3 || code.Code[0] != '*' || code.Code[len(code.Code)-1] != '#' || strings.Trim(code.Code[1:len(code.Code)-1], "0123456789") != "" {
				k.wrong(ckey+".code", `write it as "*61#"`, "%q is no code", code.Code)
			}
			if !policy.ValidKey(code.Function) && !slices.Contains(codes(), code.Function) {
				k.wrong(ckey+".function", "", "%q is no function's key", code.Function)
			}
			if code.Drawer != "" && !drawers[code.Drawer] {
				k.wrong(ckey+".drawer", "", "there is no drawer called %q", code.Drawer)
			}
			k.word(ckey+".open", code.Open, api.OpenNow, api.OpenOnKick)
		}
	}
}

// serialDrawer checks a drawer on a line of its own.
func (k *checker) serialDrawer(key string, s *SerialDrawerConfig) {
	if s.Link != "" && !filepath.IsAbs(s.Link) {
		k.wrong(key+".link", "", "%q is not a path from the root", s.Link)
	}
	k.mode(key+".link_mode", s.LinkMode)
	k.word(key+".open", s.Open, openHeld, openGrant)
	k.word(key+".status", s.Status, "none", "cts", "ri", "dsr", "dcd")
	k.within(key+".poll", s.Poll, "20ms", "500ms")
	k.within(key+".left_open", s.LeftOpen, "10s", "1h")
	o, err := s.options()
	switch {
	case errors.Is(err, drawer.ErrModel):
		k.wrong(key+".model", "docs/printers.md has what each is", "%v", err)
		return
	case errors.Is(err, drawer.ErrCode):
		k.wrong(key+".code", "", "%v", err)
		return
	case err != nil: // the status, which was told of
		return
	}
	if err := o.Model.Check(o.Code, s.Baud); errors.Is(err, drawer.ErrCode) {
		k.wrong(key+".code", "the drawer's switches and its manual say which", "%v", err)
	} else if err != nil {
		k.wrong(key+".baud", "", "%v", err)
	}
	if err := drawer.CheckHolding(o.Model, o.OnGrant, o.Status); err != nil {
		of := ".open"
		if o.OnGrant {
			of = ".status"
		}
		k.wrong(key+of, "leave it out", "%v", err)
	}
}

// dialect checks a printer's language. One of which something is not certain
// guards only as far as its description says: somebody has to have read that.
func (k *checker) dialect(key string, p *PrinterConfig) {
	d, err := escpos.DialectNamed(p.Dialect)
	if err != nil {
		k.wrong(key+".dialect", "docs/printers.md says how to choose", "%v", err)
		return
	}
	if _, err := d.Allow(p.Allow...); err != nil {
		k.wrong(key+".allow", "", "%v", err)
	}
	o := printer.Options{
		Dialect: d, PulseOn: time.Duration(p.PulseOn), PulseOff: time.Duration(p.PulseOff),
		Drain: unlessDialects(p.Drain), DisableRealtime: unlessDialects(p.DisableRealtime),
	}
	if o.Resync, err = printer.ParseResync(p.Resync); err == nil {
		if err := o.CheckDialect(); err != nil {
			k.wrong(key+".dialect", "docs/printers.md says what each can do", "%v", err)
		}
	}
	switch why := d.Uncertain(); {
	case why != "" && p.Accept != d.Name():
		k.wrong(key+".dialect", fmt.Sprintf("read it, and write accept = %q if that will do", d.Name()), "%s is not certain: %s", d.Name(), why)
	case why == "" && p.Accept != "":
		k.wrong(key+".accept", "leave it out", "%s needs no acceptance", d.Name())
	}
}

// listen checks a printer's port on the loopback interface.
func (k *checker) listen(key string, p *PrinterConfig) {
	if p.Listen == "" {
		if len(p.ListenUsers)+len(p.ListenGroups) > 0 {
			k.wrong(key+".listen", `give an address, as "127.0.0.1:9100", or leave listen_users and listen_groups out`, "is missing")
		}
		return
	}
	if err := loopback.CheckAddress(p.Listen); err != nil {
		k.wrong(key+".listen", `write it as "127.0.0.1:9100" or "[::1]:9100": nobody but this machine is to reach it`, "%v", err)
	}
	at := k.listens[p.Listen]
	switch {
	case at != "":
		k.wrong(key+".listen", "", "%s has it already", at)
	case k.listens == nil:
		k.listens = map[string]string{}
	}
	k.listens[p.Listen] = key
	if len(p.ListenUsers)+len(p.ListenGroups) == 0 {
		k.wrong(key+".listen_users", `name the user that the POS application runs as, or its group in listen_groups; ["*"] is everybody on this machine`, "nobody could print")
	}
	for _, name := range p.ListenUsers {
		switch {
		case name == everybody && len(p.ListenUsers)+len(p.ListenGroups) > 1:
			k.wrong(key+".listen_users", "", `"*" is everybody: name nobody else`)
		case name == "", name == "nobody", name == "65534":
			k.wrong(key+".listen_users", "the kernel calls those users so whom it cannot tell", "%q is nobody in particular", name)
		}
	}
}

// everybody is the word for all users of this machine.
const everybody = "*"

func (k *checker) between(key string, v, low, high int) {
	if v < low || v > high {
		k.wrong(key, "", "%d is not between %d and %d", v, low, high)
	}
}

func (k *checker) within(key string, v Duration, low, high string) {
	var l, h Duration
	for s, d := range map[string]*Duration{low: &l, high: &h} {
		if err := d.UnmarshalText([]byte(s)); err != nil {
			panic(err) // bounds are constants of ours
		}
	}
	if v < l || v > h {
		k.wrong(key, "", "%s is not between %s and %s", v, low, high)
	}
}

func (k *checker) word(key, v string, words ...string) {
	for _, w := range words {
		if v == w {
			return
		}
	}
	k.wrong(key, "known are "+strings.Join(words, ", "), "%q is none of the words for it", v)
}

func (k *checker) mode(key, v string) {
	if m, err := strconv.ParseUint(v, 8, 32); err != nil || m > 0o777 || len(v) != 4 {
		k.wrong(key, `write it as "0660"`, "%q is no mode", v)
	} else if m&0o007 != 0 {
		k.wrong(key, "give a group instead", "%q lets everybody in", v)
	}
}

// Warnings are what is no error and may yet be none of what was meant.
func (c *Config) Warnings() []string {
	var list []string
	for i := range c.Printers {
		p := &c.Printers[i]
		way, err := devices.TransportOf(p.Path)
		if err == nil && way == devices.TransportSerial && p.Flow == "none" && !strings.HasPrefix(p.Path, "/dev/usb/") {
			list = append(list, fmt.Sprintf(`printer %s: flow is "none": a printer that is busy, open or out of paper loses what it is sent meanwhile. `+
				`Set it as the printer's self-test has it: "dsr" for DTR/DSR, "cts" or "rtscts" for RTS/CTS, "xonxoff"`, p.Name))
		}
	}
	return list
}

// parseLevel reads the log's level.
func parseLevel(s string) (slog.Level, error) {
	switch s {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is none of debug, info, warn, error", s)
}
