package daemon

import (
	"context"
	"fmt"
	"strings"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/policy"
)

// whyCodes is the site's list of reasons for approvals, or the shipped one.
func (d *Daemon) whyCodes() []enforcer.WhyCode {
	own := d.config().Override.Reasons
	if len(own) == 0 {
		return enforcer.ShippedWhyCodes()
	}
	list := make([]enforcer.WhyCode, 0, len(own))
	for _, w := range own {
		list = append(list, enforcer.WhyCode{Code: uint16(w.Code), Name: w.Name})
	}
	return list
}

func (d *Daemon) whyKnown(code uint16) bool {
	for _, w := range d.whyCodes() {
		if w.Code == code {
			return true
		}
	}
	return false
}

// sayWhyCodes is the list in a line, fit for a slip.
func (d *Daemon) sayWhyCodes() string {
	var parts []string
	for _, w := range d.whyCodes() {
		parts = append(parts, fmt.Sprintf("%d %s", w.Code, w.Name))
	}
	return strings.Join(parts, "; ")
}

// sayWhyNeeded says how a reason is given.
func (d *Daemon) sayWhyNeeded(s *enforcer.Snapshot) string {
	if s.Override != nil && s.Override.Why == policy.ReasonText {
		return "In words: approve it at the console."
	}
	return "Enter its code: " + d.sayWhyCodes() + "."
}

// whyOf checks the reason of a request before anybody's PIN is.
func (d *Daemon) whyOf(r *api.ApproveRequest) (enforcer.Why, error) {
	why := enforcer.Why{Code: r.ReasonCode, Text: strings.TrimSpace(r.Reason)}
	if why.Code != 0 && !d.whyKnown(why.Code) {
		return why, api.Errorf(api.CodeInvalid, "reason_code %d is in no list of reasons", why.Code).WithHint("GET /v1/reasons lists them; tillwarden override reasons does, too")
	}
	if why.Text != "" {
		if err := enforcer.CheckWhy(why.Text); err != nil {
			return why, api.Errorf(api.CodeInvalid, "%s", err)
		}
	}
	return why, nil
}

// Reasons lists the reasons that approvals are given for.
func (d *Daemon) Reasons(context.Context, api.Caller) (*api.Reasons, error) {
	list := &api.Reasons{Reasons: []api.Reason{}}
	for _, w := range d.whyCodes() {
		list.Reasons = append(list.Reasons, api.Reason{Code: w.Code, Name: w.Name})
	}
	return list, nil
}
