package rig

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"tillwarden/packaging/rig/wire"
)

// Guest runs commands in a machine, through the agent there. Its methods may be
// called from several goroutines.
type Guest struct {
	conn net.Conn
	up   chan struct{} // closed when the agent runs
	gone chan struct{} // closed when the line to it has ended

	writing sync.Mutex // held by who writes to conn

	mu   sync.Mutex
	last int                      // guarded by mu
	open map[int]chan wire.Answer // guarded by mu
}

// ErrGone: the machine has ended.
var ErrGone = errors.New("the machine is gone")

// commandLimit is what a command has where the context says nothing else.
const commandLimit = 5 * time.Minute

func newGuest(conn net.Conn) *Guest {
	g := &Guest{conn: conn, up: make(chan struct{}), gone: make(chan struct{}), open: map[int]chan wire.Answer{}}
	go g.listen()
	return g
}

func (g *Guest) listen() {
	defer close(g.gone)
	in := bufio.NewReaderSize(g.conn, 1<<20)
	running := false
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var a wire.Answer
		if json.Unmarshal(line, &a) != nil {
			continue
		}
		if a.ID == wire.Ready {
			if !running {
				running = true
				close(g.up)
			}
			continue
		}
		g.mu.Lock()
		to := g.open[a.ID]
		delete(g.open, a.ID)
		g.mu.Unlock()
		if to != nil {
			to <- a
		}
	}
}

func (g *Guest) ready(ctx context.Context) error {
	select {
	case <-g.up:
		return nil
	case <-g.gone:
		return ErrGone
	case <-ctx.Done():
		return fmt.Errorf("waiting for the agent: %w", context.Cause(ctx))
	}
}

func (g *Guest) close() {
	_ = g.conn.Close()
	<-g.gone
}

// Failed is a command that ended with another exit code than 0.
type Failed struct {
	Command string
	Code    int
	Output  string
}

// Error shows all that the command said.
func (f *Failed) Error() string {
	return fmt.Sprintf("%s\nended with %d:\n%s", f.Command, f.Code, f.Output)
}

// Run runs a shell command as root and gives what it said on either output. A
// command that fails is a *Failed.
func (g *Guest) Run(ctx context.Context, command string) (string, error) {
	return g.run(ctx, command, nil)
}

// Put writes a file, and its folder where there is none.
func (g *Guest) Put(ctx context.Context, path, mode string, data []byte) error {
	q := "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	_, err := g.run(ctx, fmt.Sprintf("mkdir -p \"$(dirname %[1]s)\" && cat > %[1]s && chmod %[2]s %[1]s", q, mode), data)
	return err
}

func (g *Guest) run(ctx context.Context, command string, stdin []byte) (string, error) {
	limit := commandLimit
	if end, ok := ctx.Deadline(); ok {
		limit = max(time.Until(end), time.Second)
	}
	answer := make(chan wire.Answer, 1)
	g.mu.Lock()
	g.last++
	r := wire.Request{ID: g.last, Command: command, Stdin: stdin, Seconds: int(limit.Seconds())}
	g.open[r.ID] = answer
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.open, r.ID)
	}()
	b, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	g.writing.Lock()
	_, err = g.conn.Write(append(b, '\n'))
	g.writing.Unlock()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrGone, err)
	}
	// The agent ends the command itself; that it does not is a machine that hangs.
	timer := time.NewTimer(limit + 30*time.Second)
	defer timer.Stop()
	select {
	case a := <-answer:
		switch {
		case a.Err != "":
			return string(a.Output), fmt.Errorf("%s\n%s:\n%s", command, a.Err, a.Output)
		case a.Code != 0:
			return string(a.Output), &Failed{command, a.Code, string(a.Output)}
		}
		return string(a.Output), nil
	case <-g.gone:
		return "", fmt.Errorf("%s: %w", command, ErrGone)
	case <-timer.C:
		return "", fmt.Errorf("%s: the machine does not answer", command)
	}
}
