package devices

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestPersist: it goes on until it succeeds, ever more slowly, and says each
// reason once, and that it is over.
func TestPersist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		tries := 0
		var heard []string
		err := Persist(t.Context(), Backoff{}, func() error {
			switch tries++; {
			case tries > 14:
				return nil
			case tries > 7:
				return errors.New("another")
			}
			return errors.New("taken")
		}, func(err error) {
			if err == nil {
				heard = append(heard, "over")
				return
			}
			heard = append(heard, err.Error())
		})
		if err != nil || !slices.Equal(heard, []string{"taken", "another", "over"}) {
			t.Errorf("%v, heard %q", err, heard)
		}
		if took := time.Since(began); took < time.Minute || took > 3*time.Minute {
			t.Errorf("14 tries took %v", took)
		}
		// What succeeds at once is not told of.
		if err := Persist(t.Context(), Backoff{}, func() error { return nil }, func(error) { t.Error("told") }); err != nil {
			t.Error(err)
		}
	})
}

func TestPersistEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		taken := errors.New("taken")
		told := 0
		if err := Persist(ctx, Backoff{Min: time.Second, Max: time.Minute}, func() error { return taken }, func(error) { told++ }); !errors.Is(err, taken) {
			t.Error(err)
		}
		if ctx.Err() == nil || told != 1 {
			t.Errorf("told %d times, %v", told, ctx.Err())
		}
	})
}
