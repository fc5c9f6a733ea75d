package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"

	"github.com/fxamacker/cbor/v2"
)

// What a failed connect may mean.
const (
	errNoEntry     = syscall.ENOENT
	errConnRefused = syscall.ECONNREFUSED
	errAccess      = syscall.EACCES
)

// maxLine bounds one line of a stream.
const maxLine = 1 << 20

// Events calls f for each event after a sequence number (nil: from now on),
// until f fails or ctx ends. It returns nil where the daemon ended the
// stream: call again with the last event's Seq to go on without a gap.
func (c *Client) Events(ctx context.Context, after *Seq, f func(*Event) error) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if after != nil {
		header.Set("Last-Event-ID", strconv.FormatUint(uint64(*after), 10))
	}
	res, err := c.send(ctx, "GET", "/v1/events", nil, header)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxLine)
	var data []byte
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "" && len(data) > 0:
			var e Event
			if err := json.Unmarshal(data, &e); err != nil {
				return Errorf(CodeMalformed, "an event cannot be read: %v", err)
			}
			data = data[:0]
			if err := f(&e); err != nil {
				return err
			}
		case strings.HasPrefix(line, "data:"):
			data = append(data, strings.TrimPrefix(line[len("data:"):], " ")...)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return c.broken(ctx, err)
	}
	return nil
}

// JournalStream calls f for each entry that is selected, oldest first; with
// Follow it goes on until f fails or ctx ends. Each line is also given as it
// came, for exports.
func (c *Client) JournalStream(ctx context.Context, q JournalStream, f func(e *Entry, line []byte) error) error {
	res, err := c.send(ctx, "POST", "/v1/journal/stream", &q, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var probe struct {
			Entry
			Error *Error `json:"error"`
		}
		if err := json.Unmarshal(lines.Bytes(), &probe); err != nil {
			return Errorf(CodeMalformed, "a line of the journal cannot be read: %v", err)
		}
		if probe.Error != nil {
			return probe.Error
		}
		if err := f(&probe.Entry, lines.Bytes()); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return c.broken(ctx, err)
	}
	return nil
}

// JournalStored calls f for each entry that is selected, oldest first, as it is stored:
// its CBOR, which is overwritten by the next one's.
func (c *Client) JournalStored(ctx context.Context, q JournalStored, f func(stored []byte) error) error {
	res, err := c.send(ctx, "POST", "/v1/journal/stored", &q, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	entries := cbor.NewDecoder(bufio.NewReaderSize(res.Body, 1<<16))
	var stored cbor.RawMessage
	for {
		switch err := entries.Decode(&stored); {
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return c.broken(ctx, err)
		}
		if err := f(stored); err != nil {
			return err
		}
	}
}

// Record calls f for each line of a record of what a POS prints to a printer,
// without its end, until the record ends, f fails or ctx ends (technician).
func (c *Client) Record(ctx context.Context, device string, r RecordRequest, f func(line []byte) error) error {
	res, err := c.send(ctx, "POST", "/v1/devices/"+url.PathEscape(device)+"/record", &r, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := f(lines.Bytes()); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := lines.Err(); err != nil {
		return c.broken(ctx, err)
	}
	return nil
}
