package presets

import (
	"bytes"
	"fmt"
)

// The work groups that have no no-sale as they are shipped, and what stands in
// their sources and tests where a site lets them have some.
const (
	noSale      = "pos.drawer.nosale"
	cashierFile = "cashiers.hcl"
	testFile    = "e3.test.hcl"
	lastOfList  = `"pos.drawer.reopen"` // in the drawer's list
)

// MaxNoSales is the most no-sales a session that WithNoSales gives.
const MaxNoSales = 999

// WithNoSales gives all shipped files in which the cashiers who have to ask for each
// no-sale may have so many a session without, 1 to MaxNoSales. The tests beside them
// say so.
func WithNoSales(n int) (map[string][]byte, error) {
	if n < 1 || n > MaxNoSales {
		return nil, fmt.Errorf("%d no-sales a session: 1 to %d are possible", n, MaxNoSales)
	}
	files := Files()
	limit := fmt.Sprintf("\n  # As this site has it.\n  limit %q {\n    count = %d\n  }\n", noSale, n)
	for _, group := range []string{"Sales Only", "Sales and Returns"} {
		files[cashierFile] = inBlock(files[cashierFile], fmt.Sprintf("work_group \"POS Cashier - %s\" {\n", group), " ", limit)
		files[testFile] = inBlock(files[testFile], fmt.Sprintf("test %q {\n", group+": what this comes to in the catalogue, and nothing else"), "\n    ", "")
		files[testFile] = fmt.Appendf(files[testFile], noSaleTest, group, n, noSale, n+1)
	}
	return files, nil
}

// noSaleTest is what a test says of a work group besides.
const noSaleTest = `
test "%[1]s: as this site has it, %[2]d no-sales a session" {
  group = "POS Cashier - %[1]s"

  when {
    count = %[2]d
  }

  may = [%[3]q]
}

test "%[1]s: the next no-sale takes a manager" {
  group = "POS Cashier - %[1]s"

  when {
    count = %[4]d
  }

  needs_override_for = [%[3]q]
}
`

// inBlock puts the no-sale into the drawer's list of one block, before its last item or
// on a line of its own, and something more at the block's end.
func inBlock(file []byte, head, space, more string) []byte {
	begin := bytes.Index(file, []byte(head))
	if begin < 0 {
		panic(fmt.Sprintf("presets: no %q", head)) // it is in the binary, and a test comes by here
	}
	end := begin + bytes.Index(file[begin:], []byte("\n}\n")) + 1
	block := file[begin:end]
	if bytes.Count(block, []byte(lastOfList)) != 1 {
		panic(fmt.Sprintf("presets: no list of the drawer in %q", head))
	}
	var out bytes.Buffer
	out.Write(file[:begin])
	out.Write(bytes.Replace(block, []byte(lastOfList), fmt.Appendf(nil, "%q,%s%s", noSale, space, lastOfList), 1))
	out.WriteString(more)
	out.Write(file[end:])
	return out.Bytes()
}
