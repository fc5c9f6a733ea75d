package journal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// childEnv makes the test binary a register under load, with its journal at
// the given path, until somebody kills it.
const childEnv = "TILLWARDEN_JOURNAL_TEST_CHILD"

// ack is what the child says of each Append that returned.
type ack struct {
	Seq  entry.Seq `json:"seq"`
	Text string    `json:"text"`
}

func childMain() int {
	private, err := os.ReadFile(os.Getenv(childEnv) + ".key")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	signer, public, err := ParsePrivate(string(private))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s, err := Open(context.Background(), Options{
		Path: os.Getenv(childEnv), Key: signer, PublicKey: public, CheckPause: 1, CheckpointEvery: 5 * time.Millisecond,
		Stamp: func() entry.Stamp { return entry.Stamp{Wall: time.Now().UnixNano()} }, Reserve: 1 << 20,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var mu sync.Mutex
	out := json.NewEncoder(os.Stdout)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			r := newRand(uint64(os.Getpid()*10 + w))
			for i := 0; ; i++ {
				var es []entry.Entry
				for range 1 + r.IntN(3) {
					e := testDecision(r)
					e.Source, e.Text = "", fmt.Sprintf("%d/%d/%d", os.Getpid(), w, i)
					es = append(es, e)
				}
				seqs, err := s.Append(context.Background(), true, es...)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				mu.Lock()
				for j, seq := range seqs {
					if err := out.Encode(ack{Seq: seq, Text: es[j].Text}); err != nil {
						mu.Unlock()
						return
					}
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return 1
}

// TestInvariant8AcknowledgedSurvivesSIGKILL kills a process under load 50
// times, each time a little later, and expects every entry that it
// acknowledged to be there, as it was, in a file that verifies.
func TestInvariant8AcknowledgedSurvivesSIGKILL(t *testing.T) {
	kills := 50
	if testing.Short() || raceDetector {
		kills = 10
	}
	path := filepath.Join(t.TempDir(), "journal.db")
	private, public, err := NewKey(randReader{newRand(9)}, KeyName("", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".key", []byte(private), 0o600); err != nil {
		t.Fatal(err)
	}
	verifier, err := ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	acked := map[entry.Seq]string{}
	r := newRand(11)
	for range kills {
		// Killed after a number of acknowledgements, at no particular moment after that.
		runChild(t, path, 1+r.IntN(60), time.Duration(r.IntN(3000))*time.Microsecond, acked)
		rep, err := Verify(t.Context(), path, []note.Verifier{verifier})
		if err != nil {
			t.Fatal(err)
		}
		if !rep.OK {
			t.Fatalf("the file does not verify: %+v", rep.Findings)
		}
		checkAcked(t, path, acked)
	}
	t.Logf("%d kills, %d acknowledged entries", kills, len(acked))
}

func checkAcked(t *testing.T, path string, acked map[entry.Seq]string) {
	t.Helper()
	rd, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rd.Close() }()
	for seq, text := range acked {
		e, err := rd.Get(seq)
		if err != nil || e.Text != text {
			t.Fatalf("entry %d was acknowledged as %q and is %q: %v", seq, text, e.Text, err)
		}
	}
}

// runChild runs the child until it acknowledged n entries, and kills it a moment later.
func runChild(t *testing.T, path string, n int, later time.Duration, acked map[entry.Seq]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(pipe)
	for i := 0; in.Scan(); i++ {
		var a ack
		if err := json.Unmarshal(in.Bytes(), &a); err != nil {
			break // the last line, cut off by the kill
		}
		if _, twice := acked[a.Seq]; twice {
			t.Errorf("number %d was given twice", a.Seq)
		}
		acked[a.Seq] = a.Text
		if i == n {
			time.AfterFunc(later, func() { _ = cmd.Process.Kill() })
		}
	}
	if err := in.Err(); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Log(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 1 {
		t.Fatalf("the child ended by itself: %v", err)
	}
}

// randReader makes test keys that are the same each time.
type randReader struct{ r interface{ Uint64() uint64 } }

func (r randReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r.r.Uint64())
	}
	return len(p), nil
}
