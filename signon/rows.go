package signon

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"tillwarden/enforcer/journal/entry"
)

// rowColumns are the columns of a list of operators, by their names in its first
// line. Needed are number, name and work_groups.
var rowColumns = []string{"number", "name", "work_groups", "person", "from", "until", "stores", "registers"}

const neededColumns = 3

// maxCell is the most bytes of a cell: some fifty work groups.
const maxCell = 4 << 10

const sayNotUTF8 = `not UTF-8: save the list as "CSV UTF-8"`

// listSeparator parts the names within one cell.
const listSeparator = "|"

// ReadRows reads a list of operators: CSV (RFC 4180) in UTF-8, with a first line that
// names its columns, in any order. Where that line has semicolons and no comma, as
// spreadsheets write it in some countries, semicolons part the columns. Names within
// a cell are parted by |. It goes on after an error, and gives all of them. A cell of
// more than 4 KiB is none of a list of operators, and an error of its line.
//
// PINs do not belong into a list: a column called pin is refused.
func ReadRows(file io.Reader) ([]Row, []RowError) {
	raw, err := io.ReadAll(file)
	if err != nil {
		return nil, []RowError{{Line: 1, Reason: entry.ReasonMalformed, Say: "the list cannot be read"}}
	}
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) { // UTF-16, a spreadsheet's "Unicode text"
		return nil, []RowError{malformed(1, "the list is "+sayNotUTF8)}
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	head, _, _ := bytes.Cut(raw, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(raw))
	if bytes.IndexByte(head, ',') < 0 && bytes.IndexByte(head, ';') >= 0 {
		r.Comma = ';'
	}
	r.FieldsPerRecord = -1
	names, err := r.Read()
	if err == io.EOF {
		return nil, []RowError{malformed(1, "the list is empty: its first line names the columns: %s", strings.Join(rowColumns, ","))}
	}
	if err != nil {
		return nil, []RowError{csvError(err)}
	}
	at, errs := columns(names)
	if errs != nil {
		return nil, errs
	}
	var rows []Row
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return rows, errs
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			errs = append(errs, csvError(err))
			// A quotation mark that is not closed takes the rest of the list with it.
			if errors.Is(err, csv.ErrQuote) || errors.Is(err, csv.ErrBareQuote) {
				continue
			}
			return rows, errs
		}
		if err != nil {
			return rows, append(errs, csvError(err))
		}
		line, _ := r.FieldPos(0)
		if len(cells) != len(names) {
			errs = append(errs, malformed(line, "%d columns, and the first line names %d", len(cells), len(names)))
			continue
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue // spreadsheets leave such lines behind
		}
		if i := slices.IndexFunc(cells, func(c string) bool { return !utf8.ValidString(c) }); i >= 0 {
			errs = append(errs, malformed(line, "column %s is "+sayNotUTF8, names[i]))
			continue
		}
		if i := slices.IndexFunc(cells, func(c string) bool { return len(c) > maxCell }); i >= 0 {
			errs = append(errs, malformed(line, "column %s has %d bytes, and at most %d are taken", names[i], len(cells[i]), maxCell))
			continue
		}
		rows = append(rows, rowOf(line, cells, at))
	}
}

// columns finds out which column is where.
func columns(names []string) (at map[string]int, errs []RowError) {
	at = map[string]int{}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		_, twice := at[name]
		switch {
		case strings.Contains(name, "pin") || strings.Contains(name, "password"):
			errs = append(errs, malformed(1, "there is a column for PINs: they do not belong into a list. Take it out; operators get a PIN one by one"))
		case !slices.Contains(rowColumns, name):
			errs = append(errs, malformed(1, "column %d is called nothing that is known; known are %s", i+1, strings.Join(rowColumns, ",")))
		case twice:
			errs = append(errs, malformed(1, "column %s is there twice", name))
		}
		at[name] = i
	}
	for _, name := range rowColumns[:neededColumns] {
		if _, ok := at[name]; !ok {
			errs = append(errs, malformed(1, "column %s is missing", name))
		}
	}
	return at, errs
}

func rowOf(line int, cells []string, at map[string]int) Row {
	cell := func(name string) *string {
		i, ok := at[name]
		if !ok {
			return nil
		}
		c := strings.TrimSpace(cells[i])
		return &c
	}
	list := func(name string) *[]string {
		c := cell(name)
		if c == nil {
			return nil
		}
		names := []string{}
		for _, n := range strings.Split(*c, listSeparator) {
			if n = strings.TrimSpace(n); n != "" {
				names = append(names, n)
			}
		}
		return &names
	}
	return Row{
		Line: line, Number: *cell("number"), Name: *cell("name"), WorkGroups: *list("work_groups"), Person: cell("person"),
		From: cell("from"), Until: cell("until"), Stores: list("stores"), Registers: list("registers"),
	}
}

func malformed(line int, format string, args ...any) RowError {
	return RowError{Line: line, Reason: entry.ReasonMalformed, Say: fmt.Sprintf(format, args...)}
}

// csvError puts an error of the CSV reader into words.
func csvError(err error) RowError {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return malformed(1, "the list cannot be read")
	}
	if errors.Is(err, csv.ErrQuote) {
		return malformed(parse.StartLine, "a quotation mark is not closed, or something follows it")
	}
	return malformed(parse.Line, "a quotation mark stands within a cell: put the cell into quotation marks, and double those within")
}
