package escpos

// What leaves: the filter's end, which remembers what was sent.

// send forwards a whole command, which begins with a control code.
func (f *Filter) send(s Segment) {
	if forbidden(f.tail.a, f.tail.b, s.Bytes[0]) {
		if s.Bytes[0] == nul {
			// A NUL that is not to be there, where a NUL would keep things apart.
			s.Kind, s.Raw, s.Bytes, s.Why = Refused, s.Bytes, nil, whyPattern
			f.emit(s)
			return
		}
		f.part()
	}
	f.forward(s)
}

// forward emits what goes to the printer, and remembers it.
func (f *Filter) forward(s Segment) {
	f.tail.Sent(s.Bytes)
	for i := 0; i < len(s.Bytes); {
		end, command, n := f.leaving.Next(s.Bytes, i)
		if command == StatusRequest {
			f.crossOut(n)
		}
		i = end
	}
	f.emit(s)
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
		r := f.owed[0]
		f.owed = append(f.owed[:0], f.owed[1:]...)
		switch {
		case r.command == StatusRequest:
			q := [3]byte{dle, eot, r.n}
			f.send(Segment{Kind: Status, Name: "DLE EOT", Offset: r.end - 3, Bytes: q[:], Mended: true, Why: whyDelayed})
		case r.end > f.owedTo:
			name := "DLE ENQ " + show(r.n+'0')
			if r.command == Order {
				name = "DLE DC4 fn " + show(r.n+'0')
			}
			f.emit(Segment{Kind: Refused, Name: name, Offset: r.end - 3, Why: whyInside, Known: true})
		}
	}
}
