package daemon

import (
	"context"

	"tillwarden/daemon/api"
	"tillwarden/enforcer/journal/entry"
)

type printerUnit struct {
	name string
}

func (d *Daemon) makePrinters() error        { return nil }
func (d *Daemon) startPrinters()             {}
func (d *Daemon) drawerStatus() []api.Drawer { return []api.Drawer{} }
func (d *Daemon) deviceStatus() []api.Device { return d.devices.list() }
func (d *Daemon) Resync(context.Context, api.Caller, string) (*api.Done, error) {
	return nil, nil
}

func (d *Daemon) Calibrate(context.Context, api.Caller, string, *api.CalibrateRequest) (*api.CalibrateAnswer, error) {
	return nil, nil
}
func (d *Daemon) reprofile(*Config) error { return nil }

var _ api.Backend = (*Daemon)(nil)

func notReady(error) entry.Reason                  { return entry.ReasonBusy }
func (p *printerUnit) probe(context.Context) error { return nil }
