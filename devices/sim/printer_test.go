package sim

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"
)

// bench is a printer with a clock that a test turns and ears for what it says.
type bench struct {
	*Printer
	now  time.Time
	said []byte
}

func newBench(t testing.TB, model string, set ...func(*PrinterOptions)) *bench {
	t.Helper()
	m, err := ModelNamed(model)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{now: time.Unix(1_000_000, 0)}
	o := PrinterOptions{Model: m, Clock: func() time.Time { return b.now }, Send: func(p []byte) { b.said = append(b.said, p...) }}
	for _, f := range set {
		f(&o)
	}
	b.Printer = NewPrinter(o)
	return b
}

// feed sends strings and returns the bench.
func (b *bench) feed(parts ...string) *bench {
	for _, p := range parts {
		b.Receive([]byte(p))
	}
	return b
}

// pulsed tells drawer, command and way of each pulse so far.
func (b *bench) pulsed() string {
	pulses, _ := b.Pulses(0)
	var out []string
	for _, p := range pulses {
		out = append(out, fmt.Sprintf("%d %s %s", p.Drawer, p.Command, p.Via))
	}
	return strings.Join(out, ", ")
}

func (b *bench) printed() string {
	lines, _ := b.Paper(0)
	return strings.Join(lines, "\n")
}

// answers returns what the printer has said since the last call.
func (b *bench) answers() []byte {
	said := b.said
	b.said = nil
	return said
}

const (
	kick   = "\x1bp\x00\x19\xfa"
	rtKick = "\x10\x14\x01\x00\x01"
)

