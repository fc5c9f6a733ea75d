package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"tillwarden/daemon"
	"tillwarden/signon"
)

// The store's key is what the registers of one store share. It is made once, and
// carried to each of them by hand.

type storeKeyAnswer struct {
	File    string `json:"file,omitempty"`
	ID      string `json:"id"`
	Already bool   `json:"already,omitempty"`
	Done    bool   `json:"done"` // false: the daemon has to be started again
}

func (a *app) keyNewStoreCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "new-store -o FILE",
		Short: "make the key that the registers of a store share",
		Long: `Makes a store's key. PINs and cards that are set where it is installed are known at
every register of the store that has it, once a roster was carried there (roster export,
roster apply); it signs what is carried.

FILE is a secret: who has it can make operators for every register of the store.
Carry it to each of them (key install-store), and then lock it away or destroy it:
any register with the key can give it to another only as long as it is not sealed.`,
		Example: "  tillwarden key new-store -o store.key",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				return usagef("key new-store: -o FILE is missing")
			}
			text, err := signon.GenerateStoreKey()
			if err != nil {
				return err
			}
			defer clear(text)
			k, err := signon.ParseStoreKey(text)
			if err != nil {
				return err
			}
			if err := createFile(out, text, 0o600); err != nil {
				return err
			}
			if a.json {
				return a.printJSON(storeKeyAnswer{File: out, ID: k.ID(), Done: true})
			}
			a.say("store key  %s  (a secret; keep it off everything but the store's registers)", out)
			a.say("key id     %s", k.ID())
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "the key's `file`")
	return c
}

func (a *app) keyInstallStoreCommand() *cobra.Command {
	var config string
	var stay, replace bool
	c := &cobra.Command{
		Use:   "install-store FILE",
		Short: "install the store's key at this register",
		Long: `Installs the store's key among the register's own, and starts the daemon again. PINs
and cards that operators had before are taken over when they are next used. Where the
register's keys are sealed, run key seal again afterwards. Run as root, when the
register has its name (setup).

--replace installs it in place of another one: then PINs and cards that were made with
that open nothing any more, and have to be set anew.`,
		Example: "  sudo tillwarden key install-store /media/usb/store.key",
		Args:    exactly("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := readFile(args[0], "the store's key")
			if err != nil {
				return err
			}
			defer clear(text)
			key, err := signon.ParseStoreKey(text)
			if err != nil {
				return refusedf("%s: %w", args[0], err)
			}
			k, err := a.openChest(config)
			if err != nil {
				return err
			}
			defer k.state.Close()
			there, err := k.storeKey(cmd, replace)
			if err != nil {
				return err
			}
			answer := storeKeyAnswer{ID: key.ID()}
			if there != nil && there.ID() == key.ID() {
				answer.Already, answer.Done = true, true
				return a.storeKeySaid(answer, "the store's key is installed already")
			}
			if there != nil && !replace {
				return refusedf("this register has another store key (%s)", there.ID()).hint("--replace installs the new one; what was made with the old one opens nothing then")
			}
			if err := os.Remove(k.sealedPath(signon.StoreKeyFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return failedf("removing the sealed store key: %w", err)
			}
			if err := k.state.write(k.inState(signon.StoreKeyFile), bytes.NewReader(text)); err != nil {
				return failedf("writing the store's key: %w", err)
			}
			if stay {
				return a.storeKeySaid(answer, "the store's key is installed; the daemon uses it once it was started again: systemctl restart tillwardend")
			}
			if _, err := a.restart(cmd.Context(), k, true); err != nil {
				return failedf("the store's key is installed, and the daemon could not be started again: %w", err)
			}
			answer.Done = true
			return a.storeKeySaid(answer, "the store's key is installed; operators can be carried now: tillwarden roster --help")
		},
	}
	a.chestFlags(c, &config, &stay)
	c.Flags().BoolVar(&replace, "replace", false, "in place of another store key")
	return c
}

// storeKey is the one that the register has; nil: it has none. One that cannot be read
// does not matter where it is to be replaced.
func (k *keyChest) storeKey(cmd *cobra.Command, replace bool) (*signon.StoreKey, error) {
	text, err := k.plain(signon.StoreKeyFile)
	if err == nil && text == nil {
		text, err = k.sealed(cmd.Context(), signon.StoreKeyFile)
	}
	defer clear(text)
	if err != nil && !replace {
		return nil, err
	}
	if text == nil {
		return nil, nil
	}
	key, err := signon.ParseStoreKey(text)
	if err != nil && replace {
		return nil, nil
	}
	if err != nil {
		return nil, failedf("%s: %w", daemon.KeyPath(k.config, signon.StoreKeyFile), err)
	}
	return key, nil
}

func (a *app) storeKeySaid(w storeKeyAnswer, say string) error {
	if a.json {
		return a.printJSON(w)
	}
	a.say("%s (%s)", say, w.ID)
	return nil
}
