package printer

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Order is what a printer's kicks stand to their receipts like.
type Order uint8

// The orders.
const (
	OrderWith   Order = iota // the kick comes about when its receipt is printed
	OrderBefore              // the kick comes first, the receipt follows
	OrderAsked               // the function is asked for first, over the API or by the operator
	orderEnd
)

var orderNames = [...]string{"with", "before", "asked"}

// String gives the configuration's word.
func (o Order) String() string { return wordOf(orderNames[:], int(o)) }

// ParseOrder is the reverse of String.
func ParseOrder(s string) (Order, error) {
	i, err := parseWord(orderNames[:], s)
	return Order(i), err
}

// Rule is one rule of a print profile: what printed text says about what the
// drawer is opened for. The first rule that fits counts.
type Rule struct {
	// Name is the rule's, in the journal.
	Name string
	// Text is looked for in each line, whatever its case and spacing. Pattern,
	// where given, is looked for instead, in the lines as printed.
	Text    string
	Pattern *regexp.Regexp
	// Function is what it is for.
	Function string
	// NotSale: what has it is no sale at all (a copy, a report), and its kick a
	// no-sale.
	NotSale bool
}

// Rules say what a kick is for.
type Rules struct {
	Order Order
	// Lines is how many lines at least make a receipt; zero: 5.
	Lines int
	// Profile is asked in its order.
	Profile []Rule
	// Sale and NoSale are the functions of a sale and of a kick that nothing
	// says anything about; empty: pos.drawer.sale and pos.drawer.nosale.
	Sale, NoSale string

	version int // of Profile: what was found by another one does not count
}

// The times of design.md's "The purpose of a kick".
const (
	receiptLasts = 10 * time.Second        // a receipt pays for a kick that comes this soon after
	kickWaits    = 1500 * time.Millisecond // a lone kick waits this long for its receipt
	receiptDue   = 90 * time.Second        // a sale opened before its receipt has it by then
	openingDue   = 4 * time.Minute         // a sale that must be approved may be opened this long after its kick
	askLasts     = 60 * time.Second        // an ask waits this long for its kick
	absorbs      = 3 * time.Second         // an opening at once takes the place of a kick that comes this soon
	unpaidLimit  = 3                       // sales without receipt, after which a kick is a no-sale
)

func (r *Rules) settle() error {
	set(&r.Lines, 5)
	set(&r.Sale, "pos.drawer.sale")
	set(&r.NoSale, "pos.drawer.nosale")
	if r.Order >= orderEnd || r.Lines < 0 {
		return fmt.Errorf("%w: kick order %s, receipts of %d lines", ErrOptions, r.Order, r.Lines)
	}
	profile := make([]Rule, len(r.Profile))
	for i, rule := range r.Profile {
		rule.Text = fold(rule.Text)
		if rule.Text == "" && rule.Pattern == nil || rule.Function == "" && !rule.NotSale || rule.Name == "" {
			return fmt.Errorf("%w: rule %d of the print profile (%q) says nothing", ErrOptions, i+1, rule.Name)
		}
		profile[i] = rule
	}
	r.Profile = profile
	r.version++
	return nil
}

// fold makes text comparable: upper case, single spaces.
func fold(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), " ")) }

// match finds the first rule that fits one of a receipt's lines. It looks at
// each line once, however many kicks ask: a POS must not keep us busy.
func (r *Rules) match(x *receipt) *Rule {
	if x.version != r.version {
		x.version, x.judged, x.first = r.version, 0, len(r.Profile)
	}
	for ; x.judged < len(x.lines); x.judged++ {
		line := x.lines[x.judged]
		folded := fold(line)
		for i := range r.Profile[:x.first] {
			if r.Profile[i].fits(line, folded) {
				x.first = i
				break
			}
		}
	}
	if x.first == len(r.Profile) {
		return nil
	}
	return &r.Profile[x.first]
}

func (r *Rule) fits(line, folded string) bool {
	if r.Pattern != nil {
		return r.Pattern.MatchString(line)
	}
	return strings.Contains(folded, r.Text)
}
