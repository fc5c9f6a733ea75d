package main

import (
	"time"

	"github.com/spf13/cobra"

	"tillwarden/daemon/api"
	"tillwarden/enforcer"
	"tillwarden/enforcer/bundle"
)

func (a *app) modeSignCommand() *cobra.Command {
	var out, chain, store, until string
	var keys []string
	var epoch uint64
	var how span
	m := enforcer.Authorisation{Mode: "monitor"}
	c := &cobra.Command{
		Use:   "sign -o FILE --key KEY --epoch N --reason WHY",
		Short: "sign a mode, for registers where nobody may begin one",
		Long: `Writes a signed bundle that begins a mode at the registers that load it, without two
persons there: tillwarden load FILE. A register takes it once, until --until,
and none with a lower epoch afterwards. What the chain signs is not taken off the
14 days of monitor mode that an installation has.`,
		Example: `  tillwarden mode sign -o move-in.twb --key chain.key --epoch 1 \
      --chain "Example Stores" --store 0042 --register 1 --for 14d \
      --reason "moving in"`,
		Args:              exactly(),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" || len(keys) == 0 || epoch == 0 {
				return usagef("mode sign: -o FILE, --key KEY and --epoch N are needed").
					hint("the epoch is one more than that of the last authorisation, or a number that grows by itself, as %s01", time.Now().Format("20060102"))
			}
			most := api.MaxMonitor
			if m.Mode == "break-glass" {
				most = api.MaxBreakGlass
			}
			if how == 0 {
				how = span(most)
			}
			m.Seconds = int64(time.Duration(how) / time.Second)
			m.NotAfter = time.Now().Add(30 * 24 * time.Hour).UTC().Truncate(time.Second)
			if until != "" {
				when, err := parseTime(until, time.Now())
				if err != nil {
					return usagef("--until: %w", err)
				}
				m.NotAfter = when.UTC()
			}
			blob, err := m.Marshal()
			if err != nil {
				return usagef("mode sign: %w", err)
			}
			signers, err := privateKeys(keys)
			if err != nil {
				return err
			}
			file, err := bundle.Seal(bundle.Manifest{Type: bundle.TypeMode, Chain: chain, Store: store, Epoch: epoch}, blob, signers...)
			if err != nil {
				return failedf("sealing the authorisation: %w", err)
			}
			if err := replaceFile(out, file, 0o644); err != nil {
				return err
			}
			manifest, ids, err := bundle.Inspect(file)
			if err != nil {
				return err
			}
			return a.showBundle(out, manifest, ids, nil)
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the bundle's `file`")
	f.StringArrayVar(&keys, "key", nil, "private `key` that signs; may be given more than once")
	f.Uint64Var(&epoch, "epoch", 0, "the authorisation's epoch, a `number` that grows")
	f.StringVar(&chain, "chain", defaultChain, "the `chain` that it is for, as in the registers' configuration")
	f.StringVar(&store, "store", bundle.AllStores, "the `store` that it is for; * for all")
	f.StringArrayVar(&m.Registers, "register", nil, "the `register` that it is for; may be given more than once; without it, all of the store")
	f.StringVar(&m.Mode, "mode", m.Mode, "monitor or break-glass: `which` mode")
	f.Var(&how, "for", "for how `long`, as 14d, 36h or 90m; as long as the mode may last, unless said")
	f.StringArrayVar(&m.Functions, "function", nil, "monitor: only this function's `key`; may be given more than once")
	f.StringVar(&m.Reason, "reason", "", "`why`; it goes to the journal")
	f.StringVar(&until, "until", "", "the `time` until which it may be begun; 30 days from now, unless said")
	_ = c.RegisterFlagCompletionFunc("mode", cobra.FixedCompletions([]cobra.Completion{"monitor", "break-glass"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}
