package printer

import (
	"slices"
	"time"

	"tillwarden/devices/escpos"
	"tillwarden/enforcer/journal/entry"
)

// Purposes finds out what the kicks of one printer are for. It is pure: time
// comes in as a parameter and never goes back. From the strongest to the
// weakest: what was asked for before, what the print profile says of what was
// printed with the kick, a receipt, nothing.
type Purposes struct {
	rules    Rules
	gather   *gatherer
	receipts []*receipt // cut, and not paid for a kick yet; oldest first
	asks     []ask
	absorbs  []ask
	held     []Kick // kicks that wait for their receipt
	unproven []proof
	session  entry.Seq
	unpaid   int // sales without receipt in this session
	results  []Result
}

// ask is a function that was named before its kick.
type ask struct {
	id                         uint64
	drawer, function, claimant string
	session                    entry.Seq
	until                      time.Duration
}

// proof is a sale that was opened, or is about to be, before its receipt.
type proof struct {
	drawer  string
	session entry.Seq
	since   time.Duration // the kick, then the opening
	opened  bool
	about   entry.Seq
}

func (u *proof) until() time.Duration {
	if u.opened {
		return u.since + receiptDue
	}
	return u.since + openingDue
}

// Outcome is what became of a kick, or of a sale.
type Outcome uint8

// The outcomes.
const (
	Decide    Outcome = iota // the kick has its purpose and is to be decided
	Absorbed                 // the kick belongs to an opening that was asked for and is done
	NoReceipt                // no receipt followed a sale
)

// Result is what Purposes found out.
type Result struct {
	Outcome Outcome
	Kick    Kick
	About   entry.Seq // for NoReceipt: the decision that opened the drawer
}

// Bounds of what is remembered.
const (
	maxReceipts = 8
	maxHeld     = 16
	maxAsks     = 16
)

// NewPurposes begins with nothing printed. The key is that of the digests.
func NewPurposes(rules Rules, key []byte) (*Purposes, error) {
	if err := rules.settle(); err != nil {
		return nil, err
	}
	return &Purposes{rules: rules, gather: newGatherer(key)}, nil
}

// SetProfile changes the print profile, for what comes from now on.
func (p *Purposes) SetProfile(profile []Rule) error {
	rules := p.rules
	rules.Profile = profile
	if err := rules.settle(); err != nil {
		return err
	}
	p.rules = rules
	return nil
}

// Print takes down what goes to the printer.
func (p *Purposes) Print(s *escpos.Segment, now time.Duration) {
	r := p.gather.print(s, now)
	if r == nil {
		return
	}
	if r.spent || p.proves(r) && p.prove(now) {
		return
	}
	if len(p.receipts) == maxReceipts {
		p.receipts = p.receipts[1:]
	}
	p.receipts = append(p.receipts, r)
	p.retry(now)
}

// Printer takes down what goes to the printer and is to prove nothing.
func (p *Purposes) Printer(s *escpos.Segment) { p.gather.sets(s) }

// Pending reports whether a receipt is being printed and not cut yet.
func (p *Purposes) Pending() bool { return p.gather.pending() }

// proves reports whether a receipt shows a sale.
func (p *Purposes) proves(r *receipt) bool {
	if r.count-r.before < p.rules.Lines {
		return false
	}
	rule := p.rules.match(r)
	return rule == nil || !rule.NotSale
}

// prove crosses out the oldest sale that was opened before its receipt; the
// receipt may be there before the opening is known.
func (p *Purposes) prove(now time.Duration) bool {
	p.tick(now)
	if len(p.unproven) == 0 {
		return false
	}
	i := max(0, slices.IndexFunc(p.unproven, func(u proof) bool { return u.opened }))
	p.unproven = slices.Delete(p.unproven, i, i+1)
	return true
}

// Ask names the function of the next kick on a drawer in this session. id
// comes back with the kick.
func (p *Purposes) Ask(id uint64, drawer, function, claimant string, session entry.Seq, now time.Duration) {
	if len(p.asks) == maxAsks {
		p.asks = p.asks[1:]
	}
	p.asks = append(p.asks, ask{id, drawer, function, claimant, session, now + askLasts})
	// A kick that came just before it is the one that it is about.
	p.retry(now)
}

