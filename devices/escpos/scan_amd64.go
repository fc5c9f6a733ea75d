package escpos

import "golang.org/x/sys/cpu"

// wide: the processor has what scan_amd64.s is written in.
var wide = cpu.X86.HasAVX2 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT

// plainWide is plain for as many whole blocks of 32 bytes as there are: n is
// less than their length only where it stopped at another byte.
//
//go:noescape
func plainWide(p []byte) (n, lines int)

// pairsWide looks at whole blocks of 32 bytes for one of the first bytes
// followed by one of the second ones, as classes has them. It returns where the
// first of them is, or up to where it has found none.
//
//go:noescape
func pairsWide(p []byte, classes *[2][16]byte) int
