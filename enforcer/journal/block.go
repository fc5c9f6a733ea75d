package journal

import (
	"encoding/binary"
	"math"
	"slices"

	"tillwarden/enforcer/journal/entry"
)

// defaultBlock is how many entries one index block covers. It must be a power
// of two, so that a block's entries are a whole subtree, and at most 256, so
// that a column's code is one byte.
const defaultBlock = 256

// A block is the index of a run of entries: for each indexed field a column
// with one byte an entry, its code, and the sorted dictionary that the codes
// refer to; and the wall clock of each entry with the least and the greatest
// of them. A query for a rare value thus asks one dictionary a block, and a
// time range is answered exactly however often the clock was stepped.
//
// It is a function of its entries and of nothing else, so that whoever checks
// it only has to build it again. Layout, numbers big-endian:
//
//	version (1), entries-1 (1), least wall (8), greatest wall (8),
//	where each column begins in the block (4 each),
//	wall of each entry (8 each),
//	for each column: values-1 (1), code of each entry (1 each),
//	end of each value within the values (2 each), the values
//
// The columns' places stand in front so that a search reads only what it needs.

// blockVersion is the first byte of a block.
const blockVersion = 1

// columnID names a column. Append-only: the order is on disk.
type columnID uint8

const (
	colKind columnID = iota
	colOutcome
	colFunctionID
	colFunction
	colOperator
	colApprover
	colSource
	numColumns
)

// row is what of an entry is indexed.
type row struct {
	wall int64
	vals [numColumns]string
}

func rowOf(e *entry.Entry) row {
	r := row{wall: e.Stamp.Wall}
	r.vals[colKind] = num16(uint16(e.Kind))
	r.vals[colOutcome] = num16(uint16(e.Outcome))
	r.vals[colFunctionID] = num32(e.FunctionID)
	r.vals[colFunction] = e.Function
	r.vals[colOperator] = e.Operator
	if e.Approval != nil {
		r.vals[colApprover] = e.Approval.Operator
	}
	r.vals[colSource] = e.Source
	return r
}

func num16(n uint16) string { return string([]byte{byte(n >> 8), byte(n)}) }

func num32(n uint32) string {
	return string([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
}

// blockHead is the length of what stands before the wall clocks.
const blockHead = 18 + 4*int(numColumns)

// buildBlock makes the block of rows, at most 256 of them.
func buildBlock(rows []row) []byte {
	n := len(rows)
	out := make([]byte, blockHead, blockHead+n*(8+int(numColumns))+2048)
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range rows {
		least, most = min(least, rows[i].wall), max(most, rows[i].wall)
	}
	out[0], out[1] = blockVersion, byte(n-1)
	binary.BigEndian.PutUint64(out[2:], uint64(least))
	binary.BigEndian.PutUint64(out[10:], uint64(most))
	for i := range rows {
		out = binary.BigEndian.AppendUint64(out, uint64(rows[i].wall))
	}
	values := make([]string, 0, n)
	for c := range numColumns {
		binary.BigEndian.PutUint32(out[18+4*int(c):], uint32(len(out)))
		values = values[:0]
		for i := range rows {
			// Runs of one value are the rule; this keeps the sort short.
			if v := rows[i].vals[c]; len(values) == 0 || values[len(values)-1] != v {
				values = append(values, v)
			}
		}
		slices.Sort(values)
		values = slices.Compact(values)
		out = append(out, byte(len(values)-1))
		for i := range rows {
			code, _ := slices.BinarySearch(values, rows[i].vals[c])
			out = append(out, byte(code))
		}
		end := 0
		for _, v := range values {
			end += len(v)
			out = binary.BigEndian.AppendUint16(out, uint16(end))
		}
		for _, v := range values {
			out = append(out, v...)
		}
	}
	return out
}

// block is a block as it is stored.
type block struct {
	raw         []byte
	n           int
	least, most int64
}

// column is one column of a block.
type column struct {
	codes  []byte
	ends   []byte
	values []byte
}

var errBlock = damaged(0, "an index block has the wrong form")

func parseBlock(b []byte) (bl block, err error) {
	if len(b) < blockHead || b[0] != blockVersion {
		return bl, errBlock
	}
	bl = block{raw: b, n: int(b[1]) + 1, least: int64(binary.BigEndian.Uint64(b[2:])), most: int64(binary.BigEndian.Uint64(b[10:]))}
	if len(b) < blockHead+bl.n*8 {
		return bl, errBlock
	}
	return bl, nil
}

// column finds a column.
func (bl *block) column(id columnID) (c column, err error) {
	at := uint64(binary.BigEndian.Uint32(bl.raw[18+4*int(id):]))
	if at >= uint64(len(bl.raw)) {
		return c, errBlock
	}
	b := bl.raw[at:]
	count := int(b[0]) + 1
	if len(b) < 1+bl.n+2*count {
		return c, errBlock
	}
	c.codes, c.ends, b = b[1:1+bl.n], b[1+bl.n:1+bl.n+2*count], b[1+bl.n+2*count:]
	size := c.end(count - 1)
	if len(b) < size {
		return c, errBlock
	}
	c.values = b[:size]
	return c, nil
}

func (bl *block) wall(i int) int64 {
	return int64(binary.BigEndian.Uint64(bl.raw[blockHead+8*i:]))
}

func (c *column) end(i int) int { return int(binary.BigEndian.Uint16(c.ends[2*i:])) }

// value is the i'th value of the dictionary, nil where the ends make no sense.
func (c *column) value(i int) []byte {
	start := 0
	if i > 0 {
		start = c.end(i - 1)
	}
	if end := c.end(i); start <= end && end <= len(c.values) {
		return c.values[start:end]
	}
	return nil
}

// code finds a value in the dictionary.
func (c *column) code(value string) (byte, bool) {
	lo, hi := 0, len(c.ends)/2
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		// Compared as strings, which copies nothing.
		switch got := c.value(mid); {
		case string(got) == value:
			return byte(mid), true
		case string(got) < value:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return 0, false
}
