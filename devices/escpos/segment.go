package escpos

import "fmt"

// Kind says what a segment is.
type Kind uint8

// The kinds of segments.
const (
	Text    Kind = iota // printed characters
	Layout              // line and page control, positions, styles, code pages
	Image               // a raster picture, or a piece of one
	Barcode             // a bar code or two-dimensional code
	Cut                 // the paper is cut
	Init                // ESC @
	Status              // a question that the printer answers
	Kick                // an order to open the drawer; never forwarded
	Refused             // anything else; not forwarded
	kindEnd
)

var kindNames = [...]string{"text", "layout", "image", "barcode", "cut", "init", "status", "kick", "refused"}

// String gives the kind's word.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind-%d", uint8(k))
}

// Segment is one command, a run of text, or a piece of a picture. Its slices
// are valid until the function that it was given to returns.
type Segment struct {
	Kind Kind
	// Name is the manual's name of the command: "ESC p", "GS v 0"; "text" for text.
	Name string
	// Offset is where in the stream it begins. The pieces of one picture share
	// the offset of its command.
	Offset int64
	// In is how many bytes of the stream it stands for. Zero for bytes of ours.
	In int
	// Bytes is what goes to the printer; empty if nothing does.
	Bytes []byte
	// Raw is how a segment that is not forwarded began: at most 16 bytes.
	Raw []byte
	// Drawer is which drawer a kick is for: 1 is connector pin 2, 2 is pin 5.
	Drawer int
	// Lines is how many lines it moves the paper by, roughly for pictures.
	Lines int
	// Mended: Bytes differ from what came, as Why says.
	Mended bool
	// Why says why it is refused or mended.
	Why string
	// Known: what is refused is a whole command that the grammar knows.
	Known bool
	// Lost: what is refused would have been seen on paper: a picture or a code.
	Lost bool
	// Last: no piece of this picture follows.
	Last bool
}

// Forwarded reports whether the segment reaches the printer.
func (s *Segment) Forwarded() bool { return len(s.Bytes) > 0 }

// Withheld reports whether it is a whole command that the dialect knows and
// never lets through: what sets, stores or switches, and prints nothing itself.
func (s *Segment) Withheld() bool { return s.Kind == Refused && s.Why == whyNotLet && !s.Lost }

// Dots reports whether the segment is, or holds, dots of a picture or character.
func (s *Segment) Dots() bool { return s.Kind == Image || s.Why == whyPixel }

// Why a segment is refused or mended.
const (
	whyUnknown    = "unknown command"
	whyControl    = "control code of no use here"
	whyNotLet     = "not let through"
	whyRange      = "parameter out of range"
	whyLength     = "length out of range"
	whyData       = "data that the code cannot hold"
	whyPattern    = "could be read as another command"
	whyInside     = "real-time command inside another one"
	whyIncomplete = "the rest did not come"
	whyUnstored   = "its data was refused"
	whyPixel      = "pixel changed"
	whyBlank      = "rest of the picture left blank"
	whyLonger     = "rows made longer by white"
	whyBreak      = "keeps two commands apart"
	whyDelayed    = "asked inside another command, delivered after it"
)
