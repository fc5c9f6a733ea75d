package daemon

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tillwarden/enforcer"
)

const shipped = "../packaging/tillwarden.toml"

// uncommented is the shipped file with every key in force.
func uncommented(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^#(\S)`).ReplaceAll(text, []byte("$1"))
}

// TestShippedConfigHasEveryKey: each key of the struct is in the file, once,
// with a comment above its table or itself, and nothing else is.
func TestShippedConfigHasEveryKey(t *testing.T) {
	text := uncommented(t)
	var got []string
	for key := range keyLines(text) {
		if !strings.HasSuffix(key, "]") {
			got = append(got, regexp.MustCompile(`\[\d+\]`).ReplaceAllString(key, "[]"))
		}
	}
	want := configKeys()
	for _, k := range want {
		if !slices.Contains(got, k) {
			t.Errorf("%s is not in %s", k, shipped)
		}
	}
	tables := []string{"policy", "signon", "signon.argon2", "override", "timeclock", "journal", "api", "sockets.pos", "sockets.console", "sockets.technician"}
	for _, k := range got {
		if !slices.Contains(want, k) && !slices.Contains(tables, k) {
			t.Errorf("%s is in %s and in no struct", k, shipped)
		}
	}
}

// TestShippedConfigShowsDefaults: what the file shows as default is what the
// daemon does without it.
func TestShippedConfigShowsDefaults(t *testing.T) {
	raw, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ParseConfig(shipped, raw)
	if err != nil {
		t.Fatal(err)
	}
	all, err := ParseConfig(shipped, uncommented(t))
	if err != nil {
		t.Fatal(err)
	}
	// The tables that come more than once have no default as a whole; their
	// keys' defaults are compared below.
	printer, box, reader, keypad, cards := all.Printers[0], all.Drawers[0], all.Readers[0], all.Keypads[0], all.SignOn.Cards[0]
	all.Printers, all.Drawers, all.Readers, all.Keypads, all.SignOn.Cards = nil, nil, nil, nil, nil
	if w := all.Override.Reasons; len(w) != 1 || w[0] != (WhyConfig{Code: 1, Name: enforcer.ShippedWhyCodes()[0].Name}) {
		t.Errorf("reasons: %+v", w)
	}
	all.Override.Reasons = nil
	if !reflect.DeepEqual(plain, all) {
		t.Errorf("commented defaults differ from the daemon's:\n%+v\n%+v", all, plain)
	}
	p := PrinterConfig{Name: printer.Name, Link: printer.Link, LineConfig: LineConfig{Path: printer.Path}, Drawers: printer.Drawers, Profiles: printer.Profiles}
	p.setDefaults()
	p.Allow, p.ListenUsers, p.ListenGroups = []string{}, []string{}, []string{} // as the file has it
	if !reflect.DeepEqual(p, printer) {
		t.Errorf("printer:\n%+v\n%+v", printer, p)
	}
	b := SerialDrawerConfig{Name: box.Name, LineConfig: LineConfig{Path: box.Path}}
	b.setDefaults()
	if !reflect.DeepEqual(b, box) {
		t.Errorf("drawer:\n%+v\n%+v", box, b)
	}
	r := ReaderConfig{Name: reader.Name, LineConfig: LineConfig{Path: reader.Path}}
	r.setDefaults()
	if !reflect.DeepEqual(r, reader) {
		t.Errorf("reader:\n%+v\n%+v", reader, r)
	}
	k := KeypadConfig{Name: keypad.Name, LineConfig: LineConfig{Path: keypad.Path}, Codes: []CodeConfig{{Code: "*61#", Function: "pos.drawer.nosale"}}}
	k.setDefaults()
	if !reflect.DeepEqual(k, keypad) {
		t.Errorf("keypad:\n%+v\n%+v", keypad, k)
	}
	c := CardConfig{Name: cards.Name, Min: 10, Max: 10}
	c.setDefaults()
	if !reflect.DeepEqual(c, cards) {
		t.Errorf("card:\n%+v\n%+v", cards, c)
	}
}

