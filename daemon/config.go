package daemon

import (
	"fmt"
	"time"

	"tillwarden/devices/drawer"
	"tillwarden/devices/escpos"
	"tillwarden/devices/msr"
	"tillwarden/enforcer/policy"
	"tillwarden/signon"
)

// Config is the daemon's configuration, tillwarden.toml. The shipped file
// documents each key with its default; a test holds the two together.
type Config struct {
	Chain    string `toml:"chain"`
	Store    string `toml:"store"`
	Register string `toml:"register"`

	State    string   `toml:"state"`
	Run      string   `toml:"run"`
	Log      string   `toml:"log"`
	Feedback []string `toml:"feedback"`

	Policy    PolicyConfig    `toml:"policy"`
	SignOn    SignOnConfig    `toml:"signon"`
	Override  OverrideConfig  `toml:"override"`
	TimeClock TimeClockConfig `toml:"timeclock"`
	Journal   JournalConfig   `toml:"journal"`
	API       APIConfig       `toml:"api"`
	Sockets   SocketsConfig   `toml:"sockets"`

	Printers []PrinterConfig      `toml:"printer"`
	Drawers  []SerialDrawerConfig `toml:"drawer"`
	Readers  []ReaderConfig       `toml:"reader"`
	Keypads  []KeypadConfig       `toml:"keypad"`
}

// PolicyConfig says whose policies are loaded.
type PolicyConfig struct {
	Keys      []string `toml:"keys"`
	Threshold int      `toml:"threshold"`
	File      string   `toml:"file"`
}

// SignOnConfig are the rules of signing on.
type SignOnConfig struct {
	Method   string       `toml:"method"`
	Idle     Duration     `toml:"idle"`
	Manager  Duration     `toml:"manager_idle"`
	Tries    int          `toml:"tries"`
	Lockout  Duration     `toml:"lockout"`
	PINWait  Duration     `toml:"pin_wait"`
	PINMin   int          `toml:"pin_min"`
	Formats  []string     `toml:"formats"`
	Cards    []CardConfig `toml:"card"`
	Argon2   Argon2Config `toml:"argon2"`
	SameCard Duration     `toml:"same_card"`
	Over     string       `toml:"over"`
	Again    string       `toml:"again"`
	Removed  string       `toml:"removed"`
}

// Argon2Config is what a PIN's key derivation costs.
type Argon2Config struct {
	MemoryKiB int `toml:"memory_kib"`
	Passes    int `toml:"passes"`
}

// CardConfig is one operator card format of the site.
type CardConfig struct {
	Name   string `toml:"name"`
	Track  int    `toml:"track"`
	Prefix string `toml:"prefix"`
	Site   string `toml:"site"`
	Skip   int    `toml:"skip"`
	Min    int    `toml:"min"`
	Max    int    `toml:"max"`
	Chars  string `toml:"chars"`
	Check  string `toml:"check"`
	Rest   int    `toml:"rest"`
}

// OverrideConfig is about asking a second person.
type OverrideConfig struct {
	Wait        Duration    `toml:"wait"`
	Transaction Duration    `toml:"transaction"`
	Method      string      `toml:"method"`
	Fallback    string      `toml:"fallback"`
	Remote      bool        `toml:"remote"`
	Reasons     []WhyConfig `toml:"reason"`
}

// When number and PIN stand for an approver's card.
const (
	fallbackAuto = "auto" // where the register has no card reader
	fallbackYes  = "yes"
	fallbackNo   = "no"
)

// NumberAndPIN reports whether number and PIN stand for an approver's card.
func (c *Config) NumberAndPIN() bool {
	return c.Override.Fallback == fallbackYes || c.Override.Fallback == fallbackAuto && len(c.Readers) == 0
}

// approves says what a manager does who approves, fit for a slip.
func (c *Config) approves() string {
	switch {
	case len(c.Readers) == 0:
		return "enters number and PIN"
	case c.Override.Method == policy.SignOnCardPIN.String() && !c.NumberAndPIN():
		return "swipes the card"
	}
	return "swipes, or enters number and PIN"
}

// WhyConfig is one reason that an approval may be given for.
type WhyConfig struct {
	Code int    `toml:"code"`
	Name string `toml:"name"`
}

// TimeClockConfig is about the time clock.
type TimeClockConfig struct {
	Run         bool     `toml:"run"`
	ForcedBreak Duration `toml:"forced_break"`
}

// JournalConfig bounds the journal.
type JournalConfig struct {
	MaxMiB   int `toml:"max_mib"`
	KeepDays int `toml:"keep_days"`
}

