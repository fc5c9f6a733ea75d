//go:build !amd64

package escpos

const wide, widest = false, false

func plainWide([]byte) (n, lines int) { return 0, 0 }

func pairsWide([]byte, *[2][16]byte) int { return 0 }

func pairsWidest([]byte, *[128]byte) int { return 0 }
