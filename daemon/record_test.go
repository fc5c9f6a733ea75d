package daemon

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"testing"

	"tillwarden/daemon/api"
	"tillwarden/devices/record"
)

// TestInvariant5Record: what a POS prints is recorded without card numbers, and
// the journal has who recorded it, from when to when.
func TestInvariant5Record(t *testing.T) {
	t.Parallel()
	tl := newTill(t, "")
	ctx := t.Context()
	pan := strings.Repeat("0", 13) + "018" // its check digit is right
	sent := "CARD " + pan[:6] + "\x1bE\x01" + pan[6:] + "\nMilk 1.20\n\x1bp\x00\x19\xfaThanks\n"

	recorded := func(r api.RecordRequest) (pieces []record.Piece, head record.Head) {
		t.Helper()
		var file bytes.Buffer
		err := tl.tech.Record(ctx, "receipt", r, func(line []byte) error {
			if file.Len() == 0 { // it listens from here on
				if err := tl.posWrites(sent); err != nil {
					return err
				}
			}
			file.Write(append(line, '\n'))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{pan, pan[6:], base64.StdEncoding.EncodeToString([]byte(pan[6:]))} {
			if strings.Contains(file.String(), form) {
				t.Errorf("the record has %q", form)
			}
		}
		head, err = record.Read(&file, func(p record.Piece) error {
			pieces = append(pieces, p)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return pieces, head
	}
	text := func(pieces []record.Piece) string {
		var b []byte
		for _, p := range pieces {
			b = append(b, p.Bytes...)
		}
		return string(b)
	}

	pieces, head := recorded(api.RecordRequest{MaxBytes: int64(len(sent))})
	want := "CARD ******\x1bE\x01**********" + sent[strings.Index(sent, "\nMilk"):]
	if got := text(pieces); got != want || head.Printer != "receipt" || head.Dialect != "epson" || pieces[len(pieces)-1].End != "size" {
		t.Errorf("%q, want %q; %+v, %+v", got, want, head, pieces[len(pieces)-1])
	}
	pieces, _ = recorded(api.RecordRequest{Seconds: 0.5, MaskText: true})
	if got := text(pieces); strings.Contains(got, "Milk") || !strings.Contains(got, "Xxxx 9.99\n\x1bp\x00\x19\xfaXxxxxx\n") || pieces[len(pieces)-1].End != "time" {
		t.Errorf("%q, %+v", got, pieces[len(pieces)-1])
	}

	// Who stops it is in the journal as well; one at a time; only of printers.
	stop := errors.New("stop")
	stopped, cancel := context.WithCancel(ctx)
	defer cancel()
	err := tl.tech.Record(stopped, "receipt", api.RecordRequest{}, func([]byte) error {
		if err := tl.tech.Record(ctx, "receipt", api.RecordRequest{}, nil); !isCode(err, api.CodeConflict) {
			t.Errorf("two at a time: %v", err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
	cancel()
	if err := tl.tech.Record(ctx, "none", api.RecordRequest{}, nil); !isCode(err, api.CodeNotFound) {
		t.Errorf("a printer that is not there: %v", err)
	}
	until(t, "three records are journaled, each with its end", func() bool {
		var begun, ended []string
		for _, e := range tl.entries("called") {
			if rest, ok := strings.CutPrefix(e.Text, "the record of what the POS prints has ended: "); ok {
				ended = append(ended, rest)
				if e.About == 0 || !strings.HasPrefix(e.Source, "socket:technician uid=") {
					t.Fatalf("%+v", e)
				}
				if rest == "size" && e.Count != uint64(len(sent)) {
					t.Fatalf("%d bytes, %d were sent", e.Count, len(sent))
				}
			} else if strings.HasPrefix(e.Text, "recording what the POS prints, for ") {
				begun = append(begun, e.Text)
			}
		}
		return len(begun) == 3 && strings.Join(ended, " ") == "size time stopped"
	})
}

// posWrites is the POS printing bytes of its own.
func (tl *till) posWrites(s string) error {
	f, err := os.OpenFile(tl.link, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(s)
	return err
}
