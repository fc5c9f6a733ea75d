package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillwarden/enforcer/bundle"
	"tillwarden/enforcer/durable"
	"tillwarden/enforcer/policy"
	"tillwarden/enforcer/policy/presets"
	"tillwarden/enforcer/policy/source"
)

func (a *app) policyCommand() *cobra.Command {
	c := a.group("policy", "write, check, test, compare, explain and sign policies",
		`  tillwarden policy lint *.hcl
  tillwarden policy test policies/
  tillwarden policy diff @active policies/
  tillwarden policy explain --group "POS Cashier - Sales Only" pos.drawer.nosale
  tillwarden policy compile -o policy.twb --key chain.key --epoch 8 *.hcl`,
		a.lintCommand(), a.policyTestCommand(), a.compileCommand(), a.explainCommand(), a.matrixCommand(),
		a.fmtCommand(), a.diffCommand(), a.simulateCommand(), a.whoCanCommand(), a.showCommand(), a.inspectCommand(), a.presetsCommand(), a.loadCommand())
	c.Long = `Policies are written in HCL: the catalogue of functions, and work groups that
allow, deny or refuse them. docs/policy.md says how. The shipped catalogue, and
E3 Retail's and Aura's work groups, the presets, are built in.`
	return c
}

// defaultChain is the chain of a bundle where none is named: that of the
// configuration as it is shipped.
const defaultChain = "example"

// hclFiles completes arguments with policy sources.
func hclFiles(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"hcl"}, cobra.ShellCompDirectiveFilterFileExt
}

func (a *app) lintCommand() *cobra.Command {
	var withPresets bool
	var roster string
	c := &cobra.Command{
		Use:   "lint FILE...",
		Short: "check policy sources",
		Long: `Checks policy sources as one policy and prints what is wrong as
file:line:column, with a hint. Exits with 1 on errors, with 0 on warnings.
A folder stands for its .hcl files; of tests among them (policy test runs those) it
says whether they can be understood. A bundle, and @active, what this register has
loaded, can have warnings only, and no places.

Warnings are what may not be meant: marks without effect, functions that nobody
has, blanks that a later catalogue opened, and work groups that lead to stronger
ones, step by step. Work groups that nobody has are found with --operators: that
takes a roster.`,
		Example: "  tillwarden policy lint *.hcl\n  tillwarden policy lint --presets ours.hcl\n" +
			"  tillwarden policy lint @active --operators @live",
		Args:              filesOrPresets(&withPresets),
		ValidArgsFunction: completePolicies,
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.lintable(cmd.Context(), args, withPresets)
			if err != nil {
				return err
			}
			operators, err := a.holders(cmd.Context(), roster)
			if err != nil {
				return err
			}
			if p.compiled != nil {
				v := source.Version{Compiled: p.compiled, Sidecar: p.sidecar}
				p.findings = p.findings.With(source.Audit(v, operators))
			}
			errors := p.findings.Errors()
			if a.json {
				if err := a.printJSON(struct {
					Findings source.Diagnostics `json:"findings"`
					Errors   int                `json:"errors"`
					Warnings int                `json:"warnings"`
				}{append(source.Diagnostics{}, p.findings...), errors, len(p.findings) - errors}); err != nil {
					return err
				}
			} else {
				for _, f := range p.findings {
					a.say("%s", findingText(f))
				}
				a.say("%s, %s", count(errors, "error"), count(len(p.findings)-errors, "warning"))
			}
			if errors > 0 {
				return said(exitRefused)
			}
			return nil
		},
	}
	presetsFlag(c, &withPresets)
	operatorsFlag(c, &roster)
	return c
}

func presetsFlag(c *cobra.Command, with *bool) {
	c.Flags().BoolVar(with, "presets", false, "take the shipped catalogue and work groups, and add FILES to them")
}

