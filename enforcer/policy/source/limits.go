package source

import (
	"cmp"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/week"
)

// limit is what a limit block of a work group says.
type limit struct {
	policy.Limit
	key       named
	registers named // the register group, where one is named
}

// registerGroup is what a register_group block says.
type registerGroup struct {
	policy.RegisterGroup
	at Pos // of the name
}

// limitSynonyms are words that people try for the parts of a limit.
var limitSynonyms = func() map[string]string {
	words := map[string]string{}
	for hint, those := range map[string][]string{
		`did you mean "amount"?`:    {"max", "max_amount", "maximum", "value", "price", "total"},
		`did you mean "percent"?`:   {"max_percent", "percentage", "rate"},
		`did you mean "count"?`:     {"times", "uses", "max_count", "number", "per_session"},
		`did you mean "hours"?`:     {"time", "days", "when", "week"},
		`did you mean "registers"?`: {"register", "register_group", "workstation", "workstations", "lanes"},
	} {
		for _, w := range those {
			words[w] = hint
		}
	}
	return words
}()

// readLimit reads one limit of a work group.
func (r *reader) readLimit(g *group, b *hclsyntax.Block) {
	key, ok := r.label(b, "pos.sale.discount")
	if !ok {
		return
	}
	l := &limit{key: named{key, posOf(b.LabelRanges[0])}}
	r.noBlocks(b.Body, "a limit")
	for _, name := range slices.Sorted(maps.Keys(b.Body.Attributes)) {
		if hint := limitSynonyms[name]; hint != "" {
			r.errorf(CodeUnknownAttribute, posOf(b.Body.Attributes[name].NameRange), hint, "a limit has no attribute %q", name)
			return
		}
	}
	before := len(r.all)
	r.block(b.Body, l.key.at, "a limit", []field{
		{name: "amount", read: func(e hclsyntax.Expression) {
			l.Amount = r.most(e, "amount", policy.MaxAmount, 1, "in the smallest unit of the currency: 50.00 is 5000")
		}},
		{name: "percent", read: func(e hclsyntax.Expression) {
			l.Percent = uint32(r.most(e, "percent", policy.MaxPercent, 100, "as 10 or 12.5, with two decimals at most"))
		}},
		{name: "count", read: func(e hclsyntax.Expression) {
			l.Count = uint32(r.most(e, "count", policy.MaxCount, 1, "how often in a session"))
		}},
		{name: "hours", read: func(e hclsyntax.Expression) { l.Hours = r.hours(e) }},
		{name: "registers", read: func(e hclsyntax.Expression) {
			if text, ok := r.text(e, "registers"); ok {
				l.registers = named{text, posOf(e.Range())}
				l.Registers = text
			}
		}},
	}, nil)
	if len(r.all) > before {
		return
	}
	if !l.Set() {
		r.errorf(CodeMissing, l.key.at, "give an amount, a percent, a count, hours or registers", "the limit on %q says nothing", key)
		return
	}
	g.limits = append(g.limits, l)
}

// most reads the upper end of something: a number above 0. In the result it is
// times the scale, which has to be a whole number.
func (f *findings) most(e hclsyntax.Expression, what string, most uint64, scale int64, hint string) uint64 {
	if l, ok := e.(*hclsyntax.LiteralValueExpr); ok && l.Val.Type() == cty.Number && !l.Val.IsNull() {
		// 12.35 is no binary fraction: what people wrote is the nearest that has
		// as many decimals as the scale.
		scaled := new(big.Float).Mul(l.Val.AsBigFloat(), big.NewFloat(float64(scale)))
		n, _ := new(big.Float).Add(scaled, big.NewFloat(0.5)).Uint64()
		off := new(big.Float).Sub(scaled, new(big.Float).SetUint64(n))
		if off.Abs(off).Cmp(big.NewFloat(1e-9)) <= 0 && n > 0 && n <= most {
			return n
		}
	}
	f.errorf(CodeValue, posOf(e.Range()), hint, "%s must be a number above 0, at most %s", what, policy.PercentWords(most*100/uint64(scale)))
	return 0
}

