package daemon

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// levelAlways is for what the system journal gets whatever log says: the
// checkpoints, without which the end of a journal cannot be verified.
const levelAlways = slog.Level(16)

// NewLog makes the daemon's log: lines for people, with syslog's level prefix
// where standard error is the system journal's stream.
func NewLog(w io.Writer, level slog.Leveler) *slog.Logger {
	f, ok := w.(*os.File)
	if !ok || !journalStream(f) {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if l, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey && l == levelAlways {
				return slog.String(slog.LevelKey, "NOTICE")
			}
			return a
		}}))
	}
	return slog.New(newPrefixed(w, level))
}

// Complain writes why the daemon does not run: as text, or line by line with syslog's
// level where w is the system journal's stream, so that who looks there for errors finds it.
func Complain(w io.Writer, err error) {
	prefix := ""
	if f, ok := w.(*os.File); ok && journalStream(f) {
		prefix = priority(slog.LevelError)
	}
	for line := range strings.Lines(err.Error() + "\n") {
		_, _ = io.WriteString(w, prefix+line) // there is no other way to say it
	}
}

// journalStream reports whether a file is the stream that systemd made for
// us: its device and inode are in JOURNAL_STREAM.
func journalStream(f *os.File) bool {
	dev, inode, ok := strings.Cut(os.Getenv("JOURNAL_STREAM"), ":")
	var st unix.Stat_t
	if !ok || unix.Fstat(int(f.Fd()), &st) != nil {
		return false
	}
	return dev == strconv.FormatUint(st.Dev, 10) && inode == strconv.FormatUint(st.Ino, 10)
}

// prefixed writes "<N>" before each line, as sd-daemon(3) wants, and leaves
// out time and level, which the system journal has.
type prefixed struct {
	slog.Handler
	out *sharedBuffer
}

type sharedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
	w   io.Writer
}

func (b *sharedBuffer) Write(p []byte) (int, error) { return b.buf.Write(p) }

func newPrefixed(w io.Writer, level slog.Leveler) slog.Handler {
	out := &sharedBuffer{w: w}
	return &prefixed{out: out, Handler: slog.NewTextHandler(out, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		},
	})}
}

// Handle writes one line.
func (h *prefixed) Handle(ctx context.Context, r slog.Record) error {
	h.out.mu.Lock()
	defer h.out.mu.Unlock()
	h.out.buf.Reset()
	h.out.buf.WriteString(priority(r.Level))
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := h.out.w.Write(h.out.buf.Bytes())
	return err
}

// WithAttrs keeps the prefix.
func (h *prefixed) WithAttrs(as []slog.Attr) slog.Handler {
	return &prefixed{Handler: h.Handler.WithAttrs(as), out: h.out}
}

// WithGroup keeps the prefix.
func (h *prefixed) WithGroup(name string) slog.Handler {
	return &prefixed{Handler: h.Handler.WithGroup(name), out: h.out}
}

// priority is syslog's, as sd-daemon(3) writes it.
func priority(l slog.Level) string {
	switch {
	case l == levelAlways:
		return "<5>"
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}
