package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	scheme       = "tillwarden:"
	defaultPorts = "/dev/tillwarden"
	defaultWait  = 30 * time.Second
)

// device is where a queue prints to.
type device struct {
	path string
	wait time.Duration // how long a job waits for it
}

// parseURI reads a device URI.
func parseURI(uri, ports string) (device, error) {
	d := device{wait: defaultWait}
	if uri == "" {
		return d, errors.New("no device URI: CUPS gives it in DEVICE_URI")
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme+":" != scheme {
		return d, fmt.Errorf("%q is no device URI of tillwarden's", uri)
	}
	wrong := func(format string, args ...any) (device, error) {
		return d, fmt.Errorf("device URI %s: %s", uri, fmt.Sprintf(format, args...))
	}
	switch {
	case u.Host != "" || u.User != nil || u.Opaque != "" || u.Fragment != "":
		return wrong("write tillwarden:/receipt, or tillwarden:///dev/tillwarden/receipt")
	case strings.HasPrefix(uri, scheme+"//"):
		d.path = filepath.Clean(u.Path)
	default:
		name := strings.TrimPrefix(u.Path, "/")
		if name == "" || name != filepath.Base(name) || name == ".." || name == "." {
			return wrong("%q is no port's name; a port elsewhere is written tillwarden:///dev/ttyS40", name)
		}
		d.path = filepath.Join(ports, name)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return wrong("%v", err)
	}
	for key, values := range query {
		seconds, err := strconv.Atoi(values[0])
		if key != "wait" || len(values) != 1 || err != nil || seconds < 0 || seconds > 3600 {
			return wrong("only ?wait=SECONDS is known, from 0 to 3600")
		}
		d.wait = time.Duration(seconds) * time.Second
	}
	return d, nil
}

// list tells CUPS which ports there are (backend(7), "Device discovery").
func list(out io.Writer, ports string) {
	entries, err := os.ReadDir(ports)
	if err != nil {
		return // tillwardend does not run here: there is nothing to list
	}
	for _, e := range entries {
		name := e.Name()
		if checkPort(filepath.Join(ports, name)) != nil || strings.ContainsAny(name, "\"\\ \n") {
			continue
		}
		fmt.Fprintf(out, "direct tillwarden:/%s \"Unknown\" \"tillwarden %s\" \"\" \"\"\n", url.PathEscape(name), name)
	}
}

// Why a port cannot be had.
var (
	// errNotPort: what is there is no port of tillwarden's.
	errNotPort = errors.New("no port of tillwarden's")
	// errNotThere: tillwardend does not run, or somebody has the port for themselves.
	errNotThere = errors.New("not there")
)

// checkPort looks whether a path is a port of tillwarden's: a link to a pseudo
// terminal that who made the link made as well. Nothing else is written to: not
// the printer's own device, past tillwarden, nor a terminal of somebody's that
// has the number now of a port that is gone.
func checkPort(path string) error {
	link, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotThere, err)
	}
	if link.Mode()&fs.ModeSymlink == 0 {
		return errNotPort
	}
	port, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", errNotThere, err)
	}
	made, ok1 := link.Sys().(*syscall.Stat_t)
	is, ok2 := port.Sys().(*syscall.Stat_t)
	if !ok1 || !ok2 || port.Mode()&fs.ModeCharDevice == 0 || !ptySlave(uint64(is.Rdev)) {
		return errNotPort
	}
	if made.Uid != is.Uid {
		return errNotThere
	}
	return nil
}

// ptySlave reports whether a device number is that of a pseudo terminal's slave
// (Linux, Documentation/admin-guide/devices.txt: 136 to 143).
func ptySlave(rdev uint64) bool {
	major := unix.Major(rdev)
	return major >= 136 && major <= 143
}

// openPort opens a port for writing. It sets nothing: a port of tillwarden's is as
// it should be.
func openPort(path string) (*os.File, error) {
	if err := checkPort(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.EIO), errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENXIO):
		return nil, fmt.Errorf("%w: %w", errNotThere, err)
	case err != nil:
		return nil, err
	}
	return f, nil
}
