//go:build !amd64

package escpos

const wide = false

func plainWide([]byte) (n, lines int) { return 0, 0 }

func pairsWide([]byte, *[2][16]byte) int { return 0 }
