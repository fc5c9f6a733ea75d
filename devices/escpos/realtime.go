package escpos

// Command names a real-time command.
type Command uint8

// The real-time commands.
const (
	StatusRequest Command = iota + 1 // DLE EOT n
	Recover                          // DLE ENQ n
	Order                            // DLE DC4 fn: fn 1 is the drawer
)

// Realtime finds real-time commands in raw arrival order, as a printer's
// reception does: inside text, parameters and pictures alike. The zero value
// is ready.
type Realtime struct {
	second, third bool
	command       Command
}

// Next looks for the end of the next real-time command's recognisable part in
// p, from index i on. It returns the index after it, the command and its
// number; or len(p) and 0.
func (r *Realtime) Next(p []byte, i int) (int, Command, byte) {
	for i < len(p) {
		if !r.second && !r.third {
			if i = realtimeHeads.from(p, i); i == len(p) {
				return len(p), 0, 0
			}
			i++
			r.second = true
			continue
		}
		c := p[i]
		i++
		if r.second {
			r.second = false
			switch c {
			case dle:
				r.second = true
			case eot:
				r.third, r.command = true, StatusRequest
			case enq:
				r.third, r.command = true, Recover
			case dc4:
				r.third, r.command = true, Order
			}
			continue
		}
		r.third = false
		if c == dle {
			r.second = true
		}
		if known(r.command, c) {
			return i, r.command, c
		}
	}
	return len(p), 0, 0
}

// realtimeHeads are what real-time commands begin with. A picture has many a DLE
// that is not followed by one of the others.
var realtimeHeads = pairsOf([]byte{dle}, [256]bool{dle: true, eot: true, enq: true, dc4: true})

// known reports whether a real-time command with this number does something
// on printers in general.
func known(c Command, n byte) bool {
	switch c {
	case StatusRequest:
		return n >= 1 && n <= 4
	case Recover:
		return n <= 2
	case Order:
		return n >= 1 && n <= 8
	}
	return false
}