// TestWhatOpensADrawer: one table of streams, what they do to an Epson, and
// where another model does otherwise.
func TestWhatOpensADrawer(t *testing.T) {
	const inBuffer, inReception = "1 ESC p buffer", "1 DLE DC4 1 real-time"
	for name, c := range map[string]struct {
		stream string
		want   string
		others map[string]string
	}{
		"ESC p":                {stream: kick, want: inBuffer},
		"ESC p, digit":         {stream: "\x1bp0<x", want: inBuffer},
		"ESC p, pin 5":         {stream: "\x1bp\x01\x19\xfa", want: "2 ESC p buffer"},
		"ESC p, digit, pin 5":  {stream: "\x1bp1<x", want: "2 ESC p buffer"},
		"ESC p, no such pin":   {stream: "\x1bp\x05\x19\xfa", others: map[string]string{"clone": "2 ESC p buffer", "blind": "2 ESC p buffer"}},
		"ESC p without times":  {stream: "\x1bp\x00"},
		"half, then text":      {stream: "\x1bp\x00AB", want: inBuffer},
		"no such pin, then":    {stream: "\x1bp\x05" + kick, want: inBuffer, others: map[string]string{"clone": "2 ESC p buffer", "blind": "2 ESC p buffer"}},
		"DLE DC4":              {stream: rtKick, want: inReception, others: map[string]string{"plain": ""}},
		"DLE DC4, pin 5":       {stream: "\x10\x14\x01\x01\x08", want: "2 DLE DC4 1 real-time", others: map[string]string{"plain": ""}},
		"DLE DC4, digit":       {stream: "\x10\x14\x010\x01", others: map[string]string{"clone": inReception, "blind": inReception}},
		"DLE DC4, time":        {stream: "\x10\x14\x01\x00\x09", others: map[string]string{"clone": inReception, "blind": inReception}},
		"DLE DC4, no time":     {stream: "\x10\x14\x01\x00\x00"},
		"DLE DC4 in an image":  {stream: "\x1dv0\x00\x02\x00\x04\x00\xaa" + rtKick + "\xaa\xaa", want: inReception, others: map[string]string{"plain": ""}},
		"ESC p in an image":    {stream: "\x1dv0\x00\x02\x00\x04\x00\xaa" + kick + "\xaa\xaa"},
		"DLE DC4 as parameter": {stream: "\x1b!" + rtKick, want: inReception, others: map[string]string{"plain": ""}},
		"DLE twice":            {stream: "\x10" + rtKick, want: inReception, others: map[string]string{"plain": ""}},
		"disabled":             {stream: "\x1d(D\x03\x00\x14\x01\x00" + rtKick, others: map[string]string{"clone": inReception, "blind": inReception}},
		"disabled, digit":      {stream: "\x1d(D\x03\x00\x14\x010" + rtKick, others: map[string]string{"clone": inReception, "blind": inReception}},
		"disabled, then ESC @": {stream: "\x1d(D\x03\x00\x14\x01\x00\x1b@" + rtKick, want: inReception, others: map[string]string{"plain": ""}},
		"disabled, ESC p":      {stream: "\x1d(D\x03\x00\x14\x01\x00" + kick, want: inBuffer},
		"both at once":         {stream: rtKick + rtKick, want: inReception, others: map[string]string{"plain": ""}}, // the second while the first goes on
		"deselected":           {stream: "\x1b=\x02" + kick},
		"deselected, DLE DC4":  {stream: "\x1b=\x02" + rtKick, want: inReception, others: map[string]string{"plain": ""}},
		"selected again":       {stream: "\x1b=\x02A\x1b=\x01" + kick, want: inBuffer},
		"image cancelled":      {stream: "\x1dv0\x00\x02\x00\xff\x00" + string(clearBuffers) + kick, want: inBuffer, others: map[string]string{"plain": ""}},
		"bar code in a line":   {stream: "A\x1dkI\x05" + kick, want: inBuffer, others: map[string]string{"clone": "", "blind": ""}},
		"bar code on its own":  {stream: "\x1dkI\x07{B" + kick},
		"bar code, bad length": {stream: "\x1dkA\x05" + kick, want: inBuffer},
		"bar code, bad letter": {stream: "\x1dkA\x0b1" + kick, others: map[string]string{"strict": inBuffer}},
		"ESC p in ESC p":       {stream: "\x1bp" + kick, others: map[string]string{"strict": inBuffer, "clone": "2 ESC p buffer", "blind": "2 ESC p buffer"}},
		"bar code without end": {stream: "\x1dk\x04ABC" + kick + "\x00", others: map[string]string{"strict": inBuffer}},
		"UPC of 13 digits":     {stream: "\x1dk\x00" + "1234567890123" + kick, want: inBuffer, others: map[string]string{"clone": "", "blind": ""}},
		"image too wide":       {stream: "\x1dv0\x00\x81\x00" + kick, want: inBuffer, others: map[string]string{"clone": "", "blind": ""}},
		"image of no size":     {stream: "\x1dv0\x00\x00\x00" + kick, want: inBuffer},
		"image, bad mode":      {stream: "\x1dv0\x09" + kick, want: inBuffer},
		"image in a line":      {stream: "A\x1dv0\x00\x02\x00\x04\x00" + kick + "...", others: map[string]string{"strict": inBuffer}},
		"bit image, bad mode":  {stream: "\x1b*\x09" + kick, want: inBuffer},
		"bit image":            {stream: "\x1b*\x00\x05\x00" + kick},
		"bit image, 24 dots":   {stream: "\x1b*\x21\x02\x00" + kick + "."},
		"unknown ESC":          {stream: "\x1b\x01" + kick, want: inBuffer},
		"ESC ESC":              {stream: "\x1b" + kick, others: map[string]string{"clone": inBuffer}},
		"unknown GS (":         {stream: "\x1d(Z\x05\x00" + kick, others: map[string]string{"strict": inBuffer, "blind": inBuffer}},
		"GS ( k in a line":     {stream: "A\x1d(k\x05\x00" + kick, others: map[string]string{"strict": inBuffer}},
		"tabs":                 {stream: "\x1bD\x08\x10" + kick},
		"tabs, backwards":      {stream: "\x1bD\x20" + kick, want: inBuffer},
		"glyphs":               {stream: "\x1b&\x03A\x41\x02" + kick + "."},
		"glyphs, bad height":   {stream: "\x1b&\x02" + kick, want: inBuffer},
		"glyphs, too wide":     {stream: "\x1b&\x03AA\x0d" + kick, want: inBuffer},
		"page mode":            {stream: "\x1bL" + kick, want: inBuffer},
		"ESC c":                {stream: "\x1bc\x31" + kick, want: inBuffer},
		"FS S":                 {stream: "\x1cS" + kick, want: inBuffer, others: map[string]string{"kanji": "", "blind": ""}},
		"second byte":          {stream: "\x1c&\x81" + kick, want: inBuffer, others: map[string]string{"blind": ""}},
		"second byte, on":      {stream: "\x81" + kick, want: inBuffer, others: map[string]string{"blind": ""}},
		"macro records":        {stream: "\x1d:" + kick + "\x1d:", want: inBuffer},
		"macro runs": {
			stream: "\x1d:" + kick + "\x1d:\x1d^\x02\x00\x00", want: "1 ESC p buffer, 1 ESC p macro, 1 ESC p macro",
			others: map[string]string{"clone": inBuffer, "blind": inBuffer},
		},
		"macro outlives ESC @": {
			stream: "\x1d:" + kick + "\x1d:\x1b@\x1d^\x01\x00\x00", want: "1 ESC p buffer, 1 ESC p macro",
			others: map[string]string{"clone": inBuffer, "blind": inBuffer},
		},
		"hex dump":     {stream: "\x1d(A\x02\x00\x00\x01" + kick},
		"power off":    {stream: "\x1d(D\x03\x00\x14\x02\x01\x10\x14\x02\x01\x08" + kick, want: "", others: map[string]string{"clone": inBuffer, "blind": inBuffer, "plain": inBuffer}},
		"text":         {stream: "p\x00\x19\xfa"},
		"BEL":          {stream: "\x07\x1c\x1a\x19"},
		"user data":    {stream: "\x1cg1\x00\x00\x00\x00\x00\x05\x00" + kick},
		"logo in full": {stream: "\x1cq\x01\x01\x00\x01\x00" + "\x1bp\x00\x19\xfa..." + kick, want: inBuffer},
		"logo too big": {stream: "\x1cq\x01\xff\xff" + kick, want: inBuffer},
	} {
		for _, model := range Models() {
			t.Run(name+"/"+model.Name, func(t *testing.T) {
				want := c.want
				if other, ok := c.others[model.Name]; ok {
					want = other
				}
				b := newBench(t, model.Name).feed(c.stream)
				if got := b.pulsed(); got != want {
					t.Errorf("% x gives %q, want %q", c.stream, got, want)
				}
			})
		}
	}
}

