package disk

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"syscall"
)

// Order is what the server is told.
type Order struct {
	Verb Verb   `json:"verb"`
	Seed uint64 `json:"seed,omitempty"`
	// Flushing has a cut wait for the next flush, and come before it is done.
	Flushing bool `json:"flushing,omitempty"`
}

// Verb is an order's.
type Verb string

// The orders.
const (
	Cut     Verb = "cut"
	Restore Verb = "restore"
	Lie     Verb = "lie"
	Flushes Verb = "flushes"
)

// Answer is what it says to that.
type Answer struct {
	Lost    int    `json:"lost,omitempty"`
	Flushes int    `json:"flushes,omitempty"`
	Err     string `json:"err,omitempty"`
}

// Disk is a disk that loses. It is used by one goroutine.
type Disk struct {
	path string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *json.Decoder
	said bytes.Buffer // what the server complains of
}

// Serve starts the server (its binary) for an image, which makes an empty folder a
// mount point, with the disk in it. The server ends with this process.
func Serve(server, image, dir string) (*Disk, error) {
	d := &Disk{path: filepath.Join(dir, "disk"), cmd: exec.Command(server, image, dir)}
	d.cmd.Stderr = &d.said
	// A group of its own: it is to live until everything else has let go of the disk.
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.out = json.NewDecoder(out)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the disk: %w", err)
	}
	var mounted Answer
	if err := d.out.Decode(&mounted); err != nil {
		return nil, d.ended()
	}
	return d, nil
}

func (d *Disk) ended() error {
	err := d.cmd.Wait()
	return fmt.Errorf("the disk has ended: %w: %s", err, d.said.Bytes())
}

func (d *Disk) order(o Order) (a Answer, err error) {
	if err := json.NewEncoder(d.in).Encode(o); err != nil {
		return a, d.ended()
	}
	if err := d.out.Decode(&a); err != nil {
		return a, d.ended()
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}

// Path is where the disk is.
func (d *Disk) Path() string { return d.path }

// Cut cuts the power, now: reads and writes fail until Restore. With seed 0 all
// that was not flushed is lost, else about half of the sectors, chosen by it.
func (d *Disk) Cut(seed uint64) (lost int, err error) {
	a, err := d.order(Order{Verb: Cut, Seed: seed})
	return a.Lost, err
}

// CutFlushing cuts the power as [Disk.Cut] does, in the middle of the next flush of
// something: what a commit writes is at stake then. That has to come within a minute.
func (d *Disk) CutFlushing(seed uint64) (lost int, err error) {
	a, err := d.order(Order{Verb: Cut, Seed: seed, Flushing: true})
	return a.Lost, err
}

// Restore switches the power on again.
func (d *Disk) Restore() error {
	_, err := d.order(Order{Verb: Restore})
	return err
}

// Lie makes the disk say that it has flushed, and not do it, as cheap ones do: what
// a test of flushing has to fail with.
func (d *Disk) Lie() error {
	_, err := d.order(Order{Verb: Lie})
	return err
}

// Flushes is how often it was told to keep what was written.
func (d *Disk) Flushes() (int, error) {
	a, err := d.order(Order{Verb: Flushes})
	return a.Flushes, err
}

// Close unmounts it. Nobody may use it any more.
func (d *Disk) Close() error {
	_ = d.in.Close()
	if err := d.cmd.Wait(); err != nil {
		return fmt.Errorf("unmounting the disk: %w: %s", err, d.said.Bytes())
	}
	return nil
}