// TestConfigErrors: what is wrong is said with its place and what to do.
func TestConfigErrors(t *testing.T) {
	const head = "chain = \"c\"\nstore = \"s\"\nregister = \"r\"\n"
	const printerAt = "[[printer]]\nlink = \"/l\"\npath = "
	for _, tc := range []struct{ text, want string }{
		{"store = \"s\"", "f.toml: chain: is missing; a policy is for one chain"},
		{head + "statee = \"/x\"\n", "f.toml:4:1: statee: there is no such key; did you mean state?"},
		{head + "[signon]\nidel = \"1m\"\n", "f.toml:5:1: signon.idel: there is no such key; did you mean idle?"},
		{head + "log = 5\n", "f.toml:4:"},
		{head + "log = \"loud\"\n", `f.toml:4:1: log: "loud" is none of debug, info, warn, error`},
		{head + "feedback = []\n", "f.toml:4:1: feedback: nobody at the register would see"},
		{head + "feedback = [\"horn\"]\n", `f.toml:4:1: feedback: there is no feedback called "horn"; known are`},
		{head + "feedback = [\"slip\"]\n", "f.toml:4:1: feedback: slips need a printer"},
		{head + "[signon]\nidle = \"soon\"\n", "f.toml:5:"},
		{head + "[signon]\nidle = \"-1m\"\n", "f.toml:5:"},
		{head + "[signon]\nlockout = \"1s\"\n", "f.toml:5:1: signon.lockout: 1s is not between 1m and 24h"},
		{head + "[sockets.pos]\nmode = \"0666\"\n", `f.toml:5:1: sockets.pos.mode: "0666" lets everybody in; give a group instead`},
		{head + "[[printer]]\nname = \"p\"\n", "f.toml:4:3: printer[0].path: is missing"},
		{head + "[[printer]]\nname = \"p\"\npath = \"/dev/x\"\nlink = \"/l\"\n[[printer.drawer]]\nname = \"d\"\n", "f.toml:8:3: printer[0].drawer[0].connector: has to be 1 or 2"},
		{head + "[[reader]]\nname = \"a\"\npath = \"/dev/x\"\n[[reader]]\nname = \"a\"\npath = \"/dev/x\"\n", `f.toml:8:1: reader[1].name: "a" is the name of reader[0].name already`},
		{head + "[[keypad]]\nname = \"k\"\npath = \"/dev/x\"\n[[keypad.code]]\ncode = \"61\"\nfunction = \"pos.drawer.nosale\"\n", `f.toml:8:1: keypad[0].code[0].code: "61" is no code; write it as "*61#"`},
		{head + printerAt + `"tcp://192.0.2.10:9100"` + "\nbaud = 9600\n", `f.toml:7:1: printer[0].baud: tcp://192.0.2.10:9100 is a network printer: there is no line to set; leave it out`},
		{head + printerAt + `"/dev/usb/lp0"` + "\nparity = \"none\"\n", `f.toml:7:1: printer[0].parity: /dev/usb/lp0 is a USB printer: there is no line to set; leave it out`},
		{head + printerAt + `"/dev/usb/lp0"` + "\nflow = \"dsr\"\n", `f.toml:7:1: printer[0].flow: a USB printer says by itself when it takes no more; leave it out`},
		{head + printerAt + `"tcp://printer.example:9100"` + "\n", `f.toml:6:1: printer[0].path: no way to reach a device: "printer.example:9100" is no address and port: write it as tcp://192.0.2.10:9100`},
		{head + printerAt + `"usb://04b8:0202"` + "\n", `f.toml:6:1: printer[0].path: no way to reach a device: "usb://" is not known`},
		{head + printerAt + `"/dev/serial/by-id/x\", RUN+=\"y"` + "\n", `printer[0].path: "/dev/serial/by-id/x\", RUN+=\"y": no device's path has quotes or control characters`},
		{head + printerAt + `"tcp://[fe80::1%x\n[Service]]:9100"` + "\n", `no device's path has quotes or control characters`},
		{head + printerAt + `"lp0"` + "\n", `f.toml:6:1: printer[0].path: no way to reach a device: "lp0" is neither a path from the root nor tcp://address:port`},
		{head + printerAt + `"/dev/ttyS0"` + "\nflow = \"rts\"\n", `f.toml:7:1: printer[0].flow: "rts" is none of the words for it; known are none, dsr, cts, xonxoff, rtscts`},
		{head + printerAt + `"/dev/ttyS0"` + "\nlisten = \"0.0.0.0:9100\"\nlisten_users = [\"root\"]\n", `f.toml:7:1: printer[0].listen: "0.0.0.0:9100": not a loopback address with a port; write it as "127.0.0.1:9100"`},
		{head + printerAt + `"/dev/ttyS0"` + "\nlisten = \"localhost:9100\"\nlisten_users = [\"root\"]\n", `f.toml:7:1: printer[0].listen: "localhost:9100": not a loopback address`},
		{head + printerAt + `"/dev/ttyS0"` + "\nlisten = \"127.0.0.1:9100\"\n", `printer[0].listen_users: nobody could print; name the user`},
		{head + printerAt + `"/dev/ttyS0"` + "\nlisten_groups = [\"lp\"]\n", `printer[0].listen: is missing; give an address`},
		{head + printerAt + `"/dev/ttyS0"` + "\nlisten = \"127.0.0.1:9100\"\nlisten_users = [\"*\", \"root\"]\n", `f.toml:8:1: printer[0].listen_users: "*" is everybody: name nobody else`},
		{head + printerAt + `"/dev/ttyS0"` + "\nlisten = \"127.0.0.1:9100\"\nlisten_users = [\"nobody\"]\n", `f.toml:8:1: printer[0].listen_users: "nobody" is nobody in particular`},
		{head + "[[reader]]\nname = \"a\"\npath = \"tcp://192.0.2.10:9100\"\n", `f.toml:6:1: reader[0].path: tcp://192.0.2.10:9100 is a network printer; name a serial line`},
		{head + "[signon]\nremoved = \"lock\"\n", "f.toml:5:1: signon.removed: no reader says when a card is taken out; set removed of a [[reader]]"},
		{head + "[signon]\nremoved = \"beep\"\n", "f.toml:5:1: signon.removed: "},
		{head + "[[reader]]\nname = \"a\"\npath = \"/dev/x\"\nremoved = \";0?\"\n", "f.toml:7:1: reader[0].removed: ';' cannot be in it"},
		{head + "[policy]\nkeys = []\n", "f.toml:5:1: policy.keys: without a key no policy is trusted"},
		{head + "chain = \"c\"\n", "f.toml:4:"},
		{head + "x = [\n", "f.toml:"},
		{head + "[[signon.card]]\nname = \"n\"\ntrack = 7\nmin = 4\n", "signon.card[0]: there is no track 7"},
	} {
		_, err := ParseConfig("f.toml", []byte(tc.text))
		var all *ConfigErrors
		if !errors.As(err, &all) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q:\n got %v\nwant %s", tc.text, err, tc.want)
		}
	}
}

