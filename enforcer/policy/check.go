package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// check says what is wrong with a policy in canonical form. Compile and Decode
// both end here, so that nothing can be decoded that could not be compiled.
func (c *Compiled) check() error {
	if c.version == 0 {
		return errors.New("the catalogue has no version")
	}
	if len(c.functions) > MaxFunctions || len(c.groups) > MaxWorkGroups {
		return fmt.Errorf("more than %d functions or %d work groups", MaxFunctions, MaxWorkGroups)
	}
	if err := c.checkFunctions(); err != nil {
		return err
	}
	if err := c.checkGroups(); err != nil {
		return err
	}
	if err := c.checkRestrictions(); err != nil {
		return err
	}
	return c.checkLimits()
}

func (c *Compiled) checkFunctions() error {
	keys := make(map[string]struct{}, len(c.functions))
	ids := make(map[ID]struct{}, len(c.functions))
	var path [4]Index // the last function seen at each level
	seen := [4]bool{}
	for i := range c.functions {
		f, parent := &c.functions[i], c.parents[i]
		if err := f.check(c.version); err != nil {
			return err
		}
		if _, ok := keys[f.Key]; ok {
			return fmt.Errorf("two functions have the key %q", f.Key)
		}
		if _, ok := ids[f.ID]; ok {
			return fmt.Errorf("function %q: another one has the id %d", f.Key, f.ID)
		}
		keys[f.Key], ids[f.ID] = struct{}{}, struct{}{}

		level := f.Level
		if level == 1 != (parent == noParent) || level > 1 && (!seen[level-1] || parent != path[level-1]) {
			return fmt.Errorf("function %q does not follow its parent", f.Key)
		}
		if seen[level] && c.functions[path[level]].ID >= f.ID {
			return fmt.Errorf("function %q is out of order", f.Key)
		}
		if level > 1 {
			above := &c.functions[parent]
			if f.Parent != above.ID {
				return fmt.Errorf("function %q: its parent's id is not %d", f.Key, f.Parent)
			}
			if f.Since < above.Since {
				return fmt.Errorf("function %q is older than %q, which it belongs to", f.Key, above.Key)
			}
			if tree := c.functions[path[1]].Key; !strings.HasPrefix(f.Key, tree+".") {
				return fmt.Errorf("function %q: the keys of this tree begin with %q", f.Key, tree+".")
			}
		}
		path[level], seen[level] = Index(i), true
		for below := level + 1; below < 4; below++ {
			seen[below] = false
		}
	}
	return nil
}

// check says what is wrong with one function, its place in the tree left aside.
func (f *Function) check(version uint32) error {
	switch {
	case f.ID == 0:
		return fmt.Errorf("function %q: id 0 means none", f.Key)
	case !ValidKey(f.Key):
		return fmt.Errorf("function %d: %q is no key: want lower-case words joined by dots, at most %d bytes", f.ID, f.Key, MaxKey)
	case !ValidName(f.Name):
		return fmt.Errorf("function %q: the name is empty, too long or not plain text", f.Key)
	case f.Level < 1 || f.Level > 3:
		return fmt.Errorf("function %q: there are three levels only", f.Key)
	case f.Level == 1 && strings.Contains(f.Key, "."):
		return fmt.Errorf("function %q: a tree's key is one word", f.Key)
	case f.Level == 1 && f.Parent != 0:
		return fmt.Errorf("function %q: a tree has no parent", f.Key)
	case f.Since == 0 || f.Since > version:
		return fmt.Errorf("function %q: since %d, but the catalogue is at %d", f.Key, f.Since, version)
	case f.Override >= overrideEnd || f.Reason >= reasonEnd:
		return fmt.Errorf("function %q: unknown attribute", f.Key)
	case f.Override != OverrideNever && f.NeverOverridden() != "":
		return fmt.Errorf("function %q: %s is never overridden", f.Key, f.NeverOverridden())
	}
	return nil
}

// NeverOverridden says why no override is possible for this function whatever
// a catalogue would like; empty where the catalogue may choose.
func (f *Function) NeverOverridden() string {
	switch {
	case f.Key == KeyManagerOverride:
		return "manager override itself"
	case f.Protected:
		return "a protected function"
	case f.Level == 1:
		return "a tree"
	}
	return ""
}

func (c *Compiled) checkGroups() error {
	folded := make(map[string]string, len(c.groups))
	var spare uint64 // the bits of a last word that belong to no function
	if used := len(c.functions) % marksPerWord; used != 0 {
		spare = ^uint64(0) << (2 * used)
	}
	for n := range c.groups {
		g := &c.groups[n]
		switch {
		case !ValidName(g.Name):
			return fmt.Errorf("work group %q: the name is empty, too long or not plain text", g.Name)
		case n > 0 && c.groups[n-1].Name >= g.Name:
			return fmt.Errorf("work group %q is there twice, or out of order", g.Name)
		case g.Scope >= scopeEnd || g.SignOn >= signOnEnd || g.Approve >= signOnEnd:
			return fmt.Errorf("work group %q: unknown scope, sign-on or approval method", g.Name)
		case g.Reviewed > c.version:
			return fmt.Errorf("work group %q: reviewed against version %d, but the catalogue is at %d", g.Name, g.Reviewed, c.version)
		case c.stride > 0 && c.marks[(n+1)*c.stride-1]&spare != 0:
			return fmt.Errorf("work group %q marks functions that are not there", g.Name)
		}
		fold := FoldName(g.Name)
		if other, ok := folded[fold]; ok {
			return fmt.Errorf("work groups %q and %q differ by case or spaces only", other, g.Name)
		}
		folded[fold] = g.Name
	}
	return nil
}

func (c *Compiled) checkRestrictions() error {
	names := make(map[string]struct{}, len(c.groups))
	for n := range c.groups {
		names[c.groups[n].Name] = struct{}{}
	}
	for n, r := range c.restrictions {
		if _, ok := names[r.WorkGroup]; !ok {
			return fmt.Errorf("restricted work group %q is not there", r.WorkGroup)
		}
		if n > 0 && c.restrictions[n-1].WorkGroup >= r.WorkGroup {
			return fmt.Errorf("work group %q is restricted twice, or out of order", r.WorkGroup)
		}
		for k, e := range r.Editors {
			if _, ok := names[e]; !ok {
				return fmt.Errorf("restricted work group %q: its editor %q is not there", r.WorkGroup, e)
			}
			if k > 0 && r.Editors[k-1] >= e {
				return fmt.Errorf("restricted work group %q names editor %q twice, or out of order", r.WorkGroup, e)
			}
		}
	}
	return nil
}

// ValidKey reports whether s can be a function's key: words of lower-case
// letters and digits that begin with a letter, joined by dots.
func ValidKey(s string) bool {
	if s == "" || len(s) > MaxKey {
		return false
	}
	first := true
	for i := range len(s) {
		switch b := s[i]; {
		case b >= 'a' && b <= 'z':
			first = false
		case b >= '0' && b <= '9' && !first:
		case b == '.' && !first:
			first = true
		default:
			return false
		}
	}
	return !first
}

// ValidName reports whether s can be shown as a name: plain text of one line
// that neither begins nor ends with a space.
func ValidName(s string) bool {
	if s == "" || len(s) > MaxName || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
