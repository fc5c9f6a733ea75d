package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// stay leaves the register up, and says how to try it by hand.
func (d *day) stay(ctx context.Context) error {
	r := d.r
	cli := filepath.Join(r.bin, "tillwarden")
	d.say(`
The register is up. In another terminal, paste this first:

  export TILLWARDEN_RUN_DIR=%[1]s TILLWARDEN_SIM=%[2]s
  alias tillwarden=%[3]s

See what happens, as it happens:

  tillwarden watch

Swipe a card (the operators' PINs: %[4]s)

  tillwarden sim swipe %[5]s    # %[6]s signs on; again: locks; again: unlocks
  tillwarden sim swipe %[7]s    # %[8]s, to approve what is pending

Print as the POS does, to what it takes for its printer

  printf 'EXAMPLE STORES\n\nCoffee  2.40\nRoll    1.10\n\nTOTAL   3.50\nCASH   10.00\nThank you\n\n\035V\000\033p\000\031\372' > %[9]s
  printf '\033p\000\031\372' > %[9]s    # a kick with no receipt: a no-sale
  tillwarden sim receipts
  tillwarden sim pulses

The drawer's sensor, its key, and the printer's power

  tillwarden sim drawer close
  tillwarden sim drawer open-key
  tillwarden sim printer power-off; tillwarden sim printer power-on

Ask instead of kicking, and see the rule

  tillwarden ask pos.till.paidout --open now --wait 1m
  tillwarden override approve --as %[10]s
  tillwarden policy explain --group "%[11]s" pos.till.paidout

Look at it

  tillwarden status
  tillwarden doctor
  tillwarden journal list
  tillwarden operator list

Everything is in %[12]s, and goes with it. Ctrl-C ends it.`,
		r.path("run"), r.path("hw", "control.sock"), cli, pins(), cashier.track, cashier, manager.track, manager,
		d.pos.path, manager.number, cashier.groups[0], r.dir)
	select {
	case <-ctx.Done():
		d.say("\nThe register is taken down.")
		return nil
	case <-r.daemon.done:
		return fmt.Errorf("the daemon ended: %v", r.daemon.err)
	case <-r.sim.done:
		return fmt.Errorf("the simulated hardware ended: %v", r.sim.err)
	}
}

// pins lists the operators' PINs, which are made up.
func pins() string {
	text := ""
	for i, p := range []*person{cashier, second, manager} {
		if i > 0 {
			text += ", "
		}
		text += p.String() + " has " + p.pin
	}
	return text
}