// TestPrintersByTheirPath: each transport needs nothing but its path, and gets
// what it is opened with.
func TestPrintersByTheirPath(t *testing.T) {
	for path, more := range map[string]string{
		"/dev/ttyS0":                "baud = 9600\nflow = \"rtscts\"\n",
		"/dev/usb/lp0":              "",
		"tcp://192.0.2.10:9100":     "flow = \"none\"\n",
		"tcp://[2001:db8::10]:9100": "",
	} {
		c, err := ParseConfig("f", []byte("chain = \"c\"\nstore = \"s\"\n[[printer]]\nname = \"p\"\nlink = \"/l\"\npath = \""+path+"\"\n"+more))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if c.Printers[0].Path != path {
			t.Errorf("%s is read as %s", path, c.Printers[0].Path)
		}
		open := c.Printers[0].device()
		if open.Path != path || open.HardwareFlow != strings.Contains(more, "rtscts") {
			t.Errorf("%s is opened as %+v", path, open)
		}
	}
}

func TestDurationsReadAsWritten(t *testing.T) {
	for _, s := range []string{"0s", "15m", "2h", "1.5s", "500ms", "1m30s"} {
		var d Duration
		if err := d.UnmarshalText([]byte(s)); err != nil || d.String() != s {
			t.Errorf("%s reads as %s, %v", s, d, err)
		}
	}
}