func filesOrPresets(with *bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && !*with {
			return usagef("%s: no policy sources are named", cmd.CommandPath()).
				hint("name .hcl files or a folder of them, or take the shipped ones with --presets")
		}
		return nil
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	if stem, ok := strings.CutSuffix(what, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (a *app) compileCommand() *cobra.Command {
	var out, chain, store, created string
	var keys []string
	var epoch uint64
	var withPresets, noTest bool
	c := &cobra.Command{
		Use:   "compile -o FILE --key KEY --epoch N FILE...",
		Short: "compile policy sources and sign the bundle",
		Long: `Compiles policy sources and writes them as a signed bundle, the form in which a
register loads a policy. Equal input gives equal bytes. First it runs the tests,
*.test.hcl, that lie in the folders of the sources: where one does not hold, or
cannot be understood, no bundle is written.

A register loads only what is signed by a key that it knows, for its own chain
and store, with a higher epoch than any before. --epoch is therefore yours to
choose: one more than the last bundle's (tillwarden policy inspect shows it), or
any number that grows by itself, as 2026013101 for the first of a day.`,
		Example: `  tillwarden policy compile -o policy.twb --key chain.key --epoch 8 *.hcl
  tillwarden policy compile -o policy.twb --key a.key --key b.key --epoch 9 \
      --chain "Example Stores" --store 0042 --presets ours.hcl`,
		Args:              filesOrPresets(&withPresets),
		ValidArgsFunction: hclFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" || len(keys) == 0 {
				return usagef("policy compile: -o FILE and --key KEY are needed").hint("tillwarden key new -o FILE makes a key")
			}
			if !cmd.Flags().Changed("epoch") || epoch == 0 {
				return usagef("policy compile: no epoch was chosen: say --epoch N, from 1").
					hint("registers load only what has a higher epoch than any before").
					hint("take one more than the last bundle's: tillwarden policy inspect LAST-BUNDLE shows it").
					hint("or a number that grows by itself, as %s01 for the first one of a day", time.Now().Format("20060102"))
			}
			if !cmd.Flags().Changed("chain") && !a.json { // in JSON the manifest says it
				a.note("for chain %q: a register loads it only if that is its configuration's chain; --chain names another", chain)
			}
			m := bundle.Manifest{Type: bundle.TypePolicy, Chain: chain, Store: store, Epoch: epoch}
			if created != "" {
				when, err := parseTime(created, time.Now())
				if err != nil {
					return usagef("--created: %w", err)
				}
				m.Created = when.Unix()
			}
			signers, err := privateKeys(keys)
			if err != nil {
				return err
			}
			p, err := a.soundPolicy(args, withPresets)
			if err != nil {
				return err
			}
			if len(p.compiled.WorkGroups()) == 0 {
				return refusedf("the policy has no work groups: on a register that loads it nobody could sign on").
					hint("name the files with the work groups too, or take the shipped ones with --presets")
			}
			if !noTest {
				if err := a.testsHold(args, p); err != nil {
					return err
				}
			}
			blob, err := p.compiled.MarshalBinary()
			if err != nil {
				return failedf("compiling: %w", err)
			}
			file, err := bundle.Seal(m, blob, signers...)
			if err != nil {
				return failedf("sealing the bundle: %w", err)
			}
			if err := replaceFile(out, file, 0o644); err != nil {
				return err
			}
			m, ids, err := bundle.Inspect(file)
			if err != nil {
				return err
			}
			return a.showBundle(out, m, ids, p.compiled)
		},
	}
	f := c.Flags()
	f.StringVarP(&out, "output", "o", "", "the bundle's `file`")
	f.StringArrayVar(&keys, "key", nil, "private `key` that signs; may be given more than once")
	f.Uint64Var(&epoch, "epoch", 0, "the bundle's epoch, a `number` that grows")
	f.StringVar(&chain, "chain", defaultChain, "the `chain` that it is for, as in the registers' configuration")
	f.StringVar(&store, "store", bundle.AllStores, "the `store` that it is for; * for all")
	f.StringVar(&created, "created", "", "a `time` to note in it, for people; nothing is decided by it")
	f.BoolVar(&noTest, "no-test", false, "do not run the tests beside the sources")
	presetsFlag(c, &withPresets)
	return c
}

