package api

import "time"

// MaxHours is the longest text of a store's hours.
const MaxHours = 256

// ReportRequest asks for a report of the journal, or of a part of it.
type ReportRequest struct {
	By   *Credentials `json:"by,omitempty"`
	From *time.Time   `json:"from,omitempty"`
	To   *time.Time   `json:"to,omitempty"`
}

// ExceptionsRequest asks whose figures differ from their peers'. Thresholds that
// are zero are report.Thresholds' defaults; without hours nothing is after hours.
type ExceptionsRequest struct {
	ReportRequest
	Hours     string  `json:"hours,omitempty"` // as week.ParseHours reads them
	Deviation float64 `json:"deviation,omitempty"`
	Sales     int64   `json:"sales,omitempty"`
	Peers     int     `json:"peers,omitempty"`
	Least     int64   `json:"least,omitempty"`
}

// OpensRequest asks when drawers were opened on a day, as 2006-01-02 at the
// register; empty: today.
type OpensRequest struct {
	By    *Credentials `json:"by,omitempty"`
	Day   string       `json:"day,omitempty"`
	Hours string       `json:"hours,omitempty"`
}
