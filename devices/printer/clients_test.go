package printer

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"tillwarden/devices"
	"tillwarden/devices/escpos"
	"tillwarden/devices/sim"
	"tillwarden/devices/sim/readings"
	"tillwarden/enforcer/journal/entry"
)

// Receipts as POS applications send them, made by the encoder packages that
// such applications are built on (packaging/clients says how): what a printer
// makes of them is the same with us in between.

var update = flag.Bool("update", false, "write testdata/clients/refused.txt and the table of docs/printers.md anew")

// client is one stream of testdata/clients.
type client struct {
	File, Package, Version, Licence string
	// Commands is the package's name of the command set, Dialect ours.
	Commands, Dialect string
	Printer           string
	Contains          []string
	Transport         string
	// Kicks is how often a printer that gets it all drives a drawer.
	Kicks int
	// Lost is why something of it cannot be printed through us.
	Lost  string
	Bytes int
	// Pieces is how it is written: runs of pieces of equal size: their size, how
	// many, and the pause before each in milliseconds.
	Pieces [][3]int

	data []byte
}

// printDialects are those of streams that any printer of their kind prints as
// they are meant; allDialects has those with makers' own commands besides.
var (
	printDialects = []string{"epson", "epson-sii", "star-line", "starprnt", "star-raster"}
	allDialects   = append([]string{"epson-clone"}, printDialects...)
)

const clientsDir = "testdata/clients"

// printable are the streams in one of these dialects of which nothing is lost.
func printable(t testing.TB, dialects ...string) []*client {
	t.Helper()
	return slices.DeleteFunc(clients(t, dialects...), func(c *client) bool { return c.Lost != "" })
}

