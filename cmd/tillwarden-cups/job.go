package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// job is what CUPS wants printed.
type job struct {
	id     int
	name   string // tells it from others, also over a restart
	copies int
	file   string // "": standard input
	memory memory

	sent int64 // bytes
}

const (
	maxCopies = 1000
	piece     = 4096
	// patience is how long the printer may take nothing before people are told.
	patience = 3 * time.Second
	// again is how long to wait before a port is looked for again.
	again = 250 * time.Millisecond
)

// parseJob reads the arguments that CUPS calls a backend with.
func parseJob(args []string) (*job, error) {
	if len(args) != 5 && len(args) != 6 {
		return nil, fmt.Errorf("%d arguments, not job-id user title copies options [file]", len(args))
	}
	id, err := strconv.Atoi(args[0])
	if err != nil || id < 0 {
		return nil, fmt.Errorf("%q is no job's number", args[0])
	}
	j := &job{id: id, name: jobName(args[0], args[4]), copies: 1}
	if len(args) == 5 {
		return j, nil // what comes over standard input the filters have repeated already
	}
	j.file = args[5]
	if j.copies, err = strconv.Atoi(args[3]); err != nil || j.copies < 1 || j.copies > maxCopies {
		return nil, fmt.Errorf("%q copies, not 1 to %d", args[3], maxCopies)
	}
	return j, nil
}

// print sends the job.
func (j *job) print(ctx context.Context, to device, stdin io.Reader, say *reporter) exit {
	if j.memory.begun(j.name) {
		say.fault("job %d was printed in part before, and is not begun again, since it may open a drawer; print it anew if it is wanted", j.id)
		return exitCancel
	}
	source := stdin
	if j.file != "" {
		f, err := os.Open(j.file)
		if err != nil {
			say.fault("reading the job: %v", err)
			return exitFailed
		}
		defer f.Close()
		source = f
	}
	port, code := connect(ctx, to, say)
	if port == nil {
		return code
	}
	defer port.Close()
	say.clear()
	say.info("printing through tillwarden")
	// A write ends when the job is cancelled.
	stop := context.AfterFunc(ctx, func() { _ = port.SetWriteDeadline(time.Unix(1, 0)) })
	defer stop()
	for n := range j.copies {
		if f, ok := source.(*os.File); ok && n > 0 {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				return j.broken(say, fmt.Errorf("reading the job again: %w", err))
			}
		}
		if err := j.send(ctx, source, port, say); err != nil {
			if ctx.Err() != nil {
				say.info("job %d is cancelled", j.id)
				return exitCancel
			}
			return j.broken(say, err)
		}
	}
	j.memory.ended(j.name)
	say.info("ready")
	return exitOK
}

// broken ends a job that cannot go on. If something of it was sent it is over.
func (j *job) broken(say *reporter, err error) exit {
	if j.sent == 0 {
		j.memory.ended(j.name)
		say.fault("%v", err)
		return exitRetry
	}
	say.fault("%v; %d bytes of job %d were printed, and they are not sent again, since they may open a drawer: look at the paper, and print it anew if it is wanted", err, j.sent, j.id)
	return exitCancel
}

// connect opens the port, waiting for it if it is not there.
func connect(ctx context.Context, to device, say *reporter) (*os.File, exit) {
	for end := time.Now().Add(to.wait); ; {
		port, err := openPort(to.path)
		switch {
		case err == nil:
			return port, exitOK
		case errors.Is(err, errNotPort):
			say.fault("%s is no port of tillwarden's: `lpinfo -v` lists them", to.path)
			return nil, exitStop
		case errors.Is(err, os.ErrPermission):
			say.fault("%s may not be written to: set link_group of that printer to the group that CUPS' backends run as (lp)", to.path)
			return nil, exitStop
		case !errors.Is(err, errNotThere):
			say.fault("opening %s: %v", to.path, err)
			return nil, exitStop
		}
		if say.set(stateConnecting) {
			say.info("waiting for tillwarden's port %s", to.path)
		}
		if time.Now().After(end) {
			say.fault("%s is not there: does tillwardend run?", to.path)
			return nil, exitRetry // nothing was sent
		}
		select {
		case <-ctx.Done():
			return nil, exitCancel
		case <-time.After(again):
		}
	}
}

// send sends one copy.
func (j *job) send(ctx context.Context, source io.Reader, port *os.File, say *reporter) error {
	type read struct {
		data []byte
		err  error
	}
	// Standard input may never come; the goroutine then ends with the process.
	pieces := make(chan read)
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			buf := make([]byte, piece)
			n, err := source.Read(buf)
			select {
			case pieces <- read{buf[:n], err}:
			case <-done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		var r read
		select {
		case <-ctx.Done():
			return ctx.Err()
		case r = <-pieces:
		}
		if err := j.write(ctx, r.data, port, say); err != nil {
			return err
		}
		if errors.Is(r.err, io.EOF) {
			return nil
		}
		if r.err != nil {
			return fmt.Errorf("reading the job: %w", r.err)
		}
	}
}

// write sends a piece, for as long as that takes.
func (j *job) write(ctx context.Context, data []byte, port *os.File, say *reporter) error {
	if len(data) > 0 && j.sent == 0 {
		if err := j.memory.begin(j.name); err != nil {
			say.warn("if this job is interrupted CUPS may begin it again: %v", err)
		}
	}
	for len(data) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := port.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		n, err := port.Write(data)
		j.sent += int64(n)
		data = data[n:]
		switch {
		case err == nil || n > 0 && errors.Is(err, os.ErrDeadlineExceeded):
			if len(say.states) > 0 {
				say.clear()
				say.info("printing through tillwarden")
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
			if ctx.Err() == nil && say.set(stateOffline) {
				say.info("the printer takes nothing: paper, cover, an error, or it is switched off")
			}
		default:
			return fmt.Errorf("tillwarden's port went away: %w", err)
		}
	}
	return nil
}
