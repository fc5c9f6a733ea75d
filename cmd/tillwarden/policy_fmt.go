package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"tillwarden/enforcer/policy/source"
)

// formattedFile is a policy source and its canonical form.
type formattedFile struct {
	File      string `json:"file"`
	Changed   bool   `json:"changed"`
	Formatted string `json:"formatted,omitempty"`
	Diff      string `json:"diff,omitempty"`

	before, after []byte
}

// maxStdin bounds what is read of standard input, as of one file.
const maxStdin = 64 << 20

func (a *app) fmtCommand() *cobra.Command {
	var write, check, show bool
	c := &cobra.Command{
		Use:   "fmt FILE...",
		Short: "bring policy sources into their one form",
		Long: `Prints a policy source in its canonical form: indented by two, values aligned, one
blank line around blocks, long lists broken. Comments, and the order of
everything, stay as they are; so does what the policy says. FILE may be - for
standard input, or a folder for its .hcl files.

With --check it exits with 1 where a file is not in that form.`,
		Example: `  tillwarden policy fmt ours.hcl
  tillwarden policy fmt -w policies/
  tillwarden policy fmt --check -d policies/`,
		Args:              atLeast("FILE"),
		ValidArgsFunction: hclFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if write && check {
				return usagef("policy fmt: -w writes, and --check only looks: give one of them")
			}
			files, err := a.formatAll(args)
			if err != nil {
				return err
			}
			if !write && !check && !show && !a.json {
				if len(files) > 1 {
					return usagef("policy fmt: there are %d files: say what to do with them", len(files)).
						hint("-w writes them, --check lists those that would change, -d shows how")
				}
				_, err := a.out.Write(files[0].after)
				return err
			}
			changed := 0
			for i := range files {
				f := &files[i]
				if f.Changed {
					changed++
				}
				if write && f.Changed {
					if err := rewrite(f); err != nil {
						return err
					}
				}
				if show {
					f.Diff = string(diff.Diff(f.File, f.before, f.File+" (formatted)", f.after))
				}
				if !write && !check && !show {
					f.Formatted = string(f.after)
				}
			}
			if a.json {
				if err := a.printJSON(struct {
					Files []formattedFile `json:"files"`
				}{files}); err != nil {
					return err
				}
			} else {
				for _, f := range files {
					switch {
					case show:
						_, _ = io.WriteString(a.out, f.Diff)
					case f.Changed:
						a.say("%s", f.File)
					}
				}
			}
			if check && changed > 0 {
				if !a.json {
					a.note("%s not in the canonical form: tillwarden policy fmt -w writes it", count(changed, "file"))
				}
				return said(exitRefused)
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&write, "write", "w", false, "write what changed back, and list it")
	c.Flags().BoolVar(&check, "check", false, "list what would change, and exit with 1 if anything would")
	c.Flags().BoolVarP(&show, "diff", "d", false, "show what would change")
	return c
}

// formatAll formats files. Nothing is written where one cannot be read.
func (a *app) formatAll(names []string) ([]formattedFile, error) {
	contents := map[string][]byte{}
	if len(names) == 1 && names[0] == "-" {
		text, err := io.ReadAll(io.LimitReader(a.in, maxStdin+1))
		if err != nil {
			return nil, failedf("reading standard input: %w", err)
		}
		contents["-"] = text
	} else {
		var err error
		if contents, err = readSources(names); err != nil {
			return nil, err
		}
	}
	var files []formattedFile
	var broken source.Diagnostics
	for _, name := range sortedKeys(contents) {
		after, findings := source.Format(name, contents[name])
		broken = append(broken, findings...)
		files = append(files, formattedFile{File: name, Changed: !bytes.Equal(after, contents[name]), before: contents[name], after: after})
	}
	if len(broken) > 0 {
		_, err := a.sound(&loadedPolicy{findings: broken})
		return nil, err
	}
	return files, nil
}

// rewrite writes a file's canonical form in its place, and lets it keep its
// mode. Where the name is a link it is the file behind it that changes.
func rewrite(f *formattedFile) error {
	if f.File == "-" {
		return usagef("policy fmt: standard input cannot be written back").hint("leave out -w")
	}
	path, err := filepath.EvalSymlinks(f.File)
	if err != nil {
		return failedf("writing %s: %w", f.File, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return failedf("writing %s: %w", f.File, err)
	}
	return replaceFile(path, f.after, info.Mode().Perm())
}
