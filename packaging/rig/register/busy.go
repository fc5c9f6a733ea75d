package register

import (
	"context"
	"sync"

	"tillwarden/daemon/api"
)

// Busy asks as a POS does, three at a time, of whom one opens the drawer "till", until
// the daemon is gone. It gives each answer to answered, from several goroutines.
func Busy(ctx context.Context, pos *api.Client, answered func(*api.Answer)) {
	var wg sync.WaitGroup
	for _, ask := range []api.AskRequest{
		{Function: "pos.sale.item"},
		{Function: "pos.drawer.nosale", NoOverride: true},
		{Function: "pos.drawer.sale", Drawer: "till", Open: api.OpenNow},
	} {
		wg.Go(func() {
			for {
				a, err := pos.Ask(ctx, ask)
				if err != nil {
					return
				}
				answered(a)
			}
		})
	}
	wg.Wait()
}
