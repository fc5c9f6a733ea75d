package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStatusTellsOfAPortThatCannotBeHad, and of no such thing once it is there.
func TestStatusTellsOfAPortThatCannotBeHad(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	box := newBoxLine(t, dir)
	link := filepath.Join(dir, "pos-box")
	if err := os.WriteFile(link, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRegister(t, fmt.Sprintf(`
[[drawer]]
name = "box"
path = %q
model = "generic"
code = "02 41 03"
link = %q
`, box.pty.Link(), link)).start()
	told := func() bool {
		s, err := r.pos.Status(t.Context())
		return err == nil && slices.ContainsFunc(s.Problems, func(p string) bool {
			return strings.HasPrefix(p, "drawer box at "+link) && strings.Contains(p, "something else bears that name") && strings.HasSuffix(p, "(it is tried again)")
		})
	}
	until(t, "it is told", told)
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	until(t, "it is over", func() bool { return !told() })
	if _, err := os.Readlink(link); err != nil {
		t.Error(err)
	}
}
