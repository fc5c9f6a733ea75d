package signon

import "tillwarden/enforcer/policy"

// use is what a credential is shown for: a site and its work groups may want
// more of who lends authority than of who only uses the own.
type use uint8

const (
	inOwnName use = iota // to sign on, to unlock, to act oneself
	toApprove            // for somebody else, at this register
	fromAfar             // the same, and the approver is elsewhere
)

func ownName(string) use { return inOwnName }

// requirement is what an operator must show.
type requirement struct {
	method policy.SignOnMethod
	// fallback: where the card is wanted, number and PIN stand for it.
	fallback bool
}

// required is what an operator must show at this site, now.
func (s *Service) required(r *operatorRecord, u use) requirement {
	site := s.o.Method
	if u != inOwnName {
		site = s.o.Approve
	}
	asked, firm := policy.SignOnDefault, policy.SignOnDefault // by all, by the policy alone
	if p := s.gate.Snapshot().Policy; p != nil && r != nil {
		firm, _ = p.Shows(r.Groups, u != inOwnName)
		for _, g := range r.Groups {
			info, ok := p.WorkGroup(g)
			if !ok {
				continue
			}
			m := info.SignOn
			if u != inOwnName {
				m = info.Approve
			}
			if m == policy.SignOnDefault {
				m = site
			}
			asked = policy.Stricter(asked, m)
		}
	}
	if asked == policy.SignOnDefault {
		asked = site
	}
	// What the policy itself says the site does not soften.
	soft := asked == policy.SignOnCardPIN && firm != policy.SignOnCardPIN
	return requirement{method: asked, fallback: soft && (u == fromAfar || u == toApprove && s.o.ApproveFallback)}
}
