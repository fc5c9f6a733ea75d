package escpos

// What leaves: the filter's end, which remembers what was sent.

// give emits a segment.
func (f *Filter) give(s Segment) {
	f.out = s
	f.emit(&f.out)
}

// send forwards a whole command or control code, which by itself completes no
// pattern. With what was sent before it may: then a NUL goes between them.
func (f *Filter) send(s Segment) {
	if len(s.Bytes) == 1 && s.Bytes[0] == nul && f.d.between(f.tail.state) != nul {
		// Dropped by the printer, it would join what stands on its sides.
		s.Kind, s.Raw, s.Bytes, s.Why = Refused, s.Bytes, nil, whyPattern
		f.give(s)
		return
	}
	if f.tail.state != 0 && f.d.sent.find(f.tail.state, s.Bytes) >= 0 && !(f.d.exempt(s.Bytes) && f.tail.Safe(s.Bytes)) {
		if s.Bytes[0] == nul {
			// A NUL that is not to be there, where a NUL would keep things apart.
			s.Kind, s.Raw, s.Bytes, s.Why = Refused, s.Bytes, nil, whyPattern
			f.give(s)
			return
		}
		f.part()
	}
	f.forward(s)
}

// forward emits what goes to the printer, and remembers it.
func (f *Filter) forward(s Segment) {
	f.tail.Sent(s.Bytes)
	if f.d.realtime {
		b := s.Bytes
		if s.Kind == Text && len(b) > 2 {
			b = b[:2] // the rest holds no control code that counts
		}
		for i := 0; i < len(b); {
			end, command, n := f.leaving.Next(b, i)
			if command == StatusRequest {
				f.crossOut(n)
			}
			i = end
		}
	}
	f.give(s)
}

// crossOut crosses out a status request that has left as it came.
func (f *Filter) crossOut(n byte) {
	for i, r := range f.owed {
		if r.command == StatusRequest && r.n == n {
			f.owed = append(f.owed[:i], f.owed[i+1:]...)
			return
		}
	}
}

// settle deals, at ground state, with real-time commands that arrived inside
// of something and did not leave: a question is asked now, all else refused.
func (f *Filter) settle() {
	for len(f.owed) > 0 && f.owed[0].end <= f.pos {
		r, before := f.owed[0], len(f.owed)
		if r.command == StatusRequest {
			f.question = [3]byte{dle, eot, r.n}
			f.send(Segment{Kind: Status, Name: "DLE EOT", Offset: r.end - 3, Bytes: f.question[:], Mended: true, Why: whyDelayed})
		}
		if len(f.owed) == before { // else it was crossed out as it left
			f.owed = append(f.owed[:0], f.owed[1:]...)
		}
		if r.command != StatusRequest && r.end > f.owedTo {
			name := "DLE ENQ " + show(r.n+'0')
			if r.command == Order {
				name = "DLE DC4 fn " + show(r.n+'0')
			}
			f.give(Segment{Kind: Refused, Name: name, Offset: r.end - 3, Why: whyInside, Known: true})
		}
	}
}
