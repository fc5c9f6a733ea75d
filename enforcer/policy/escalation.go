package policy

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// The functions by which somebody comes to another operator's work groups.
const (
	KeyAssign           = "backoffice.operator.workgroup"        // give work groups to somebody else
	KeyAssignRestricted = "backoffice.operator.restricted"       // restricted ones too
	KeySetPIN           = "backoffice.operator.credential.reset" // set somebody's PIN
	KeyGiveCard         = "backoffice.operator.card.assign"      // give somebody a card
)

// Means is how an operator comes to have, or to act with, work groups.
type Means uint8

// The means. The last three sign on as somebody who has the work groups.
const (
	MeansAssign     Means = iota // gives them to another operator, old or new
	MeansPIN                     // sets the PIN of somebody who has them
	MeansCard                    // gives somebody who has them a card, where a card alone signs on
	MeansPINAndCard              // sets the PIN and gives a card, where both are asked for
)

var meansWords = [...]string{"assign", "pin", "card", "pin+card"}

// String gives the means' word.
func (m Means) String() string { return word(meansWords[:], uint8(m), "means") }

// MarshalText gives the means' word.
func (m Means) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Functions lists what the means takes; assigning takes KeyAssignRestricted too
// where a work group is restricted.
func (m Means) Functions() []string {
	switch m {
	case MeansAssign:
		return []string{KeyAssign}
	case MeansPIN:
		return []string{KeySetPIN}
	case MeansCard:
		return []string{KeyGiveCard}
	}
	return []string{KeySetPIN, KeyGiveCard}
}

// Step is one step of an escalation: who has the work groups As comes to To.
type Step struct {
	As    []string `json:"as"`
	Means Means    `json:"means"`
	To    []string `json:"to"`
}

// Escalation is a way by which an operator with one work group comes to
// stronger ones, alone or with a colleague's help, though no restriction names
// the work group among their editors.
type Escalation struct {
	WorkGroup string
	Steps     []Step   // the shortest way; all of To can be had at its end
	To        []string // stronger work groups, by name
}

// Escalations finds for each work group the stronger ones that it leads to, by
// handing them out or by signing on as somebody who has them, in any number of
// steps. One work group is stronger than another if it gives more than all that
// the other gives, or Manager Override, a protected function, or a way to other
// people's work groups that the other does not give. To give a function without a
// limit is more than to give it within one; two limits are not compared.
//
// That nobody does any of this to the own person is of no help: a colleague, or
// a new operator, is enough. Being named as an editor of a restricted work group
// is a permission, and therefore no escalation in itself; what comes of it later
// is. It takes for granted that every work group has somebody who has no other.
func Escalations(c *Compiled) []Escalation {
	e := newEscalator(c)
	if e.none {
		return nil
	}
	var all []Escalation
	for n := range c.groups {
		if e.rights[n] != 0 {
			all = append(all, e.from(n)...)
		}
	}
	return all
}

// The rights that matter, as bits.
const (
	rightAssign uint8 = 1 << iota
	rightRestricted
	rightPIN
	rightCard
)

var rightKeys = [...]string{KeyAssign, KeyAssignRestricted, KeySetPIN, KeyGiveCard}

// combinations are the rights of which one has to be kept whole when several
// work groups are had together: a refusal in one of them takes it from all.
var combinations = [...]uint8{rightAssign, rightAssign | rightRestricted, rightPIN, rightCard, rightPIN | rightCard}

// escalator searches a graph whose nodes are the sets of work groups that one
// operator can have.
type escalator struct {
	c       *Compiled
	none    bool
	rights  []uint8 // of each work group
	refused []uint8
	editors [][]int    // of each restricted work group; nil where it is not restricted
	given   [][]uint64 // of each work group: what it allows, and then what it allows without a limit
	power   [][]uint64 // and what of that makes it strong, whatever else it gives

	ids   map[string]int // of nodes
	nodes []node         // by id
	edges [][]edge       // by id; nil: not looked at yet
	seen  []int          // by id: the last search that came by
	round int
}

// node is a set of work groups, ascending.
type node []int

// edge leads to a node, by its id.
type edge struct {
	means Means
	to    int
}