// Unask takes an ask back, as its grant was given back.
func (p *Purposes) Unask(id uint64) {
	p.asks = slices.DeleteFunc(p.asks, func(a ask) bool { return a.id == id })
}

// Absorb says that a drawer is opened at once, without waiting for a kick: the
// one that the POS sends about then is for nothing more.
func (p *Purposes) Absorb(drawer string, session entry.Seq, now time.Duration) {
	if len(p.absorbs) == maxAsks {
		p.absorbs = p.absorbs[1:]
	}
	p.absorbs = append(p.absorbs, ask{drawer: drawer, session: session, until: now + absorbs})
	p.retry(now)
}

// Opened says that a drawer was opened: what was printed before does not pay
// for another opening.
func (p *Purposes) Opened(drawer string, about entry.Seq, now time.Duration) {
	p.tick(now)
	p.receipts = nil
	p.gather.opened()
	for i := range p.unproven {
		if u := &p.unproven[i]; u.drawer == drawer && !u.opened {
			u.opened, u.about, u.since = true, about, now
			return
		}
	}
}

// Kick takes a kick that has just arrived: printer, drawer, and what it came in.
func (p *Purposes) Kick(k Kick, now time.Duration) {
	p.tick(now)
	if k.Session != p.session {
		p.session, p.unpaid = k.Session, 0
	}
	k.At = now
	if p.decide(&k, now, p.rules.Order == OrderBefore) {
		return
	}
	switch p.rules.Order {
	case OrderAsked:
		p.give(k, p.gather.soFar(), p.rules.NoSale, entry.PurposeNone, "")
	case OrderBefore:
		if p.unpaid >= unpaidLimit || !p.room() {
			p.give(k, p.gather.soFar(), p.rules.NoSale, entry.PurposeNone, "")
			return
		}
		p.unproven = append(p.unproven, proof{drawer: k.Drawer, session: k.Session, since: now})
		p.give(k, &receipt{}, p.rules.Sale, entry.PurposeUnproven, "")
	default:
		if len(p.held) == maxHeld {
			p.nothing(p.held[0])
			p.held = p.held[1:]
		}
		p.held = append(p.held, k)
	}
}

// room makes room for one more sale without receipt, if there is: one that was
// not opened, likely denied, may be forgotten, but one that was opened has its
// receipt, or is told of and counts.
func (p *Purposes) room() bool {
	if len(p.unproven) < maxHeld {
		return true
	}
	i := slices.IndexFunc(p.unproven, func(u proof) bool { return !u.opened })
	if i >= 0 {
		p.unproven = slices.Delete(p.unproven, i, i+1)
	}
	return i >= 0
}

// decide gives a kick its purpose from what is known now, or leaves it. final:
// nothing more will be known.
func (p *Purposes) decide(k *Kick, now time.Duration, final bool) bool {
	fits := func(a ask) bool { return a.drawer == k.Drawer && a.session == k.Session && now <= a.until }
	if i := slices.IndexFunc(p.absorbs, fits); i >= 0 {
		p.absorbs = slices.Delete(p.absorbs, i, i+1)
		p.results = append(p.results, Result{Outcome: Absorbed, Kick: *k})
		return true
	}
	if i := slices.IndexFunc(p.asks, fits); i >= 0 {
		a := p.asks[i]
		p.asks = slices.Delete(p.asks, i, i+1)
		k.Ask = a.id
		p.give(*k, p.newest(now), a.function, entry.PurposeAsked, a.claimant)
		return true
	}
	return p.rules.Order != OrderAsked && p.printed(k, now, final)
}

