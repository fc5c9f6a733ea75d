package api

import (
	"fmt"
	"net/http"
	"time"
)

// Code is what kind of error it is. The list is closed and append-only.
type Code string

// The codes, each with the HTTP status that goes with it.
const (
	CodeBadRequest  Code = "bad-request"  // 400: it cannot be understood
	CodeRefused     Code = "refused"      // 403: number and PIN were not accepted, or that operator may not
	CodeForbidden   Code = "forbidden"    // 403: not on this socket
	CodeNotFound    Code = "not-found"    // 404: no such route, drawer, device, operator, override
	CodeMethod      Code = "method"       // 405: not with this method
	CodeConflict    Code = "conflict"     // 409: the state does not allow it
	CodeTooLarge    Code = "too-large"    // 413: larger than this route takes
	CodeMedia       Code = "media-type"   // 415: not application/json
	CodeInvalid     Code = "invalid"      // 422: understood, but a value is not acceptable
	CodeRate        Code = "rate"         // 429: too many requests from one user
	CodeInternal    Code = "internal"     // 500: the daemon could not do it
	CodeUnavailable Code = "unavailable"  // 503: not now: journal, printer or reader is not ready, or too many wait
	CodeTimeout     Code = "timeout"      // 504: it took too long
	CodeUnreachable Code = "unreachable"  // client only: the socket cannot be reached
	CodeMalformed   Code = "bad-response" // client only: the answer cannot be understood
)

var codeStatus = map[Code]int{
	CodeBadRequest: http.StatusBadRequest, CodeRefused: http.StatusForbidden, CodeForbidden: http.StatusForbidden,
	CodeNotFound: http.StatusNotFound, CodeMethod: http.StatusMethodNotAllowed, CodeConflict: http.StatusConflict,
	CodeTooLarge: http.StatusRequestEntityTooLarge, CodeMedia: http.StatusUnsupportedMediaType,
	CodeInvalid: http.StatusUnprocessableEntity, CodeRate: http.StatusTooManyRequests,
	CodeInternal: http.StatusInternalServerError, CodeUnavailable: http.StatusServiceUnavailable,
	CodeTimeout: http.StatusGatewayTimeout,
}

// Error is what every failed request answers, as {"error": {...}}. A denied
// decision is not an error: it is an Answer.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Hint says what to do about it.
	Hint string `json:"hint,omitempty"`
	// Reason is the journal's word for it, where there is one.
	Reason string `json:"reason,omitempty"`
	// Rule is what decided against it, where that was a rule or a restriction.
	Rule *Rule `json:"rule,omitempty"`
	// RetryAfter says when to try again, in seconds.
	RetryAfter float64 `json:"retry_after,omitempty"`
}

// Errorf makes an error of a code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint adds what to do about it.
func (e *Error) WithHint(hint string) *Error { e.Hint = hint; return e }

// WithReason adds the journal's word for it.
func (e *Error) WithReason(word string) *Error { e.Reason = word; return e }

// WithRule adds what decided against it; nil: no rule did.
func (e *Error) WithRule(r *Rule) *Error { e.Rule = r; return e }

// After adds when to try again.
func (e *Error) After(d time.Duration) *Error { e.RetryAfter = d.Seconds(); return e }

// Error gives the message; the hint is for whoever shows it.
func (e *Error) Error() string { return e.Message }

// Is makes errors.Is(err, &Error{Code: c}) compare codes.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Status is the HTTP status of the error.
func (e *Error) Status() int {
	if s, ok := codeStatus[e.Code]; ok {
		return s
	}
	return http.StatusInternalServerError
}

type errorBody struct {
	Error *Error `json:"error"`
}
