package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/devices/record"
)

func (a *app) printerRecordCommand() *cobra.Command {
	var r recording
	var name, file string
	most := sizeFlag(1 << 20)
	c := &cobra.Command{
		Use:   "record -o FILE",
		Short: "write down what a POS prints, for support",
		Long: `Writes what a POS sends to a printer from now on to a file, until the time or the
size is reached or it is interrupted. The POS and the printer notice nothing.

Card numbers are masked in the daemon, before anything leaves it; with --text all
text is: letters become x, digits 9, its layout stays (the data of bar codes
stays as well, but for card numbers). Beginning and end are in the journal.

explain, profile and filter read the file. It is lines of JSON: times, jobs, and
the bytes in base64; the manual of its format is the package devices/record.`,
		Example: `  tillwarden printer record --for 5m -o job.rec
  tillwarden printer record --printer kitchen --text --max 4MiB -o kitchen.rec`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return usagef("say where to: -o FILE").hint("-o - writes to standard output")
			}
			r.MaxBytes = int64(most)
			return a.record(cmd.Context(), name, file, &r)
		},
	}
	f := c.Flags()
	f.StringVar(&name, "printer", "", "which `printer`; may be left out where there is one")
	f.DurationVar(&r.span, "for", 10*time.Minute, "how `long`, at most 1h")
	f.Var(&most, "max", "how much, at most 16MiB")
	f.BoolVar(&r.MaskText, "text", false, "mask all text, not only card numbers")
	f.StringVarP(&file, "output", "o", "", "the `file` to write, which must not exist; - for standard output")
	_ = c.RegisterFlagCompletionFunc("printer", a.completePrinter)
	return c
}

// recording is one record being written.
type recording struct {
	api.RecordRequest
	span time.Duration

	out   io.Writer
	begun bool
	last  record.Piece
	job   int // which was the last
	bytes int64
	jobs  int // how many there were
	lost  int64
}

func (a *app) record(ctx context.Context, name, file string, r *recording) error {
	if r.span <= 0 || r.span > api.MaxRecordFor {
		return usagef("--for is %s", r.span).hint("it is up to %s", api.MaxRecordFor)
	}
	r.Seconds = r.span.Seconds()
	client, err := a.dial(ctx, api.RoleTechnician)
	if err != nil {
		return err
	}
	defer client.Close()
	if name, err = thePrinter(ctx, client, given(name)); err != nil {
		return err
	}
	r.out = a.out
	if file != "-" {
		f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return failedf("%s is there already", file).hint("name another file")
		}
		if err != nil {
			return failedf("%w", err)
		}
		defer f.Close()
		r.out = f
	}
	a.note("recording what the POS sends to %s, for %s; Ctrl-C ends it", name, r.span)
	err = client.Record(ctx, name, r.RecordRequest, r.line)
	if errors.Is(err, context.Canceled) && r.begun {
		err = r.end("stopped")
	}
	if err != nil {
		if r.bytes == 0 && file != "-" {
			_ = os.Remove(file) // there is nothing in it
		}
		return fmt.Errorf("record printer %s: %w", name, err)
	}
	if f, ok := r.out.(*os.File); ok && file != "-" {
		if err := f.Sync(); err != nil {
			return failedf("write the record: %w", err)
		}
	}
	says := fmt.Sprintf("%s in %s, ended by %s", count(int(r.bytes), "byte"), count(r.jobs, "job"), ends[r.last.End])
	if r.lost > 0 {
		says += fmt.Sprintf("; %s came too fast and are left out", count(int(r.lost), "byte"))
	}
	a.note("%s", says)
	return nil
}

// ends are the words for how a record ended.
var ends = map[string]string{"time": "its time", "size": "its size", "stopped": "you", "": "the daemon"}

func given(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

// line takes one line of the record.
func (r *recording) line(b []byte) error {
	var p record.Piece
	if err := json.Unmarshal(b, &p); err != nil {
		return failedf("the daemon's record cannot be read: %w", err)
	}
	r.begun, r.last = true, p
	r.bytes += int64(len(p.Bytes))
	r.lost += p.Lost
	if p.Job > r.job { // the record may begin in the middle of them
		r.job = p.Job
		r.jobs++
	}
	return r.write(b)
}

func (r *recording) write(b []byte) error {
	if _, err := r.out.Write(append(b[:len(b):len(b)], '\n')); err != nil {
		return failedf("write the record: %w", err)
	}
	return nil
}

// end writes the last line where it was interrupted.
func (r *recording) end(why string) error {
	r.last = record.Piece{At: r.last.At, End: why}
	b, err := json.Marshal(r.last)
	if err != nil {
		return err
	}
	return r.write(b)
}

// sizeFlag is a number of bytes, as 1MiB.
type sizeFlag int64

func (s *sizeFlag) String() string {
	switch v := int64(*s); {
	case v > 0 && v%(1<<20) == 0:
		return fmt.Sprintf("%dMiB", v>>20)
	case v > 0 && v%(1<<10) == 0:
		return fmt.Sprintf("%dKiB", v>>10)
	default:
		return fmt.Sprint(v)
	}
}

// Type is the flag's word in the help.
func (s *sizeFlag) Type() string { return "size" }

// Set reads it.
func (s *sizeFlag) Set(text string) error {
	number, shift := strings.TrimSuffix(text, "B"), 0
	switch {
	case strings.HasSuffix(number, "Ki"):
		shift = 10
	case strings.HasSuffix(number, "Mi"):
		shift = 20
	}
	if shift > 0 {
		number = number[:len(number)-2]
	}
	v, err := strconv.ParseInt(number, 10, 32)
	if err != nil || v <= 0 || v<<shift > api.MaxRecord {
		return errors.New("it is a number of bytes, as 200KiB or 1MiB, up to 16MiB")
	}
	*s = sizeFlag(v << shift)
	return nil
}
