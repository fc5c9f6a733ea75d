package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// pos is the demo's POS application: it knows nothing of the daemon, and
// prints to a tty as it always did.
type pos struct{ path string }

// The bytes that every ESC/POS printer knows.
const (
	initialise = "\x1b@"
	cut        = "\n\n\x1dV\x00"
	kick       = "\x1bp\x00\x19\xfa"
)

// receipt is what is printed for a sale.
func receipt(n int, total string) string {
	var b strings.Builder
	b.WriteString(initialise)
	b.WriteString("        EXAMPLE STORES 0042\n")
	fmt.Fprintf(&b, "   register 1       receipt %04d\n", n)
	b.WriteString("--------------------------------\n")
	b.WriteString("Coffee                      2.40\n")
	b.WriteString("Bread roll                  1.10\n")
	b.WriteString("--------------------------------\n")
	fmt.Fprintf(&b, "TOTAL%27s\n", total)
	fmt.Fprintf(&b, "CASH%28s\n", "10.00")
	b.WriteString("Thank you\n")
	return b.String()
}

// print writes to what the POS takes for its printer.
func (p pos) print(ctx context.Context, bytes string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var f *os.File
	err := until(ctx, "the printer port", nil, func() (err error) {
		f, err = os.OpenFile(p.path, os.O_WRONLY|syscall.O_NOCTTY, 0)
		return err
	})
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.WriteString(f, bytes); err != nil {
		return fmt.Errorf("the POS printing: %w", err)
	}
	return nil
}
