package daemon

import (
	"bytes"
	"context"
	"sync"
	"time"

	"tillwarden/daemon/api"
	"tillwarden/devices/keypad"
	"tillwarden/enforcer"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/timeclock"
	"tillwarden/signon"
)

// Codes that are no function's: at a register whose POS does not know us, the
// keypad is where a cashier signs off.
const (
	codeSignOff = "signoff"
	codeLock    = "lock"
	codePIN     = "pin" // the own PIN is changed: the old one, and twice the new one
)

// codes lists what a code may stand for besides functions.
func codes() []string {
	list := []string{codeSignOff, codeLock, codePIN}
	for _, k := range timeclock.Kinds() {
		list = append(list, k.String())
	}
	return list
}

// pad brings what is entered at one keypad to where it belongs:
//
//	a code, as *61#           asks for its function
//	a line, a PIN is chosen   is the old PIN, the new one, the new one again
//	a line, a card waits      is that card's PIN
//	a line, a reason does     is its code
//	a line, a number waits    is that number's PIN
//	a line, the own PIN does  is the PIN of who is signed on
//	any other line            is a number
//
// Clear, and waiting too long, forget what was entered.
type pad struct {
	d      *Daemon
	name   string
	codes  []CodeConfig
	queue  chan keypad.Event
	probes chan chan struct{} // answered by closing: the loop goes round

	mu     sync.Mutex
	number []byte               // guarded by mu; waits for its PIN
	stop   func() bool          // guarded by mu; forgets the number
	chosen *newPIN              // guarded by mu; the PIN that is being chosen here
	trial  chan *api.TestAnswer // guarded by mu; the technician's, who waits for a line
}

const padQueue = 4

func newPad(d *Daemon, c *KeypadConfig) *pad {
	return &pad{d: d, name: c.Name, codes: c.Codes, queue: make(chan keypad.Event, padQueue), probes: make(chan chan struct{})}
}

// take is the keypad's: it gives an event over and returns at once.
func (p *pad) take(e keypad.Event) {
	switch e.Kind {
	case keypad.KindKey, keypad.KindFunction:
		e.Wipe()
		return
	}
	select {
	case p.queue <- e:
	default:
		e.Wipe()
		p.d.log.Warn("a line of the keypad was dropped: others are still being looked at", "keypad", p.name)
	}
}

// run deals with events until ctx ends. What waits then is wiped.
func (p *pad) run(ctx context.Context) {
	defer p.chooseNone()
	defer p.forget()
	for {
		select {
		case e := <-p.queue:
			p.one(ctx, e)
		case done := <-p.probes:
			close(done)
		case <-ctx.Done():
			for {
				select {
				case e := <-p.queue:
					e.Wipe()
				default:
					return
				}
			}
		}
	}
}

func (p *pad) one(ctx context.Context, e keypad.Event) {
	defer e.Wipe()
	p.d.touch()
	if e.Kind != keypad.KindLine {
		p.forget()
		p.chooseNone()
		p.d.pin.clear()
		p.d.why.clear()
		p.d.punch.take()
		return
	}
	if t := p.tried(); t != nil {
		t <- p.describeLine(&e)
		return
	}
	line := e.Text()
	if bytes.HasPrefix(line, []byte("*")) {
		p.forget()
		p.chooseNone()
		p.code(ctx, line)
		return
	}
	if n := p.choosing(); n != nil {
		p.choose(ctx, n, line)
		return
	}
	if token := p.d.pin.take(); token != "" {
		p.forget()
		r, err := p.d.service().PIN(ctx, token, line, p.name)
		p.told(r, err)
		return
	}
	if token := p.d.why.take(); token != "" {
		p.forget()
		r, err := p.d.service().Why(ctx, token, whyCode(line), p.name)
		p.told(r, err)
		return
	}
	if number := p.waiting(); number != nil {
		r, err := p.d.present(ctx, signon.Credential{Number: string(number), PIN: line, Source: p.name})
		clear(number)
		p.told(r, err)
		return
	}
	if len(line) == 0 {
		return // Enter alone is nobody's number, and no try of a PIN that nobody began
	}
	// Nothing else can be done with a number while the own PIN is waited for.
	if o := p.d.gate.Snapshot().Override; o != nil && o.StepUp && !p.d.punch.waits() {
		r, err := p.d.service().StepUp(ctx, o.ID, line, p.name)
		p.told(r, err)
		return
	}
	p.wait(line)
}

// told notes how it came out. People hear it through the journal's events.
func (p *pad) told(r signon.Result, err error) {
	if err != nil {
		p.d.log.Error("what was entered at the keypad could not be dealt with", "keypad", p.name, "err", err)
		return
	}
	p.d.log.Debug("keypad", "keypad", p.name, "action", r.Action.String(), "reason", r.Reason.String())
	if r.NeedNewPIN {
		p.chooseNext(&newPIN{token: r.Token})
	}
	p.d.wait(r)
}

// whyCode reads a reason's code; what is none is 0. No text is made of the
// line: it may be somebody's PIN, in the wrong place.
func whyCode(line []byte) uint16 {
	if len(line) == 0 || len(line) > 2 {
		return 0
	}
	n := uint16(0)
	for _, b := range line {
		if b < '0' || b > '9' {
			return 0
		}
		n = 10*n + uint16(b-'0')
	}
	return n
}

// wait keeps a number until its PIN comes, for a while.
func (p *pad) wait(line []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := append([]byte(nil), line...)
	p.number = number
	p.stop = p.d.clock.After(time.Duration(p.d.config().SignOn.PINWait), p.forget)
}

// waiting takes the number that waits.
func (p *pad) waiting() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := p.number
	p.number = nil
	if p.stop != nil {
		p.stop()
		p.stop = nil
	}
	return number
}

func (p *pad) forget() { clear(p.waiting()) }

// code asks for what a code stands for.
func (p *pad) code(ctx context.Context, line []byte) {
	for _, c := range p.codes {
		if c.Code != string(line) {
			continue
		}
		if err := p.do(ctx, c); err != nil {
			p.d.log.Error("a code of the keypad could not be dealt with", "keypad", p.name, "code", c.Code, "err", err)
		}
		return
	}
	p.d.log.Info("an unknown code was entered", "keypad", p.name)
	p.d.slip("this code is not known")
}

func (p *pad) do(ctx context.Context, c CodeConfig) error {
	switch c.Function {
	case codeSignOff:
		r, err := p.d.service().SignOff(ctx, p.name)
		p.told(r, err)
		return nil
	case codeLock:
		r, err := p.d.service().Lock(ctx, p.name)
		p.told(r, err)
		return nil
	case codePIN:
		p.chooseOwn()
		return nil
	}
	if what := punchOf(c.Function); what != 0 {
		if p.d.gate.Snapshot().Override != nil {
			p.d.slip("to " + toPunch(what) + ", answer or cancel first what waits for approval")
			return nil
		}
		p.d.askPunch(what)
		return nil
	}
	dr, err := p.d.drawer(c.Drawer)
	if err != nil {
		return err
	}
	r := enforcer.Request{
		Function: c.Function, Drawer: dr.name, Purpose: entry.PurposeAsked, Claimant: "operator", Method: entry.MethodKeypad, Source: p.name,
	}
	if c.Open == api.OpenOnKick {
		r.Hold = armFor
	}
	_, _, err = p.d.ask(ctx, r, c.Open)
	return err
}
