package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// streamEvents writes server-sent events. There is no heartbeat: a peer on a
// unix socket that is gone is noticed at once.
func streamEvents(s *Server, x *exchange) (any, error) {
	if err := x.empty(); err != nil {
		return nil, err
	}
	after, err := lastEvent(x.r)
	if err != nil {
		return nil, err
	}
	if err := x.begin("text/event-stream"); err != nil {
		return nil, err
	}
	var line []byte
	err = s.backend.Events(x.ctx, x.caller, after, func(e *Event) error {
		data, err := json.Marshal(e)
		if err != nil {
			return err
		}
		line = append(line[:0], "id: "...)
		line = strconv.AppendUint(line, uint64(e.Seq), 10)
		line = append(line, "\nevent: "...)
		line = append(line, e.Kind...)
		line = append(line, "\ndata: "...)
		line = append(line, data...)
		line = append(line, "\n\n"...)
		return x.send(line)
	})
	x.ended(err)
	return nil, nil
}

// lastEvent is where to go on: the header that browsers send, or ?after=.
func lastEvent(r *http.Request) (*Seq, error) {
	v := r.Header.Get("Last-Event-ID")
	if v == "" {
		v = r.URL.Query().Get("after")
	}
	if v == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(v, 10, 63)
	if err != nil {
		return nil, Errorf(CodeInvalid, "the last event's id is no number")
	}
	after := Seq(n)
	return &after, nil
}

// jsonLines is the media type of one JSON object a line.
const jsonLines = "application/x-ndjson"

// readQuery reads what a stream is asked for. Who names an operator spends a PIN's try.
func (s *Server) readQuery(x *exchange, q any, by **Credentials) error {
	if err := x.decode(q); err != nil || *by == nil {
		return err
	}
	return s.bounds.take(x.caller.UID, classPIN)
}

// streamPiece is about how many bytes of a long stream are written at once.
const streamPiece = 32 << 10

// streamJournal writes entries as JSON lines. An error after the first line
// is the last line: {"error": ...}.
func streamJournal(s *Server, x *exchange) (any, error) {
	var q JournalStream
	defer wipe(&q)
	if err := s.readQuery(x, &q, &q.By); err != nil {
		return nil, err
	}
	var lines []byte
	err := s.backend.JournalStream(x.ctx, x.caller, &q, func(e *Entry) error {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		// Who follows wants each entry at once, who reads all of them the whole soon.
		if lines = append(append(lines, line...), '\n'); !q.Follow && len(lines) < streamPiece {
			return nil
		}
		err = x.piece(jsonLines, lines)
		lines = lines[:0]
		return err
	})
	if len(lines) > 0 {
		if err := x.piece(jsonLines, lines); err != nil {
			return nil, nil // nobody reads any more
		}
	}
	switch {
	case err != nil && !x.begun:
		return nil, err
	case !x.begun:
		return nil, x.begin(jsonLines)
	}
	var e *Error
	if errors.As(err, &e) {
		if line, err := json.Marshal(errorBody{e}); err == nil {
			_ = x.send(append(line, '\n'))
		}
		return nil, nil
	}
	x.ended(err)
	return nil, nil
}

// streamStored writes entries as they are stored, a page at a time.
func streamStored(s *Server, x *exchange) (any, error) {
	const mediaType = "application/cbor-seq" // RFC 8742, 6.1
	var q JournalStored
	defer wipe(&q)
	if err := s.readQuery(x, &q, &q.By); err != nil {
		return nil, err
	}
	err := s.backend.JournalStored(x.ctx, x.caller, &q, func(page []byte) error { return x.piece(mediaType, page) })
	switch {
	case err != nil && !x.begun:
		return nil, err
	case !x.begun:
		return nil, x.begin(mediaType)
	}
	x.ended(err)
	return nil, nil
}

// streamRecord writes a record of prints, which is JSON lines as it is.
func streamRecord(s *Server, x *exchange) (any, error) {
	var r RecordRequest
	if err := x.decode(&r); err != nil {
		return nil, err
	}
	if !(r.Seconds >= 0 && r.Seconds <= MaxRecordFor.Seconds()) {
		return nil, Errorf(CodeInvalid, "seconds is not between 0 and %.0f", MaxRecordFor.Seconds())
	}
	if r.MaxBytes < 0 || r.MaxBytes > MaxRecord {
		return nil, Errorf(CodeInvalid, "max_bytes is not between 0 and %d", MaxRecord)
	}
	err := s.backend.Record(x.ctx, x.caller, x.r.PathValue("name"), &r, func(line []byte) error {
		return x.piece(jsonLines, line)
	})
	if err != nil && !x.begun {
		return nil, err
	}
	x.ended(err)
	return nil, nil
}

// begin sends the head of a stream.
func (x *exchange) begin(mediaType string) error {
	h := x.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	x.w.WriteHeader(http.StatusOK)
	x.begun = true
	return x.flush()
}

// piece sends a piece of a stream, the first one behind its head.
func (x *exchange) piece(mediaType string, b []byte) error {
	if !x.begun {
		if err := x.begin(mediaType); err != nil {
			return err
		}
	}
	return x.send(b)
}

// send writes a piece of a stream at once. A reader that does not read for
// long is let go: it can resume.
func (x *exchange) send(piece []byte) error {
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := x.w.Write(piece); err != nil {
		return err
	}
	return x.flush()
}

func (x *exchange) flush() error { return http.NewResponseController(x.w).Flush() }

// ended logs why a stream ended, where that is worth knowing, and breaks the
// connection so that the reader does not take it for the end of the data.
func (x *exchange) ended(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	x.log.Debug("a stream ended", "path", x.r.URL.Path, "source", x.caller.Source(), "err", err)
	panic(http.ErrAbortHandler)
}
