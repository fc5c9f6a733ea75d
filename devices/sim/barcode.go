package sim

import (
	"fmt"
	"strings"
)

// barcode is one kind of bar code: what it may have in it.
type barcode struct {
	name     string
	min, max int // characters
	chars    string
	even     bool
}

const (
	digits   = "0123456789"
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// barcodes by GS k's first numbering; its second begins at 65 and goes on.
var barcodes = []barcode{
	{name: "UPC-A", min: 11, max: 12, chars: digits},
	{name: "UPC-E", min: 6, max: 12, chars: digits},
	{name: "EAN-13", min: 12, max: 13, chars: digits},
	{name: "EAN-8", min: 7, max: 8, chars: digits},
	{name: "CODE39", min: 1, max: 255, chars: digits + capitals + " $%*+-./"},
	{name: "ITF", min: 2, max: 254, chars: digits, even: true},
	{name: "CODABAR", min: 1, max: 255, chars: digits + "ABCDabcd$+-./:"},
	{name: "CODE93", min: 1, max: 255},
	{name: "CODE128", min: 2, max: 255},
	{name: "GS1-128", min: 2, max: 255},
	{name: "GS1 DataBar", min: 13, max: 13, chars: digits},
	{name: "GS1 DataBar Truncated", min: 13, max: 13, chars: digits},
	{name: "GS1 DataBar Limited", min: 13, max: 13, chars: digits},
	{name: "GS1 DataBar Expanded", min: 2, max: 255},
}

// fixed reports whether the number of digits is given by the kind.
func (b *barcode) fixed() bool { return b.max <= 13 }

func (b *barcode) takes(c byte) bool {
	if b.chars == "" {
		return c <= 0x7f
	}
	return strings.IndexByte(b.chars, c) >= 0
}

func barcodeOf(m byte) *barcode {
	switch {
	case m <= 6:
		return &barcodes[m]
	case m >= 65 && int(m-65) < len(barcodes):
		return &barcodes[m-65]
	}
	return nil
}

// checkBarcode: a bar code stands at the beginning of a line; printers that
// insist on it take what follows m as ordinary data.
func checkBarcode(p *Printer, h []byte) bool {
	return barcodeOf(h[2]) != nil && !(p.model.BarcodeRefused && p.text.inked)
}

func openBarcode(p *Printer, h []byte) collector {
	b := barcodeOf(h[2])
	var data []byte
	print := func() {
		p.text.detail(&p.paper, "bar code "+b.name+": "+shown(data), fmt.Sprintf("bar code %s: %q", b.name, data))
	}
	if h[2] <= 6 {
		return b.untilNUL(p, &data, print)
	}
	return b.counted(&data, print)
}

// untilNUL is GS k's first form.
func (b *barcode) untilNUL(p *Printer, data *[]byte, print func()) collector {
	return func(c byte) verdict {
		switch {
		case c == 0:
			if len(*data) < b.min || b.even && len(*data)%2 != 0 {
				return refuse
			}
			print()
			return done
		case !b.takes(c):
			return refuse
		case p.model.FixedBarcodes && b.fixed() && len(*data) == b.max:
			// It has all its digits: what follows is no part of it.
			print()
			return again
		case len(*data) < 255:
			*data = append(*data, c)
		}
		return more
	}
}

// counted is GS k's second form: the number of bytes, and the bytes.
func (b *barcode) counted(data *[]byte, print func()) collector {
	left := -1
	return func(c byte) verdict {
		if left < 0 {
			if int(c) < b.min || int(c) > b.max || b.even && c%2 != 0 {
				return refuse
			}
			left = int(c)
			return more
		}
		first := len(*data) == 0
		if !b.takes(c) || first && b.name == "CODE128" && c != '{' {
			return refuse
		}
		*data = append(*data, c)
		if left--; left > 0 {
			return more
		}
		print()
		return done
	}
}
