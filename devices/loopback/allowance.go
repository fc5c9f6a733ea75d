package loopback

import (
	"time"

	"golang.org/x/time/rate"
)

// What comes over connections of which nobody can say whose they are is bounded,
// by how many they are and by their bytes: else whoever may not print here need
// only be quick to fill the paper. A POS that closes its connections at once does
// not come to these bounds by selling: it has the first at once, as after a
// restart of the daemon or on a busy day, and the second for as long as it goes on.
const (
	floodJobs  = 300
	floodEvery = 6 * time.Second
	floodBytes = 1 << 20
	floodRate  = 2 << 10 // bytes a second; a receipt of text has as many, or less
)

// allowance is what may still come.
type allowance struct {
	jobs, bytes *rate.Limiter
}

func newAllowance() allowance {
	return allowance{jobs: rate.NewLimiter(rate.Every(floodEvery), floodJobs), bytes: rate.NewLimiter(floodRate, floodBytes)}
}
