package source

import "tillwarden/enforcer/policy"

// Why gives a rule with its place, and in a few words. The rule must have
// decided something: a work group's.
func (v Version) Why(r policy.Rule) (rule *ExplainedRule, words string) {
	rule = explained(r, v.Sidecar)
	return rule, rule.short()
}
