package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tillwarden/enforcer/policy"
)

// Pos is a place in a source file. Line and Column count from 1; a Pos with
// line 0 is no place.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// String gives file:line:column; the file alone where there is no line.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

func comparePos(a, b Pos) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
}

// Severity tells errors from warnings.
type Severity uint8

// The severities.
const (
	SeverityError   Severity = iota // the policy does not compile
	SeverityWarning                 // it does, and may not mean what was meant
)

// String gives the severity's word.
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// MarshalText gives the severity's word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Code names a kind of finding, for scripts. The words do not change.
type Code string

// The findings.
const (
	CodeSyntax           Code = "syntax"
	CodeUnknownAttribute Code = "unknown-attribute"
	CodeUnknownBlock     Code = "unknown-block"
	CodeMissing          Code = "missing"
	CodeValue            Code = "value"
	CodeUnknownFunction  Code = "unknown-function"
	CodeUnknownGroup     Code = "unknown-work-group"
	CodeUnknownParent    Code = "unknown-parent"
	CodeWrongMark        Code = "wrong-mark"
	CodeDuplicate        Code = "duplicate"
	CodeConflict         Code = "conflict"
	CodeID               Code = "id"
	CodeLevel            Code = "level"
	CodeOverride         Code = "override"
	CodeNoTreeMark       Code = "no-tree-mark"
	CodeTreeShut         Code = "tree-shut"
	CodeCheckUnderX      Code = "check-under-x"
	CodeRefuseOverCheck  Code = "refuse-over-check"
	CodeReviewed         Code = "reviewed"
	CodeNoEffect         Code = "no-effect"
	CodeTooMany          Code = "too-many"
	CodeShadowed         Code = "shadowed"
	CodeUnused           Code = "unused"
	CodeSameName         Code = "same-name"
	CodeOpenedBlank      Code = "opened-blank"
	CodeEscalation       Code = "escalation"
	CodeNobody           Code = "nobody"
	CodeUnknownRegisters Code = "unknown-register-group"
	CodeNeverTold        Code = "never-told"
)

// Diagnostic is one finding.
type Diagnostic struct {
	Severity Severity `json:"severity"`
	Code     Code     `json:"code"`
	Pos
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// Functions are the functions that the finding is about, where it is about several.
	Functions []string `json:"functions,omitempty"`
	// WorkGroups are those that an escalation leads to, and Steps how.
	WorkGroups []string      `json:"work_groups,omitempty"`
	Steps      []policy.Step `json:"steps,omitempty"`
}

// String gives the finding on one line: file:line:column: severity: what (hint).
func (d Diagnostic) String() string {
	s := d.where() + fmt.Sprintf("%s: %s", d.Severity, d.Message)
	if steps := d.StepWords(); len(steps) > 0 {
		s += ": " + strings.Join(steps, "; ")
	}
	if d.Hint != "" {
		s += " (" + d.Hint + ")"
	}
	return s
}

// StepWords says the steps of an escalation in words.
func (d *Diagnostic) StepWords() []string {
	var words []string
	for i, s := range d.Steps {
		who := "an operator of " + listed("%q", s.As) + " can"
		if i > 0 {
			who = "as such, they can"
		}
		to := listed("%q", s.To)
		if len(s.To) > 1 && i == len(d.Steps)-1 {
			to = "any of " + to
		}
		what := "give " + to + " to somebody else"
		switch s.Means {
		case policy.MeansPIN:
			what = "set the PIN of an operator of " + to + " and sign on as them"
		case policy.MeansCard:
			what = "give an operator of " + to + " another card and sign on with it"
		case policy.MeansPINAndCard:
			what = "set the PIN of an operator of " + to + ", give them another card, and sign on as them"
		}
		words = append(words, fmt.Sprintf("%s %s (%s)", who, what, strings.Join(s.Means.Functions(), ", ")))
	}
	return words
}

// where begins a finding with its place, where it has one.
func (d *Diagnostic) where() string {
	if d.Pos == (Pos{}) {
		return ""
	}
	return d.Pos.String() + ": "
}

// Diagnostics are findings, by file and place.
type Diagnostics []Diagnostic

// With gives these findings and others, by file and place.
func (ds Diagnostics) With(others Diagnostics) Diagnostics {
	f := findings{all: slices.Concat(ds, others)}
	return f.sorted()
}

// HasErrors reports whether any of them is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == SeverityError })
}

// Errors counts the errors, the others are warnings.
func (ds Diagnostics) Errors() (n int) {
	for _, d := range ds {
		if d.Severity == SeverityError {
			n++
		}
	}
	return n
}

// String gives a line for each.
func (ds Diagnostics) String() string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// findings collects diagnostics while files are read.
type findings struct {
	all        Diagnostics
	plainLists lists // of the piece that is being read
}

func (f *findings) errorf(code Code, at Pos, hint, format string, args ...any) {
	f.all = append(f.all, Diagnostic{
		Severity: SeverityError, Code: code, Pos: at, Hint: hint, Message: fmt.Sprintf(format, args...),
	})
}

func (f *findings) warnf(code Code, at Pos, hint, format string, args ...any) {
	f.all = append(f.all, Diagnostic{
		Severity: SeverityWarning, Code: code, Pos: at, Hint: hint, Message: fmt.Sprintf(format, args...),
	})
}

// sorted gives the findings by place. Two at the same place keep the order in
// which they were found, which depends on the content alone.
func (f *findings) sorted() Diagnostics {
	slices.SortStableFunc(f.all, func(a, b Diagnostic) int { return comparePos(a.Pos, b.Pos) })
	return f.all
}