func TestPulseLog(t *testing.T) {
	b := newBench(t, "epson")
	b.feed("text\n", kick)
	b.now = b.now.Add(time.Second)
	b.feed(rtKick)
	pulses, next := b.Pulses(0)
	if len(pulses) != 2 || next != 2 {
		t.Fatalf("%d pulses, next %d", len(pulses), next)
	}
	first, second := pulses[0], pulses[1]
	if !bytes.Equal(first.Bytes, []byte(kick)) || first.Offset != 9 || first.OnMS != 50 || first.OffMS != 500 || !first.Opened || first.At != b.now.Add(-time.Second) {
		t.Errorf("first: %+v", first)
	}
	if !bytes.Equal(second.Bytes, []byte(rtKick)) || second.OnMS != 100 || second.Opened || second.Number != 1 {
		t.Errorf("second: %+v", second)
	}
	if pulses, next := b.Pulses(1); len(pulses) != 1 || next != 2 {
		t.Errorf("from 1: %d, next %d", len(pulses), next)
	}
}

func TestDrawer(t *testing.T) {
	b := newBench(t, "epson", func(o *PrinterOptions) { o.OpenIsHigh = true })
	status := func() byte {
		b.answers()
		b.feed("\x10\x04\x01")
		return b.answers()[0]
	}
	if s := status(); s != 0x12 {
		t.Errorf("shut: %#02x", s)
	}
	b.feed(kick)
	if s := status(); s != 0x16 {
		t.Errorf("open: %#02x", s)
	}
	b.feed("\x1dr\x02\x1bu\x00")
	if got := b.answers(); !bytes.Equal(got, []byte{1, 1}) {
		t.Errorf("GS r 2 and ESC u: % x", got)
	}
	if err := b.CloseDrawer(1); err != nil {
		t.Fatal(err)
	}
	if s := status(); s != 0x12 {
		t.Errorf("shut again: %#02x", s)
	}
	// With its key, and the other one: one wire for both.
	if err := b.OpenDrawer(2); err != nil {
		t.Fatal(err)
	}
	if s := status(); s != 0x16 {
		t.Errorf("second open: %#02x", s)
	}
	if err := b.CloseDrawer(2); err != nil {
		t.Fatal(err)
	}
	if err := b.LockDrawer(1, true); err != nil {
		t.Fatal(err)
	}
	b.feed(kick)
	if s := b.State(); s.Drawers[0].Open || !s.Drawers[0].Locked || s.Pulses != 2 {
		t.Errorf("locked: %+v", s)
	}
	if err := b.OpenDrawer(3); err == nil {
		t.Error("there is a third drawer")
	}
	// The other drawer's switch works the other way round.
	b = newBench(t, "epson")
	if s := status(); s != 0x16 {
		t.Errorf("shut is high: %#02x", s)
	}
}

