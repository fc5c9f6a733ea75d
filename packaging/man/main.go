// Command man writes the sources of the manual pages of section 5, in Markdown,
// from what the tree says already: tillwarden.toml(5) from the shipped
// configuration, tillwarden-policy(5) and tillwarden-journal(5) from docs. Those of
// section 1 the command line writes itself (tillwarden manual), tillwardend(8)
// lies beside this file. packaging/man.sh turns all of them into pages of man(1).
//
//	man ROOT FOLDER
//
// ROOT is the tree's root, FOLDER where they are written.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: man ROOT FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func write(root, folder string) error {
	for page, make := range map[string]func(root string) (string, error){
		"tillwarden.toml.5":    configPage,
		"tillwarden-policy.5":  policyPage,
		"tillwarden-journal.5": journalPage,
	} {
		text, err := make(root)
		if err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
		if err := os.WriteFile(filepath.Join(folder, page+".md"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
