// Package markdown writes text into the sources of the manual pages: those that the
// command line makes of its commands, and those that are made of the shipped
// configuration. It is no Markdown library: go-md2man reads what is written.
package markdown

import "strings"

var escaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "`", "\\`", "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`, "|", `\|`)

// Escape keeps a text's characters from meaning something.
func Escape(text string) string { return escaper.Replace(text) }
