package sim

// Picture is something made of dots that was printed.
type Picture struct {
	// Line is the line of the paper that was to be printed next; pictures in page
	// mode have that of the page's beginning.
	Line int64 `json:"line"`
	// Command is the manual's name of the command that brought it.
	Command string `json:"command"`
	// Width and Height are in dots.
	Width  int `json:"width"`
	Height int `json:"height"`
	// Dots are the rows from the top, each in whole bytes, the leftmost dot in
	// the highest bit. Of a picture that is too large for us there are only the
	// first ones.
	Dots HexBytes `json:"dots"`
}

const (
	// maxPicture is how many bytes are kept of one picture, maxPictures how many
	// pictures.
	maxPicture  = 1 << 18
	maxPictures = 64
)

// pictures keeps the last ones.
type pictures struct {
	kept  []Picture
	total int64
}

func (p *pictures) add(picture Picture) {
	p.total++
	p.kept = append(p.kept, picture)
	if len(p.kept) > maxPictures {
		p.kept = append([]Picture(nil), p.kept[len(p.kept)-maxPictures/2:]...)
	}
}

func (p *pictures) from(n int64) ([]Picture, int64) {
	first := p.total - int64(len(p.kept))
	skip := min(max(n-first, 0), int64(len(p.kept)))
	return append([]Picture(nil), p.kept[skip:]...), p.total
}

// Pictures are the pictures printed from one on (0 is the first), and the
// number of the next. Only the last are kept.
func (p *Printer) Pictures(from int64) (pictures []Picture, next int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pictures.from(from)
}

// picture takes down a picture of rows.
func (p *Printer) picture(command string, width, height int, dots []byte) {
	p.pictures.add(Picture{Line: p.paper.total, Command: command, Width: width, Height: height, Dots: dots})
}

// rows turns columns, each of high bytes from the top, into rows.
func rows(columns []byte, width, high int) []byte {
	across := (width + 7) / 8
	out := make([]byte, across*8*high)
	for i, c := range columns {
		x, y := i/high, i%high*8
		for bit := range 8 {
			if c&(0x80>>bit) != 0 {
				out[(y+bit)*across+x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	return out
}

// graphic is a picture of GS ( L and GS 8 L that waits to be printed.
type graphic struct {
	width, height int
	dots          []byte
}

// graphics is GS ( L and GS 8 L m fn: 112 and 113 store a picture in the print
// buffer, as rows or as columns; 2 or 50 prints it. What else there is concerns
// pictures that the printer keeps.
func (p *Printer) graphics(data []byte, length uint64) {
	if len(data) < 2 || data[0] != '0' {
		return
	}
	switch data[1] {
	case 2, 50:
		if g := p.settings.graphic; g != nil && length == 2 {
			p.text.note(&p.paper, "image %d x %d", g.width, g.height)
			p.picture("GS ( L", g.width, g.height, g.dots)
			p.settings.graphic = nil
		}
	case 112, 113:
		const head = 10
		if len(data) < head || !in(data[2], '0', '4') || !in(data[3], 1, 2) || !in(data[4], 1, 2) || data[5] < '1' || data[5] > '4' {
			return
		}
		width, height := low(data[6], data[7]), low(data[8], data[9])
		across, down := (width+7)/8, height
		if data[1] == 113 {
			across, down = (height+7)/8, width
		}
		if width == 0 || height == 0 || width > maxAcross || height > maxDown || length != head+across*down {
			return
		}
		dots := append([]byte(nil), data[head:]...)
		if data[1] == 113 {
			dots = rows(dots, int(width), int(across))
		}
		p.settings.graphic = &graphic{int(width) * int(data[3]), int(height) * int(data[4]), dots}
	}
}

// The widest and highest picture of GS ( L, in dots.
const (
	maxAcross = 2400
	maxDown   = 2400
)
