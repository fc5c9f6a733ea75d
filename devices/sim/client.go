package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// ErrNotRunning: nobody answers at the control socket.
var ErrNotRunning = errors.New("no simulated register is running there")

// Client drives a station over its control socket. Each call is a connection of
// its own; it may be used from several goroutines.
type Client struct{ path string }

// NewClient is a client of the station whose control socket is at path
// (PathsIn(dir).Control).
func NewClient(path string) *Client { return &Client{path} }

// call asks for one thing.
func (c *Client) call(ctx context.Context, do string, args, result any) error {
	err := c.ask(ctx, do, args, result)
	if err != nil {
		return fmt.Errorf("simulated register: %s: %w", do, err)
	}
	return nil
}

func (c *Client) ask(ctx context.Context, do string, args, result any) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.path)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	req := request{Do: do}
	if args != nil {
		if req.Args, err = json.Marshal(args); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return ended(ctx, err)
	}
	var res response
	if err := json.NewDecoder(bufio.NewReader(conn)).Decode(&res); err != nil {
		return ended(ctx, err)
	}
	if res.Error != "" {
		return errors.New(res.Error)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(res.Result, result)
}

// ended prefers the caller's own reason for a connection's end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// Paths tells where the station's devices are.
func (c *Client) Paths(ctx context.Context) (Paths, error) {
	var p Paths
	return p, c.call(ctx, "paths", nil, &p)
}

// State tells how printer and drawers are.
func (c *Client) State(ctx context.Context) (State, error) {
	var s State
	return s, c.call(ctx, "state", nil, &s)
}

// Await asks for the state again and again until it is as wanted.
func (c *Client) Await(ctx context.Context, wanted func(State) bool) (State, error) {
	for {
		s, err := c.State(ctx)
		if err != nil || wanted(s) {
			return s, err
		}
		if !sleep(ctx, 5*time.Millisecond) {
			return s, ctx.Err()
		}
	}
}

// Swipe draws a card through the reader.
func (c *Client) Swipe(ctx context.Context, card Card) error {
	return c.call(ctx, "swipe", card, nil)
}

// Type presses keys on the keypad (digits, * and #; \b is Backspace, C is
// Clear), and Enter after them if wanted.
func (c *Client) Type(ctx context.Context, keys string, enter bool) error {
	return c.call(ctx, "type", typeArgs{keys, enter}, nil)
}

// OpenDrawer opens a drawer (1, 2 or SerialDrawerNumber) with its key: no pulse is sent.
func (c *Client) OpenDrawer(ctx context.Context, drawer int) error {
	return c.call(ctx, "drawer", drawerArgs{Drawer: drawer, Open: true}, nil)
}

// CloseDrawer pushes a drawer shut.
func (c *Client) CloseDrawer(ctx context.Context, drawer int) error {
	return c.call(ctx, "drawer", drawerArgs{Drawer: drawer}, nil)
}

// LockDrawer turns a drawer's lock so that no pulse opens it, or back.
func (c *Client) LockDrawer(ctx context.Context, drawer int, locked bool) error {
	return c.call(ctx, "lock", drawerArgs{Drawer: drawer, Locked: locked}, nil)
}

// Printer does something to the printer by hand: switch it off, take the paper
// out, press its button.
func (c *Client) Printer(ctx context.Context, a Action) error {
	return c.call(ctx, "printer", actArgs{a}, nil)
}

// Receipts is what was printed from a line on (0 is the first), and the number
// to go on from.
func (c *Client) Receipts(ctx context.Context, from int64) (lines []string, next int64, err error) {
	var r linesResult
	err = c.call(ctx, "receipts", fromArgs{from}, &r)
	return r.Lines, r.Next, err
}

// Pulses are the times that a drawer was driven, from one on (0 is the first),
// and the number to go on from.
func (c *Client) Pulses(ctx context.Context, from int64) (pulses []Pulse, next int64, err error) {
	var r pulsesResult
	err = c.call(ctx, "pulses", fromArgs{from}, &r)
	return r.Pulses, r.Next, err
}

// Bytes is what came to the printer from an offset on, and the offset to go on
// from.
func (c *Client) Bytes(ctx context.Context, from int64) (data []byte, next int64, err error) {
	var r bytesResult
	err = c.call(ctx, "bytes", fromArgs{from}, &r)
	return r.Data, r.Next, err
}

// POSWrite writes to a printer's tty as a POS application would, and returns
// what it was answered within wait (nothing is waited for if that is 0).
func (c *Client) POSWrite(ctx context.Context, link string, data []byte, wait time.Duration) ([]byte, error) {
	var r bytesResult
	err := c.call(ctx, "pos-write", writeArgs{link, data, int(wait.Milliseconds())}, &r)
	return r.Data, err
}

// POSPrint prints a slip to a printer's tty as a POS application would.
func (c *Client) POSPrint(ctx context.Context, link string, slip Slip) error {
	return c.call(ctx, "pos-print", printArgs{link, slip}, nil)
}
