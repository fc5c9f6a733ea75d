// Command busy keeps a register in the rig's virtual machine busy, and writes each of
// its answers to a file as it comes, a JSON object a line:
//
//	busy RUN-FOLDER FILE NOISE
//
// Beside that it writes to a third file, and never flushes it, as other programs do:
// what of that is on the disk at a power cut is chance. It ends when the daemon is gone.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/packaging/rig/register"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: busy RUN-FOLDER FILE NOISE")
		os.Exit(2)
	}
	if err := busy(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "busy:", err)
		os.Exit(1)
	}
}

func busy(run, path, noisy string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	noise, err := os.OpenFile(noisy, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer noise.Close()
	pos := api.NewClient(filepath.Join(run, "pos.sock"))
	defer pos.Close()
	ctx, stop := context.WithCancel(context.Background())
	var other sync.WaitGroup
	defer other.Wait()
	defer stop()
	other.Go(func() { write(ctx, noise) })
	var mu sync.Mutex
	register.Busy(ctx, pos, func(a *api.Answer) {
		mu.Lock()
		defer mu.Unlock()
		line, e := json.Marshal(a)
		if e == nil {
			_, e = file.Write(append(line, '\n')) // at once, and before it is asked again
		}
		if e != nil {
			err = e
			stop()
		}
	})
	return err
}

// write writes here and there in a file, for as long as it may.
func write(ctx context.Context, file *os.File) {
	const block, blocks = 4096, 64
	data := make([]byte, block)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		for i := range data {
			data[i] = byte(rand.Uint32())
		}
		if _, err := file.WriteAt(data, rand.Int64N(blocks)*block); err != nil {
			return // the power is off
		}
	}
}
