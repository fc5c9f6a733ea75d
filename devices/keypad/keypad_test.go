package keypad

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tillwarden/devices"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type moment struct {
	after time.Duration
	data  string
}

func decode(t testing.TB, c Config, arrivals ...moment) []string {
	t.Helper()
	d, err := NewDecoder("pad", c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	emit := func(e Event) {
		word := e.Kind.String()
		switch e.Kind {
		case KindLine:
			word += "=" + string(e.Text())
			if len(e.Text()) != e.Length {
				t.Errorf("length %d of a line of %d", e.Length, len(e.Text()))
			}
		case KindFunction:
			word += "=" + e.Function
		case KindKey:
			word = fmt.Sprint(e.Length)
		}
		got = append(got, word)
	}
	now := time.Unix(1_000_000, 0)
	pass := func(to time.Time) {
		for {
			at, waiting := d.Deadline()
			if !waiting || at.After(to) {
				return
			}
			d.Feed(nil, at, emit)
		}
	}
	for _, m := range arrivals {
		now = now.Add(m.after)
		pass(now)
		d.Feed([]byte(m.data), now, emit)
	}
	pass(now.Add(time.Hour))
	if _, waiting := d.Deadline(); waiting {
		t.Error("the decoder still waits an hour later")
	}
	if all := d.line[:cap(d.line)]; bytes.Count(all, []byte{0}) != len(all) {
		t.Error("something is still held")
	}
	return got
}

func TestDecode(t *testing.T) {
	functions := Config{Functions: map[byte]string{'A': "override", 0x80: "lock"}, Max: 3}
	for name, c := range map[string]struct {
		config   Config
		arrivals []moment
		want     string
	}{
		"a line":              {arrivals: []moment{{data: "12\r"}}, want: "1 2 line=12"},
		"number, then PIN":    {arrivals: []moment{{data: "10\r"}, {5 * time.Second, "99\r"}}, want: "1 2 line=10 1 2 line=99"},
		"code":                {arrivals: []moment{{data: "*61#\r"}}, want: "1 2 3 4 line=*61#"},
		"CR LF":               {arrivals: []moment{{data: "1\r\n2\r"}, {data: "\n3\n"}}, want: "1 line=1 1 line=2 1 line=3"},
		"LF alone twice":      {arrivals: []moment{{data: "1\n\n"}}, want: "1 line=1 line="},
		"backspace":           {arrivals: []moment{{data: "\x0812\x083\x7f\r"}}, want: "0 1 2 1 2 1 line=1"},
		"clear":               {arrivals: []moment{{data: "12C3\x1b4\r"}}, want: "1 2 clear 1 clear 1 line=4"},
		"slow fingers":        {arrivals: []moment{{data: "1"}, {29 * time.Second, "2"}, {29 * time.Second, "\r"}}, want: "1 2 line=12"},
		"left alone":          {arrivals: []moment{{data: "12"}, {30 * time.Second, "3\r"}}, want: "1 2 timeout 1 line=3"},
		"functions":           {config: functions, arrivals: []moment{{data: "1A\x802\r"}}, want: "1 function=override function=lock 2 line=12"},
		"too long":            {config: functions, arrivals: []moment{{data: "1234567\r8\r"}}, want: "1 2 3 too-long 1 line=8"},
		"too long, cleared":   {config: functions, arrivals: []moment{{data: "1234C8\r"}}, want: "1 2 3 too-long clear 1 line=8"},
		"too long, left":      {config: functions, arrivals: []moment{{data: "1234"}, {time.Minute, "8\r"}}, want: "1 2 3 too-long 1 line=8"},
		"garbled":             {arrivals: []moment{{data: "12\x01" + strings.Repeat("\xff", 1000) + "3\r4\r"}}, want: "1 2 garbled 1 line=4"},
		"key without meaning": {arrivals: []moment{{data: "1F2\r"}}, want: "1 2 line=12"},
		"nothing typed":       {arrivals: []moment{{data: "\r"}}, want: "line="},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(decode(t, c.config, c.arrivals...), " "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{
		{Max: 1000},
		{Max: -1},
		{Functions: map[byte]string{'A': ""}},
		{Functions: map[byte]string{'1': "one"}},
		{Functions: map[byte]string{'\r': "enter"}},
		{Clear: []byte{'\r'}},
	} {
		if _, err := New("pad", c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// FuzzDecoder: nothing that a line carries makes it fail, pieces make no
// difference, and no line is longer than it may be.
func FuzzDecoder(f *testing.F) {
	f.Add([]byte("1001\r99\x08\x7f*61#\r\n"), []byte{1, 3})
	f.Add([]byte("\xff\x00A12C\x1b\n"), []byte{})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		config := Config{Functions: map[byte]string{'A': "a"}, Max: 8}
		once := decode(t, config, moment{data: string(data)})
		var pieces []moment
		for i, rest := 0, data; len(rest) > 0; i++ {
			n := 1
			if len(cuts) > 0 {
				n += int(cuts[i%len(cuts)]) % 8
			}
			n = min(n, len(rest))
			pieces = append(pieces, moment{data: string(rest[:n])})
			rest = rest[n:]
		}
		if cut := decode(t, config, pieces...); fmt.Sprint(once) != fmt.Sprint(cut) {
			t.Errorf("%q gives %q whole and %q in pieces", data, once, cut)
		}
		for _, e := range once {
			if len(e) > len("function=")+8 {
				t.Errorf("%q", e)
			}
		}
	})
}

func TestNothingTypedIsPrinted(t *testing.T) {
	const typed = "73190"
	d, err := NewDecoder("pad", Config{})
	if err != nil {
		t.Fatal(err)
	}
	var e Event
	d.Feed([]byte(typed+"\r"), time.Unix(1, 0), func(got Event) { e = got })
	if string(e.Text()) != typed {
		t.Fatal("no line")
	}
	type outer struct {
		inner Event
		ptr   *Event
	}
	forbidden := []string{typed, fmt.Sprintf("%x", typed), strings.Trim(fmt.Sprint([]byte(typed)), "[]"), "0x37, 0x33"}
	look := func(how string, out []byte) {
		t.Helper()
		for _, f := range forbidden {
			if bytes.Contains(out, []byte(f)) {
				t.Errorf("%s shows what was typed", how)
			}
		}
	}
	for i, v := range []any{e, &e, []Event{e}, outer{e, &e}, &outer{e, &e}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%o", "%b", "%U", "%p"} {
			look(fmt.Sprintf("value %d with %s", i, verb), fmt.Appendf(nil, verb, v))
		}
		out, _ := json.Marshal(v)
		look("json", out)
		var b bytes.Buffer
		slog.New(slog.NewTextHandler(&b, nil)).Info("x", "event", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "event", v)
		look("slog", b.Bytes())
	}
	other, text := e, e.Text()
	e.Wipe()
	if e.Text() != nil || other.Text() != nil || bytes.Count(text, []byte{0}) != len(text) {
		t.Error("something is left after Wipe")
	}
	Event{}.Wipe()
}

// patience is how long a test waits for what is to come: machines that build much
// at a time are slow, and what comes late has come.
const patience = 30 * time.Second

func TestRunOverATTY(t *testing.T) {
	far, err := devices.OpenPTY(devices.PTYConfig{Link: filepath.Join(t.TempDir(), "keypad"), Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	port, err := devices.OpenSerial(devices.Config{Path: far.Link()})
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	pad, err := New("pad", Config{Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := far.Write([]byte("stale")); err != nil {
		t.Fatal(err)
	}
	if ready, err := port.Wait(patience); !ready || err != nil {
		t.Fatal(ready, err)
	}
	events := make(chan Event, 10)
	ended := make(chan error, 1)
	go func() { ended <- pad.Run(t.Context(), port, func(e Event) { events <- e }) }()
	for end := time.Now().Add(patience); ; {
		if n, err := far.Unread(); err != nil || time.Now().After(end) {
			t.Fatal("the keypad did not begin: ", err)
		} else if n == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := far.Write([]byte("*61\r7")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 6 {
		e := <-events
		got = append(got, e.Kind.String()+string(e.Text()))
	}
	if s := strings.Join(got, " "); s != "key key key line*61 key timeout" {
		t.Error(s)
	}
	far.Close()
	if err := <-ended; !errors.Is(err, devices.ErrGone) {
		t.Errorf("Run ended with %v, want ErrGone", err)
	}
}
