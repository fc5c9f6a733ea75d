package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"tillwarden/daemon/api"
)

// Rules for what is said here. Errors begin in lower case and end without a
// period, name what was being done, and are followed by a hint that says what
// to do about it. They never quote a PIN, a card or a key.

// The exit codes.
const (
	exitDone    = 0 // done, or allowed
	exitRefused = 1 // refused, denied, or problems were found
	exitUsage   = 2 // the command line cannot be understood
	exitFailed  = 3 // could not do it
)

// failure is an error with its exit code and hints.
type failure struct {
	code  int
	err   error
	hints []string

	reason string    // the journal's word for it, where the daemon refused
	rule   *api.Rule // what decided against it
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// hint adds what to do about it.
func (f *failure) hint(format string, args ...any) *failure {
	f.hints = append(f.hints, fmt.Sprintf(format, args...))
	return f
}

func usagef(format string, args ...any) *failure {
	return &failure{code: exitUsage, err: fmt.Errorf(format, args...)}
}

func refusedf(format string, args ...any) *failure {
	return &failure{code: exitRefused, err: fmt.Errorf(format, args...)}
}

func failedf(format string, args ...any) *failure {
	return &failure{code: exitFailed, err: fmt.Errorf(format, args...)}
}

// said is an outcome whose every word was printed already; only the exit code
// is left to give.
type said int

func (s said) Error() string { return fmt.Sprintf("exit code %d", int(s)) }

// report prints an error in the one form that all commands share, and gives
// the exit code.
func (a *app) report(err error) int {
	var s said
	if errors.As(err, &s) {
		return int(s)
	}
	f := classify(err)
	if a.json {
		line, jerr := json.Marshal(struct {
			Error  string    `json:"error"`
			Reason string    `json:"reason,omitempty"`
			Rule   *api.Rule `json:"rule,omitempty"`
			Hints  []string  `json:"hints,omitempty"`
			Code   int       `json:"exit_code"`
		}{f.err.Error(), f.reason, f.rule, f.hints, f.code})
		if jerr == nil {
			fmt.Fprintf(a.err, "%s\n", line)
			return f.code
		}
	}
	fmt.Fprintf(a.err, "tillwarden: %s\n", strings.TrimRight(f.err.Error(), "\n"))
	for _, h := range f.hints {
		fmt.Fprintf(a.err, "tillwarden: hint: %s\n", h)
	}
	return f.code
}

// A PIN that somebody else has set does nothing until it was changed.
const (
	reasonNewPIN = "new-pin"
	hintNewPIN   = "tillwarden operator set-pin NUMBER --as NUMBER, with the own number twice, sets it; so does the next sign-on"
)

// classify finds the exit code and the hints of an error.
func classify(err error) *failure {
	if errors.Is(err, context.Canceled) {
		return &failure{code: exitFailed, err: errors.New("interrupted")}
	}
	var f *failure
	if errors.As(err, &f) {
		// What was wrapped around it belongs to the message.
		return &failure{code: f.code, err: err, hints: f.hints}
	}
	var e *api.Error
	if errors.As(err, &e) {
		out := &failure{code: exitFailed, err: err, reason: e.Reason, rule: e.Rule}
		switch e.Code {
		case api.CodeRefused, api.CodeForbidden, api.CodeConflict, api.CodeInvalid, api.CodeNotFound:
			out.code = exitRefused
		}
		if e.Hint != "" {
			out.hints = append(out.hints, e.Hint)
		}
		if e.Reason == reasonNewPIN {
			out.hints = append(out.hints, hintNewPIN)
		}
		return out
	}
	return &failure{code: exitFailed, err: err}
}