// APIConfig bounds each socket.
type APIConfig struct {
	Connections        int     `toml:"connections"`
	ConnectionsPerUser int     `toml:"connections_per_user"`
	Rate               float64 `toml:"rate"`
	Burst              int     `toml:"burst"`
	PINRate            float64 `toml:"pin_rate"`
	PINBurst           int     `toml:"pin_burst"`
	Waiters            int     `toml:"waiters"`
	Streams            int     `toml:"streams"`
}

// SocketsConfig are the sockets, one a role.
type SocketsConfig struct {
	POS        SocketConfig `toml:"pos"`
	Console    SocketConfig `toml:"console"`
	Technician SocketConfig `toml:"technician"`
}

// SocketConfig is who may connect to one socket.
type SocketConfig struct {
	Group string `toml:"group"`
	Mode  string `toml:"mode"`
}

// LineConfig is how a device is reached: a serial line and its settings, or for
// a printer, in path alone, another transport.
type LineConfig struct {
	Path     string `toml:"path"`
	Baud     int    `toml:"baud"`
	DataBits int    `toml:"data_bits"`
	Parity   string `toml:"parity"`
	StopBits int    `toml:"stop_bits"`
}

// PrinterConfig is one printer with its drawers.
type PrinterConfig struct {
	Name string `toml:"name"`
	LineConfig
	Dialect         string          `toml:"dialect"`
	Accept          string          `toml:"accept"`
	Allow           []string        `toml:"allow"`
	Link            string          `toml:"link"`
	LinkGroup       string          `toml:"link_group"`
	LinkMode        string          `toml:"link_mode"`
	Listen          string          `toml:"listen"`
	ListenUsers     []string        `toml:"listen_users"`
	ListenGroups    []string        `toml:"listen_groups"`
	KickOrder       string          `toml:"kick_order"`
	ReceiptLines    int             `toml:"receipt_lines"`
	Resync          string          `toml:"resync"`
	Flow            string          `toml:"flow"`
	Drain           string          `toml:"drain"`
	DisableRealtime string          `toml:"disable_realtime"`
	PulseOn         Duration        `toml:"pulse_on"`
	PulseOff        Duration        `toml:"pulse_off"`
	Poll            Duration        `toml:"poll"`
	LeftOpen        Duration        `toml:"left_open"`
	Drawers         []DrawerConfig  `toml:"drawer"`
	Profiles        []ProfileConfig `toml:"profile"`
}

// dialect is the printer's language, with what the technician lets through.
func (p *PrinterConfig) dialect() (*escpos.Dialect, error) {
	d, err := escpos.DialectNamed(p.Dialect)
	if err != nil {
		return nil, err
	}
	return d.Allow(p.Allow...)
}

// DrawerConfig is one drawer.
type DrawerConfig struct {
	Name      string `toml:"name"`
	Connector int    `toml:"connector"`
}

// SerialDrawerConfig is one drawer on a serial line of its own.
type SerialDrawerConfig struct {
	Name string `toml:"name"`
	LineConfig
	Model     string   `toml:"model"`
	Code      string   `toml:"code"`
	Open      string   `toml:"open"`
	Status    string   `toml:"status"`
	Link      string   `toml:"link"`
	LinkGroup string   `toml:"link_group"`
	LinkMode  string   `toml:"link_mode"`
	Poll      Duration `toml:"poll"`
	LeftOpen  Duration `toml:"left_open"`
}

// How a drawer's line is held.
const (
	openHeld  = "held"  // open from the start
	openGrant = "grant" // opened for a grant, and closed after it
)

// options are what of the configuration is about the drawer itself.
func (s *SerialDrawerConfig) options() (o drawer.Options, err error) {
	if o.Model, err = drawer.ModelNamed(s.Model); err != nil {
		return o, err
	}
	if o.Code, err = drawer.ParseCode(s.Code); err != nil {
		return o, err
	}
	o.Baud, o.OnGrant = s.Baud, s.Open == openGrant
	o.Status, err = drawer.ParseStatus(s.Status)
	return o, err
}

// ProfileConfig is one text rule of a print profile.
type ProfileConfig struct {
	Name     string `toml:"name"`
	Text     string `toml:"text"`
	Pattern  string `toml:"pattern"`
	Function string `toml:"function"`
	NotSale  bool   `toml:"not_sale"`
}

// ReaderConfig is one card reader.
type ReaderConfig struct {
	Name string `toml:"name"`
	LineConfig
	Format string `toml:"format"`
	LRC    bool   `toml:"lrc"`
	// Removed is the line that the reader sends when a card is taken out of it.
	Removed string `toml:"removed"`
}

// KeypadConfig is one keypad.
type KeypadConfig struct {
	Name string `toml:"name"`
	LineConfig
	Codes []CodeConfig `toml:"code"`
}

// CodeConfig is one code that asks for a function at the keypad.
type CodeConfig struct {
	Code     string `toml:"code"`
	Function string `toml:"function"`
	Drawer   string `toml:"drawer"`
	Open     string `toml:"open"`
}