// id numbers nodes. Those of one work group come first, so that their ids are
// the places of the work groups.
func (e *escalator) id(n node) int {
	b := make([]byte, 0, 2*len(n))
	for _, g := range n {
		b = binary.BigEndian.AppendUint16(b, uint16(g))
	}
	id, ok := e.ids[string(b)]
	if !ok {
		id = len(e.nodes)
		e.ids[string(b)] = id
		e.nodes, e.edges, e.seen = append(e.nodes, n), append(e.edges, nil), append(e.seen, 0)
	}
	return id
}

func newEscalator(c *Compiled) *escalator {
	e := &escalator{
		c: c, rights: make([]uint8, len(c.groups)), refused: make([]uint8, len(c.groups)), editors: make([][]int, len(c.groups)),
		given: make([][]uint64, len(c.groups)), power: make([][]uint64, len(c.groups)), ids: map[string]int{}, none: true,
	}
	words := (len(c.functions) + 63) / 64
	strong := make([]uint64, words)
	for i := range c.functions {
		if f := &c.functions[i]; f.Protected || f.Key == KeyManagerOverride || slices.Contains(rightKeys[:], f.Key) {
			strong[i/64] |= 1 << (i % 64)
		}
	}
	r := newRow(c)
	for n := range c.groups {
		e.id(node{n})
		row := r.reviewed(n)
		for bit, key := range rightKeys {
			if i, ok := c.byKey[key]; ok {
				if row[i].Access == Allowed {
					e.rights[n] |= 1 << bit
					e.none = false
				}
				if row[i].Refused {
					e.refused[n] |= 1 << bit
				}
			}
		}
		given, power := make([]uint64, 2*words), make([]uint64, 2*words)
		for i, g := range row {
			if g.Access != Allowed {
				continue
			}
			given[i/64] |= 1 << (i % 64)
			if g.Limit.IsZero() {
				given[words+i/64] |= 1 << (i % 64)
			}
		}
		for w := range power {
			power[w] = given[w] & strong[w%words]
		}
		e.given[n], e.power[n] = given, power
	}
	for _, r := range c.restrictions {
		editors := make([]int, 0, len(r.Editors))
		for _, name := range r.Editors {
			editors = append(editors, c.byGroup[name])
		}
		e.editors[c.byGroup[r.WorkGroup]] = editors
	}
	return e
}

// within reports whether a has nothing that b has not.
func within(a, b []uint64) bool {
	for w := range a {
		if a[w]&^b[w] != 0 {
			return false
		}
	}
	return true
}

func (e *escalator) stronger(one, than int) bool {
	return !within(e.power[one], e.power[than]) || within(e.given[than], e.given[one]) && !within(e.given[one], e.given[than])
}

// rightsOf is what an operator with these work groups may do to others.
func (e *escalator) rightsOf(n node) (rights uint8) {
	var refused uint8
	for _, g := range n {
		rights |= e.rights[g]
		refused |= e.refused[g]
	}
	return rights &^ refused
}

// touches reports whether restrictions let an operator with these work groups
// hand out another, or change who has it.
func (e *escalator) touches(n node, group int) bool {
	if e.editors[group] == nil {
		return true
	}
	return slices.ContainsFunc(e.editors[group], func(editor int) bool {
		_, ok := slices.BinarySearch(n, editor)
		return ok
	})
}

// comes tells whether and how an operator with these work groups comes to one
// other work group.
func (e *escalator) comes(n node, rights uint8, group int) (Means, bool) {
	if !e.touches(n, group) {
		return 0, false
	}
	assign := rightAssign
	if e.editors[group] != nil {
		assign |= rightRestricted
	}
	signOn := e.c.groups[group].SignOn
	switch {
	case rights&assign == assign:
		return MeansAssign, true
	case rights&rightPIN != 0 && signOn != SignOnCardPIN:
		return MeansPIN, true
	case rights&rightCard != 0 && (signOn == SignOnCard || signOn == SignOnDefault):
		return MeansCard, true
	case rights&rightPIN != 0 && rights&rightCard != 0:
		return MeansPINAndCard, true
	}
	return 0, false
}

