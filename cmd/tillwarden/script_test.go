package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// wantCode runs a command line and wants its exit code:
//
//	code 2 tillwarden policy compile
func wantCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		exit, ok := err.(interface{ ExitCode() int })
		if !ok {
			ts.Fatalf("running %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// wantMode wants a file's permissions, in octal: mode 600 chain.key
func wantMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode OCTAL FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// swap changes every occurrence of one text into another of the same length,
// in a copy: swap FROM TO FILE COPY
func swap(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 || len(args[0]) != len(args[1]) {
		ts.Fatalf("usage: swap FROM TO FILE COPY, FROM and TO of one length")
	}
	b, err := os.ReadFile(ts.MkAbs(args[2]))
	ts.Check(err)
	if !bytes.Contains(b, []byte(args[0])) {
		ts.Fatalf("%s does not contain %q", args[2], args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), bytes.ReplaceAll(b, []byte(args[0]), []byte(args[1])), 0o600))
}

// writeBytes writes a file of bytes, given as in a Go string: bytes FILE 'a\n\x1b'
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: bytes FILE STRING")
	}
	s, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(s), 0o600))
}

// writeCalls writes what the fake daemon was asked since the last time into a
// file: calls FILE
func (f *fake) writeCalls(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: calls FILE")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Join(f.calls, "\n")+"\n"), 0o600))
	f.calls = nil
}

var sheetCode = regexp.MustCompile(`[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}`)

// firstCode writes a PIN and the first code of a printed list, as standard input
// takes them: firstcode SHEET PIN FILE
func firstCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: firstcode SHEET PIN FILE")
	}
	code := sheetCode.FindString(ts.ReadFile(args[0]))
	if code == "" {
		ts.Fatalf("there is no code in %s", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), []byte(ts.ReadFile(args[1])+strings.ToLower(code)+"\n"), 0o600))
}

// secret wants none of a printed list's codes in files: secret SHEET FILE...
func secret(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: secret SHEET FILE...")
	}
	for _, code := range sheetCode.FindAllString(ts.ReadFile(args[0]), -1) {
		for _, file := range args[1:] {
			text := strings.ToUpper(strings.ReplaceAll(ts.ReadFile(file), "-", ""))
			if strings.Contains(text, strings.ReplaceAll(code, "-", "")) {
				ts.Fatalf("a code is in %s", file)
			}
		}
	}
}
