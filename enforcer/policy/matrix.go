package policy

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Cell is what one work group, held alone, gives of one function.
type Cell struct {
	Group    string   `json:"group"`
	Function string   `json:"function"`
	Access   Access   `json:"access"`
	Rule     CellRule `json:"rule"`
	Limit    LimitRef `json:"limit,omitzero"` // how far, where it is allowed
}

// CellRule is which function's which mark decided.
type CellRule struct {
	Function string `json:"function"`
	Mark     Mark   `json:"mark"`
}

// Matrix is every work group against every function, in the order of
// WorkGroups and Functions.
func Matrix(c *Compiled) []Cell {
	cells := make([]Cell, 0, len(c.groups)*len(c.functions))
	for n := range c.groups {
		for i := range c.functions {
			r := c.ruleOf(n, Index(i))
			cell := Cell{
				Group: c.groups[n].Name, Function: c.functions[i].Key, Access: r.Access,
				Rule: CellRule{Function: r.Function, Mark: r.Mark},
			}
			if r.Access == Allowed && len(c.limits) > 0 {
				cell.Limit = c.limitAt(n, Index(i)).Ref()
			}
			cells = append(cells, cell)
		}
	}
	return cells
}

// WriteCSV writes the matrix a cell a line, under a line of column names.
func WriteCSV(w io.Writer, cells []Cell) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"group", "function", "access", "rule function", "rule mark", "limit"})
	for _, c := range cells {
		_ = out.Write([]string{c.Group, c.Function, c.Access.String(), c.Rule.Function, c.Rule.Mark.String(), c.Limit.Limit().String()})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write matrix: %w", err)
	}
	return nil
}

// limitSign is what is allowed within a limit.
const limitSign = "l"

// accessSigns are the accesses in a column one character wide.
var accessSigns = [...]string{Denied: "-", OverrideRequired: "o", Allowed: "+"}

// tableColumns is what the table fits in, a terminal's, and groupColumns what a
// work group takes of it.
const (
	tableColumns = 80
	groupColumns = 4
)

// WriteTable writes the matrix for people: a function a line, a work group a
// column, with the columns numbered as the heading lists them. Where they do not
// fit into 80 columns all functions come again, with the next work groups.
func WriteTable(w io.Writer, cells []Cell) error {
	out := bufio.NewWriter(w)
	var groups, functions []string
	seenGroup, seenFunction := map[string]int{}, map[string]bool{}
	signs := map[[2]string]string{}
	limits := false
	widest := 0
	for _, c := range cells {
		if _, ok := seenGroup[c.Group]; !ok {
			groups = append(groups, c.Group)
			seenGroup[c.Group] = len(groups)
		}
		if !seenFunction[c.Function] {
			functions, seenFunction[c.Function] = append(functions, c.Function), true
			widest = max(widest, utf8.RuneCountInString(c.Function))
		}
		sign := accessSigns[c.Access]
		if !c.Limit.IsZero() {
			sign, limits = limitSign, true
		}
		signs[[2]string{c.Group, c.Function}] = sign
	}
	within := ""
	if limits {
		within = limitSign + " allow within a limit   "
	}
	fmt.Fprintf(out, "%s allow   %s%s override   %s deny\n\n", accessSigns[Allowed], within, accessSigns[OverrideRequired], accessSigns[Denied])
	for _, g := range groups {
		fmt.Fprintf(out, "%3d  %s\n", seenGroup[g], g)
	}
	fit := max((tableColumns-widest)/groupColumns, 1)
	parts := max((len(groups)+fit-1)/fit, 1)
	for some := range slices.Chunk(groups, max((len(groups)+parts-1)/parts, 1)) { // about as many in each
		fmt.Fprintf(out, "\n%-*s", widest, "")
		for _, g := range some {
			fmt.Fprintf(out, " %3d", seenGroup[g])
		}
		fmt.Fprintln(out)
		for _, f := range functions {
			fmt.Fprintf(out, "%-*s", widest, f)
			for _, g := range some {
				fmt.Fprintf(out, " %3s", signs[[2]string{g, f}])
			}
			fmt.Fprintln(out)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write matrix: %w", err)
	}
	return nil
}
