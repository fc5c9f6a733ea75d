package daemon

import (
	"fmt"
	"reflect"
	"strings"
)

// reloadable are the keys that a running daemon takes over, and tables of
// which it takes over every key.
var reloadable = []string{
	"log", "feedback", "policy.file", "signon.method", "signon.idle", "signon.manager_idle", "signon.pin_wait", "signon.same_card", "signon.over", "signon.again", "signon.removed", "signon.formats", "signon.card", "override.reason", "override.method", "override.fallback", "override.remote", "timeclock.run", "timeclock.forced_break", "printer[].profile",
}

// NeedsRestart lists the keys in which another configuration differs from this one
// and which a running daemon cannot take over by a reload.
func (c *Config) NeedsRestart(next *Config) []string {
	_, restart := changes(c, next)
	return restart
}

// changes compares two configurations: which keys a running daemon can take
// over, and which need a restart.
func changes(from, to *Config) (live, restart []string) {
	var keys []string
	diff(reflect.ValueOf(from).Elem(), reflect.ValueOf(to).Elem(), "", &keys)
	for _, key := range keys {
		if isLive(key) {
			live = append(live, key)
		} else {
			restart = append(restart, key)
		}
	}
	return live, restart
}

func isLive(key string) bool {
	key = withoutNumbers(key)
	for _, r := range reloadable {
		if key == r {
			return true
		}
	}
	return false
}

func withoutNumbers(key string) string {
	var b strings.Builder
	in := false
	for _, r := range key {
		switch {
		case r == '[':
			in = true
			b.WriteString("[]")
		case r == ']':
			in = false
		case !in:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// diff lists the keys whose values differ. A list whose length differs, or
// that is live as a whole, is one key.
func diff(a, b reflect.Value, prefix string, keys *[]string) {
	t := a.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		key := join(prefix, f.Tag.Get("toml"))
		va, vb := a.Field(i), b.Field(i)
		switch {
		case f.Anonymous:
			diff(va, vb, prefix, keys)
		case f.Type.Kind() == reflect.Struct:
			diff(va, vb, key, keys)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && va.Len() == vb.Len() && !isLive(key):
			for j := range va.Len() {
				diff(va.Index(j), vb.Index(j), fmt.Sprintf("%s[%d]", key, j), keys)
			}
		case !reflect.DeepEqual(va.Interface(), vb.Interface()):
			*keys = append(*keys, key)
		}
	}
}

// merge is the running configuration with what is live of the next one.
func merge(now, next *Config) *Config {
	merged := *now
	takeOver(reflect.ValueOf(&merged).Elem(), reflect.ValueOf(next).Elem(), "")
	return &merged
}

// takeOver puts into a configuration the values of another's live keys. What the two
// share afterwards is never written to.
func takeOver(into, from reflect.Value, prefix string) {
	t := into.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		key := join(prefix, f.Tag.Get("toml"))
		to, next := into.Field(i), from.Field(i)
		switch {
		case f.Anonymous:
			takeOver(to, next, prefix)
		case isLive(key):
			to.Set(next)
		case f.Type.Kind() == reflect.Struct:
			takeOver(to, next, key)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct && to.Len() == next.Len():
			own := reflect.MakeSlice(f.Type, to.Len(), to.Len()) // the running one's are read meanwhile
			reflect.Copy(own, to)
			to.Set(own)
			for j := range own.Len() {
				takeOver(own.Index(j), next.Index(j), fmt.Sprintf("%s[%d]", key, j))
			}
		}
	}
}
