package printer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/devices/keep"
	"tillwarden/devices/loopback"
	"tillwarden/enforcer/journal/entry"
)

// Options say which printer, and for whom. Name, Open and Now must be given.
type Options struct {
	// Name is the printer's, in events.
	Name string
	// Open opens the line to the printer. Path, where given, is where its device
	// appears, so that it is opened again as soon as it does.
	Open    func(context.Context) (devices.Port, error)
	Path    string
	Backoff devices.Backoff // zero: the default one

	// Dialect is the printer's language; nil: the first of escpos.Dialects.
	Dialect *escpos.Dialect

	// Link is the port that the POS prints to, a pty; Mode and Group are its rights
	// (0: 0660; negative: the daemon's own group). Listen is a port on the loopback
	// interface; its Keep, Refused and Note are the guard's. Each where given.
	Listen *loopback.Config
	// Keep, where given, keeps both for the daemon's next start.
	Keep  keep.Keeper
	Link  string
	Mode  os.FileMode
	Group int

	// Drawers are those that hang on the printer.
	Drawers []Drawer
	// PulseOn and PulseOff are the pulse's times, in the dialect's steps (epson: of
	// 2 ms, up to 510 ms); zero: 50 ms and 500 ms.
	PulseOn, PulseOff time.Duration

	// Rules say what a kick is for. Key is that of the receipts' digests.
	Rules Rules
	Key   []byte

	// Drain says whether the printer is asked, before a pulse, to answer when it
	// has done all that it was sent; DisableRealtime whether its own real-time
	// kick is switched off. nil: as its dialect has it. It must know the commands
	// (GS r, GS ( D); others print them.
	Drain, DisableRealtime *bool

	// Resync is how the printer's state becomes known after a start or a loss.
	Resync Resync
	// Flow is how the printer says that it takes no more.
	Flow Flow
	// Poll is how often the drawer's sensor is read; zero: 500 ms.
	Poll time.Duration
	// Polarity is what the sensor's level means, if it was calibrated.
	Polarity Polarity
	// LeftOpen is how long a drawer may stand open in a session; zero: 120 s.
	LeftOpen time.Duration

	// Now is the boot clock.
	Now func() time.Duration
	// Session is the current session, zero for none. It must not block.
	Session func() entry.Seq
	// Generation is the number of the state (session, lock, policy) that there
	// is now: what kicks are held under. It must not block.
	Generation func() uint64
	// Authority decides about kicks; without one they are dropped and reported.
	Authority Authority
	// Events gets what the journal should have, in order. It must not block.
	Events func(Event)
	// Attached, where given, is told why a port that the POS attaches to (its link or
	// address) cannot be had; it is tried again. nil: now it is there.
	Attached func(port string, err error)
	// Pass, where given, reports whether printing passes now (break-glass): what
	// the filter refuses goes to the printer all the same. It must not block.
	Pass func() bool
	// Printed, where given, is called after the POS has printed and cut a
	// receipt: somebody is at work, whether a drawer opens or not.
	Printed func()

	drain       bool
	realtimeOff []byte
}

// Drawer is a drawer on a printer.
type Drawer struct {
	Name string
	// Connector is 1 (pin 2 of the printer's drawer connector) or 2 (pin 5).
	Connector int
}

// Resync is how a printer's state becomes known.
type Resync uint8

// The ways to resynchronise.
const (
	ResyncClear      Resync = iota // we clear its buffers (DLE DC4 8), and it answers
	ResyncPowerCycle               // it was seen to go silent and come back, or the technician says so
	ResyncTechnician               // the technician says so
	resyncEnd
)

var resyncNames = [...]string{"clear", "powercycle", "technician"}

// String gives the configuration's word.
func (r Resync) String() string { return wordOf(resyncNames[:], int(r)) }

// ParseResync is the reverse of String.
func ParseResync(s string) (Resync, error) {
	i, err := parseWord(resyncNames[:], s)
	return Resync(i), err
}

// Flow is how a printer says that it takes no more for now.
type Flow uint8

// The kinds of flow control.
const (
	FlowNone    Flow = iota // it does not, or the line's driver sees to it
	FlowDSR                 // the printer's DTR, on our DSR
	FlowCTS                 // on our CTS
	FlowXonXoff             // by XON and XOFF
	FlowRTSCTS              // on our CTS, minded by the line's driver (devices.Config.HardwareFlow)
	flowEnd
)

var flowNames = [...]string{"none", "dsr", "cts", "xonxoff", "rtscts"}

// paced reports whether it is us who stop when the printer says so.
func (f Flow) paced() bool { return f == FlowDSR || f == FlowCTS || f == FlowXonXoff }

// bounds say how much is written at a time, and up to how much may wait in the
// kernel when that is done. Where it is us who stop, what has been written still
// leaves after the printer has said that it takes no more. It has room for 16
// bytes then (a TM-T88II, technical manual, A-9; others for 128 and more), and
// what it has no room for is lost, and with it where a command ends.
func (f Flow) bounds() (write, kernel int) {
	if f.paced() {
		return pacedWrite, 0
	}
	return maxWrite, maxKernel
}

// String gives the configuration's word.
func (f Flow) String() string { return wordOf(flowNames[:], int(f)) }

// ParseFlow is the reverse of String.
func ParseFlow(s string) (Flow, error) {
	i, err := parseWord(flowNames[:], s)
	return Flow(i), err
}

// Polarity is what the level of the drawer's sensor means. It depends on the
// drawer, not on the printer.
type Polarity uint8

