package devices

import (
	"context"
)

// Persist tries something until it succeeds or the context ends, which is when
// it returns the last reason. told hears of each reason once until another one
// follows, and of success (nil) after that.
//
// It is for what the register makes and others attach to: an address that is
// taken, or a name that something else bears, may be free a moment later, and
// nobody is to start the daemon again for it.
func Persist(ctx context.Context, b Backoff, try func() error, told func(error)) error {
	if b == (Backoff{}) {
		b = defaultBackoff
	}
	last := ""
	for failures := 0; ; failures = min(failures+1, 30) {
		err := try()
		if err == nil {
			if last != "" {
				told(nil)
			}
			return nil
		}
		if reason := err.Error(); reason != last {
			last = reason
			told(err)
		}
		pause(ctx, b.after(failures))
		if ctx.Err() != nil {
			return err
		}
	}
}
