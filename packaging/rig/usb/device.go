package usb

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// The messages of USB/IP, and what answers carry for an error number.
const (
	submit   = 1
	unlink   = 2
	answered = 3
	unlinked = 4

	headerSize = 48

	broken   = -32  // EPIPE: the endpoint has stalled
	canceled = -104 // ECONNRESET: the transfer was taken back
)

// Speeds, as the kernel counts them (enum usb_device_speed).
const (
	fullSpeed = 2
	highSpeed = 3
)

// function is what a device is for. Its methods are called with the device's lock
// held, and must not wait.
type function interface {
	// control answers a class's or vendor's request; ok false: it is not known.
	control(setup setup, data []byte) (reply []byte, ok bool)
	// take takes some of what the host sends, and says how much; the host waits
	// for the rest.
	take(data []byte) int
	// give gives what is for the host, up to so many bytes; nil: nothing now.
	give(most int) []byte
	// plugged is a power-on.
	plugged()
}

// transfer is one that the host has asked for, and that is not answered yet.
type transfer struct {
	number uint32
	length int
	data   []byte // to the device: what it has not taken
}

// device is the USB side of one device.
type device struct {
	what identity
	does function

	plugging sync.Mutex // held through plugging in and pulling out

	mu   sync.Mutex
	conn *os.File // nil: it is not plugged in; guarded by mu
	port int
	in   []transfer // transfers that wait for us to have something; guarded by mu
	out  []transfer // transfers that wait for us to take them; guarded by mu
	// reads is how often the host has begun to listen: a driver of serial lines does
	// so while somebody has the line open, and no longer; guarded by mu.
	reads int
	done  sync.WaitGroup
}

// controller is the kernel's virtual host controller.
const controller = "/sys/devices/platform/vhci_hcd.0"

// ErrNoController: the kernel has no virtual host controller.
var ErrNoController = errors.New("no virtual USB host controller: modprobe vhci-hcd")

