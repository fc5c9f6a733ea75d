package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/user"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// ConfigErrors is everything that is wrong with one configuration file.
type ConfigErrors struct {
	File   string
	Errors []ConfigError
}

// ConfigError is one thing that is wrong, and what to do about it.
type ConfigError struct {
	Line, Column int // 0: of the file as a whole
	Key          string
	Message      string
	Hint         string
}

// Error lists them all, one a line.
func (e *ConfigErrors) Error() string {
	var b strings.Builder
	for i, one := range e.Errors {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.File)
		if one.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", one.Line, max(one.Column, 1))
		}
		b.WriteString(": ")
		if one.Key != "" {
			b.WriteString(one.Key + ": ")
		}
		b.WriteString(one.Message)
		if one.Hint != "" {
			b.WriteString("; " + one.Hint)
		}
	}
	return b.String()
}

// LoadConfig reads and checks a configuration file. What is wrong with its
// content is a *ConfigErrors.
func LoadConfig(file string) (*Config, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return ParseConfig(file, text)
}

// ParseConfig reads and checks a configuration.
func ParseConfig(file string, text []byte) (*Config, error) {
	c := DefaultConfig()
	// Lists of the defaults are replaced by those of the file, not added to.
	if err := DecodeStrict(file, text, &c); err != nil {
		return nil, err
	}
	for i := range c.Printers {
		c.Printers[i].setDefaults()
	}
	for i := range c.Drawers {
		c.Drawers[i].setDefaults()
	}
	for i := range c.Readers {
		c.Readers[i].setDefaults()
	}
	for i := range c.Keypads {
		c.Keypads[i].setDefaults()
	}
	for i := range c.SignOn.Cards {
		c.SignOn.Cards[i].setDefaults()
	}
	if c.Register == "" {
		c.Register, _ = os.Hostname()
	}
	k := &checker{lines: keyLines(text)}
	k.config(&c)
	if len(k.errors) > 0 {
		sort.SliceStable(k.errors, func(i, j int) bool { return k.errors[i].Line < k.errors[j].Line })
		return nil, &ConfigErrors{File: file, Errors: k.errors}
	}
	return &c, nil
}

// DecodeStrict reads TOML into v, which has to know each key of it. What is wrong is
// a *ConfigErrors, with its place.
func DecodeStrict(file string, text []byte, v any) error {
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(v); err != nil {
		return &ConfigErrors{File: file, Errors: tomlErrors(err)}
	}
	return nil
}

// CheckFiles looks at what the configuration names and a running daemon would
// need: keys of policies, groups of sockets.
func CheckFiles(c *Config) error {
	_, err := readKeys(c.Policy.Keys)
	errs := []error{err}
	for _, s := range []SocketConfig{c.Sockets.POS, c.Sockets.Console, c.Sockets.Technician} {
		if s.Group == "" {
			continue
		}
		if _, err := user.LookupGroup(s.Group); err != nil {
			errs = append(errs, fmt.Errorf("there is no group %q: make it (groupadd --system %s), or name another under [sockets]", s.Group, s.Group))
		}
	}
	for i := range c.Printers {
		if _, err := c.Printers[i].listenUsers(); err != nil {
			errs = append(errs, fmt.Errorf("printer %s: %w", c.Printers[i].Name, err))
		}
	}
	return errors.Join(errs...)
}

// tomlErrors gives the parser's errors with their places.
func tomlErrors(err error) []ConfigError {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var all []ConfigError
		for i := range strict.Errors {
			e := &strict.Errors[i]
			line, col := e.Position()
			key := strings.Join(e.Key(), ".")
			one := ConfigError{Line: line, Column: col, Key: key, Message: "there is no such key"}
			if near := nearestKey(key); near != "" {
				one.Hint = "did you mean " + near + "?"
			}
			all = append(all, one)
		}
		return all
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, col := decode.Position()
		message := strings.TrimPrefix(decode.Error(), "toml: ")
		return []ConfigError{{Line: line, Column: col, Key: strings.Join(decode.Key(), "."), Message: message}}
	}
	return []ConfigError{{Message: err.Error()}}
}

// place is where a key stands.
type place struct{ line, column int }

// keyLines finds where each key and table of a valid file stands; tables that
// come more than once are numbered: printer[0].path.
func keyLines(text []byte) map[string]place {
	places := map[string]place{}
	var p unstable.Parser
	p.Reset(text)
	prefix := ""
	count := map[string]int{}
	for p.NextExpression() {
		e := p.Expression()
		var parts []string
		var at place
		for it := e.Key(); it.Next(); {
			n := it.Node()
			if at.line == 0 {
				shape := p.Shape(n.Raw)
				at = place{shape.Start.Line, shape.Start.Column}
			}
			parts = append(parts, string(n.Data))
		}
		switch e.Kind {
		case unstable.Table:
			prefix = numbered(parts, count)
			places[prefix] = at
		case unstable.ArrayTable:
			above := numbered(parts[:len(parts)-1], count)
			name := join(above, parts[len(parts)-1])
			prefix = name + "[" + strconv.Itoa(count[name]) + "]"
			count[name]++
			places[prefix] = at
		case unstable.KeyValue:
			places[join(prefix, strings.Join(parts, "."))] = at
		}
	}
	return places
}

// numbered puts the number of the current table behind each part of a path
// that comes more than once.
func numbered(parts []string, count map[string]int) string {
	path := ""
	for _, part := range parts {
		path = join(path, part)
		if n := count[path]; n > 0 {
			path += "[" + strconv.Itoa(n-1) + "]"
		}
	}
	return path
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}

// configKeys lists every key of the configuration, with [] where tables come
// more than once.
func configKeys() []string {
	var keys []string
	walkKeys(reflect.TypeFor[Config](), "", &keys)
	return keys
}

func walkKeys(t reflect.Type, prefix string, keys *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("toml")
		switch {
		case f.Anonymous:
			walkKeys(f.Type, prefix, keys)
		case f.Type.Kind() == reflect.Struct:
			walkKeys(f.Type, join(prefix, name), keys)
		case f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct:
			walkKeys(f.Type.Elem(), join(prefix, name)+"[]", keys)
		default:
			*keys = append(*keys, join(prefix, name))
		}
	}
}

// nearestKey finds the key that was probably meant, in the same table.
func nearestKey(key string) string {
	table, last := "", key
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		table, last = key[:i], key[i+1:]
	}
	best, distance := "", 3
	for _, k := range configKeys() {
		k = strings.ReplaceAll(k, "[]", "")
		t, l := "", k
		if i := strings.LastIndexByte(k, '.'); i >= 0 {
			t, l = k[:i], k[i+1:]
		}
		if t != table {
			continue
		}
		if d := editDistance(last, l); d < distance {
			best, distance = l, d
		}
	}
	return best
}

// editDistance is how many letters have to change (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := before
			if a[i-1] != b[j-1] {
				cost++
			}
			before = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
