package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"tillwarden/daemon/api"
)

// lineReader reads standard input byte by byte up to a newline, so that
// nothing beyond the line is taken, and no buffer keeps what was a secret.
type lineReader struct{}

// The longest lines: of a PIN, and of an answer to a question.
const (
	maxLine   = 64
	maxAnswer = 1024
)

func (l lineReader) read(r io.Reader) ([]byte, error) { return l.upTo(r, maxLine, "PIN") }

func (lineReader) upTo(r io.Reader, limit int, what string) ([]byte, error) {
	line := make([]byte, 0, limit)
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		if n == 1 {
			if b[0] == '\n' {
				return bytes.TrimSuffix(line, []byte("\r")), nil
			}
			if len(line) == limit {
				clear(line)
				return nil, fmt.Errorf("a line of more than %d characters is no %s", limit, what)
			}
			line = append(line, b[0])
		}
		if err == io.EOF && len(line) > 0 {
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// terminal gives standard input's descriptor if people type there.
func (a *app) terminal() (int, bool) {
	f, ok := a.in.(*os.File)
	if !ok {
		return 0, false
	}
	fd := int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// askPIN asks for a PIN: on a terminal without showing it, else as the next
// line of standard input.
func (a *app) askPIN(whose string) (api.Secret, error) {
	return a.askSecret("PIN of "+whose, "PINs are read one a line: first that of who acts, then the new one, where one is chosen")
}

// askSecret asks for what must not be shown. order is the hint where standard
// input has no more lines.
func (a *app) askSecret(what, order string) (api.Secret, error) {
	fd, ok := a.terminal()
	var pin []byte
	var err error
	if ok {
		fmt.Fprintf(a.err, "%s: ", what)
		pin, err = a.unseen(fd)
		fmt.Fprintln(a.err)
	} else {
		pin, err = a.lines.read(a.in)
	}
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	if err == io.EOF {
		return nil, usagef("missing on standard input: the %s", what).hint("%s", order)
	}
	if err != nil {
		return nil, failedf("reading the %s: %w", what, err)
	}
	if len(pin) == 0 {
		return nil, usagef("no %s was given", what)
	}
	return api.Secret(pin), nil
}

// unseen reads a line that is not shown. Ctrl-C ends the run's context, not
// the read: then the terminal is put back as it was, and the read is left behind.
func (a *app) unseen(fd int) ([]byte, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	type answer struct {
		line []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		read <- answer{line, err}
	}()
	select {
	case r := <-read:
		return r.line, r.err
	case <-a.ctx.Done():
		_ = term.Restore(fd, before)
		return nil, a.ctx.Err()
	}
}

// askNewPIN asks for a PIN that is to be set: twice, where people type it.
func (a *app) askNewPIN(whose string) (api.Secret, error) {
	pin, err := a.askPIN(whose)
	if err != nil {
		return nil, err
	}
	if _, ok := a.terminal(); !ok {
		return pin, nil
	}
	again, err := a.askPIN(whose + ", again")
	if err != nil {
		pin.Wipe()
		return nil, err
	}
	defer again.Wipe()
	if !bytes.Equal(pin, again) {
		pin.Wipe()
		return nil, refusedf("the two PINs are not the same").hint("nothing was changed; try again")
	}
	return pin, nil
}

// askLine asks a question, and reads its answer as the next line of standard input;
// an empty one is what is in brackets.
func (a *app) askLine(question, standard string) (string, error) {
	if standard != "" {
		question += " [" + standard + "]"
	}
	fmt.Fprintf(a.err, "%s: ", question)
	type answer struct {
		line []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := a.lines.upTo(a.in, maxAnswer, "answer")
		read <- answer{line, err}
	}()
	select {
	case r := <-read:
		switch {
		case r.err == io.EOF:
			return "", usagef("nobody answers on standard input: %q", question).hint("tillwarden setup --answers FILE asks nothing; --example-answers shows such a file")
		case r.err != nil:
			return "", failedf("reading the answer: %w", r.err)
		}
		if text := strings.TrimSpace(string(r.line)); text != "" {
			return text, nil
		}
		return standard, nil
	case <-a.ctx.Done():
		fmt.Fprintln(a.err)
		return "", a.ctx.Err()
	}
}
