package sim

import (
	"encoding/hex"
	"fmt"
)

// HexBytes are bytes that JSON shows in hexadecimal.
type HexBytes []byte

// MarshalText writes hexadecimal.
func (b HexBytes) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, b), nil }

// UnmarshalText reads hexadecimal.
func (b *HexBytes) UnmarshalText(text []byte) error {
	out, err := hex.AppendDecode(nil, text)
	if err != nil {
		return fmt.Errorf("reading bytes: %w", err)
	}
	*b = out
	return nil
}

// String writes hexadecimal with spaces.
func (b HexBytes) String() string { return fmt.Sprintf("% x", []byte(b)) }

// capture keeps the last bytes of a stream.
type capture struct {
	kept  []byte
	total int64
}

func (c *capture) add(b byte) {
	c.total++
	c.kept = append(c.kept, b)
	if len(c.kept) > maxCaptured {
		c.kept = append([]byte(nil), c.kept[len(c.kept)-maxCaptured/2:]...)
	}
}

func (c *capture) from(offset int64) ([]byte, int64) {
	first := c.total - int64(len(c.kept))
	skip := min(max(offset-first, 0), int64(len(c.kept)))
	return append([]byte(nil), c.kept[skip:]...), c.total
}