// privateKeys reads signing keys.
func privateKeys(paths []string) (keys []bundle.PrivateKey, err error) {
	for _, path := range paths {
		k, err := privateKey(path)
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// privateKey reads a signing key, and warns where others can read it too.
func privateKey(path string) (bundle.PrivateKey, error) {
	info, err := os.Stat(path)
	if err != nil {
		return bundle.PrivateKey{}, failedf("reading the key: %w", err).hint("tillwarden key new -o FILE makes one")
	}
	if info.Mode().Perm()&0o077 != 0 {
		return bundle.PrivateKey{}, refusedf("%s can be read by others than its owner", path).hint("chmod 600 %s", path)
	}
	text, err := readFile(path, "the key")
	if err != nil {
		return bundle.PrivateKey{}, err
	}
	defer clear(text)
	k, err := bundle.ParsePrivate(text)
	if err != nil {
		return bundle.PrivateKey{}, failedf("%s: %w", path, err)
	}
	return k, nil
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, content []byte, mode os.FileMode) error {
	if err := durable.Replace(path, content, mode); err != nil {
		return failedf("writing %s: %w", path, err)
	}
	return nil
}

type bundleAnswer struct {
	File       string          `json:"file"`
	Manifest   bundle.Manifest `json:"manifest"`
	Signers    []string        `json:"signers"`
	Verified   *bool           `json:"verified,omitempty"`
	Functions  int             `json:"functions,omitempty"`
	WorkGroups []string        `json:"work_groups,omitempty"`
}

func (a *app) showBundle(path string, m bundle.Manifest, ids []string, c *policy.Compiled) error {
	answer := bundleAnswer{File: path, Manifest: m, Signers: ids}
	if c != nil {
		answer.Functions = len(c.Functions())
		for _, g := range c.WorkGroups() {
			answer.WorkGroups = append(answer.WorkGroups, g.Name)
		}
	}
	if a.json {
		return a.printJSON(answer)
	}
	return table(a.out, bundleRows(&answer))
}

func bundleRows(b *bundleAnswer) [][]string {
	m := b.Manifest
	store := m.Store
	if store == bundle.AllStores {
		store = "all (*)"
	}
	rows := [][]string{
		{"bundle", b.File},
		{"type", m.Type},
		{"chain", m.Chain},
		{"store", store},
		{"epoch", strconv.FormatUint(m.Epoch, 10)},
		{"content", fmt.Sprintf("%d bytes, sha256 %x", m.Size, m.SHA256)},
	}
	if m.Created > 0 {
		rows = append(rows, []string{"created", time.Unix(m.Created, 0).UTC().Format(time.RFC3339)})
	}
	for _, id := range b.Signers {
		rows = append(rows, []string{"signed by", id})
	}
	if b.Functions > 0 {
		rows = append(rows, []string{"holds", fmt.Sprintf("%s, %s", count(b.Functions, "function"), count(len(b.WorkGroups), "work group"))})
	}
	return rows
}

func (a *app) inspectCommand() *cobra.Command {
	var publics []string
	c := &cobra.Command{
		Use:   "inspect FILE",
		Short: "show what a bundle says of itself, and verify it with --pub",
		Long: `Shows a bundle's manifest. With --pub its signatures and its content are verified,
and it exits with 1 where they do not hold; without, nothing is verified.`,
		Example: "  tillwarden policy inspect policy.twb --pub chain.key.pub",
		Args:    exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := readFile(args[0], "the bundle")
			if err != nil {
				return err
			}
			m, ids, err := bundle.Inspect(file)
			if err != nil {
				return refusedf("%s: %w", args[0], err)
			}
			answer := bundleAnswer{File: args[0], Manifest: m, Signers: ids}
			var verdict error
			if len(publics) > 0 {
				e := bundle.Expect{Type: m.Type, Chain: m.Chain, Store: m.Store, Threshold: len(publics), MaxSize: m.Size}
				for _, path := range publics {
					text, err := readFile(path, "the public key")
					if err != nil {
						return err
					}
					k, err := bundle.ParsePublic(text)
					if err != nil {
						return failedf("%s: %w", path, err)
					}
					e.Keys = append(e.Keys, k)
				}
				_, blob, err := bundle.Open(file, e)
				verdict = err
				good := err == nil
				answer.Verified = &good
				if good && m.Type == bundle.TypePolicy {
					compiled, err := policy.Decode(blob)
					if err != nil {
						return refusedf("%s: is signed, and holds no policy that this version reads: %w", args[0], err)
					}
					answer.Functions = len(compiled.Functions())
					for _, g := range compiled.WorkGroups() {
						answer.WorkGroups = append(answer.WorkGroups, g.Name)
					}
				}
			}
			if a.json {
				if err := a.printJSON(answer); err != nil {
					return err
				}
			} else {
				rows := bundleRows(&answer)
				switch {
				case answer.Verified == nil:
					rows = append(rows, []string{"verified", "no: give --pub with the keys that must have signed it"})
				case *answer.Verified:
					rows = append(rows, []string{"verified", "yes, signatures and content"})
				}
				if err := table(a.out, rows); err != nil {
					return err
				}
			}
			if verdict != nil {
				return refusedf("%s: %w", args[0], verdict)
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&publics, "pub", nil, "public `key` that must have signed; may be given more than once")
	return c
}

// writePresets writes the sources into a folder, and gives their paths. Where one of
// them is there already it writes none: a mixture would be nobody's policy.
func writePresets(folder string, files map[string][]byte) (paths []string, err error) {
	for _, name := range sortedKeys(files) {
		path := filepath.Join(folder, filepath.Base(name))
		if _, err := os.Lstat(path); err == nil {
			return nil, refusedf("%s is there already", path).hint("choose another folder")
		}
		paths = append(paths, path)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, failedf("writing the presets: %w", err)
	}
	for i, name := range sortedKeys(files) {
		if err := replaceFile(paths[i], files[name], 0o644); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func (a *app) presetsCommand() *cobra.Command {
	var out string
	var noSales int
	c := &cobra.Command{
		Use:   "presets",
		Short: "list the shipped policy sources, or write them out with -o",
		Long: `Lists the shipped policy sources, or writes them out, to begin with.

With --no-sales the cashiers who have to ask a manager for each no-sale may have so
many a session without; the next one takes a manager.`,
		Example: "  tillwarden policy presets -o policies/\n  tillwarden policy presets --no-sales 3 -o policies/",
		Args:    exactly(),
		RunE: func(*cobra.Command, []string) error {
			files, err := presetsWith(noSales)
			if err != nil {
				return err
			}
			names := sortedKeys(files)
			if out != "" {
				if names, err = writePresets(out, files); err != nil {
					return err
				}
			}
			if a.json {
				return a.printJSON(struct {
					Files []string `json:"files"`
				}{names})
			}
			for _, name := range names {
				if out == "" {
					a.say("%-24s %5d lines", name, strings.Count(string(files[name]), "\n"))
				} else {
					a.say("%s", name)
				}
			}
			return nil
		},
	}
	c.Flags().StringVarP(&out, "output", "o", "", "write them into this `folder`")
	_ = c.MarkFlagDirname("output")
	c.Flags().IntVar(&noSales, "no-sales", 0, "let cashiers have so `many` no-sales a session without asking")
	return c
}

// presetsWith gives the shipped sources, with so many no-sales a session for
// cashiers; 0: as they are shipped.
func presetsWith(noSales int) (map[string][]byte, error) {
	if noSales == 0 {
		return presets.Files(), nil
	}
	files, err := presets.WithNoSales(noSales)
	if err != nil {
		return nil, usagef("no-sales: %w", err)
	}
	return files, nil
}
