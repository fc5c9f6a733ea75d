package main

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/daemon/api"
	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/journal"
)

// credentialStore is where systemd looks for encrypted credentials that a unit
// names without a path (systemd.exec(5), LoadCredentialEncrypted=).
const credentialStore = "/etc/credstore.encrypted"

// sealing is how a key is bound: what the flag --with takes, and what
// systemd-creds(1) calls it.
var sealing = map[string]string{"auto": "auto", "tpm2": "host+tpm2", "host": "host"}

// keyChest moves the register's own keys between the daemon's state folder and
// the credential store. Nothing is removed before its copy was read back.
type keyChest struct {
	config *daemon.Config
	state  *stateFolder
	store  string
	run    tool
}

func (a *app) openChest(config string) (*keyChest, error) {
	root := a.env("TILLWARDEN_ROOT")
	if config == "" {
		config = filepath.Join("/", root, defaultConfigFile)
	}
	c, err := daemon.LoadConfig(config)
	if err != nil {
		return nil, failedf("%w", err).hint("tillwardend --check-config -config %s says more", config)
	}
	run := a.tool
	if run == nil {
		run = runTool
	}
	state, err := openStateFolder(c.State)
	if errors.Is(err, fs.ErrPermission) {
		return nil, failedf("opening the daemon's state folder: %w", err).hint("run it as root: sudo tillwarden key seal")
	}
	if err != nil {
		return nil, failedf("opening the daemon's state folder: %w", err).hint("start the daemon once: it makes its keys then")
	}
	return &keyChest{config: c, state: state, store: filepath.Join("/", root, credentialStore), run: run}, nil
}

// tool runs a program with this standard input, and gives what it printed.
type tool func(ctx context.Context, in []byte, name string, args ...string) ([]byte, error)

// runTool runs one of systemd's tools and gives what it printed, to the byte and
// apart from its complaints: it may be a key. What it is given goes to its standard
// input: a key is in no argument.
func runTool(ctx context.Context, in []byte, name string, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, name, args...)
	var out, said bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(in), &out, &said
	if err := c.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, failedf("there is no %s here", name).hint("it comes with systemd 250 or later")
		}
		return nil, failedf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

func (k *keyChest) sealedPath(key string) string {
	return filepath.Join(k.store, daemon.CredentialName(key))
}

// plain reads a key of the state folder; nil: it is not there.
func (k *keyChest) plain(key string) ([]byte, error) {
	text, err := k.state.ReadFile(k.inState(key))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failedf("reading a key: %w", err)
	}
	return text, nil
}

// inState is a key's path in the state folder.
func (k *keyChest) inState(key string) string {
	rel, err := filepath.Rel(k.config.State, daemon.KeyPath(k.config, key))
	if err != nil {
		panic(err) // the one is made of the other
	}
	return rel
}