// Plug plugs the device in. Its node takes a moment to appear.
func (d *device) Plug() error {
	d.plugging.Lock()
	defer d.plugging.Unlock()
	var err error
	// Another simulator may take the free port first.
	for try := range 20 {
		if err = d.plug(try); err == nil || !errors.Is(err, syscall.EBUSY) {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

func (d *device) plug(try int) error {
	d.mu.Lock()
	in := d.conn != nil
	d.mu.Unlock()
	if in {
		return errors.New("it is plugged in")
	}
	port, err := freePort(try)
	if err != nil {
		return err
	}
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	conn := os.NewFile(uintptr(fds[0]), "vhci")
	d.mu.Lock()
	d.conn, d.port, d.in, d.out = conn, port, nil, nil
	d.does.plugged()
	d.mu.Unlock()
	d.done.Go(func() { d.serve(conn) })
	number := 1<<16 | (port + 1) // bus and device, as a remote side would name them
	err = os.WriteFile(controller+"/attach", fmt.Appendf(nil, "%d %d %d %d", port, fds[1], number, d.what.speed), 0)
	_ = syscall.Close(fds[1])
	if err != nil {
		d.drop()
	}
	return err
}

// freePort finds a free port of the controller's high-speed hub, which takes
// slower devices as well; n chooses among them.
func freePort(n int) (int, error) {
	status, err := os.ReadFile(controller + "/status")
	if errors.Is(err, os.ErrNotExist) {
		return 0, ErrNoController
	}
	if err != nil {
		return 0, err
	}
	const free = 4 // VDEV_ST_NULL
	var ports []int
	for line := range strings.Lines(string(status)) {
		var hub string
		var port, state int
		if k, _ := fmt.Sscanf(line, "%s %d %d", &hub, &port, &state); k == 3 && hub == "hs" && state == free {
			ports = append(ports, port)
		}
	}
	if len(ports) == 0 {
		return 0, errors.New("the virtual USB host controller has no free port")
	}
	return ports[n%len(ports)], nil
}

// Unplug pulls the device out, whatever is under way.
func (d *device) Unplug() error {
	d.plugging.Lock()
	defer d.plugging.Unlock()
	d.mu.Lock()
	port, in := d.port, d.conn != nil
	d.mu.Unlock()
	if !in {
		return nil
	}
	err := os.WriteFile(controller+"/detach", fmt.Append(nil, port), 0)
	d.drop()
	return err
}

// drop ends the connection to the kernel.
func (d *device) drop() {
	d.mu.Lock()
	if d.conn != nil {
		// Not closed alone, which would not end the read.
		_ = syscall.Shutdown(int(d.conn.Fd()), syscall.SHUT_RDWR)
		_ = d.conn.Close()
	}
	d.conn = nil
	d.mu.Unlock()
	d.done.Wait()
}

// serve takes what the host sends until it hangs up.
func (d *device) serve(conn *os.File) {
	in := bufio.NewReaderSize(conn, 1<<16)
	head := make([]byte, headerSize)
	for {
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		word := func(at int) uint32 { return binary.BigEndian.Uint32(head[at:]) }
		number := word(4)
		switch word(0) {
		case submit:
			toHost, endpoint, length := word(12) == 1, word(16), int(word(24))
			var data []byte
			if !toHost {
				data = make([]byte, length)
				if _, err := io.ReadFull(in, data); err != nil {
					return
				}
			}
			d.mu.Lock()
			switch {
			case endpoint == 0:
				d.control(number, setup(head[40:48]), data, toHost)
			case toHost:
				d.reads++
				d.in = append(d.in, transfer{number: number, length: length})
			default:
				d.out = append(d.out, transfer{number: number, length: length, data: data})
			}
			d.pump()
			d.mu.Unlock()
		case unlink:
			d.mu.Lock()
			d.cancel(number, word(20))
			d.mu.Unlock()
		}
	}
}

// poke goes on with transfers, after something has changed.
func (d *device) poke() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pump()
}

// pump goes on with transfers. Called with mu held.
func (d *device) pump() {
	if d.conn == nil {
		return
	}
	for len(d.out) > 0 {
		t := &d.out[0]
		t.data = t.data[d.does.take(t.data):]
		if len(t.data) > 0 {
			break
		}
		d.answer(t.number, 0, nil, t.length)
		d.out = d.out[1:]
	}
	for len(d.in) > 0 {
		data := d.does.give(d.in[0].length)
		if data == nil {
			break
		}
		d.answer(d.in[0].number, 0, data, len(data))
		d.in = d.in[1:]
	}
}

// control answers a request to the device as a whole. Called with mu held.
func (d *device) control(number uint32, s setup, data []byte, toHost bool) {
	reply, ok := d.what.standard(s)
	if !ok {
		reply, ok = d.does.control(s, data)
	}
	switch {
	case !ok:
		d.answer(number, broken, nil, 0)
	case toHost:
		reply = reply[:min(len(reply), s.length())]
		d.answer(number, 0, reply, len(reply))
	default:
		d.answer(number, 0, nil, len(data))
	}
}

// cancel takes a transfer back that the host does not want any more. Called with
// mu held.
func (d *device) cancel(number, which uint32) {
	status := int32(0) // it was answered before
	for _, list := range []*[]transfer{&d.in, &d.out} {
		for i, t := range *list {
			if t.number == which {
				*list = append((*list)[:i:i], (*list)[i+1:]...)
				status = canceled
				break
			}
		}
	}
	d.write(unlinked, number, status, 0, nil)
}

func (d *device) answer(number uint32, status int32, data []byte, length int) {
	d.write(answered, number, status, length, data)
}

// write sends an answer. The kernel reads at once; if it has hung up, serve ends.
func (d *device) write(what, number uint32, status int32, length int, data []byte) {
	b := make([]byte, headerSize, headerSize+len(data))
	binary.BigEndian.PutUint32(b, what)
	binary.BigEndian.PutUint32(b[4:], number)
	binary.BigEndian.PutUint32(b[20:], uint32(status))
	binary.BigEndian.PutUint32(b[24:], uint32(length))
	if d.conn != nil {
		_, _ = d.conn.Write(append(b, data...))
	}
}
