package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Kick is where in a receipt a POS opens the drawer.
type Kick string

// The places.
const (
	KickNone   Kick = "none"
	KickBefore Kick = "before" // ahead of the first line, as at tender
	KickAfter  Kick = "after"  // behind the cut
	KickAlone  Kick = "alone"  // nothing else is printed
)

// Slip is something that a POS prints.
type Slip struct {
	// Kind is one of SlipKinds; it says what is printed and where the drawer
	// is opened unless Kick says otherwise.
	Kind string `json:"kind"`
	Kick Kick   `json:"kick,omitempty"`
	// Drawer is 1 unless given.
	Drawer int `json:"drawer,omitempty"`
	// Pulse is the command that opens it: "esc" (ESC p) unless "dle" (DLE DC4).
	Pulse string `json:"pulse,omitempty"`
	// Lines are printed in place of the kind's own.
	Lines []string `json:"lines,omitempty"`
}

// SlipKinds are what a POS may print.
func SlipKinds() []string { return []string{"sale", "no-sale", "paid-out", "copy", "kick"} }

var slips = map[string]struct {
	kick  Kick
	lines []string
}{
	"sale": {KickAfter, []string{
		"CORNER SHOP", "Register 1", "",
		row("Milk 1 l", "1.19"), row("Bread", "2.40"), row("Apples 0.842 kg", "2.52"), row("Coffee 250 g", "4.99"), row("Newspaper", "1.80"),
		strings.Repeat("-", slipColumns),
		row("TOTAL", "12.90"), row("CASH", "20.00"), row("CHANGE", "7.10"), "", "Thank you",
	}},
	"no-sale":  {KickAfter, []string{"CORNER SHOP", "Register 1", "", "NO SALE", ""}},
	"paid-out": {KickAfter, []string{"CORNER SHOP", "Register 1", "", "PAID OUT", row("Window cleaner", "35.00"), "", "Signature ______________", ""}},
	"copy":     {KickNone, []string{"*** COPY ***", "CORNER SHOP", "", row("Milk 1 l", "1.19"), row("TOTAL", "1.19"), row("CARD", "1.19"), "*** COPY ***", ""}},
	"kick":     {KickAlone, nil},
}

const slipColumns = 32

// row is a text on the left and an amount on the right.
func row(left, right string) string {
	return fmt.Sprintf("%-*s%s", slipColumns-len(right), left, right)
}

// Bytes is what the POS writes for a slip.
func (s Slip) Bytes() ([]byte, error) {
	kind, ok := slips[s.Kind]
	if !ok {
		return nil, fmt.Errorf("a POS prints no %q here; it prints %s", s.Kind, strings.Join(SlipKinds(), ", "))
	}
	if s.Kick != "" {
		kind.kick = s.Kick
	}
	if s.Lines != nil {
		kind.lines = s.Lines
	}
	pulse, err := s.pulse()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	switch kind.kick {
	case KickAlone:
		return pulse, nil
	case KickBefore:
		b.Write(pulse)
	case KickAfter, KickNone:
	default:
		return nil, fmt.Errorf("a drawer is opened %s, %s, %s or %s, not %q", KickBefore, KickAfter, KickAlone, KickNone, kind.kick)
	}
	b.WriteString("\x1b@")
	for i, line := range kind.lines {
		if i == 0 {
			b.WriteString("\x1ba\x01\x1bE\x01" + line + "\n\x1bE\x00\x1ba\x00")
			continue
		}
		b.WriteString(line + "\n")
	}
	b.WriteString("\x1dVB\x00")
	if kind.kick == KickAfter {
		b.Write(pulse)
	}
	return b.Bytes(), nil
}

func (s Slip) pulse() ([]byte, error) {
	drawer := max(s.Drawer, 1)
	if err := checkDrawer(drawer); err != nil {
		return nil, err
	}
	m := byte(drawer - 1)
	switch s.Pulse {
	case "", "esc":
		return []byte{esc, 'p', m, 25, 250}, nil
	case "dle":
		return []byte{dle, dc4, 1, m, 1}, nil
	}
	return nil, fmt.Errorf("a drawer is opened by esc or dle, not %q", s.Pulse)
}

const (
	maxWrite  = 4 << 20
	maxAnswer = 64 << 10
	posWait   = 10 * time.Second
)

// POSWrite does what a POS application does with a printer: opens the tty,
// writes, waits for answers if it wants any, and closes it. It sets nothing, and
// claims nothing.
func POSWrite(ctx context.Context, path string, data []byte, answers time.Duration) ([]byte, error) {
	if len(data) > maxWrite {
		return nil, fmt.Errorf("writing to %s: %d bytes are too many", path, len(data))
	}
	tty, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("opening the printer as a POS: %w", err)
	}
	defer tty.Close()
	stop := context.AfterFunc(ctx, func() { tty.Close() })
	defer stop()
	if err := tty.SetWriteDeadline(time.Now().Add(posWait)); err != nil {
		return nil, fmt.Errorf("%s is no tty: %w", path, err)
	}
	if n, err := tty.Write(data); err != nil {
		return nil, fmt.Errorf("writing to %s, %d of %d bytes went out: %w", path, n, len(data), err)
	}
	if answers <= 0 {
		return nil, nil
	}
	if err := tty.SetReadDeadline(time.Now().Add(min(answers, posWait))); err != nil {
		return nil, fmt.Errorf("reading from %s: %w", path, err)
	}
	var got []byte
	buf := make([]byte, 512)
	for len(got) < maxAnswer {
		n, err := tty.Read(buf)
		got = append(got, buf[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return got, fmt.Errorf("reading from %s: %w", path, err)
		}
	}
	return got, nil
}