// sealed opens a sealed key; nil: it is not there.
func (k *keyChest) sealed(ctx context.Context, key string) ([]byte, error) {
	if _, err := os.Lstat(k.sealedPath(key)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return k.run(ctx, nil, "systemd-creds", "decrypt", "--name="+daemon.CredentialName(key), k.sealedPath(key), "-")
}

// seal puts a sealed copy of a key into the store, and reads it back.
func (k *keyChest) seal(ctx context.Context, key, with string) error {
	text, err := k.plain(key)
	defer clear(text)
	if err != nil {
		return err
	}
	there, err := k.sealed(ctx, key)
	defer clear(there)
	switch {
	case err != nil:
		return err
	case text == nil && there == nil && daemon.OptionalKey(key):
		return nil
	case text == nil && there == nil:
		return refusedf("there is no %s to be sealed", key).hint("start the daemon once: it makes its keys then")
	case text == nil:
		return nil
	case there != nil:
		return k.same(key, text, there)
	}
	// Not bound to what the firmware measured (PCRs 0 to 7 and others): an update of the
	// firmware would take the register's keys with it. Nothing measures into PCR 23,
	// and systemd 252 cannot open what is bound to none.
	blob, err := k.run(ctx, text, "systemd-creds", "encrypt", "--name="+daemon.CredentialName(key), "--with-key="+sealing[with], "--tpm2-pcrs=23", "-", "-")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(k.store, 0o700); err != nil {
		return failedf("making the folder of credentials: %w", err)
	}
	if err := durable.Create(k.sealedPath(key), blob, 0o600); err != nil {
		return failedf("writing a sealed key: %w", err)
	}
	if there, err = k.sealed(ctx, key); err == nil {
		err = k.same(key, text, there)
	}
	if err != nil {
		_ = os.Remove(k.sealedPath(key))
	}
	return err
}

// same wants two copies of a key to be one key.
func (k *keyChest) same(key string, text, there []byte) error {
	if subtle.ConstantTimeCompare(text, there) == 1 {
		return nil
	}
	return refusedf("%s is sealed already, and is another key than %s", key, daemon.KeyPath(k.config, key)).
		hint("which of them the journal was made with only you can know: move the other one away")
}

// sealedName is the name that the journal's sealed key bears; empty: it is not sealed, or
// cannot be opened here.
func (k *keyChest) sealedName(ctx context.Context) string {
	text, err := k.sealed(ctx, daemon.JournalKey)
	defer clear(text)
	if err != nil {
		return ""
	}
	// PRIVATE+KEY+name+… (golang.org/x/mod/sumdb/note)
	if f := strings.SplitN(string(text), "+", 4); len(f) == 4 {
		return f[2]
	}
	return ""
}

// sealedAs refuses to give the register another name than its sealed keys bear, before
// anything is changed: the daemon would not start, or sign its journal as another.
func (a *app) sealedAs(ctx context.Context, m *machine, next *daemon.Config) error {
	if !m.live() {
		return nil // an image has no keys
	}
	k := &keyChest{config: next, store: m.at(credentialStore), run: a.tool}
	if k.run == nil {
		k.run = runTool
	}
	name := k.sealedName(ctx)
	if name == "" || name == journal.KeyName(next.Chain, next.Store, next.Register) {
		return nil
	}
	f := refusedf("the register's own keys are sealed, and bear the name %s", name)
	if _, err := os.Stat(m.at(filepath.Join(next.State, "journal.db"))); err == nil {
		return f.hint("tillwarden key unseal; then set-up again, and tillwarden key seal when that is done")
	}
	return f.hint("their journal is not here: put %s/tillwarden.*.key where it is; then set-up again, which makes new ones", credentialStore)
}

// unseal puts a plain copy of a sealed key into the state folder.
func (k *keyChest) unseal(ctx context.Context, key string) error {
	there, err := k.sealed(ctx, key)
	defer clear(there)
	if err != nil {
		return err
	}
	text, err := k.plain(key)
	defer clear(text)
	switch {
	case err != nil:
		return err
	case there == nil && text == nil && daemon.OptionalKey(key):
		return nil
	case there == nil && text == nil:
		return refusedf("there is no %s, neither sealed nor plain", key)
	case there == nil:
		return nil
	case text != nil:
		return k.same(key, text, there)
	}
	if err := k.state.write(k.inState(key), bytes.NewReader(there)); err != nil {
		return failedf("writing %s: %w", key, err)
	}
	return nil
}

// drop removes the plain copies.
func (k *keyChest) drop() error {
	for _, key := range daemon.SecretKeys() {
		if err := k.state.Remove(k.inState(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return failedf("removing a plain key: %w", err)
		}
	}
	if err := k.state.sync(filepath.Dir(k.inState(daemon.SecretKeys()[0]))); err != nil {
		return failedf("putting the keys on disk: %w", err)
	}
	return nil
}

// restart starts the daemon again, if wanted, and says where it has its keys from.
func (a *app) restart(ctx context.Context, k *keyChest, wanted bool) (keys string, err error) {
	if wanted {
		if _, err := k.run(ctx, nil, "systemctl", "restart", "tillwardend.service"); err != nil {
			return "", err
		}
	}
	client, err := a.dial(ctx, api.RoleTechnician)
	if err != nil {
		return "", err
	}
	defer client.Close()
	s, err := client.Status(ctx)
	if err != nil {
		return "", err
	}
	return s.Keys, nil
}

type sealAnswer struct {
	Keys string `json:"keys"` // as in the daemon's status
	Done bool   `json:"done"` // false: the daemon has to be started again, and this to be run again
}

func (a *app) keySealCommand() *cobra.Command {
	var config, with string
	var stay bool
	c := &cobra.Command{
		Use:   "seal",
		Short: "bind the register's own keys to this machine",
		Long: `Moves the register's own keys (of its journal, its receipts and its sign-on, and the
store's key where there is one) from
plain files of the daemon's state folder to encrypted credentials of systemd in
` + credentialStore + `, which only this machine opens: with its TPM where there
is one (--with tpm2 insists on that), else with a key of the host's, which is on
the same disk and so keeps them out of backups of the state folder, but not from
who has a copy of the whole disk.

The daemon is started again, which the POS's ports outlast; the plain files are
removed when it has said that it has the sealed keys. Then a register whose
mainboard or disk fails cannot be restored from a backup of its state folder:
have the journal's checkpoints elsewhere. Run as root. May be run again.`,
		Example: "  sudo tillwarden key seal\n  sudo tillwarden key seal --with tpm2",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if sealing[with] == "" {
				return usagef("key seal: --with is auto, tpm2 or host, not %q", with)
			}
			k, err := a.openChest(config)
			if err != nil {
				return err
			}
			defer k.state.Close()
			ctx := cmd.Context()
			for _, key := range daemon.SecretKeys() {
				if err := k.seal(ctx, key, with); err != nil {
					return err
				}
			}
			keys, err := a.restart(ctx, k, !stay)
			if err != nil {
				return failedf("the keys are sealed, and the plain ones are left as they were: %w", err).hint("once the daemon runs: tillwarden key seal --no-restart")
			}
			if keys != api.KeysSealed {
				if stay {
					return a.sealed(sealAnswer{Keys: keys}, "the keys are sealed; the daemon uses them once it was started again: systemctl restart tillwardend, then tillwarden key seal --no-restart")
				}
				return failedf("the daemon was started again and has not the sealed keys (%s): the plain ones are left as they were", orDash(keys)).
					hint("does its unit have LoadCredentialEncrypted=? systemctl cat tillwardend")
			}
			if err := k.drop(); err != nil {
				return err
			}
			return a.sealed(sealAnswer{Keys: keys, Done: true}, "the keys are sealed to this machine, and no plain ones are left")
		},
	}
	c.Flags().StringVar(&with, "with", "auto", "what they are bound to: auto, tpm2 or host")
	a.chestFlags(c, &config, &stay)
	return c
}

func (a *app) keyUnsealCommand() *cobra.Command {
	var config string
	var stay bool
	c := &cobra.Command{
		Use:   "unseal",
		Short: "give the register's own keys back as plain files",
		Long: `Undoes key seal: writes the register's own keys as plain files into the daemon's
state folder, removes the sealed ones, and starts the daemon again. For a backup,
and before the mainboard or its TPM is changed. Run as root. May be run again.`,
		Example: "  sudo tillwarden key unseal",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			k, err := a.openChest(config)
			if err != nil {
				return err
			}
			defer k.state.Close()
			ctx := cmd.Context()
			for _, key := range daemon.SecretKeys() {
				if err := k.unseal(ctx, key); err != nil {
					return err
				}
			}
			for _, key := range daemon.SecretKeys() {
				if err := os.Remove(k.sealedPath(key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return failedf("removing a sealed key: %w", err)
				}
			}
			if stay {
				return a.sealed(sealAnswer{Keys: api.KeysPlain}, "the keys are plain files again; the daemon uses them once it was started again: systemctl restart tillwardend")
			}
			keys, err := a.restart(ctx, k, true)
			if err != nil {
				return err
			}
			if keys != api.KeysPlain {
				return failedf("the daemon was started again and has its keys otherwise (%s)", orDash(keys))
			}
			return a.sealed(sealAnswer{Keys: keys, Done: true}, "the keys are plain files again")
		},
	}
	a.chestFlags(c, &config, &stay)
	return c
}

func (a *app) chestFlags(c *cobra.Command, config *string, stay *bool) {
	c.Flags().StringVar(config, "config", "", "the daemon's configuration `file`, instead of "+defaultConfigFile)
	c.Flags().BoolVar(stay, "no-restart", false, "leave the daemon as it is: it is started again by hand")
}

func (a *app) sealed(w sealAnswer, say string) error {
	if a.json {
		return a.printJSON(w)
	}
	a.say("%s", say)
	return nil
}