func TestStatus(t *testing.T) {
	b := newBench(t, "epson", func(o *PrinterOptions) { o.OpenIsHigh = true })
	ask := func() []byte {
		b.answers()
		b.feed("\x10\x04\x01\x10\x04\x02\x10\x04\x03\x10\x04\x04\x10\x04\x08\x10\x14\x07\x01")
		return b.answers()
	}
	for _, c := range []struct {
		name string
		do   func()
		want []byte
	}{
		{"well", func() {}, []byte{0x12, 0x12, 0x12, 0x12, 0x10, 0, 0, 0x0f}},
		{"off line", func() { b.SetOnline(false) }, []byte{0x1a, 0x12, 0x12, 0x12, 0x18, 0, 0, 0x0f}},
		{"on line", func() { b.SetOnline(true) }, []byte{0x12, 0x12, 0x12, 0x12, 0x10, 0, 0, 0x0f}},
		{"cover", func() { b.SetCover(true) }, []byte{0x1a, 0x16, 0x12, 0x12, 0x38, 0, 0, 0x0f}},
		{"paper", func() { b.SetCover(false); b.SetPaper(false) }, []byte{0x1a, 0x32, 0x12, 0x7e, 0x18, 0, 0x0f, 0x0f}},
		{"low", func() { b.SetPaper(true); b.SetPaperLow(true) }, []byte{0x12, 0x12, 0x12, 0x1e, 0x10, 0, 0x03, 0x0f}},
		{"cutter", func() { b.SetPaperLow(false); b.SetFailed(true) }, []byte{0x1a, 0x52, 0x1a, 0x12, 0x18, 0x08, 0, 0x0f}},
	} {
		c.do()
		if got := ask(); !bytes.Equal(got, c.want) {
			t.Errorf("%s: % x, want % x", c.name, got, c.want)
		}
	}
	// Real-time status bytes are 0xx1xx10; DLE ENQ 1 gets the cutter going.
	b.feed("text\n")
	if b.printed() != "" {
		t.Error("printed with a stuck cutter")
	}
	b.feed("\x10\x05\x01")
	if b.printed() != "text" {
		t.Errorf("printed %q after DLE ENQ 1", b.printed())
	}
	b.SetFailed(true)
	b.feed("lost\n\x10\x05\x02")
	if b.printed() != "text" || b.State().Failed {
		t.Errorf("printed %q after DLE ENQ 2", b.printed())
	}
}

