package msr

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// moment is one arrival of bytes, some time after the one before.
type moment struct {
	after time.Duration
	data  string
}

// decode plays arrivals, calling the decoder when it asks to be as well.
func decode(t testing.TB, c Config, arrivals ...moment) []string {
	t.Helper()
	d, err := NewDecoder("lane", c)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	emit := func(s Swipe) { got = append(got, describe(s)) }
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
	if held := d.held[:cap(d.held)]; bytes.Count(held, []byte{0}) != len(held) {
		t.Error("something is still held")
	}
	return got
}

// describe tells all of a swipe, which only a test may.
func describe(s Swipe) string {
	if s.Removed {
		return "removed"
	}
	if s.Problem != ProblemNone {
		return s.Problem.String()
	}
	return fmt.Sprintf("%s present=%d bad=%d encoding=%d", s.Report(), s.Present, s.Bad, s.Encoding)
}

const (
	magtek = "%BOPER^TEST^?;:<>1234567890?+00998877?\r"
	whole  = "%BOPER^TEST^?;:<>1234567890?+00998877? present=7 bad=0 encoding=0"
)

func TestDecode(t *testing.T) {
	idtech, secure, stays := Config{Format: FormatIDTech}, Config{Format: FormatIDTechSecure}, Config{Removed: "0000"}
	long := strings.Repeat("1", maxTrack)
	for name, c := range map[string]struct {
		config   Config
		arrivals []moment
		want     []string
	}{
		"three tracks":        {arrivals: []moment{{data: magtek}}, want: []string{whole}},
		"track 2 alone":       {arrivals: []moment{{data: ";:<>1?\r"}}, want: []string{";:<>1? present=2 bad=0 encoding=0"}},
		"track 3 alone":       {arrivals: []moment{{data: "+12?\r"}}, want: []string{"+12? present=4 bad=0 encoding=0"}},
		"framed":              {arrivals: []moment{{data: "\x02" + magtek + "\x03"}}, want: []string{whole}},
		"framed, return last": {arrivals: []moment{{data: "\x02%A?\x03\r"}}, want: []string{"%A? present=1 bad=0 encoding=0"}},
		"two swipes":          {arrivals: []moment{{data: ";1?\r;2?\r"}}, want: []string{";1? present=2 bad=0 encoding=0", ";2? present=2 bad=0 encoding=0"}},
		"all bad":             {arrivals: []moment{{data: "%E?;E?+E?\r"}}, want: []string{"%E?;E?+E? present=7 bad=7 encoding=0"}},
		"one bad":             {arrivals: []moment{{data: "%E?;12?\r"}}, want: []string{"%E?;12? present=3 bad=1 encoding=0"}},
		"nothing in it":       {arrivals: []moment{{data: "%?;12?\r"}}, want: []string{"%E?;12? present=3 bad=1 encoding=0"}},
		"E among others":      {arrivals: []moment{{data: ";E1?\r"}}, want: []string{";E1? present=2 bad=0 encoding=0"}},
		"own token": {
			config: Config{ErrorTokens: []string{"M1!", "M2!"}}, arrivals: []moment{{data: "%M1!?;E?\r"}},
			want: []string{"%E?;E? present=3 bad=1 encoding=0"},
		},
		"letters on track 2":       {arrivals: []moment{{data: "%A?@BC?\r"}}, want: []string{"%A?@BC? present=3 bad=0 encoding=0"}},
		"letters, one sentinel":    {arrivals: []moment{{data: "%A?%BC?\r"}}, want: []string{"%A?@BC? present=3 bad=0 encoding=0"}},
		"track 3 like track 2":     {arrivals: []moment{{data: ";1?;2?\r"}}, want: []string{";1?+2? present=6 bad=0 encoding=0"}},
		"licence's track 3":        {arrivals: []moment{{data: "%A?;1?#B?\r"}}, want: []string{"%A?;1?+B? present=7 bad=0 encoding=0"}},
		"sign-on message":          {arrivals: []moment{{data: "21088817A01\r"}, {after: time.Minute, data: magtek}}, want: []string{whole}},
		"sign-on message in haste": {arrivals: []moment{{data: "21088817A01\r" + magtek}}, want: []string{whole}},
		"check characters": {
			config: Config{LRC: true}, arrivals: []moment{{data: "%A?;;12??+34?\r\r;E?+34?\x03\r"}},
			want: []string{"%A?;12?+34? present=7 bad=0 encoding=0", ";E?+34? present=6 bad=2 encoding=0"},
		},
		"bursts": {
			arrivals: []moment{{data: "%BOPER^TE"}, {50 * time.Millisecond, "ST^?"}, {50 * time.Millisecond, ";:<>12345678"}, {400 * time.Millisecond, "90?+00998877?"}, {50 * time.Millisecond, "\r"}},
			want:     []string{whole},
		},
		"stops in a track":     {arrivals: []moment{{data: "%BOPER^TE"}, {time.Second, magtek}}, want: []string{"unfinished", whole}},
		"stops behind a track": {arrivals: []moment{{data: "%BOPER^TEST^?"}, {time.Second, magtek}}, want: []string{"unfinished", whole}},
		"starts in a track":    {arrivals: []moment{{data: "R^TEST?\r"}, {time.Second, magtek}}, want: []string{whole}},
		"control character":    {arrivals: []moment{{data: "%A\x00B?;1?\r"}, {time.Second, magtek}}, want: []string{"garbled", whole}},
		"high bit":             {arrivals: []moment{{data: ";12\xb13?\r"}, {time.Second, magtek}}, want: []string{"garbled", whole}},
		"a track in a track":   {arrivals: []moment{{data: ";12;3?\r"}, {time.Second, magtek}}, want: []string{"garbled", whole}},
		"return in a track":    {arrivals: []moment{{data: ";12\r"}, {data: magtek}}, want: []string{"garbled", whole}},
		"between the tracks":   {arrivals: []moment{{data: "%A?x;1?\r"}, {data: magtek}}, want: []string{"garbled", whole}},
		"four tracks":          {arrivals: []moment{{data: "%A?;1?+2?+3?\r"}, {data: magtek}}, want: []string{"garbled", whole}},
		"backwards":            {arrivals: []moment{{data: ";1?%A?\r"}}, want: []string{";1?+A? present=6 bad=0 encoding=0"}},
		"as long as can be":    {arrivals: []moment{{data: ";" + long + "?\r"}}, want: []string{";" + long + "? present=2 bad=0 encoding=0"}},
		"longer":               {arrivals: []moment{{data: ";" + long + "1?\r"}, {data: magtek}}, want: []string{"too-long", whole}},
		"garbage without an end": {
			arrivals: []moment{{data: "%" + strings.Repeat("\xff", 100_000)}, {time.Second, magtek}},
			want:     []string{"garbled", whole},
		},
		"noise":                                     {arrivals: []moment{{data: strings.Repeat("\xf8", 100_000)}, {time.Second, magtek}}, want: []string{"noise", whole}},
		"storm of bad swipes":                       {arrivals: []moment{{data: strings.Repeat(";\x01\r", 10_000)}}, want: []string{"garbled"}},
		"idtech":                                    {config: idtech, arrivals: []moment{{data: "%A?\r;12?\r;34?\r"}}, want: []string{"%A?;12?+34? present=7 bad=0 encoding=0"}},
		"idtech, two swipes":                        {config: idtech, arrivals: []moment{{data: ";12?\r"}, {200 * time.Millisecond, ";34?\r"}}, want: []string{";12? present=2 bad=0 encoding=0", ";34? present=2 bad=0 encoding=0"}},
		"idtech in bursts":                          {config: idtech, arrivals: []moment{{data: "%A?\r"}, {100 * time.Millisecond, ";12?"}, {300 * time.Millisecond, "\r"}}, want: []string{"%A?;12? present=3 bad=0 encoding=0"}},
		"idtech without an end":                     {config: idtech, arrivals: []moment{{data: "%A?\r;12?"}, {time.Minute, ""}}, want: []string{"unfinished"}},
		"idtech framed":                             {config: secure, arrivals: []moment{{data: "\x02;12?\r\x03"}}, want: []string{";12? present=2 bad=0 encoding=0"}},
		"secure head without keys":                  {config: secure, arrivals: []moment{{data: "%A?\r;12?\r"}}, want: []string{"%A?;12? present=3 bad=0 encoding=0"}},
		"removed":                                   {config: stays, arrivals: []moment{{data: ";12?\r"}, {time.Hour, "0000\r\n"}}, want: []string{";12? present=2 bad=0 encoding=0", "removed"}},
		"removed, framed, in pieces":                {config: stays, arrivals: []moment{{data: "\x020"}, {100 * time.Millisecond, "00"}, {100 * time.Millisecond, "0\x03"}}, want: []string{"removed"}},
		"removed and put back":                      {config: stays, arrivals: []moment{{data: "0000\r;12?\r0000\r"}}, want: []string{"removed", ";12? present=2 bad=0 encoding=0", "removed"}},
		"removed behind another line":               {config: stays, arrivals: []moment{{data: "21088817A01\r0000\r"}}, want: []string{"removed"}},
		"a longer line":                             {config: stays, arrivals: []moment{{data: "00000\r"}}},
		"a shorter line":                            {config: stays, arrivals: []moment{{data: "000\r"}}},
		"ends like it":                              {config: stays, arrivals: []moment{{data: "10000\r"}}},
		"half a line":                               {config: stays, arrivals: []moment{{data: "00"}, {time.Second, "00\r"}}},
		"removed in a track":                        {config: stays, arrivals: []moment{{data: ";0000\r"}}, want: []string{"garbled"}},
		"says nothing of it":                        {arrivals: []moment{{data: "0000\r\r"}}},
		"secure head, removed":                      {config: Config{Format: FormatIDTechSecure, Removed: "0000"}, arrivals: []moment{{data: "0000\r"}}, want: []string{"removed"}},
		"removed right behind an idtech swipe":      {config: Config{Format: FormatIDTech, Removed: "0000"}, arrivals: []moment{{data: "%A?\r;12?\r"}, {50 * time.Millisecond, "0000\r"}, {100 * time.Millisecond, ";34?\r"}}, want: []string{"%A?;12? present=3 bad=0 encoding=0", "removed", ";34? present=2 bad=0 encoding=0"}},
		"and in pieces":                             {config: Config{Format: FormatIDTech, Removed: "0000"}, arrivals: []moment{{data: ";12?\r00"}, {300 * time.Millisecond, "00"}, {300 * time.Millisecond, "\r"}}, want: []string{";12? present=2 bad=0 encoding=0", "removed"}},
		"another line right behind an idtech swipe": {config: Config{Format: FormatIDTech, Removed: "0000"}, arrivals: []moment{{data: ";12?\r0010\r"}}, want: []string{"garbled"}},
		"half a line right behind it":               {config: Config{Format: FormatIDTech, Removed: "0000"}, arrivals: []moment{{data: ";12?\r00"}, {time.Second, ""}}, want: []string{"unfinished"}},
		"secure head, removed, framed":              {config: Config{Format: FormatIDTechSecure, Removed: "0000"}, arrivals: []moment{{data: "\x020000\x03"}, {time.Second, "\x02;12?\r\x03"}}, want: []string{"removed", ";12? present=2 bad=0 encoding=0"}},
		"secure head, framed like it":               {config: Config{Format: FormatIDTechSecure, Removed: "0000"}, arrivals: []moment{{data: "\x020010\x03"}}},
		"frame with no sense":                       {config: secure, arrivals: []moment{{data: "\x02AAAA"}, {time.Second, ";12?\r"}}, want: []string{"garbled", ";12? present=2 bad=0 encoding=0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := decode(t, c.config, c.arrivals...)
			if fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// chunked plays the same bytes whole and cut, all at one moment.
func chunked(t testing.TB, c Config, data []byte, cuts []byte) {
	t.Helper()
	once := decode(t, c, moment{data: string(data)})
	var pieces []moment
	rest := data
	for i := 0; len(rest) > 0; i++ {
		n := 1
		if len(cuts) > 0 {
			n += int(cuts[i%len(cuts)]) % 16
		}
		n = min(n, len(rest))
		pieces = append(pieces, moment{data: string(rest[:n])})
		rest = rest[n:]
	}
	cut := decode(t, c, pieces...)
	if fmt.Sprint(once) != fmt.Sprint(cut) {
		t.Errorf("%q gives %q whole and %q in pieces", data, once, cut)
	}
	for _, s := range once {
		if len(s) > 3*(maxTrack+2)+40 {
			t.Errorf("a swipe of %d characters", len(s))
		}
	}
}

var formats = []Config{
	{},
	{Format: FormatMagTek, LRC: true, ErrorTokens: []string{"E", "M1!"}},
	{Format: FormatIDTech},
	{Format: FormatIDTechSecure},
	{Removed: "0000"},
	{Format: FormatIDTech, Removed: "0000"},
	{Format: FormatIDTechSecure, Removed: "0000"},
}

func TestAnyChunkingGivesTheSameSwipes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		piece := rapid.OneOf(
			rapid.SampledFrom([]string{magtek, "%E?\r", ";12?\r", "\x02", "\x03", "21088817A01\r", "%A?", ";", "?", "\r", "E", "0000\r", "00"}),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) }),
			rapid.Just(string(sampleFrame())),
		)
		data := strings.Join(rapid.SliceOfN(piece, 0, 12).Draw(r, "data"), "")
		cuts := rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(r, "cuts")
		chunked(t, rapid.SampledFrom(formats).Draw(r, "format"), []byte(data), cuts)
	})
}