// Duration is a time span, as "15m" or "1.5s".
type Duration time.Duration

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf(`%q is no time span: write "90s" or "15m"`, text)
	}
	if v < 0 {
		return fmt.Errorf("%q is less than nothing", text)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes what UnmarshalText reads.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the time span as people write it: "15m", not "15m0s".
func (d Duration) String() string {
	v := time.Duration(d)
	switch {
	case v == 0:
		return "0s"
	case v%time.Hour == 0:
		return fmt.Sprintf("%dh", v/time.Hour)
	case v%time.Minute == 0:
		return fmt.Sprintf("%dm", v/time.Minute)
	}
	return v.String()
}

// DefaultConfig is what is not written in the file. Chain and store have no
// default: a register that does not know whose it is takes no policy.
func DefaultConfig() Config {
	return Config{
		State: "/var/lib/tillwarden", Run: "/run/tillwarden", Log: "info", Feedback: []string{"event", "slip"},
		Policy: PolicyConfig{Keys: []string{"/etc/tillwarden/policy.pub"}, Threshold: 1},
		SignOn: SignOnConfig{
			Method: "number+pin", Idle: Duration(15 * time.Minute), Tries: 5, Lockout: Duration(30 * time.Minute),
			PINWait: Duration(30 * time.Second), PINMin: 4, SameCard: Duration(2 * time.Second), Over: signon.Overs()[0], Again: signon.Agains()[0], Removed: signon.Removals()[0], Formats: []string{"micros", "digits"},
			Argon2: Argon2Config{MemoryKiB: 19 << 10, Passes: 2},
		},
		Override:  OverrideConfig{Wait: Duration(180 * time.Second), Transaction: Duration(5 * time.Minute), Method: "card+pin", Fallback: fallbackAuto},
		TimeClock: TimeClockConfig{ForcedBreak: Duration(30 * time.Minute)},
		Journal:   JournalConfig{MaxMiB: 1024, KeepDays: 396},
		API: APIConfig{
			Connections: 128, ConnectionsPerUser: 96, Rate: 2000, Burst: 4000, PINRate: 5, PINBurst: 20, Waiters: 80, Streams: 16,
		},
		Sockets: SocketsConfig{
			POS:        SocketConfig{Group: "tillwarden-pos", Mode: "0660"},
			Console:    SocketConfig{Group: "tillwarden-console", Mode: "0660"},
			Technician: SocketConfig{Mode: "0600"},
		},
	}
}

// The defaults within tables that may come more than once.
func (p *PrinterConfig) setDefaults() {
	p.LineConfig.setDefaults(38400)
	set(&p.Dialect, escpos.Dialects()[0].Name())
	set(&p.LinkMode, "0660")
	set(&p.KickOrder, "with")
	set(&p.ReceiptLines, 5)
	set(&p.Resync, "clear")
	set(&p.Flow, "none")
	set(&p.Drain, dialects)
	set(&p.DisableRealtime, dialects)
	set(&p.PulseOn, Duration(50*time.Millisecond))
	set(&p.PulseOff, Duration(500*time.Millisecond))
	set(&p.Poll, Duration(500*time.Millisecond))
	set(&p.LeftOpen, Duration(120*time.Second))
}

func (l *LineConfig) setDefaults(baud int) {
	set(&l.Baud, baud)
	set(&l.DataBits, 8)
	set(&l.Parity, "none")
	set(&l.StopBits, 1)
}

func (s *SerialDrawerConfig) setDefaults() {
	set(&s.Model, "apg-484a")
	m, err := drawer.ModelNamed(s.Model)
	if err != nil {
		m.Baud = 9600 // the checker says what is wrong
	}
	s.LineConfig.setDefaults(m.Baud)
	if m.Any {
		set(&s.Open, openGrant)
	}
	set(&s.Open, openHeld)
	if s.Open == openHeld {
		set(&s.Status, m.Status.String())
	}
	set(&s.Status, drawer.StatusNone.String())
	set(&s.LinkMode, "0660")
	set(&s.Poll, Duration(100*time.Millisecond))
	set(&s.LeftOpen, Duration(120*time.Second))
}

func (r *ReaderConfig) setDefaults() {
	r.LineConfig.setDefaults(9600)
	set(&r.Format, string(msr.FormatMagTek))
}

func (k *KeypadConfig) setDefaults() {
	k.LineConfig.setDefaults(9600)
	for i := range k.Codes {
		set(&k.Codes[i].Open, "now")
	}
}

func (c *CardConfig) setDefaults() {
	set(&c.Track, 2)
	set(&c.Check, "none")
}

// set gives a key that is not written its default.
func set[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}
