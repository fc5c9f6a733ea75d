package main

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"tillwarden/enforcer/bundle"
)

func (a *app) keyCommand() *cobra.Command {
	return a.group("key", "keys that sign policies, the store's, and the register's own",
		`  tillwarden key new -o chain.key
  tillwarden key show chain.key.pub
  sudo tillwarden key seal`,
		a.keyNewCommand(), a.keyShowCommand(), a.keySealCommand(), a.keyUnsealCommand(), a.keyNewStoreCommand(), a.keyInstallStoreCommand())
}

type keyAnswer struct {
	Private string `json:"private,omitempty"`
	Public  string `json:"public,omitempty"`
	ID      string `json:"id"`
}

func (a *app) keyNewCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "new -o FILE",
		Short: "make a key pair: FILE (private, 0600) and FILE.pub",
		Long: `Makes a key pair that signs policies and rosters.

FILE is the private key: who has it decides who may open every drawer of the
chain. Keep it where policies are compiled, never on a register. FILE.pub goes
to each register, where policy.keys in its tillwarden.toml names it.
Files that are there already are not overwritten.`,
		Example: "  tillwarden key new -o chain.key",
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usagef("key new: -o FILE is missing").hint("the private key goes to FILE, the public one to FILE.pub")
			}
			k, err := bundle.NewKey(rand.Reader)
			if err != nil {
				return err
			}
			public := out + ".pub"
			if err := createFile(public, k.Public().Text(), 0o644); err != nil {
				return err
			}
			if err := createFile(out, k.Text(), 0o600); err != nil {
				_ = os.Remove(public)
				return err
			}
			if a.json {
				return a.printJSON(keyAnswer{out, public, k.Public().ID()})
			}
			a.say("private key  %s  (keep it off the registers)", out)
			a.say("public key   %s", public)
			a.say("key id       %s", k.Public().ID())
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the private key's `file`")
	return c
}

func (a *app) keyShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show FILE",
		Short:   "show a key's id, of either part",
		Example: "  tillwarden key show chain.key.pub",
		Args:    exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			text, err := readFile(args[0], "the key")
			if err != nil {
				return err
			}
			defer clear(text)
			public, err := bundle.ParsePublic(text)
			if err != nil {
				private, perr := bundle.ParsePrivate(text)
				if perr != nil {
					return failedf("%s: %w", args[0], perr)
				}
				public = private.Public()
			}
			if a.json {
				return a.printJSON(keyAnswer{ID: public.ID()})
			}
			a.say("%s", public.ID())
			return nil
		},
	}
}

// createFile writes a file that must not be there yet.
func createFile(path string, content []byte, mode os.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return refusedf("%s is there already, and keys are not overwritten", path).hint("choose another name, or move the old file away")
	}
	if err != nil {
		return failedf("creating a file: %w", err)
	}
	_, err = f.Write(content)
	// The umask may have taken away, never added: say exactly what it is to be.
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(path)
		return failedf("writing %s: %w", path, err)
	}
	return nil
}

// maxFile bounds what is read whole: several times the largest bundle. A device, or
// a disk's image, named by mistake is none.
const maxFile = 64 << 20

// readFile reads a whole file and says what it was for when it cannot.
func readFile(path, what string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, failedf("reading %s: %w", what, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, failedf("reading %s: %w", what, err)
	}
	if len(b) > maxFile {
		return nil, failedf("%s: this is not %s: it has more than %d MiB", path, what, maxFile>>20)
	}
	return b, nil
}
