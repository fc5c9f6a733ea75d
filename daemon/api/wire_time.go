package api

import (
	"time"

	"tillwarden/enforcer/timeclock"
)

// MaxBreak is the longest that somebody may be sent on a break.
const MaxBreak = 8 * time.Hour

// PunchRequest is one punch of the time clock: of By's, or where By may, of Number's.
type PunchRequest struct {
	By *Person `json:"by"`
	// Number is the operator whose clock it is; empty: By's own.
	Number string `json:"number,omitempty"`
	// Seconds is how long a break lasts that somebody else is sent on; 0: as configured.
	Seconds float64 `json:"seconds,omitempty"`
}

// PunchAnswer is how a punch came out. Refused is an answer, not an error.
type PunchAnswer struct {
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
	// Say is what the person may be told.
	Say        string  `json:"say"`
	Rule       *Rule   `json:"rule,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty"`
}

// TimeRequest asks who is clocked in.
type TimeRequest struct {
	By *Credentials `json:"by,omitempty"`
}

// TimeClock is who is clocked in at this register. Runs says whether that matters here.
type TimeClock struct {
	Runs   bool       `json:"runs"`
	People []Standing `json:"people"`
}

// Standing is how somebody stands who is clocked in.
type Standing struct {
	Operator string    `json:"operator"` // the number that was clocked in with
	Name     string    `json:"name,omitempty"`
	Person   string    `json:"person"`
	State    string    `json:"state"` // "in" or "break"
	In       time.Time `json:"in"`
	Since    time.Time `json:"since"` // when this state began
	// Forced: somebody else sent them on the break. Left is how long it still lasts.
	Forced bool    `json:"forced,omitempty"`
	Left   float64 `json:"left_seconds,omitempty"`
}

// TimeReportRequest asks for the hours of one operator, or of all.
type TimeReportRequest struct {
	ReportRequest
	Operator string `json:"operator,omitempty"`
}

func punch(what timeclock.Punch) func(*Server, *exchange) (any, error) {
	return func(s *Server, x *exchange) (any, error) {
		var req PunchRequest
		defer wipe(&req)
		if err := x.decode(&req); err != nil {
			return nil, err
		}
		switch {
		case req.By == nil:
			return nil, Errorf(CodeInvalid, "by is missing").WithHint("by is whose number and PIN, or card and PIN, it is")
		case req.Seconds != 0 && (what != timeclock.Break || req.Number == ""):
			return nil, Errorf(CodeInvalid, "seconds is for a break that number is sent on")
		case !(req.Seconds >= 0 && req.Seconds <= MaxBreak.Seconds()) || req.Seconds > 0 && req.Seconds < 60:
			return nil, Errorf(CodeInvalid, "seconds is not between 60 and %.0f", MaxBreak.Seconds())
		}
		leave, err := s.waitsForCards(req.By)
		if err != nil {
			return nil, err
		}
		defer leave()
		return answer(s.backend.Punch(x.ctx, x.caller, what, &req))
	}
}
