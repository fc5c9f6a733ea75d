package readings

// The reception: it looks at every byte as it arrives, in any context, and acts
// at once; then the byte goes the way of all others (Epson, programming guide
// 10.01, p. 12).

// How much of a real-time command has arrived. From rtClear on each is one byte
// more of rtClearing.
const (
	rtNone uint8 = iota
	rtDLE
	rtDC4
	rtKick  // DLE DC4 1
	rtPin   // and a number that is documented
	rtOther // and another one
	rtENQ
	rtBuzz // DLE DC4 3
	rtOff  // DLE DC4 2
	rtOff1 // DLE DC4 2 1
	rtClear
)

// rtClearing is DLE DC4 fn 8, from its third byte on.
const rtClearing = "\x08\x01\x03\x14\x01\x06\x02\x08"

func (t turn) arrive(s state) {
	if t.m.l.kicksOnArrival(t.b) {
		e := t.m.l.singles[t.b]
		t.with(Everywhere).finds(Pulse, t.own, e.pin).sequence(s)
	}
	if !t.m.l.realtime {
		t.sequence(s)
		return
	}
	was := s.rt
	if was == rtNone {
		s = s.set(ownRT, true)
	}
	if !t.own {
		s = s.set(ownRT, false)
	}
	granted := s.has(ownRT)
	s.rt = rtNone
	if t.b == 0x10 {
		s.rt = rtDLE
		s = s.set(ownRT, t.own)
	}
	next := s
	switch was {
	case rtDLE:
		switch t.b {
		case 0x14:
			next.rt = rtDC4
		case 0x05:
			next.rt = rtENQ
		}
	case rtDC4:
		switch t.b {
		case 1:
			next.rt = rtKick
		case 2:
			next.rt = rtOff
		case 3:
			next.rt = rtBuzz
		case rtClearing[0]:
			next.rt = rtClear
		}
	case rtKick:
		if t.b <= 1 {
			next.rt = rtPin
			break
		}
		other := next.set(ownRT, granted)
		other.rt = rtOther
		t.with(Liberal).sequence(other)
	case rtPin, rtOther:
		if was == rtPin && t.b >= 1 && t.b <= 8 {
			t.pulses(s, granted)
			return
		}
		t.with(Liberal).pulses(s, granted)
	case rtBuzz:
		// The buzzer, where one is fitted, is driven by the drawer's pins.
		t.with(Clone).finds(Pulse, granted, 1).sequence(next)
	case rtENQ:
		if t.b <= 2 {
			t.clears(s, granted, t.b == 2)
			return
		}
	case rtOff:
		if t.b == 1 {
			next.rt = rtOff1
		}
	case rtOff1:
		if t.b == 8 {
			t.with(Liberal).finds(Clear, granted, 0).to(s.powerCycled())
		}
	default:
		at := int(was-rtClear) + 1
		if was >= rtClear && t.b == rtClearing[at] {
			if at == len(rtClearing)-1 {
				t.clears(s, granted, true)
				return
			}
			next.rt = was + 1
		}
	}
	if next.rt != s.rt {
		next = next.set(ownRT, granted)
	}
	t.sequence(next)
}

// pulses: a real-time kick has arrived. A printer that was told so ignores it.
func (t turn) pulses(s state, granted bool) {
	if s.has(quiet) {
		t.sequence(s)
		return
	}
	t.finds(Pulse, granted, 1).sequence(s)
}

// clears: what was received and not executed is gone, with the command in progress.
func (t turn) clears(s state, granted, buffers bool) {
	t = t.finds(Clear, granted, 0)
	t.with(Keeps).sequence(s)
	if !buffers {
		t.sequence(s)
		return
	}
	s = s.fresh()
	s.rt, s.word = rtNone, 0
	t.to(s.set(ownRT|deselected, false))
}

// powerCycled is the state after the power was off and on.
func (s state) powerCycled() state { return state{flags: s.flags & lost} }