// The polarities.
const (
	PolarityUnknown    Polarity = iota // not calibrated: no drawer events
	PolarityHighOpen                   // the level is high while the drawer is open
	PolarityHighClosed                 // the level is high while the drawer is closed
	polarityEnd
)

var polarityNames = [...]string{"unknown", "high-open", "high-closed"}

// String gives the word for the state file.
func (p Polarity) String() string { return wordOf(polarityNames[:], int(p)) }

// ParsePolarity is the reverse of String.
func ParsePolarity(s string) (Polarity, error) {
	i, err := parseWord(polarityNames[:], s)
	return Polarity(i), err
}

// ErrSameLevel: the sensor reads the same with the drawer closed and open.
var ErrSameLevel = errors.New("the sensor reads the same with the drawer closed and open: is it connected?")

// Calibrate is the polarity of a sensor that was read (Guard.Pin) with the
// drawer closed and with the drawer open.
func Calibrate(closed, open bool) (Polarity, error) {
	switch {
	case closed == open:
		return PolarityUnknown, ErrSameLevel
	case open:
		return PolarityHighOpen, nil
	}
	return PolarityHighClosed, nil
}

func wordOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return fmt.Sprintf("%d", i)
}

func parseWord(names []string, s string) (int, error) {
	for i, n := range names {
		if n == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is none of %q", s, names)
}

const (
	defaultPoll     = 500 * time.Millisecond
	defaultLeftOpen = 120 * time.Second
	defaultPulseOn  = 50 * time.Millisecond
	defaultPulseOff = 500 * time.Millisecond
)

// ErrOptions: the options make no sense.
var ErrOptions = errors.New("printer options")

func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
}

// settle fills in the defaults and checks the rest.
func (o *Options) settle() error {
	set(&o.Poll, defaultPoll)
	set(&o.LeftOpen, defaultLeftOpen)
	set(&o.PulseOn, defaultPulseOn)
	set(&o.PulseOff, defaultPulseOff)
	if o.Dialect == nil {
		o.Dialect = escpos.Dialects()[0]
	}
	if o.Session == nil {
		o.Session = func() entry.Seq { return 0 }
	}
	if o.Generation == nil {
		o.Generation = func() uint64 { return 0 }
	}
	if o.Events == nil {
		o.Events = func(Event) {}
	}
	if o.Printed == nil {
		o.Printed = func() {}
	}
	if o.Attached == nil {
		o.Attached = func(string, error) {}
	}
	if err := o.CheckDialect(); err != nil {
		return err
	}
	l := languages[o.Dialect.Name()]
	o.drain, o.realtimeOff = o.drains(&l), o.disables()
	switch {
	case o.Name == "":
		return wrong("no name")
	case o.Open == nil:
		return wrong("nothing to open")
	case o.Now == nil:
		return wrong("no clock")
	case o.Resync >= resyncEnd, o.Flow >= flowEnd, o.Polarity >= polarityEnd:
		return wrong("resync %s, flow %s, polarity %s", o.Resync, o.Flow, o.Polarity)
	}
	seen := map[int]bool{}
	names := map[string]bool{}
	for _, d := range o.Drawers {
		if d.Connector != 1 && d.Connector != 2 || seen[d.Connector] || d.Name == "" || names[d.Name] {
			return wrong("drawer %q at connector %d", d.Name, d.Connector)
		}
		seen[d.Connector], names[d.Name] = true, true
	}
	return o.Rules.settle()
}

// CheckDialect says what of the options the dialect's printers do not have:
// their resynchronisation, times of the pulse, Drain and DisableRealtime.
func (o *Options) CheckDialect() error {
	name := o.Dialect.Name()
	l, ok := languages[name]
	most := time.Duration(l.most) * l.step
	switch {
	case !ok:
		return wrong("how %s printers are asked and opened is not known", name)
	case o.Resync == ResyncPowerCycle && l.ask == nil:
		return wrong("%s printers are not asked how they are, so resync can only be technician", name)
	case o.Resync == ResyncClear && l.clear == nil && l.ask == nil:
		return wrong("nothing certain clears the buffers of %s printers, nor are they asked how they are: resync can only be technician", name)
	case o.Resync == ResyncClear && l.clear == nil:
		return wrong("nothing certain clears the buffers of %s printers: resync can be powercycle or technician", name)
	case o.PulseOn < l.step || o.PulseOn > most || o.PulseOff > most:
		return wrong("a pulse of %v, then %v without: %s counts in steps of %v, up to %v", o.PulseOn, o.PulseOff, name, l.step, most)
	case o.drains(&l) && l.ordered == nil:
		return wrong("%s printers are asked nothing that is answered in order: drain cannot be had", name)
	case len(o.disables()) > 0 && l.pulses != pulseEpson:
		return wrong("%s printers have no real-time kick that could be switched off", name)
	}
	return nil
}

// drains says whether the printer is asked when it has done all.
func (o *Options) drains(l *language) bool {
	if o.Drain != nil {
		return *o.Drain
	}
	return l.drains
}

// disables is what switches the printer's own real-time kick off; nil: it is not.
func (o *Options) disables() []byte {
	off := o.Dialect.RealtimeOff()
	switch {
	case o.DisableRealtime == nil:
		return off
	case !*o.DisableRealtime:
		return nil
	case off == nil:
		return escpos.Dialects()[0].RealtimeOff()
	}
	return off
}

func set[T comparable](to *T, value T) {
	var none T
	if *to == none {
		*to = value
	}
}
