package sim_test

import (
	"testing"

	"tillwarden/devices/escpos"
	"tillwarden/devices/sim"
)

var streams = []string{
	"\x1bp\x00\x19\xfa", "\x10\x14\x01\x00\x01", "\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08",
	"\x1b@Text\n\x1ba\x01Centre\n\x1dVB\x00\x1bp\x00\x19\xfa",
	"\x1dv0\x00\x02\x00\x04\x00\xaa\x10\x14\x01\x00\x01\xaa\xaa",
	"\x1dv0\x00\x02\x00\x04\x00\xaa\x1bp\x00\x19\xfa\xaa\xaa",
	"A\x1dkI\x05\x1bp\x00\x19\xfa", "A\x1dv0\x00\x02\x00\x04\x00\x1bp\x00\x19\xfa...",
	"\x1d:\x1bp\x00\x19\xfa\x1d:\x1d^\xff\x00\x00", "\x1d(D\x03\x00\x14\x01\x01\x10\x14\x01\x00\x01",
	"\x1b!\x10\x14\x01\x00\x01", "\x1b\x1bp\x00\x19\xfa", "\x1d(k\x08\x001P0\x1bp\x00\x01\x1d(k\x03\x001Q0",
	"\x1b*\x00\x05\x00\x1bp\x00\x19\xfa", "\x1bD\x20\x1bp\x00\x19\xfa", "\x1cS\x1bp\x00\x19\xfa", "\x81\x1bp\x00\x19\xfa",
	"\x10\x04\x01\x10\x05\x02\x1da\xff\x1dr\x02\x1b=\x02\x1dI\x43",
	"\x1bp", "\x1b", "\x00\x19\xfa", "\x10\x14", "\x01\x00\x01", "p\x00\x19\xfa",
}

// FuzzFilteredStream: invariant 3, asked of the printers. Whatever a POS
// writes, what the filter lets through drives no drawer of any model, stores
// nothing that could, and switches nothing off; and the register's own pulse,
// put where the filter says that it may be, drives it once.
func FuzzFilteredStream(f *testing.F) {
	for i, s := range streams {
		f.Add([]byte(s), uint8(i))
		f.Add([]byte(s+streams[(i+7)%len(streams)]), uint8(3*i))
	}
	f.Fuzz(func(t *testing.T, data []byte, stall uint8) {
		if len(data) > 4096 {
			return
		}
		filter := escpos.NewFilter(escpos.Dialects()[0])
		var out []byte
		emit := func(s *escpos.Segment) { out = append(out, s.Bytes...) }
		// The stream stalls once on the way, perhaps within a command.
		at := int(stall) % (len(data) + 1)
		filter.Feed(data[:at], emit)
		filter.Idle(emit)
		filter.Feed(data[at:], emit)
		for _, model := range sim.Models() {
			p := sim.NewPrinter(sim.PrinterOptions{Model: model})
			p.Receive(out)
			pulses, _ := p.Pulses(0)
			if len(pulses) > 0 {
				t.Fatalf("%s: % x came as % x and drove a drawer: %+v", model.Name, data, out, pulses[0])
			}
			if s := p.State(); !s.On || s.Macro > 0 {
				t.Fatalf("%s: % x came as % x and left the printer on=%v with a macro of %d bytes", model.Name, data, out, s.On, s.Macro)
			}
			if !filter.Ground() || filter.Waiting() {
				continue
			}
			var own []byte
			pulse := []byte{0x1b, 'p', 0, 25, 250}
			if !filter.Safe(pulse) {
				own = append(own, filter.Break()...)
			}
			p.Receive(append(own, pulse...))
			if pulses, _ := p.Pulses(0); len(pulses) != 1 && model.Kanji != sim.KanjiBlind {
				t.Fatalf("%s: after % x, come as % x, the register's pulse % x drove a drawer %d times", model.Name, data, out, append(own, pulse...), len(pulses))
			}
		}
	})
}
