package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tillwarden/daemon/api"
)

type posOptions struct {
	pid        int
	state, run string
	nodes      paths
	port       string
}

// pos is what a user at the POS may try, with a terminal and time.
func (p *prober) pos(o posOptions) {
	for _, node := range o.nodes {
		for mode, flags := range map[string]int{"reading": os.O_RDONLY, "writing": os.O_WRONLY} {
			p.denied(mode+" "+node, func() error { return opens(node, flags|unix.O_NOCTTY|unix.O_NONBLOCK) })
		}
	}
	if o.port != "" {
		p.works("its own port", func() error { return opens(o.port, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK) })
		p.denied("another link in place of its port", func() error { return os.Rename(o.port, o.port+".old") })
	}
	p.socketsOf(o.run)
	p.filesOf(o)
	p.processOf(o.pid)
}

// socketsOf tries the roles' sockets, and the technician's verbs on its own.
func (p *prober) socketsOf(run string) {
	pos := filepath.Join(run, "pos.sock")
	c := api.NewClient(pos)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), waits)
	defer cancel()
	p.works("its own socket", func() error { _, err := c.Status(ctx); return err })
	for _, role := range []string{"console", "technician"} {
		p.denied("the "+role+"'s socket", func() error { return dials(filepath.Join(run, role+".sock")) })
	}
	// What is not for its role is refused as such, before anything is looked at.
	for verb, ask := range map[string]func() error{
		"devices":      func() error { _, err := c.Devices(ctx); return err },
		"resync":       func() error { _, err := c.Resync(ctx, "receipt"); return err },
		"calibrate":    func() error { _, err := c.Calibrate(ctx, "receipt", api.CalibrateRequest{Drawer: "till"}); return err },
		"journal":      func() error { _, err := c.Journal(ctx, api.JournalQuery{}); return err },
		"checkpoint":   func() error { _, err := c.Checkpoint(ctx); return err },
		"load":         func() error { _, err := c.Load(ctx, api.LoadRequest{}); return err },
		"operators":    func() error { _, err := c.Operators(ctx, api.PeopleRequest{}); return err },
		"add operator": func() error { _, err := c.People(ctx, api.PeopleAdd, api.PeopleRequest{Number: "1"}); return err },
		"sign on":      func() error { _, err := c.SignOn(ctx, api.Credentials{Number: "1"}); return err },
		"approve": func() error {
			_, err := c.Approve(ctx, 1, api.ApproveRequest{Credentials: api.Credentials{Number: "1"}})
			return err
		},
		"confirm":       func() error { _, err := c.Confirm(ctx, 1, api.Secret("1")); return err },
		"policy groups": func() error { _, err := c.Policy(ctx); return err },
	} {
		p.denied("the technician's "+verb, func() error {
			err := ask()
			if errors.Is(err, &api.Error{Code: api.CodeForbidden}) {
				return fmt.Errorf("%w: %w", unix.EACCES, err)
			}
			return err
		})
	}
	p.denied("another socket in place of its own", func() error { return os.Rename(pos, pos+".old") })
	p.denied("a socket of its own there", func() error {
		path := filepath.Join(run, "mine.sock")
		l, err := net.Listen("unix", path)
		if err == nil {
			l.Close()
		}
		return err
	})
	// It may open as many connections as it likes: there is an end to them, and not
	// to others' patience.
	p.works("its own socket, when it has taken all the places that it can", func() error {
		var held []net.Conn
		defer func() {
			for _, c := range held {
				c.Close()
			}
		}()
		for range 512 {
			c, err := net.DialTimeout("unix", pos, time.Second)
			if err != nil {
				break
			}
			held = append(held, c)
		}
		return nil
	})
	p.works("its own socket again", func() (err error) {
		ctx, cancel := context.WithTimeout(context.Background(), waits)
		defer cancel()
		for range 50 {
			fresh := api.NewClient(pos)
			_, err = fresh.Status(ctx)
			fresh.Close()
			if err == nil {
				return nil
			}
			time.Sleep(100 * time.Millisecond)
		}
		return err
	})
}

// filesOf tries the daemon's files.
func (p *prober) filesOf(o posOptions) {
	for _, name := range []string{"", "journal.db", "roster.db", "state.json", "policy.bundle", "keys", "keys/journal.key", "keys/signon.key"} {
		path := filepath.Join(o.state, name)
		p.denied("reading "+path, func() error { return opens(path, os.O_RDONLY) })
	}
	for _, path := range []string{"/etc/tillwarden/tillwarden.toml", "/etc/tillwarden/policy.pub", "/lib/systemd/system/tillwardend.service", "/usr/sbin/tillwardend"} {
		p.denied("writing "+path, func() error { return opens(path, os.O_WRONLY) })
	}
	for _, dir := range []string{o.state, o.run, "/dev/tillwarden", "/etc/tillwarden", "/etc/systemd/system", "/etc/systemd/system/tillwardend.service.d", "/run/systemd/system", "/etc/udev/rules.d", "/etc/credstore.encrypted"} {
		p.denied("a file in "+dir, func() error {
			path := filepath.Join(dir, ".probe")
			err := opens(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
			_ = os.Remove(path)
			return err
		})
	}
}

// processOf tries the daemon's process.
func (p *prober) processOf(pid int) {
	if pid <= 0 {
		return
	}
	for _, name := range []string{"mem", "environ", "maps", "auxv", "stack"} {
		p.denied("reading the daemon's "+name, func() error {
			f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), name))
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.Read(make([]byte, 1))
			return err
		})
	}
	for _, name := range []string{"fd", "cwd", "root", "exe", "map_files"} {
		p.denied("following the daemon's "+name, func() error {
			_, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), name))
			if name == "exe" {
				_, err = os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), name))
			}
			return err
		})
	}
	p.denied("tracing the daemon", func() error { return unix.PtraceAttach(pid) })
	p.denied("reading the daemon's memory", func() error {
		b := make([]byte, 8)
		_, err := unix.ProcessVMReadv(pid, []unix.Iovec{{Base: &b[0], Len: 8}}, []unix.RemoteIovec{{Base: 0x400000, Len: 8}}, 0)
		return err
	})
	p.denied("slowing the daemon down", func() error { return unix.Setpriority(unix.PRIO_PROCESS, pid, 19) })
	p.denied("bounding the daemon", func() error { return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{}, nil) })
	p.denied("giving the daemon to the out-of-memory killer", func() error {
		return os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj"), []byte("1000"), 0)
	})
	// Last: whoever may send these leaves nothing behind that the others could be tried on.
	for _, s := range []unix.Signal{unix.SIGSTOP, unix.SIGTERM, unix.SIGHUP, unix.SIGKILL} {
		p.denied(s.String(), func() error { return unix.Kill(pid, s) })
	}
}
