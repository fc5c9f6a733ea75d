package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Head is a record's first line.
type Head struct {
	Record  string `json:"record"`
	Version int    `json:"version"`
	Printer string `json:"printer,omitempty"`
	Dialect string `json:"dialect,omitempty"`
}

// The first line's words.
const (
	name    = "tillwarden print"
	version = 1
)

// NewHead is the head of a new record.
func NewHead(printer, dialect string) Head {
	return Head{Record: name, Version: version, Printer: printer, Dialect: dialect}
}

// Piece is what came at one time, or how the record ended.
type Piece struct {
	// At is when, in milliseconds since the record began.
	At int64 `json:"at"`
	// Job is which opening of the port it came in.
	Job int `json:"job,omitempty"`
	// Bytes are at most 64 KiB.
	Bytes []byte `json:"bytes,omitempty"`
	// End says why the record ended: "time", "size", "stopped".
	End string `json:"end,omitempty"`
	// Lost is how many bytes were left out.
	Lost int64 `json:"lost,omitempty"`
}

// Breaks reports whether the stream breaks off before this piece: another job
// begins, or something was left out.
func (p *Piece) Breaks(job int) bool {
	return p.Lost > 0 || len(p.Bytes) > 0 && job != 0 && p.Job != job
}

// Time is At.
func (p *Piece) Time() time.Duration { return time.Duration(p.At) * time.Millisecond }

// ErrFormat: it is no record that this version reads.
var ErrFormat = errors.New("no record of prints")

// maxLine bounds a line of a record.
const maxLine = 256 << 10

// Read gives a record's pieces one after the other. A file that is no record is
// taken for the bytes themselves, all of one job. It returns the head, which is
// empty for those.
func Read(r io.Reader, give func(Piece) error) (Head, error) {
	return ReadWithHead(r, func(Head) error { return nil }, give)
}

// ReadWithHead is Read for those who need the head before the first piece.
func ReadWithHead(r io.Reader, begin func(Head) error, give func(Piece) error) (Head, error) {
	b := bufio.NewReaderSize(r, maxLine)
	first, err := b.Peek(len(`{"record":`))
	if err != nil && !errors.Is(err, io.EOF) {
		return Head{}, fmt.Errorf("read the record: %w", err)
	}
	if string(first) != `{"record":` {
		return Head{}, readBare(b, give)
	}
	var head Head
	for n := 1; ; n++ {
		line, err := b.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return head, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return head, fmt.Errorf("%w: line %d is too long", ErrFormat, n)
		case err != nil && !errors.Is(err, io.EOF):
			return head, fmt.Errorf("read the record: %w", err)
		}
		if n == 1 {
			if err := strict(line, &head); err != nil || head.Record != name {
				return head, fmt.Errorf("%w: its first line says otherwise", ErrFormat)
			}
			if head.Version != version {
				return head, fmt.Errorf("%w: it is of version %d, this reads %d", ErrFormat, head.Version, version)
			}
			if err := begin(head); err != nil {
				return head, err
			}
			continue
		}
		var p Piece
		if err := strict(line, &p); err != nil {
			return head, fmt.Errorf("%w: line %d: %w", ErrFormat, n, err)
		}
		if p.At < 0 || p.Job < 0 || p.Lost < 0 {
			return head, fmt.Errorf("%w: line %d: less than nothing", ErrFormat, n)
		}
		if err := give(p); err != nil {
			return head, err
		}
	}
}

func strict(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows")
	}
	return nil
}

func readBare(r io.Reader, give func(Piece) error) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := give(Piece{Job: 1, Bytes: buf[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the stream: %w", err)
		}
	}
}