func TestAutomaticStatus(t *testing.T) {
	b := newBench(t, "epson", func(o *PrinterOptions) { o.OpenIsHigh = true })
	b.feed("\x1da\x0f")
	if got := b.answers(); !bytes.Equal(got, []byte{0x10, 0, 0, 0x0f}) {
		t.Errorf("at once: % x", got)
	}
	b.feed(kick)
	if got := b.answers(); !bytes.Equal(got, []byte{0x14, 0, 0, 0x0f}) {
		t.Errorf("drawer: % x", got)
	}
	b.feed("\x1da\x02")
	b.answers()
	if err := b.CloseDrawer(1); err != nil {
		t.Fatal(err)
	}
	if got := b.answers(); len(got) != 0 {
		t.Errorf("told of the drawer without being asked: % x", got)
	}
	b.SetOnline(false)
	if got := b.answers(); !bytes.Equal(got, []byte{0x18, 0, 0, 0x0f}) {
		t.Errorf("off line: % x", got)
	}
	b.SetPower(false)
	b.SetPower(true)
	b.SetOnline(true)
	if got := b.answers(); len(got) != 0 {
		t.Errorf("remembered GS a over the power switch: % x", got)
	}
}

func TestOfflineHoldsWhatWasSent(t *testing.T) {
	b := newBench(t, "epson")
	b.SetOnline(false)
	b.feed("text\n", kick)
	if b.pulsed() != "" || b.printed() != "" || b.Waiting() == 0 {
		t.Fatal("an off-line printer works")
	}
	b.feed(rtKick)
	if got := b.pulsed(); got != "1 DLE DC4 1 real-time" {
		t.Errorf("off line: %q", got)
	}
	b.now = b.now.Add(time.Hour)
	b.SetOnline(true)
	if got := b.pulsed(); got != "1 DLE DC4 1 real-time, 1 ESC p buffer" {
		t.Errorf("on line again: %q", got)
	}
	b.SetPaper(false)
	b.feed(kick, "AB\x1bp\x00")
	b.feed(string(clearBuffers))
	b.SetPaper(true)
	b.feed("CD\n")
	if b.printed() != "text\nCD" || b.State().Pulses != 2 {
		t.Errorf("cleared: %q, %q", b.printed(), b.pulsed())
	}
}

func TestPowerSwitch(t *testing.T) {
	b := newBench(t, "epson")
	b.feed("\x1d:", kick, "\x1d:", "half a line\x1bp\x00")
	b.SetPower(false)
	b.feed("\x10\x04\x01", kick, rtKick, "text\n")
	if got := b.answers(); len(got) != 0 {
		t.Errorf("answered % x without power", got)
	}
	b.SetPower(true)
	b.feed("\x19\xfa", "\x1d^\x01\x00\x00", "new\n")
	if got := b.pulsed(); got != "1 ESC p buffer" {
		t.Errorf("pulses: %q", got)
	}
	if got := b.printed(); got != "·new" {
		t.Errorf("printed %q", got)
	}
	if s := b.State(); !s.Drawers[0].Open {
		t.Error("the drawer shut itself")
	}
}

func TestMacroWaitsForTheButton(t *testing.T) {
	b := newBench(t, "epson")
	b.feed("\x1d:", kick, "\x1d:", "\x1d^\x01\x00\x01", "later\n")
	if b.pulsed() != "1 ESC p buffer" || b.printed() != "" {
		t.Fatalf("%q, %q", b.pulsed(), b.printed())
	}
	b.Feed()
	if b.pulsed() != "1 ESC p buffer, 1 ESC p feed" || b.printed() != "later" {
		t.Errorf("%q, %q", b.pulsed(), b.printed())
	}
}

func TestBufferFull(t *testing.T) {
	b := newBench(t, "epson", func(o *PrinterOptions) { o.Buffer = 16 })
	b.SetOnline(false)
	b.feed(strings.Repeat("x", 10))
	if b.Room() != 6 {
		t.Errorf("room for %d", b.Room())
	}
	b.feed(strings.Repeat("y", 10), "\x10\x04\x01")
	if got := b.answers(); len(got) != 1 {
		t.Errorf("a full printer answered % x", got)
	}
	if s := b.State(); s.Overruns != 7 || s.Waiting != 16 {
		t.Errorf("%+v", s)
	}
}

func TestIdentification(t *testing.T) {
	b := newBench(t, "epson").feed("\x1dI\x43\x1dI1\x1b v\x1bv\x1d(H\x06\x0000abcd\x1dr1")
	want := "_TM-T88\x00\x20\x00\x37\x22abcd\x00\x00"
	if got := string(b.answers()); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