// printed looks at what was printed with a kick: what is being printed, and
// what was cut lately and has paid for no kick, the newest first. What the
// profile says of it counts; else it is a sale if it is a receipt. What is no
// sale by the profile, such as a copy, may have its receipt before it; so that
// counts last.
func (p *Purposes) printed(k *Kick, now time.Duration, final bool) bool {
	var notSale *Rule
	var copied *receipt
	p.rules.match(&p.gather.now) // once for all kicks: soFar is a copy
	for i := len(p.receipts); i >= 0; i-- {
		r := p.gather.soFar()
		if i < len(p.receipts) {
			if r = p.receipts[i]; now-r.cut > receiptLasts {
				break
			}
		} else if p.gather.now.spent {
			continue
		}
		switch rule := p.rules.match(r); {
		case rule != nil && rule.NotSale:
			if notSale == nil {
				notSale, copied = rule, r
			}
		case rule != nil:
			p.give(*k, r, rule.Function, entry.PurposeProfile, "profile:"+rule.Name)
			p.spend(i)
			return true
		case i < len(p.receipts) && p.rules.Order == OrderWith && r.count-r.before >= p.rules.Lines:
			p.give(*k, r, p.rules.Sale, entry.PurposeReceipt, "receipt")
			p.spend(i)
			return true
		}
	}
	if notSale == nil || !final {
		return false
	}
	p.give(*k, copied, p.rules.NoSale, entry.PurposeProfile, "profile:"+notSale.Name)
	return true
}

// spend takes a receipt, or what is being printed, as paid for a kick.
func (p *Purposes) spend(i int) {
	if i < len(p.receipts) {
		p.receipts = slices.Delete(p.receipts, i, i+1)
		return
	}
	p.gather.now.spent = true
}

// newest is the receipt that an asked kick came with, as far as one can say;
// it pays for it.
func (p *Purposes) newest(now time.Duration) *receipt {
	if n := len(p.receipts); n > 0 && now-p.receipts[n-1].cut <= receiptLasts {
		r := p.receipts[n-1]
		p.receipts = p.receipts[:n-1]
		return r
	}
	if r := p.gather.soFar(); r.count > 0 && !r.spent {
		p.gather.now.spent = true
		return r
	}
	return &receipt{}
}

// retry looks at the kicks that wait.
func (p *Purposes) retry(now time.Duration) {
	p.tick(now)
	p.held = slices.DeleteFunc(p.held, func(k Kick) bool { return p.decide(&k, now, false) })
}

// nothing ends a kick's waiting.
func (p *Purposes) nothing(k Kick) {
	p.give(k, p.gather.soFar(), p.rules.NoSale, entry.PurposeNone, "")
}

func (p *Purposes) give(k Kick, r *receipt, function string, purpose entry.Purpose, claimant string) {
	k.Function, k.Purpose, k.Claimant = function, purpose, claimant
	k.Lines, k.Digest = uint32(r.count), r.digest
	p.results = append(p.results, Result{Outcome: Decide, Kick: k})
}

// tick lets time pass.
func (p *Purposes) tick(now time.Duration) {
	over := func(a ask) bool { return now > a.until }
	p.asks = slices.DeleteFunc(p.asks, over)
	p.absorbs = slices.DeleteFunc(p.absorbs, over)
	for len(p.held) > 0 && now-p.held[0].At >= kickWaits {
		k := p.held[0]
		p.held = p.held[1:]
		if !p.decide(&k, now, true) {
			p.nothing(k)
		}
	}
	p.unproven = slices.DeleteFunc(p.unproven, func(u proof) bool {
		if now < u.until() {
			return false
		}
		if u.opened {
			if u.session == p.session {
				p.unpaid++
			}
			p.results = append(p.results, Result{
				Outcome: NoReceipt, About: u.about,
				Kick: Kick{Drawer: u.drawer, Session: u.session, At: u.since, Function: p.rules.Sale},
			})
		}
		return true
	})
}

// Take lets time pass, and returns what was found out since the last call.
func (p *Purposes) Take(now time.Duration) []Result {
	p.tick(now)
	r := p.results
	p.results = nil
	return r
}

// Next is when Take has something to do, if nothing else happens before.
func (p *Purposes) Next() (at time.Duration, some bool) {
	if len(p.results) > 0 {
		return 0, true
	}
	if len(p.held) > 0 {
		at, some = p.held[0].At+kickWaits, true
	}
	for i := range p.unproven {
		if due := p.unproven[i].until(); !some || due < at {
			at, some = due, true
		}
	}
	return at, some
}
