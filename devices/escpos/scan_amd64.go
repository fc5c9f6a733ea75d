package escpos

import "golang.org/x/sys/cpu"

// wide: the processor has what scan_amd64.s is written in.
var wide = cpu.X86.HasAVX2 && cpu.X86.HasBMI2 && cpu.X86.HasPOPCNT

// widest: it has AVX-512 with VBMI as well, so that a table of 128 bytes is looked up
// in at once.
var widest = wide && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI

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

// pairsWidest is pairsWide with whole blocks of 64 bytes, as slots has their
// classes.
//
//go:noescape
func pairsWidest(p []byte, slots *[128]byte) int