// clients are the streams in one of these dialects.
func clients(t testing.TB, dialects ...string) []*client {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(clientsDir, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all, out []*client
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if !slices.Contains(dialects, c.Dialect) {
			continue
		}
		if c.data, err = os.ReadFile(filepath.Join(clientsDir, c.File)); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

func (c *client) name() string { return strings.TrimSuffix(c.File, ".bin") }

// pieces is the stream as it is written.
func (c *client) pieces() [][]byte {
	var out [][]byte
	rest := c.data
	for _, p := range c.Pieces {
		for range p[1] {
			out = append(out, rest[:p[0]])
			rest = rest[p[0]:]
		}
	}
	return out
}

// print is all that is seen of a job.
type print struct {
	Paper, Look []string
	Pictures    []sim.Picture
}

func printOf(p *sim.Printer) print {
	var out print
	out.Paper, _ = p.Paper(0)
	out.Look, _ = p.Look(0)
	out.Pictures, _ = p.Pictures(0)
	return out
}

// differs says where two prints differ first; "" is nowhere. So many pixels of
// their pictures may have been mended.
func (p print) differs(from print, mended int) string {
	line := func(what string, a, b []string) string {
		for i := range max(len(a), len(b)) {
			var x, y string
			if i < len(a) {
				x = a[i]
			}
			if i < len(b) {
				y = b[i]
			}
			if x != y || i >= len(a) || i >= len(b) {
				return fmt.Sprintf("%s, line %d of %d and %d:\n%s\n%s", what, i, len(a), len(b), x, y)
			}
		}
		return ""
	}
	switch {
	case !slices.Equal(p.Paper, from.Paper):
		return line("paper", p.Paper, from.Paper)
	case !slices.Equal(p.Look, from.Look):
		return line("look", p.Look, from.Look)
	}
	if len(p.Pictures) != len(from.Pictures) {
		return fmt.Sprintf("%d pictures, not %d", len(p.Pictures), len(from.Pictures))
	}
	for i, a := range p.Pictures {
		b := from.Pictures[i]
		if slices.Contains(sizes, a.Command) && a.Width >= b.Width && a.Height >= b.Height {
			a = trimmed(a, b.Width, b.Height)
		}
		n := pixels(a.Dots, b.Dots)
		if a.Dots, b.Dots = nil, nil; !reflect.DeepEqual(a, b) {
			return fmt.Sprintf("picture %d is %+v, not %+v", i, a, b)
		}
		if mended -= n; mended < 0 {
			return fmt.Sprintf("%d pixels of picture %d", n, i)
		}
	}
	return ""
}

// sizes are a Star's commands that hold a picture's size.
var sizes = []string{"b", "ESC k", "ESC K", "ESC L", "ESC X", "ESC GS S"}

// trimmed is a picture without what is white right of and below a size: a Star's
// pictures may have to be larger than they came, where their size is a drawer's
// code.
func trimmed(p sim.Picture, width, height int) sim.Picture {
	was, is := (p.Width+7)/8, (width+7)/8
	var dots []byte
	rows := 0
	for row := range slices.Chunk(p.Dots, was) {
		if rows++; rows > height {
			is = 0
		}
		if len(row) < was || len(bytes.Trim(row[is:], "\x00")) > 0 {
			return p
		}
		dots = append(dots, row[:is]...)
	}
	p.Width, p.Height, p.Dots = width, height, dots
	return p
}

// pixels is how many dots are not the same.
func pixels(a, b []byte) int {
	n := 8 * max(len(a)-len(b), len(b)-len(a))
	for i := range min(len(a), len(b)) {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

// bare is what a printer of a model makes of bytes on its own, how often it
// drives a drawer, and what it answers. The drawers are locked, so that no
// answer tells of one that opened.
func bare(model sim.Model, data []byte) (out print, pulses int, answers []byte) {
	p := sim.NewPrinter(sim.PrinterOptions{Model: model, Send: func(b []byte) { answers = append(answers, b...) }})
	for drawer := 1; drawer <= 2; drawer++ {
		if err := p.LockDrawer(drawer, true); err != nil {
			panic(err)
		}
	}
	p.Receive(data)
	return printOf(p), int(p.State().Pulses), answers
}

func dialect(t testing.TB, name string) *escpos.Dialect {
	t.Helper()
	d, err := escpos.DialectNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// filtered is what is left of a stream, how many kicks were in it, and what of
// it was refused or mended.
type filtered struct {
	out     []byte
	kicks   int
	mended  int      // pixels
	refused []string // in order: name, why, bytes
}

func (c *client) filter(t testing.TB, pieces [][]byte) filtered {
	t.Helper()
	return filterAs(dialect(t, c.Dialect), pieces)
}

func filterAs(d *escpos.Dialect, pieces [][]byte) filtered {
	var f filtered
	emit := func(s *escpos.Segment) {
		f.out = append(f.out, s.Bytes...)
		switch {
		case s.Kind == escpos.Kick:
			f.kicks++
		case s.Kind == escpos.Refused:
			f.refused = append(f.refused, fmt.Sprintf("%s: %s: % x", s.Name, s.Why, s.Raw))
		case s.Mended:
			f.refused = append(f.refused, fmt.Sprintf("%s: %s", s.Name, s.Why))
			if s.Kind == escpos.Image && s.Why == "pixel changed" {
				f.mended++
			}
		}
	}
	filter := escpos.NewFilter(d)
	for _, p := range pieces {
		filter.Feed(p, emit)
	}
	filter.Idle(emit)
	return f
}

// bytewise cuts into single bytes.
func bytewise(data []byte) [][]byte {
	var out [][]byte
	for i := range data {
		out = append(out, data[i:i+1])
	}
	return out
}

// models are the simulated printers that speak a dialect.
func models(dialect string) []sim.Model {
	if strings.HasPrefix(dialect, "star") {
		return sim.StarModels()
	}
	return sim.Models()
}

// TestClientsPrintTheSame: what real clients send prints on every model of
// printer as if we were not there, and without a grant no drawer opens. What is
// not forwarded of it stands in testdata/clients/refused.txt.
func TestClientsPrintTheSame(t *testing.T) {
	var golden strings.Builder
	for _, c := range clients(t, allDialects...) {
		t.Run(c.name(), func(t *testing.T) {
			got := c.filter(t, c.pieces())
			for how, pieces := range map[string][][]byte{"whole": {c.data}, "byte by byte": bytewise(c.data)} {
				if other := c.filter(t, pieces); !reflect.DeepEqual(got, other) {
					t.Errorf("sent %s, it is filtered in another way", how)
				}
			}
			for _, clone := range []string{"epson-clone", "epson-wincor"} {
				if other := filterAs(dialect(t, clone), c.pieces()); c.Dialect == "epson" && !reflect.DeepEqual(got, other) {
					t.Errorf("as %s, it is filtered in another way", clone)
				}
			}
			if len(c.data) != c.Bytes || !bytes.Equal(slices.Concat(c.pieces()...), c.data) {
				t.Errorf("%d bytes in pieces of %v, not %d", len(c.data), c.Pieces, c.Bytes)
			}
			if got.kicks != c.Kicks {
				t.Errorf("%d kicks are taken out, not %d", got.kicks, c.Kicks)
			}
			for _, model := range models(c.Dialect) {
				want, pulses, _ := bare(model, c.data)
				if pulses != c.Kicks && (model.Star || !model.NoRealTime) {
					t.Errorf("%s: a printer alone drives a drawer %d times, not %d", model.Name, pulses, c.Kicks)
				}
				with, pulses, _ := bare(model, got.out)
				if pulses != 0 {
					t.Errorf("%s: with us in between it drives a drawer %d times", model.Name, pulses)
				}
				// What is meant for printers with commands of their own is nonsense to
				// these, and may be read in several ways.
				d := with.differs(want, got.mended)
				switch {
				case c.Dialect == "epson-clone":
				case c.Lost != "" && d == "":
					t.Errorf("%s prints it all, though %s", model.Name, c.Lost)
				case c.Lost == "" && d != "":
					t.Errorf("%s prints otherwise: %s", model.Name, d)
				}
			}
			golden.WriteString(goldenOf(c.File, got.refused))
		})
	}
	path := filepath.Join(clientsDir, "refused.txt")
	if *update {
		if err := os.WriteFile(path, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if golden.String() != string(want) {
		t.Errorf("what is refused has changed (go test -run %s -update, and look at the difference)", t.Name())
	}
}

// TestClientsUnderAllReadings: nor does any printer that reads what leaves in
// another way drive a drawer.
func TestClientsUnderAllReadings(t *testing.T) {
	const most = 4 << 10 // a large picture's dots may be read in very many ways
	for _, c := range clients(t, allDialects...) {
		if len(c.data) > most {
			continue
		}
		t.Run(c.name(), func(t *testing.T) {
			language := readings.Epson()
			if strings.HasPrefix(c.Dialect, "star") {
				language = readings.StarLine()
			}
			r := readings.New(language)
			r.Send(c.filter(t, c.pieces()).out)
			if err := r.Err(); err != nil {
				t.Fatal(err)
			}
			if found, some := r.Found(readings.Pulse); some {
				t.Error(found)
			}
		})
	}
}

// TestClientsInAnyOrder: so it stays when several clients print to one printer,
// one job after the other, cut into pieces anywhere.
func TestClientsInAnyOrder(t *testing.T) {
	all := map[string][]*client{}
	for _, name := range printDialects {
		all[name] = printable(t, name)
	}
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.SampledFrom(printDialects).Draw(r, "dialect")
		jobs := rapid.SliceOfN(rapid.SampledFrom(all[name]), 2, 4).Draw(r, "jobs")
		model := rapid.SampledFrom(models(name)).Draw(r, "model")
		cuts := rapid.SliceOfN(rapid.IntRange(1, 2000), 1, 8).Draw(r, "cuts")
		var data []byte
		kicks := 0
		for _, c := range jobs {
			data = append(data, c.data...)
			kicks += c.Kicks
		}
		var pieces [][]byte
		for i, rest := 0, data; len(rest) > 0; i++ {
			n := min(cuts[i%len(cuts)], len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got := filterAs(dialect(t, name), pieces)
		want, _, _ := bare(model, data)
		with, pulses, _ := bare(model, got.out)
		if diff := with.differs(want, got.mended); diff != "" || pulses != 0 || got.kicks != kicks {
			r.Fatalf("%d pulses, %d kicks, not %d; printed otherwise: %s", pulses, got.kicks, kicks, diff)
		}
	})
}

// goldenOf lists what is refused of a stream, equal lines once.
func goldenOf(file string, refused []string) string {
	if len(refused) == 0 {
		return ""
	}
	times := map[string]int{}
	var order []string
	for _, r := range refused {
		if times[r]++; times[r] == 1 {
			order = append(order, r)
		}
	}
	var b strings.Builder
	fmt.Fprintln(&b, file)
	for _, r := range order {
		fmt.Fprintf(&b, "%6d  %s\n", times[r], r)
	}
	return b.String()
}

// counter is a simulated register's printer with us in front of it.
type counter struct {
	*rig
	printer *sim.Printer
	grants  atomic.Bool
}

func newCounter(t testing.TB, language string, model sim.Model) *counter {
	t.Helper()
	link := filepath.Join(t.TempDir(), "printer")
	came := meter(link)
	port, err := devices.OpenPTY(devices.PTYConfig{Link: link, Group: -1})
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{printer: sim.NewPrinter(sim.PrinterOptions{Model: model, Send: func(b []byte) { _, _ = port.Write(b) }})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			if _, err := port.Wait(-1); err != nil {
				return
			}
			n, err := port.Read(buf)
			if err != nil {
				return
			}
			c.printer.Receive(buf[:n])
			came.Add(int64(n))
		}
	}()
	t.Cleanup(func() {
		port.Close()
		<-done
	})
	c.rig = newRigAt(t, link, func(o *Options) {
		o.Dialect = dialect(t, language)
		if language != "epson" {
			o.Resync = ResyncTechnician // there is no order that clears its buffers
		}
		o.Rules = Rules{Order: OrderAsked} // no kick waits for a receipt
	})
	if language != "epson" {
		eventually(t, "there is a printer to trust", func() bool { return c.Trust() == nil })
	}
	eventually(t, "the printer is trusted", func() bool { s := c.Status(); return s.Trusted && s.Reach == "online" })
	c.answer = func(ctx context.Context, k Kick) {
		if !c.grants.Load() {
			return
		}
		k.Function = "pos.drawer.sale"
		c.insist(ctx, k)
	}
	return c
}

// longest is the longest pause of a client that we wait for; the rest of it
// makes no difference.
const longest = 2 * time.Millisecond

// job is a client that opens the port, writes as its package does, reads what
// it expects to be answered, and closes it. It returns the answers.
func (c *counter) job(pieces [][3]int, data []byte, answers int) []byte {
	c.Helper()
	f := c.pos()
	for _, p := range pieces {
		for range p[1] {
			n := min(p[0], len(data))
			time.Sleep(min(time.Duration(p[2])*time.Millisecond, longest))
			if _, err := f.Write(data[:n]); err != nil {
				c.Fatal(err)
			}
			data = data[n:]
		}
	}
	got := make([]byte, 0, answers)
	for end := time.Now().Add(longEnough); len(got) < answers && time.Now().Before(end); {
		fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 50); err != nil || n == 0 {
			continue
		}
		n, err := f.Read(got[len(got):answers])
		if err != nil {
			c.Fatal(err)
		}
		got = got[:len(got)+n]
	}
	if err := f.Close(); err != nil {
		c.Fatal(err)
	}
	return got
}

// prints waits until all is printed, kicked and pulsed as it should be.
func (c *counter) prints(want print, mended, kicks, pulses int) {
	c.Helper()
	c.settles(func() string { return printOf(c.printer).differs(want, mended) }, kicks, pulses)
}

func (c *counter) settles(differs func() string, kicks, pulses int) {
	c.Helper()
	settled := func() bool {
		return differs() == "" && len(c.kicked()) == kicks && c.printer.State().Pulses == int64(pulses)
	}
	for end := time.Now().Add(2 * longEnough); !settled(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("%d kicks, not %d; %d pulses, not %d: %v; events: %v\nprinted otherwise: %s", len(c.kicked()), kicks,
				c.printer.State().Pulses, pulses, c.results(), c.told(entry.KindDeviceRefused), differs())
		}
	}
}

// TestClientsThroughTheGuard: the same over real ports, as the clients send: in
// their pieces, one job at the heels of the other, and with the port closed and
// opened again in the middle of a job. Without a grant no drawer opens, with one
// a kick each kick opens it. The questions in a job are answered as by the
// printer alone.
func TestClientsThroughTheGuard(t *testing.T) {
	for _, s := range printable(t, printDialects...) {
		model := models(s.Dialect)[0]
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			c := newCounter(t, s.Dialect, model)
			_, _, answers := bare(model, s.data)
			mended := s.filter(t, s.pieces()).mended
			if got := c.job(s.Pieces, s.data, len(answers)); !bytes.Equal(got, answers) {
				t.Errorf("answered % x, the printer alone % x", got, answers)
			}
			half := len(s.data) / 2 // in the middle of whatever stands there
			c.job([][3]int{{half, 1, 0}}, s.data[:half], 0)
			c.job([][3]int{{len(s.data) - half, 1, 0}}, s.data[half:], 0)
			twice, _, _ := bare(model, slices.Concat(s.data, s.data))
			c.prints(twice, 2*mended, 2*s.Kicks, 0)

			c.grants.Store(true)
			c.job(s.Pieces, s.data, 0)
			thrice, _, _ := bare(model, slices.Concat(s.data, s.data, s.data))
			c.prints(thrice, 3*mended, 3*s.Kicks, s.Kicks)

			c.job(s.Pieces, s.data, 0)
			c.job(s.Pieces, s.data, 0)
			five, _, _ := bare(model, bytes.Repeat(s.data, 5))
			c.prints(five, 5*mended, 5*s.Kicks, 3*s.Kicks)
		})
	}
}

// initialising are the streams that begin by initialising the printer, so that
// what was before makes no difference.
func initialising(t testing.TB) []*client {
	return slices.DeleteFunc(printable(t, printDialects...), func(c *client) bool { return !bytes.HasPrefix(c.data, []byte("\x1b@")) })
}

// ends says where the end of a print differs from a whole one.
func (p print) ends(with print, mended int) string {
	tail := print{
		Paper:    with.Paper[max(len(with.Paper)-len(p.Paper), 0):],
		Look:     with.Look[max(len(with.Look)-len(p.Look), 0):],
		Pictures: slices.Clone(with.Pictures[max(len(with.Pictures)-len(p.Pictures), 0):]),
	}
	for i := range tail.Pictures {
		tail.Pictures[i].Line -= int64(len(with.Paper) - len(p.Paper))
	}
	return tail.differs(p, mended)
}

// TestAClientThatBreaksOff: wherever a client's job ends too early, the next
// one prints whole and opens nothing without a grant.
func TestAClientThatBreaksOff(t *testing.T) {
	for _, s := range initialising(t) {
		model := models(s.Dialect)[0]
		t.Run(s.name(), func(t *testing.T) {
			alone, _, _ := bare(model, s.data)
			mended := s.filter(t, s.pieces()).mended
			apart := max(len(s.data)/12, 1) | 1 // odd, so that cuts fall all over a picture's rows
			for cut := 1; cut < len(s.data); cut += apart {
				var out []byte
				kicks := 0
				emit := func(s *escpos.Segment) {
					out = append(out, s.Bytes...)
					if s.Kind == escpos.Kick {
						kicks++
					}
				}
				f := escpos.NewFilter(dialect(t, s.Dialect))
				f.Feed(s.data[:cut], emit)
				f.Idle(emit)
				before := kicks
				f.Feed(s.data, emit)
				f.Idle(emit)
				got, pulses, _ := bare(model, out)
				if d := alone.ends(got, mended); d != "" || pulses != 0 || kicks-before != s.Kicks {
					t.Fatalf("after %d bytes of another: %d pulses, %d kicks; printed otherwise: %s", cut, pulses, kicks-before, d)
				}
			}
		})
	}
}

// TestAClientThatBreaksOffAtThePort: the same over real ports, where a command
// that broke off ends some time after the port was closed. A job that comes
// before that is taken for its rest, as by the printer alone; where that cannot
// be its rest, the job prints whole.
func TestAClientThatBreaksOffAtThePort(t *testing.T) {
	const incomplete, blank = "the rest did not come", "rest of the picture left blank"
	model := sim.Models()[0]
	for name, in := range map[string]struct {
		stream string
		after  string // it breaks off so many bytes after this
		bytes  int
		told   string // what the journal says of it
		whole  bool   // a job that comes at once prints whole
	}{
		"in text":           {stream: "encoder-epson-accents", after: "italic", whole: true},
		"in a parameter":    {stream: "encoder-epson-accents", after: "\x1bt", told: incomplete},
		"in a picture":      {stream: "encoder-epson-photo", after: "\x1dv0", bytes: 300, told: blank},
		"in its head":       {stream: "encoder-epson-photo", after: "\x1dv0", bytes: 2, told: incomplete, whole: true},
		"in a bit image":    {stream: "encoder-epson-sale", after: "\x1b*", bytes: 300, told: blank},
		"in a graphic":      {stream: "receiptline-escpos-sale", after: "\x1d8L", bytes: 300, told: blank},
		"in a bar code":     {stream: "encoder-epson-codes", after: "\x1dk", bytes: 5, told: incomplete, whole: true},
		"in a counted one":  {stream: "encoder-epson-codes", after: "\x1dkI", bytes: 9, told: incomplete},
		"in a symbol":       {stream: "encoder-epson-codes", after: "1P0", bytes: 3, told: incomplete},
		"in a kick":         {stream: "encoder-refund", after: "\x1bp", bytes: 1, told: incomplete},
		"in a kick's start": {stream: "encoder-refund", after: "\x1bp", bytes: 0, told: incomplete},
	} {
		all := printable(t, printDialects...)
		s := all[slices.IndexFunc(all, func(c *client) bool { return c.name() == in.stream })]
		cut := s.data[:bytes.Index(s.data, []byte(in.after))+len(in.after)+in.bytes]
		alone, _, _ := bare(model, s.data)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t, s.Dialect, model)
			c.job([][3]int{{len(cut), 1, 0}}, cut, 0)
			c.job(s.Pieces, s.data, 0)
			if in.whole {
				c.settles(func() string { return alone.ends(printOf(c.printer), 0) }, s.Kicks, 0)
				return
			}
			both, _, _ := bare(model, slices.Concat(cut, s.data))
			// What begins a kick is one whatever follows; not every printer agrees.
			c.prints(both, 0, s.filter(t, [][]byte{cut, s.data}).kicks, 0)
		})
		t.Run(name+", later", func(t *testing.T) {
			t.Parallel()
			c := newCounter(t, s.Dialect, model)
			c.job([][3]int{{len(cut), 1, 0}}, cut, 0)
			eventually(t, "what broke off has ended", func() bool {
				return strings.Contains(strings.Join(c.told(entry.KindDeviceRefused), "\n"), in.told)
			})
			c.job(s.Pieces, s.data, 0)
			c.settles(func() string { return alone.ends(printOf(c.printer), 0) }, s.Kicks, 0)
		})
	}
}
