package drawer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"tillwarden/devices"
	"tillwarden/devices/printer"
	"tillwarden/enforcer/journal/entry"
)

// Options say which drawer, and for whom. Name, Model, Open, Path and Now must be
// given.
type Options struct {
	// Name is the drawer's, in grants and events.
	Name string
	// Model is its make, Code what opens it; nil: the model's.
	Model Model
	Code  []byte
	// Open opens its port, for us alone. Path is where the device is.
	Open    func(context.Context) (devices.Port, error)
	Path    string
	Baud    int             // 0: the model's
	Backoff devices.Backoff // zero: the default one
	// OnGrant: the port is opened for a granted pulse and closed after it. Else it
	// is held open from the start, which keeps others from opening it.
	OnGrant bool
	// Status is where the drawer reports. With OnGrant it reports nowhere.
	Status Status
	// Poll is how often it is asked; zero: 100 ms. A level counts when it was read
	// twice.
	Poll time.Duration
	// Polarity is what the level means, if it was calibrated.
	Polarity printer.Polarity
	// LeftOpen is how long the drawer may stand open in a session; zero: 120 s.
	LeftOpen time.Duration

	// Link is the port that the POS takes for the drawer's; empty: there is none.
	// Mode and Group are its rights (0: 0660; negative: the daemon's own group).
	Link  string
	Mode  os.FileMode
	Group int

	// Now, Session, Generation, Authority, Events and Attached are as in
	// printer.Options.
	Now        func() time.Duration
	Session    func() entry.Seq
	Generation func() uint64
	Authority  printer.Authority
	Events     func(printer.Event)
	Attached   func(port string, err error)
}

// ErrOptions: the options make no sense.
var ErrOptions = errors.New("drawer options")

const (
	defaultPoll     = 100 * time.Millisecond
	defaultLeftOpen = 120 * time.Second
)

// settle fills in the defaults and checks the rest.
func (o *Options) settle() error {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
	}
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	if o.LeftOpen == 0 {
		o.LeftOpen = defaultLeftOpen
	}
	if o.Baud == 0 {
		o.Baud = o.Model.Baud
	}
	if o.Session == nil {
		o.Session = func() entry.Seq { return 0 }
	}
	if o.Generation == nil {
		o.Generation = func() uint64 { return 0 }
	}
	if o.Attached == nil {
		o.Attached = func(string, error) {}
	}
	if o.Events == nil {
		o.Events = func(printer.Event) {}
	}
	switch {
	case o.Name == "":
		return wrong("no name")
	case o.Open == nil || o.Path == "":
		return wrong("nothing to open")
	case o.Now == nil:
		return wrong("no clock")
	case o.Status >= statusEnd:
		return wrong("status %s", o.Status)
	}
	if err := CheckHolding(o.Model, o.OnGrant, o.Status); err != nil {
		return err
	}
	if err := o.Model.Check(o.Code, o.Baud); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if len(o.Code) == 0 {
		o.Code = []byte(o.Model.Code)
	}
	return nil
}

// CheckHolding says whether a model's port can be held open, or be opened for
// each grant, with such a status.
func CheckHolding(m Model, onGrant bool, s Status) error {
	switch {
	case m.Any && !onGrant:
		return fmt.Errorf("%w: %s drawers may open when their port is opened: it is opened for a grant only", ErrOptions, m.Name)
	case onGrant && s != StatusNone:
		return fmt.Errorf("%w: a port that is opened for a grant only cannot report on %s", ErrOptions, s)
	}
	return nil
}
