package journal

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tillwarden/enforcer/journal/entry"
)

// Defaults of the options.
const (
	// DefaultReserve is room for 100,000 decisions: one takes about 500 bytes
	// of the file with its hashes and its part of the index (TestReserveIsEnough).
	DefaultReserve         = 100_000 * 600
	DefaultCheckpointEvery = time.Minute
	DefaultLockTimeout     = 2 * time.Second
)

// Options are how a journal is opened. Path and Stamp are needed.
type Options struct {
	// Path is the journal's file. Beside it stand, where needed: PATH.head
	// (the last checkpoint), PATH.new (a file being made) and
	// PATH.damaged-… (what was moved aside).
	Path string
	// Stamp gives the moment of an entry. It is called once for each, in order.
	Stamp func() entry.Stamp
	// Chain, Store and Register name the register in the checkpoints' origin.
	Chain, Store, Register string

	// Key signs checkpoints; nil means that none are made.
	Key note.Signer
	// PublicKey is Key's public text. It goes into the file's header as information.
	PublicKey string
	// CheckpointEvery is how long entries may wait for a checkpoint: default 1 minute.
	CheckpointEvery time.Duration
	// OnCheckpoint gets each new checkpoint, in order, from a goroutine of its own.
	OnCheckpoint func(checkpoint []byte)

	// Reserve is how many bytes are set aside for essential entries: default
	// DefaultReserve, negative means none.
	Reserve int64
	// MaxSize is the most that the file may take, zero means what the file system has.
	MaxSize int64
	// Alarm is told of damage (KindRecovered) and of space running out
	// (KindSpace), which are entries too, and of trouble that no entry tells of
	// (KindNone). It is called between two transactions: it must return soon,
	// and must not append.
	Alarm func(kind entry.Kind, text string)

	// LockTimeout is how long to wait for another process to let go of the file: default 2 s.
	LockTimeout time.Duration
	// CheckPause is how many times as long as it worked the background check
	// rests: default 20, negative means no background check.
	CheckPause int

	tweak tweaks
}

// tweaks are for tests: smaller units, and faults.
type tweaks struct {
	pageSize     int
	block        int
	noSync       bool
	beforeCommit func() error // an error here is an Update that failed with nothing written
	afterCommit  func() error // an error here is an Update that failed with everything written
}

func (o *Options) fill() error {
	if o.Path == "" || o.Stamp == nil {
		return errors.New("opening the journal: a path and a stamp are needed")
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return fmt.Errorf("opening the journal: %w", err)
	}
	o.Path = path
	if o.CheckpointEvery <= 0 {
		o.CheckpointEvery = DefaultCheckpointEvery
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	o.Reserve = max(o.Reserve, 0)
	if o.LockTimeout <= 0 {
		o.LockTimeout = DefaultLockTimeout
	}
	if o.CheckPause == 0 {
		o.CheckPause = 20
	}
	if o.tweak.pageSize == 0 {
		o.tweak.pageSize = 4096
	}
	if o.tweak.block == 0 {
		o.tweak.block = defaultBlock
	}
	return nil
}

// KeyName is the name of a register's key, and the beginning of the origin of
// its checkpoints: tillwarden/CHAIN/STORE/REGISTER, percent-encoded.
func KeyName(chain, store, register string) string {
	esc := func(s string) string {
		if s == "" {
			return "-"
		}
		return strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
	}
	return "tillwarden/" + esc(chain) + "/" + esc(store) + "/" + esc(register)
}

// RegisterName is the register in an origin, or in a key's name; empty where it
// has none.
func RegisterName(origin string) string {
	parts := strings.Split(origin, "/")
	if len(parts) < 4 || parts[3] == "-" {
		return ""
	}
	name, err := url.PathUnescape(parts[3])
	if err != nil {
		return ""
	}
	return name
}

// NewKey makes a key for signing checkpoints: the private text, which must be
// kept secret, and the public one for auditors.
func NewKey(rand io.Reader, name string) (private, public string, err error) {
	private, public, err = note.GenerateKey(rand, name)
	if err != nil {
		return "", "", fmt.Errorf("making a journal key: %w", err)
	}
	return private, public, nil
}

// ParsePrivate reads a private key's text and gives the public text with it.
func ParsePrivate(text string) (note.Signer, string, error) {
	text = strings.TrimSpace(text)
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, "", errors.New("reading a journal key: it is no private key") // the cause could quote it
	}
	seed, err := seedOf(text)
	if err != nil {
		return nil, "", err
	}
	public, err := note.NewEd25519VerifierKey(signer.Name(), ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	if err != nil {
		return nil, "", fmt.Errorf("reading a journal key: %w", err)
	}
	return signer, public, nil
}

// ParsePublic reads a public key's text.
func ParsePublic(text string) (note.Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("reading a journal's public key: %w", err)
	}
	return v, nil
}

// seedOf takes the seed out of a private key's text, which note.NewSigner
// has found to be well formed.
func seedOf(text string) ([]byte, error) {
	parts := strings.SplitN(text, "+", 5) // PRIVATE, KEY, name, hash, key
	raw, err := base64.StdEncoding.DecodeString(parts[len(parts)-1])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, errors.New("reading a journal key: it is no private key")
	}
	return raw[1:], nil
}
