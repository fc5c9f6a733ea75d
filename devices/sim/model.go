package sim

import "fmt"

// Kanji is what a printer does with two-byte characters.
type Kanji uint8

// The ways.
const (
	KanjiNone    Kanji = iota // no such characters; their commands are not known
	KanjiChecked              // a control byte in the second place is a control byte
	KanjiBlind                // whatever comes second belongs to the character
)

// Paren is what a printer does with a command of the ESC ( and GS ( families
// that it does not know.
type Paren uint8

// The ways.
const (
	ParenLength Paren = iota // skips as many bytes as its length says
	ParenThree               // drops the three bytes of its name
	ParenTwo                 // drops two, as with any command that it does not know
)

// Model is how a printer reads what manuals leave open, or contradict each
// other in.
type Model struct {
	Name string
	// Star: it speaks Star's own language, and of what follows only what is said
	// about two-byte characters and lines counts.
	Star bool
	// Columns is how many characters of font A a line has.
	Columns int
	// LowBit: ESC p and DLE DC4 take any m and look at its lowest bit.
	LowBit bool
	// AnyTime: DLE DC4 takes any t.
	AnyTime bool
	// BarcodeRefused, RasterRefused, SymbolRefused: bar codes, raster images and
	// two-dimensional codes are refused in the middle of a line, and their data
	// is printed.
	BarcodeRefused, RasterRefused, SymbolRefused bool
	// FixedBarcodes: bar codes with a fixed number of digits end there, even in
	// the form that ends with NUL.
	FixedBarcodes bool
	// RasterWidth and RasterHeight are the largest raster image, in bytes and in
	// dots.
	RasterWidth, RasterHeight int
	// Paren is for unknown ESC ( and GS ( commands.
	Paren Paren
	// RefusedStays: a parameter that ends its command is itself ordinary data;
	// else it is dropped with it.
	RefusedStays bool
	// EscapeRestarts: an ESC, FS or GS where a command's second byte should be
	// begins a new command.
	EscapeRestarts bool
	// Kanji is about two-byte characters.
	Kanji Kanji
	// KanjiOn: it begins with them, as printers for China do.
	KanjiOn bool
	// NoDisable: GS ( D is not known.
	NoDisable bool
	// NoMacro: GS : and GS ^ are not known.
	NoMacro bool
	// NoRealTime: DLE commands are not known.
	NoRealTime bool
}

// Models are the printers that speak Epson's language, ESC/POS. The first is what a TM-T88's manual
// says; the others stand for what was found elsewhere.
func Models() []Model {
	epson := Model{
		Name: "epson", Columns: 42,
		BarcodeRefused: true, FixedBarcodes: true,
		RasterWidth: 128, RasterHeight: 4095,
	}
	strict := epson
	strict.Name = "strict"
	strict.RasterRefused, strict.SymbolRefused = true, true
	strict.RasterWidth, strict.RasterHeight = 72, 2303
	strict.Paren, strict.RefusedStays = ParenThree, true

	clone := Model{
		Name: "clone", Columns: 48,
		LowBit: true, AnyTime: true,
		RasterWidth: 65535, RasterHeight: 65535,
		EscapeRestarts: true, NoDisable: true, NoMacro: true,
	}
	kanji := epson
	kanji.Name, kanji.Kanji = "kanji", KanjiChecked

	blind := clone
	blind.Name, blind.Kanji, blind.Paren = "blind", KanjiBlind, ParenTwo
	blind.EscapeRestarts, blind.KanjiOn = false, true

	plain := epson
	plain.Name, plain.NoRealTime = "plain", true
	return []Model{epson, strict, clone, kanji, blind, plain}
}

// StarModels are printers that speak Star's own language.
func StarModels() []Model {
	star := Model{Name: "star", Star: true, Columns: 48, NoRealTime: true}
	china := star
	china.Name, china.Kanji, china.KanjiOn = "star-china", KanjiChecked, true
	return []Model{star, china}
}

// ModelNamed finds a model of either kind.
func ModelNamed(name string) (Model, error) {
	var names []string
	for _, m := range append(Models(), StarModels()...) {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return Model{}, fmt.Errorf("no printer model %q; there are %v", name, names)
}