// FuzzDecoder: nothing that a line carries makes it fail, and pieces make no
// difference.
func FuzzDecoder(f *testing.F) {
	f.Add(uint8(0), []byte(magtek), []byte{1, 5})
	f.Add(uint8(0), []byte("%E?;E?+E?\r"), []byte{})
	f.Add(uint8(1), []byte("%A?;;12??+34?\r\r;E?+34?\x03\r"), []byte{0})
	f.Add(uint8(2), []byte("%A?\r;12?\r;34?\r"), []byte{3})
	f.Add(uint8(3), sampleFrame(), []byte{7, 1})
	f.Add(uint8(3), []byte("\x02;12?\r\x03"), []byte{0})
	f.Add(uint8(0), []byte("21088817A01\r\xff\xff%\x00"), []byte{2})
	f.Add(uint8(4), []byte("\x02;12?\r\x030000\r\n00"), []byte{2})
	f.Fuzz(func(t *testing.T, format uint8, data, cuts []byte) {
		chunked(t, formats[int(format)%len(formats)], data, cuts)
	})
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{Format: "hid"}, {ErrorTokens: []string{""}}, {ErrorTokens: []string{strings.Repeat("E", 200)}}, {Removed: ";0?"}, {Removed: "\r"}, {Removed: strings.Repeat("0", 33)}} {
		if _, err := NewDecoder("x", c); err == nil {
			t.Errorf("%+v was taken", c)
		}
		if _, err := NewReader("x", c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
