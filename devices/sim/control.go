package sim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// Action is something that is done to the printer by hand.
type Action string

// The actions.
const (
	ActionOffline    Action = "offline"
	ActionOnline     Action = "online"
	ActionPowerOff   Action = "power-off"
	ActionPowerOn    Action = "power-on"
	ActionPaperOut   Action = "paper-out"
	ActionPaperLow   Action = "paper-low"
	ActionPaperIn    Action = "paper-in"
	ActionCoverOpen  Action = "cover-open"
	ActionCoverClose Action = "cover-close"
	ActionFail       Action = "fail"   // the cutter sticks
	ActionRepair     Action = "repair" // and does not any more
	ActionFeed       Action = "feed"   // the feed button
	// ActionHold stops the line, so that what is written to it stays there;
	// ActionRelease lets it go on.
	ActionHold    Action = "hold"
	ActionRelease Action = "release"
)

// Actions are all of them.
func Actions() []Action {
	return []Action{
		ActionOffline, ActionOnline, ActionPowerOff, ActionPowerOn, ActionPaperOut, ActionPaperLow, ActionPaperIn,
		ActionCoverOpen, ActionCoverClose, ActionFail, ActionRepair, ActionFeed, ActionHold, ActionRelease,
	}
}

func (s *Station) act(a Action) error {
	p := s.printer
	switch a {
	case ActionOffline, ActionOnline:
		p.SetOnline(a == ActionOnline)
	case ActionPowerOff, ActionPowerOn:
		p.SetPower(a == ActionPowerOn)
		if s.network != nil {
			return s.network.power(a == ActionPowerOn)
		}
	case ActionPaperOut, ActionPaperIn:
		p.SetPaper(a == ActionPaperIn)
	case ActionPaperLow:
		p.SetPaperLow(true)
	case ActionCoverOpen, ActionCoverClose:
		p.SetCover(a == ActionCoverOpen)
	case ActionFail, ActionRepair:
		p.SetFailed(a == ActionFail)
	case ActionFeed:
		p.Feed()
	case ActionHold, ActionRelease:
		s.port.held.Store(a == ActionHold)
	default:
		return fmt.Errorf("nothing called %q can be done to the printer; there are %v", a, Actions())
	}
	return nil
}

// The control socket speaks JSON, one request or response a line.

type request struct {
	Do   string          `json:"do"`
	Args json.RawMessage `json:"args,omitempty"`
}

type response struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// The arguments and results.
type (
	fromArgs struct {
		From int64 `json:"from"`
	}
	drawerArgs struct {
		Drawer int  `json:"drawer"`
		Open   bool `json:"open"`
		Locked bool `json:"locked"`
	}
	actArgs struct {
		Action Action `json:"action"`
	}
	typeArgs struct {
		Keys  string `json:"keys"`
		Enter bool   `json:"enter"`
	}
	writeArgs struct {
		Link   string   `json:"link"`
		Data   HexBytes `json:"data"`
		WaitMS int      `json:"wait_ms,omitempty"`
	}
	printArgs struct {
		Link string `json:"link"`
		Slip Slip   `json:"slip"`
	}
	linesResult struct {
		Lines []string `json:"lines"`
		Next  int64    `json:"next"`
	}
	pulsesResult struct {
		Pulses []Pulse `json:"pulses"`
		Next   int64   `json:"next"`
	}
	bytesResult struct {
		Data HexBytes `json:"data"`
		Next int64    `json:"next"`
	}
)

const (
	maxRequest     = 2*maxWrite + 4096 // data is in hexadecimal
	maxConnections = 32
	idleConnection = time.Minute
)

// serve answers on the control socket until it is closed.
func (s *Station) serve() {
	slots := make(chan struct{}, maxConnections)
	for {
		c, err := s.control.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || !sleep(s.ctx, tick) {
				return
			}
			continue
		}
		select {
		case slots <- struct{}{}:
		default:
			c.Close()
			continue
		}
		s.work.Go(func() {
			defer func() { <-slots }()
			s.converse(c)
		})
	}
}

func (s *Station) converse(c net.Conn) {
	defer c.Close()
	stop := context.AfterFunc(s.ctx, func() { c.Close() })
	defer stop()
	lines := bufio.NewScanner(c)
	lines.Buffer(make([]byte, 0, 4096), maxRequest)
	for {
		if c.SetDeadline(time.Now().Add(idleConnection)) != nil || !lines.Scan() {
			return
		}
		var out response
		result, err := s.answer(lines.Bytes())
		if err == nil && result != nil {
			out.Result, err = json.Marshal(result)
		}
		if err != nil {
			out = response{Error: err.Error()}
		}
		if json.NewEncoder(c).Encode(out) != nil {
			return
		}
	}
}

// answer does what one request asks for.
func (s *Station) answer(line []byte) (any, error) {
	var req request
	if err := strict(line, &req); err != nil {
		return nil, err
	}
	do, ok := commands[req.Do]
	if !ok {
		return nil, fmt.Errorf("no command %q", req.Do)
	}
	return do(s, req.Args)
}

// with decodes a command's arguments.
func with[A any](f func(*Station, A) (any, error)) func(*Station, json.RawMessage) (any, error) {
	return func(s *Station, raw json.RawMessage) (any, error) {
		var args A
		if len(raw) > 0 {
			if err := strict(raw, &args); err != nil {
				return nil, err
			}
		}
		return f(s, args)
	}
}

// strict decodes one JSON value that has nothing in it that nobody knows.
func strict(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	return nil
}

var commands = map[string]func(*Station, json.RawMessage) (any, error){
	"paths":   with(func(s *Station, _ struct{}) (any, error) { return s.paths, nil }),
	"state":   with(func(s *Station, _ struct{}) (any, error) { return s.State(), nil }),
	"swipe":   with(func(s *Station, c Card) (any, error) { return nil, s.reader.swipe(s.ctx, c) }),
	"type":    with(func(s *Station, a typeArgs) (any, error) { return nil, s.keypad.press(a.Keys, a.Enter) }),
	"drawer":  with(func(s *Station, a drawerArgs) (any, error) { return nil, s.moveDrawer(a) }),
	"lock":    with(func(s *Station, a drawerArgs) (any, error) { return nil, s.lockDrawer(a) }),
	"printer": with(func(s *Station, a actArgs) (any, error) { return nil, s.act(a.Action) }),
	"receipts": with(func(s *Station, a fromArgs) (any, error) {
		lines, next := s.printer.Paper(a.From)
		return linesResult{lines, next}, nil
	}),
	"pulses": with(func(s *Station, a fromArgs) (any, error) {
		pulses, next := s.printer.Pulses(a.From)
		return pulsesResult{pulses, next}, nil
	}),
	"bytes": with(func(s *Station, a fromArgs) (any, error) {
		data, next := s.printer.Received(a.From)
		return bytesResult{data, next}, nil
	}),
	"pos-write": with(func(s *Station, a writeArgs) (any, error) {
		data, err := POSWrite(s.ctx, a.Link, a.Data, time.Duration(a.WaitMS)*time.Millisecond)
		return bytesResult{Data: data}, err
	}),
	"pos-print": with(func(s *Station, a printArgs) (any, error) {
		data, err := a.Slip.Bytes()
		if err != nil {
			return nil, err
		}
		_, err = POSWrite(s.ctx, a.Link, data, 0)
		return nil, err
	}),
}
