package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one running program, with what it said.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed once it ended
	err  error         // valid after done

	mu   sync.Mutex
	said bytes.Buffer // guarded by mu
}

// start runs a program. It is killed if this one dies.
func start(name, path string, args ...string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Env = append(os.Environ(), "TZ=UTC")
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Write gathers what the program says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

// tail gives the last lines that it said.
func (p *process) tail(n int) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	lines := strings.SplitAfter(p.said.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-n-1):], "")
}

// output is all that it said.
func (p *process) output() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.said.Bytes())
}

// kill is SIGKILL, and waits for the end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// patience is how long something may take that takes a moment on a machine with
// nothing else to do.
const patience = 30 * time.Second

// stop asks it to end, and kills it if it does not.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("%s did not stop within %s", p.name, patience)
	}
}

// alive reports whether it runs still.
func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

var errEnded = errors.New("it ended")

// until waits for a condition that nothing announces; p, where given, must live
// meanwhile.
func until(ctx context.Context, what string, p *process, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		if p != nil && !p.alive() {
			return fmt.Errorf("waiting for %s: %s: %w: %v", what, p.name, errEnded, p.err)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("waited %s for %s: %w", patience, what, err)
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}
