package simulate

import (
	"time"

	"tillwarden/enforcer/gauge"
	"tillwarden/enforcer/journal/entry"
	"tillwarden/enforcer/policy"
)

// meter follows through the entries of one register what limits are held
// against: how often the session had each function, and when the wall clock was
// last known to be right. It counts as the gate would have under the new policy:
// what that allows, and what somebody really approved where it does not.
type meter struct {
	zone     *time.Location
	register string
	right    entry.Stamp
	session  entry.Seq // whose beginning was among the entries
	gauge.Uses[policy.Index]
	asked   asked               // the last decision
	pending map[entry.Seq]asked // by the override that was announced for it
}

// asked is a decision, as it may come to an approver.
type asked struct {
	seq   entry.Seq
	index policy.Index
	// Under the new policy it is allowed, or somebody could lend it, or neither.
	allowed, lendable bool
}

// follow takes in what every entry tells.
func (m *meter) follow(e *entry.Entry) {
	m.right = gauge.Right(m.right, e.Stamp)
	switch e.Kind {
	case entry.KindSignOn:
		if e.Outcome == entry.OutcomeAllowed {
			m.session, m.Uses, m.pending = e.Seq, gauge.Uses[policy.Index]{}, map[entry.Seq]asked{}
		}
	case entry.KindOverride:
		if m.pending != nil && m.asked.seq != 0 {
			m.pending[e.Seq] = m.asked
		}
	case entry.KindWithdrawn, entry.KindLapsed:
		m.GiveBack(e.About)
	case entry.KindStepUp:
		if p, ok := m.pending[e.About]; ok && e.Outcome == entry.OutcomeAllowed {
			m.approved(e, p)
		}
	}
}

// values are what the limits of a function are held against. When the gate last knew
// the wall clock to be right the entries do not tell exactly.
func (m *meter) values(e *entry.Entry, i policy.Index) policy.Values {
	v := gauge.Values(e.Told, gauge.Moments(e.Stamp, m.right, m.zone), m.register)
	if e.Session != 0 && e.Session == m.session {
		v.Uses = policy.Tell(m.Used[i] + uint64(gauge.Times(e.Told)))
	}
	return v
}

// decided takes in what a decision comes to under the new policy, as far as that can
// be told (why is empty), and what it really came to.
func (m *meter) decided(e *entry.Entry, i policy.Index, a answer, why string) {
	allowed := a.access == policy.Allowed && why == ""
	m.asked = asked{e.Seq, i, allowed, why != "" || a.lendable()}
	// What was counted and used nothing was a mere question.
	question := e.Uses == 0 && e.Limit != nil && e.Limit.Uses > 0 && e.Outcome == entry.OutcomeAllowed
	if e.Kind == entry.KindDecision && !question && (allowed || e.Reason == entry.ReasonApproved || e.Mode != entry.ModeEnforce) {
		m.uses(e, i)
	}
}

// approved takes in that somebody approved what had been asked. What the new
// policy allows had been counted already.
func (m *meter) approved(e *entry.Entry, p asked) {
	if !p.allowed {
		m.uses(e, p.index)
	} else if m.LastUse.Seq == p.seq {
		m.LastUse.Seq = e.Seq // whose grant may lapse
	}
}

func (m *meter) uses(e *entry.Entry, i policy.Index) {
	if e.Session != 0 && e.Session == m.session {
		m.Add(e.Seq, i, gauge.Times(e.Told))
	}
}

// within holds values against the limits of work groups. What the entry does not
// tell is only asked for where it would make a difference: then why says what it
// is. Where told says that nothing more could have been told, it is not within.
func within(p *policy.Compiled, groups []string, i policy.Index, v policy.Values, told bool) (m policy.Measured, why string) {
	m = p.Measure(groups, i, v)
	if len(v.At) > 1 {
		wall := v
		wall.At = v.At[:1]
		if p.Measure(groups, i, wall).Within != m.Within {
			return m, UnsureClock
		}
	}
	if m.Within || !m.Untold || told {
		return m, ""
	}
	// Could it be within at all?
	best := v
	for _, t := range []*policy.Told{&best.Amount, &best.Percent, &best.Uses} {
		if !t.OK {
			*t = policy.Tell(0)
		}
	}
	if x := p.Measure(groups, i, best); !x.Within && !x.Untold {
		return x, ""
	}
	switch m.Part {
	case policy.LimitCount:
		return m, UnknownUses
	case policy.LimitRegisters:
		return m, UnknownRegister
	}
	return m, NotTold
}
