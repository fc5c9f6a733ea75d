package daemon

import (
	"bytes"
	"context"
	"time"

	"tillwarden/signon"
)

// newPIN is a PIN that is being chosen at a keypad: typed once, and once more. A
// sign-on waits for it, or its operator wishes another and types the old one first.
type newPIN struct {
	token string        // of the sign-on that waits for it; empty: the operator's own wish
	own   string        // the operator whose wish it is, until the old PIN was right
	actor *signon.Actor // and from then on
	first []byte        // what was typed the first time
	stop  func() bool   // gives up
}

// choosingFor is how many times longer than for a PIN the keypad waits for each
// time that a new one is typed.
const choosingFor = 2

// chooseOwn begins a change of the PIN of whoever is signed on.
func (p *pad) chooseOwn() {
	session := p.d.gate.Snapshot().Session
	switch {
	case session == nil:
		p.d.slip("sign on before you change your PIN")
	case session.Locked:
		p.d.slip("the register is locked: unlock it first")
	default:
		p.d.slip("type your old PIN, then the new one, and the new one again")
		p.chooseNext(&newPIN{own: session.Subject.Operator})
	}
}

// chooseNext waits for the next line of a PIN that is being chosen.
func (p *pad) chooseNext(n *newPIN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.stop = p.d.clock.After(choosingFor*time.Duration(p.d.config().SignOn.PINWait), p.chooseNone)
	p.chosen = n
}

// choosing takes the PIN that is being chosen; nil: none is.
func (p *pad) choosing() *newPIN {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.chosen
	p.chosen = nil
	if n != nil {
		n.stop()
	}
	return n
}

// chooseNone gives up a PIN that is being chosen.
func (p *pad) chooseNone() {
	n := p.choosing()
	if n == nil {
		return
	}
	clear(n.first)
	if n.token != "" {
		p.d.service().Drop(n.token)
	}
}

// choose goes on with a PIN that is being chosen.
func (p *pad) choose(ctx context.Context, n *newPIN, line []byte) {
	switch {
	case n.own != "":
		p.oldPIN(ctx, n, line)
	case n.first == nil:
		n.first = append([]byte{}, line...)
		p.chooseNext(n)
	case !bytes.Equal(n.first, line):
		clear(n.first)
		n.first = nil
		p.d.slip("the two were not the same: type the new PIN, and once more")
		p.chooseNext(n)
	case n.token != "":
		clear(n.first)
		r, err := p.d.service().NewPIN(ctx, n.token, line, p.name)
		if err == nil && !r.OK {
			p.d.slip(r.Say)
		}
		p.told(r, err)
	default:
		clear(n.first)
		n.first = nil
		c, err := p.d.service().People().SetPIN(ctx, *n.actor, n.actor.Operator.Number, line)
		switch {
		case err != nil:
			p.d.log.Error("a PIN could not be changed at the keypad", "keypad", p.name, "err", err)
			p.d.slip("that did not work; the old PIN holds")
		case !c.OK:
			p.d.slip(c.Say + "; the old PIN holds")
		default:
			p.d.slip("the new PIN holds from now on")
		}
	}
}

// oldPIN checks the PIN of who wishes another.
func (p *pad) oldPIN(ctx context.Context, n *newPIN, line []byte) {
	v, err := p.d.service().Identify(ctx, signon.Credential{Number: n.own, PIN: line, Source: p.name}, signon.NeedOldPIN)
	if err != nil {
		p.d.log.Error("a PIN could not be checked at the keypad", "keypad", p.name, "err", err)
		return
	}
	if !v.OK {
		return // the journal's slip says so
	}
	p.chooseNext(&newPIN{actor: &signon.Actor{Operator: v.Operator, Method: v.Method, Source: p.name}})
}
