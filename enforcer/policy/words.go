package policy

import "fmt"

// Mark is what a work group says of a function. Append-only: it is on disk and
// in the journal.
type Mark uint8

// The marks. Unreviewed stands in rules only: no work group is written with it.
const (
	Blank      Mark = iota // inherit
	Check                  // explicitly allowed
	Deny                   // explicitly denied: X
	Refuse                 // denied whatever other work groups say
	Unreviewed             // the work group was not yet reviewed for this function
)

var markWords = [...]string{"blank", "check", "X", "refuse", "unreviewed"}

// String gives the mark's word, as in the journal.
func (m Mark) String() string { return word(markWords[:], uint8(m), "mark") }

// MarshalText gives the mark's word.
func (m Mark) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// Access is what an operator has of a function. Append-only.
type Access uint8

// The accesses, from nothing to all.
const (
	Denied Access = iota
	OverrideRequired
	Allowed
)

var accessWords = [...]string{"deny", "override", "allow"}

// String gives the access's word, as in the matrix.
func (a Access) String() string { return word(accessWords[:], uint8(a), "access") }

// MarshalText gives the access's word.
func (a Access) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Override says whether somebody else may approve a function. Append-only.
type Override uint8

// Who may approve.
const (
	OverrideNever   Override = iota // nobody
	OverrideManager                 // an operator with Manager Override who may do it
	overrideEnd
)

var overrideWords = [...]string{"never", "manager"}

// String gives the override's word, as in the policy source.
func (o Override) String() string { return word(overrideWords[:], uint8(o), "override") }

// ParseOverride is the reverse of String.
func ParseOverride(s string) (Override, bool) {
	i, ok := unword(overrideWords[:], s)
	return Override(i), ok
}

// OverrideWords lists the words that ParseOverride takes.
func OverrideWords() []string { return append([]string(nil), overrideWords[:]...) }

// ReasonMode says whether a reason must be given. Append-only.
type ReasonMode uint8

// The kinds of reasons asked for.
const (
	ReasonNone ReasonMode = iota
	ReasonCode            // one of a list
	ReasonText            // words of one's own
	reasonEnd
)

var reasonWords = [...]string{"none", "code", "text"}

// String gives the mode's word, as in the policy source.
func (r ReasonMode) String() string { return word(reasonWords[:], uint8(r), "reason") }

// ParseReasonMode is the reverse of String.
func ParseReasonMode(s string) (ReasonMode, bool) {
	i, ok := unword(reasonWords[:], s)
	return ReasonMode(i), ok
}

// ReasonWords lists the words that ParseReasonMode takes.
func ReasonWords() []string { return append([]string(nil), reasonWords[:]...) }

// Scope is what a work group maintains in BackOffice. Append-only.
type Scope uint8

// The scopes.
const (
	ScopeStore Scope = iota
	ScopeEnterprise
	scopeEnd
)

var scopeWords = [...]string{"store", "enterprise"}

// String gives the scope's word, as in the policy source.
func (s Scope) String() string { return word(scopeWords[:], uint8(s), "scope") }

// MarshalText gives the scope's word.
func (s Scope) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ParseScope is the reverse of String.
func ParseScope(s string) (Scope, bool) {
	i, ok := unword(scopeWords[:], s)
	return Scope(i), ok
}

// ScopeWords lists the words that ParseScope takes.
func ScopeWords() []string { return append([]string(nil), scopeWords[:]...) }

// SignOnMethod is what operators of a work group must show to sign on.
// Append-only. The numbers are not in the order of strictness: see Stricter.
type SignOnMethod uint8

// The methods.
const (
	SignOnDefault   SignOnMethod = iota // what the site's configuration says
	SignOnCard                          // the card alone will do
	SignOnCardPIN                       // the card and the PIN
	SignOnNumberPIN                     // operator number and PIN, or more
	signOnEnd
)

var signOnWords = [...]string{"default", "card", "card+pin", "number+pin"}

// strictness orders the methods: card and PIN shows two things, number and PIN
// one that can be watched, a card alone one that can be borrowed.
var strictness = [...]uint8{SignOnDefault: 0, SignOnCard: 1, SignOnNumberPIN: 2, SignOnCardPIN: 3}

// String gives the method's word, as in the policy source.
func (m SignOnMethod) String() string { return word(signOnWords[:], uint8(m), "sign-on") }

// MarshalText gives the method's word.
func (m SignOnMethod) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// ParseSignOn is the reverse of String.
func ParseSignOn(s string) (SignOnMethod, bool) {
	i, ok := unword(signOnWords[:], s)
	return SignOnMethod(i), ok
}

// SignOnWords lists the words that ParseSignOn takes.
func SignOnWords() []string { return append([]string(nil), signOnWords[:]...) }

// Stricter gives the stricter of two methods. SignOnDefault yields to any other.
func Stricter(a, b SignOnMethod) SignOnMethod {
	if a >= signOnEnd {
		return b
	}
	if b < signOnEnd && strictness[b] > strictness[a] {
		return b
	}
	return a
}

// Why says on what ground a rule decided. Append-only.
type Why uint8

// The grounds.
const (
	WhyNone        Why = iota // nothing decided: no work group, or no such function
	WhyMark                   // the nearest mark
	WhyTreeShut               // the level 1 function is not marked check
	WhyRefused                // a work group says refuse
	WhyUnreviewed             // the function is newer than the work group's review
	WhyNoWorkGroup            // the operator has no work group that the policy knows
	WhyNoFunction             // not in the catalogue
)

var whyWords = [...]string{"none", "mark", "tree-shut", "refuse", "unreviewed", "no-work-group", "unknown-function"}

// String gives the ground's word.
func (w Why) String() string { return word(whyWords[:], uint8(w), "why") }

// MarshalText gives the ground's word.
func (w Why) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// LimitPart is a part of a limit. Append-only: it is on disk.
type LimitPart uint8

// The parts, in the order in which they are looked at. LimitNone stands for none.
const (
	LimitNone LimitPart = iota
	LimitAmount
	LimitPercent
	LimitCount
	LimitHours
	LimitRegisters
	limitPartEnd
)

var limitPartWords = [...]string{"none", "amount", "percent", "count", "hours", "registers"}

// String gives the part's word, as in the policy source.
func (p LimitPart) String() string { return word(limitPartWords[:], uint8(p), "part") }

// MarshalText gives the part's word.
func (p LimitPart) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// word never fails: a number of a later version is shown as such.
func word(words []string, i uint8, what string) string {
	if int(i) >= len(words) {
		return fmt.Sprintf("%s-%d", what, i)
	}
	return words[i]
}

func unword(words []string, s string) (uint8, bool) {
	for i, w := range words {
		if w == s {
			return uint8(i), true
		}
	}
	return 0, false
}