// TestReloadNames what a changed configuration needs.
func TestReload(t *testing.T) {
	base, err := ParseConfig("f", uncommented(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		change        func(c *Config)
		live, restart []string
	}{
		{func(*Config) {}, nil, nil},
		{func(c *Config) { c.Log = "debug" }, []string{"log"}, nil},
		{func(c *Config) { c.SignOn.Method = "card"; c.State = "/x" }, []string{"signon.method"}, []string{"state"}},
		{func(c *Config) { c.Printers[0].Profiles = nil }, []string{"printer[0].profile"}, nil},
		{func(c *Config) { c.Printers[0].Baud = 9600 }, nil, []string{"printer[0].baud"}},
		{func(c *Config) { c.Printers = nil }, nil, []string{"printer"}},
		{func(c *Config) { c.SignOn.Argon2.Passes = 3 }, nil, []string{"signon.argon2.passes"}},
	} {
		next, err := ParseConfig("f", uncommented(t))
		if err != nil {
			t.Fatal(err)
		}
		tc.change(next)
		live, restart := changes(base, next)
		if !slices.Equal(live, tc.live) || !slices.Equal(restart, tc.restart) {
			t.Errorf("live %v, restart %v; want %v, %v", live, restart, tc.live, tc.restart)
		}
	}
}

// TestReloadTakesOverWhatItSays: where every key has another value, those that are live
// are taken over, all of them, and no other; the running configuration stays as it was.
func TestReloadTakesOverWhatItSays(t *testing.T) {
	read := func() *Config {
		c, err := ParseConfig("f", uncommented(t))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	now, next := read(), read()
	turn(t, reflect.ValueOf(next).Elem())
	live, restart := changes(now, next)
	said := map[string]bool{}
	for _, key := range live {
		said[withoutNumbers(key)] = true
	}
	if len(said) != len(reloadable) {
		t.Errorf("%d keys are live, the test turned %v", len(reloadable), live)
	}
	merged := merge(now, next)
	if left, more := changes(merged, next); len(left) != 0 || !slices.Equal(more, restart) {
		t.Errorf("not taken over: %v; taken over and in need of a restart: %d of %d", left, len(restart)-len(more), len(restart))
	}
	if taken, more := changes(read(), now); len(taken)+len(more) != 0 {
		t.Errorf("the running configuration was changed: %v %v", taken, more)
	}
}

// turn gives every value in a configuration another one.
func turn(t *testing.T, v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.Struct:
			turn(t, f)
		case reflect.String:
			f.SetString(f.String() + "x")
		case reflect.Bool:
			f.SetBool(!f.Bool())
		case reflect.Int, reflect.Int64:
			f.SetInt(f.Int() + 1)
		case reflect.Float64:
			f.SetFloat(f.Float() + 1)
		case reflect.Slice:
			for j := range f.Len() {
				if f.Index(j).Kind() == reflect.Struct {
					turn(t, f.Index(j))
				}
			}
			if f.Type().Elem().Kind() != reflect.Struct || f.Len() == 0 {
				f.Set(reflect.Append(f, reflect.Zero(f.Type().Elem())))
			}
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		default:
			t.Fatalf("a value of kind %s cannot be turned", f.Kind())
		}
	}
}
