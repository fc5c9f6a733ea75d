package daemon

import (
	"context"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
)

// guard is what the daemon needs of a printer's guard.
type guard interface {
	Run(ctx context.Context) error
	Ready(ctx context.Context) error
	Pulse(ctx context.Context, r enforcer.Redemption) error
	Slip(ctx context.Context, text string) error
}

type printerUnit struct {
	name  string
	guard guard
}

type drawerUnit struct {
	name string
}

const armFor = enforcer.MaxHold

func (d *Daemon) makePrinters() error { return nil }
func (d *Daemon) startPrinters()      {}
func (d *Daemon) drawer(string) (*drawerUnit, error) {
	return nil, api.Errorf(api.CodeNotFound, "there is no drawer")
}

func (d *Daemon) use(context.Context, *enforcer.Grant, string, string, string) *api.DrawerAnswer {
	return nil
}
func (d *Daemon) drawerStatus() []api.Drawer { return []api.Drawer{} }
func (d *Daemon) deviceStatus() []api.Device { return d.devices.list() }
func (d *Daemon) Resync(context.Context, api.Caller, string) (*api.Done, error) {
	return nil, nil
}

func (d *Daemon) Calibrate(context.Context, api.Caller, string, *api.CalibrateRequest) (*api.CalibrateAnswer, error) {
	return nil, nil
}
func (d *Daemon) probes() []probe { return nil }

var _ api.Backend = (*Daemon)(nil)

func (d *Daemon) reprofile(*Config) error { return nil }