// edgesOf lists where an operator with these work groups gets to: each work
// group alone, and all that can be given together without a refusal in the way.
func (e *escalator) edgesOf(id int) []edge {
	if e.edges[id] != nil {
		return e.edges[id]
	}
	n := e.nodes[id]
	rights := e.rightsOf(n)
	edges := []edge{}
	var assignable node
	if rights != 0 {
		for g := range e.c.groups {
			if m, ok := e.comes(n, rights, g); ok {
				edges = append(edges, edge{m, g})
				if m == MeansAssign {
					assignable = append(assignable, g)
				}
			}
		}
	}
	for _, wanted := range combinations {
		var together node
		for _, g := range assignable {
			if e.refused[g]&wanted == 0 {
				together = append(together, g)
			}
		}
		if len(together) > 1 {
			edges = append(edges, edge{MeansAssign, e.id(together)})
		}
	}
	e.edges[id] = edges
	return edges
}

// visit is a node that was reached, and from where: -1 at the start.
type visit struct {
	id, via int
}

// from finds the ways of one work group. Those that share all but their last
// work group, and come to it by the same means, are one.
func (e *escalator) from(start int) []Escalation {
	type way struct {
		at    int // the last visit but one
		means Means
	}
	visits := []visit{{id: start, via: -1}}
	e.round++
	e.seen[start] = e.round
	ends := map[way][]int{}
	var order []way
	for at := 0; at < len(visits); at++ {
		for _, ed := range e.edgesOf(visits[at].id) {
			if e.seen[ed.to] == e.round {
				continue
			}
			e.seen[ed.to] = e.round
			visits = append(visits, visit{ed.to, at})
			if ed.to < len(e.c.groups) && e.stronger(ed.to, start) && !slices.Contains(e.editors[ed.to], start) {
				w := way{at, ed.means}
				if ends[w] == nil {
					order = append(order, w)
				}
				ends[w] = append(ends[w], ed.to)
			}
		}
	}
	all := make([]Escalation, 0, len(order))
	for _, w := range order {
		to := e.names(ends[w])
		nodes := e.path(visits, w.at, ends[w])
		one := Escalation{WorkGroup: e.c.groups[start].Name, To: to}
		for i := 1; i < len(nodes); i++ {
			m, _ := e.comes(nodes[i-1], e.rightsOf(nodes[i-1]), nodes[i][0])
			one.Steps = append(one.Steps, Step{As: e.names(nodes[i-1]), Means: m, To: e.names(nodes[i])})
		}
		m, _ := e.comes(nodes[len(nodes)-1], e.rightsOf(nodes[len(nodes)-1]), ends[w][0])
		one.Steps = append(one.Steps, Step{As: e.names(nodes[len(nodes)-1]), Means: m, To: to})
		all = append(all, one)
	}
	slices.SortStableFunc(all, func(a, b Escalation) int { return cmp.Compare(len(a.Steps), len(b.Steps)) })
	return all
}

// path goes back from a visit to the start, and takes out of each set what the
// next step does not need. From the last each of the ends can be come to.
func (e *escalator) path(visits []visit, at int, ends []int) []node {
	var nodes []node
	for ; at >= 0; at = visits[at].via {
		nodes = append(nodes, e.nodes[visits[at].id])
	}
	slices.Reverse(nodes)
	for i := len(nodes) - 1; i > 0; i-- {
		for k := len(nodes[i]) - 1; k >= 0 && len(nodes[i]) > 1; k-- {
			fewer := slices.Delete(slices.Clone(nodes[i]), k, k+1)
			if i == len(nodes)-1 && e.leads(fewer, ends, false) || i < len(nodes)-1 && e.leads(fewer, nodes[i+1], len(nodes[i+1]) > 1) {
				nodes[i] = fewer
			}
		}
	}
	return nodes
}

// leads reports whether an operator with the work groups n comes to each of
// the others, by the same means; at once only if they are given.
func (e *escalator) leads(n, to node, atOnce bool) bool {
	rights := e.rightsOf(n)
	var by Means
	for k, g := range to {
		m, ok := e.comes(n, rights, g)
		if !ok || k > 0 && m != by || atOnce && m != MeansAssign {
			return false
		}
		by = m
	}
	return true
}

func (e *escalator) names(n node) []string {
	names := make([]string, len(n))
	for i, g := range n {
		names[i] = e.c.groups[g].Name
	}
	return names
}