// hours reads hours of the week.
func (f *findings) hours(e hclsyntax.Expression) week.Hours {
	text, ok := f.text(e, "hours")
	if !ok {
		return week.Hours{}
	}
	h, err := week.ParseHours(text)
	if err != nil {
		f.errorf(CodeValue, posOf(e.Range()), "", "%v", err)
	}
	return h
}

// finishLimits resolves the limits of a work group.
func (r *reader) finishLimits(g *group) {
	slices.SortStableFunc(g.limits, func(a, b *limit) int {
		return cmp.Or(cmp.Compare(a.key.at.Line, b.key.at.Line), cmp.Compare(a.key.at.Column, b.key.at.Column))
	})
	places := make(map[string]Pos, len(g.limits))
	r.side.limits[g.Name] = places
	for _, l := range g.limits {
		f := r.functions[l.key.text]
		if f == nil {
			r.errorf(CodeUnknownFunction, l.key.at, r.hint(l.key.text, r.keys), "no function %q is in the catalogue", l.key.text)
			continue
		}
		if at, ok := places[f.Key]; ok {
			r.errorf(CodeDuplicate, l.key.at, "", "%q is limited already, at %s", f.Key, at)
			continue
		}
		places[f.Key] = l.key.at
		if l.Registers != "" && r.registers[policy.FoldName(l.Registers)] == nil {
			var names []string
			for _, g := range r.registerOrder {
				names = append(names, g.Name)
			}
			hint := r.hint(l.Registers, names)
			if hint == "" {
				hint = fmt.Sprintf("write register_group %q { registers = [\"…\"] }", l.Registers)
			}
			r.errorf(CodeUnknownRegisters, l.registers.at, hint, "there is no register group %q", l.Registers)
			continue
		}
		if g.Limits == nil {
			g.Limits = make(map[policy.ID]policy.Limit, len(g.limits))
		}
		g.Limits[f.ID] = l.Limit
	}
}

func (r *reader) readRegisterGroup(b *hclsyntax.Block) {
	name, ok := r.label(b, "Name")
	if !ok {
		return
	}
	g := &registerGroup{at: posOf(b.LabelRanges[0])}
	g.Name = name
	if !policy.ValidName(name) {
		r.errorf(CodeValue, g.at, "", "the name is empty, longer than %d bytes, not plain text, or begins or ends with a space", policy.MaxName)
	}
	r.noBlocks(b.Body, "a register group")
	r.block(b.Body, g.at, fmt.Sprintf("register group %q", name), []field{
		{name: "registers", must: true, read: func(e hclsyntax.Expression) {
			for _, n := range r.texts(e, "registers") {
				switch {
				case len(n.text) > policy.MaxRegister || !policy.ValidName(n.text):
					r.errorf(CodeValue, n.at, "as in the register's configuration", "%q is no register's name", n.text)
				case slices.Contains(g.Registers, n.text):
					r.errorf(CodeDuplicate, n.at, "", "register %q is named already", n.text)
				default:
					g.Registers = append(g.Registers, n.text)
				}
			}
			if len(g.Registers) > 0xffff {
				r.errorf(CodeTooMany, g.at, "", "%d registers, at most %d are possible", len(g.Registers), 0xffff)
			}
		}},
	}, nil)
	if other := r.registers[policy.FoldName(name)]; other != nil {
		r.errorf(CodeDuplicate, g.at, differ(name, other.Name), "register group %q is there already, at %s", other.Name, other.at)
		return
	}
	r.registers[policy.FoldName(name)] = g
	r.registerOrder = append(r.registerOrder, g)
	r.side.registers[name] = g.at
}

func (r *reader) finishRegisterGroups() (out []policy.RegisterGroup) {
	if n := len(r.registerOrder); n > policy.MaxRegisterGroups {
		r.errorf(CodeTooMany, r.registerOrder[policy.MaxRegisterGroups].at, "", "%d register groups, at most %d are possible", n, policy.MaxRegisterGroups)
	}
	for _, g := range r.registerOrder {
		out = append(out, g.RegisterGroup)
	}
	return out
}
