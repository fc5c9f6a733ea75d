package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"tillwarden/packaging/rig/wire"
)

// serve runs what the rig asks for until the machine ends. Requests run side by
// side: one that hangs does not keep the rig from looking why.
func serve() error {
	port, err := openPort("/dev/virtio-ports/" + wire.Port)
	if err != nil {
		return err
	}
	defer port.Close()
	var mu sync.Mutex
	answer := func(a wire.Answer) {
		b, err := json.Marshal(a)
		if err != nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = port.Write(append(b, '\n'))
	}
	answer(wire.Answer{ID: wire.Ready})
	in := bufio.NewReaderSize(port, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			time.Sleep(20 * time.Millisecond) // nobody is connected on the far side
			continue
		}
		var r wire.Request
		if err := json.Unmarshal(line, &r); err != nil {
			answer(wire.Answer{ID: wire.Ready, Err: err.Error()})
			continue
		}
		go func() { answer(run(r)) }()
	}
}

// openPort waits for udev to make the port's link.
func openPort(path string) (*os.File, error) {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOCTTY, 0)
		if err == nil {
			return f, nil
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("the rig's port: %w", err)
		}
	}
}

func run(r wire.Request) wire.Answer {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.Seconds)*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", r.Command)
	cmd.Env = []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	cmd.Stdin = bytes.NewReader(r.Stdin)
	out, err := cmd.CombinedOutput()
	a := wire.Answer{ID: r.ID, Output: out}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		a.Code = exit.ExitCode()
	case err != nil:
		a.Code = -1
	}
	if ctx.Err() != nil {
		a.Err = fmt.Sprintf("it was killed after %d s", r.Seconds)
	} else if a.Code == -1 {
		a.Err = err.Error()
	}
	return a
}
