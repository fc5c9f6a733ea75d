#include "textflag.h"

// func plainWide(p []byte) (n, lines int)
//
// AX counts bytes, DX line feeds. A byte is plain if it is its own maximum with
// 0x20, or LF.
TEXT ·plainWide(SB), NOSPLIT, $0-40
	MOVQ p_base+0(FP), SI
	MOVQ p_len+8(FP), CX
	XORQ AX, AX
	XORQ DX, DX
	MOVQ $0x2020202020202020, R8
	MOVQ R8, X0
	VPBROADCASTQ X0, Y0
	MOVQ $0x0A0A0A0A0A0A0A0A, R8
	MOVQ R8, X1
	VPBROADCASTQ X1, Y1

block:
	LEAQ 32(AX), R9
	CMPQ R9, CX
	JA   end
	VMOVDQU   (SI)(AX*1), Y2
	VPCMPEQB  Y1, Y2, Y3
	VPMAXUB   Y0, Y2, Y4
	VPCMPEQB  Y2, Y4, Y4
	VPOR      Y3, Y4, Y4
	VPMOVMSKB Y4, R10
	VPMOVMSKB Y3, R11
	XORL      $0xFFFFFFFF, R10
	JNZ       other
	POPCNTL   R11, R11
	ADDQ      R11, DX
	MOVQ      R9, AX
	JMP       block

other:
	BSFL    R10, R10
	BZHIL   R10, R11, R11
	POPCNTL R11, R11
	ADDQ    R11, DX
	ADDQ    R10, AX

end:
	MOVQ AX, n+24(FP)
	MOVQ DX, lines+32(FP)
	VZEROUPPER
	RET

// func pairsWide(p []byte, classes *[2][16]byte) int
//
// Each byte's class is the bits that both tables have for its halves. R10 has a
// bit for each first byte, R11 for each second one; DX is 1 where the block
// before ended with a first one.
TEXT ·pairsWide(SB), NOSPLIT, $0-40
	MOVQ p_base+0(FP), SI
	MOVQ p_len+8(FP), CX
	MOVQ classes+24(FP), R8
	XORQ AX, AX
	XORQ DX, DX
	VBROADCASTI128 (R8), Y0
	VBROADCASTI128 16(R8), Y1
	MOVQ $0x0F0F0F0F0F0F0F0F, R9
	MOVQ R9, X2
	VPBROADCASTQ X2, Y2
	MOVQ $0x7F7F7F7F7F7F7F7F, R9
	MOVQ R9, X3
	VPBROADCASTQ X3, Y3

	// Two blocks at a time.
	SUBQ $64, CX
	JB   last

two:
	VMOVDQU   (SI)(AX*1), Y4
	VMOVDQU   32(SI)(AX*1), Y6
	VPSRLW    $4, Y4, Y5
	VPSRLW    $4, Y6, Y7
	VPAND     Y2, Y4, Y4
	VPAND     Y2, Y6, Y6
	VPAND     Y2, Y5, Y5
	VPAND     Y2, Y7, Y7
	VPSHUFB   Y4, Y0, Y4
	VPSHUFB   Y6, Y0, Y6
	VPSHUFB   Y5, Y1, Y5
	VPSHUFB   Y7, Y1, Y7
	VPAND     Y4, Y5, Y4
	VPAND     Y6, Y7, Y6
	VPOR      Y4, Y6, Y5
	VPTEST    Y3, Y5
	JZ        first // no second byte, so no pair ends here
	VPMOVMSKB Y5, R10
	ORL       DX, R10
	JZ        next  // no first byte, nor one just before
	VPMOVMSKB Y4, R10
	VPMOVMSKB Y6, DI
	VPAND     Y3, Y4, Y4
	VPAND     Y3, Y6, Y6
	VPADDB    Y3, Y4, Y4
	VPADDB    Y3, Y6, Y6
	VPMOVMSKB Y4, R11
	VPMOVMSKB Y6, BX
	SHLQ      $32, DI
	SHLQ      $32, BX
	ORQ       DI, R10
	ORQ       BX, R11
	LEAQ      (DX)(R10*2), R12
	MOVQ      R10, DX
	SHRQ      $63, DX
	ANDQ      R11, R12
	JNZ       found

next:
	ADDQ      $64, AX
	CMPQ      AX, CX
	JLS       two

last:
	ADDQ $64, CX
	JMP  block

first:
	VPMOVMSKB Y6, DX
	SHRL      $31, DX
	JMP       next

block:
	LEAQ 32(AX), R9
	CMPQ R9, CX
	JA   none
	VMOVDQU   (SI)(AX*1), Y4
	VPSRLW    $4, Y4, Y5
	VPAND     Y2, Y4, Y4
	VPAND     Y2, Y5, Y5
	VPSHUFB   Y4, Y0, Y4
	VPSHUFB   Y5, Y1, Y5
	VPAND     Y4, Y5, Y4
	VPMOVMSKB Y4, R10
	VPAND     Y3, Y4, Y4
	VPADDB    Y3, Y4, Y4
	VPMOVMSKB Y4, R11
	LEAL      (DX)(R10*2), R12
	MOVL      R10, DX
	SHRL      $31, DX
	ANDL      R11, R12
	JNZ       found
	MOVQ      R9, AX
	JMP       block

found:
	BSFQ R12, R12
	LEAQ -1(AX)(R12*1), AX
	JMP  end

none:
	// A first byte at the very end of what was looked at is looked at again.
	SUBQ DX, AX

end:
	MOVQ AX, ret+32(FP)
	VZEROUPPER
	RET

// func pairsWidest(p []byte, slots *[128]byte) int
//
// As pairsWide, 64 bytes at a time: a byte's class is looked up by its slot (see
// slot in scan.go) in all of the table at once. Bit 7 is the first bytes, bit 0
// the second ones.
TEXT ·pairsWidest(SB), NOSPLIT, $0-40
	MOVQ p_base+0(FP), SI
	MOVQ p_len+8(FP), CX
	MOVQ slots+24(FP), R8
	XORQ AX, AX
	XORQ DX, DX
	VMOVDQU64 (R8), Z0
	VMOVDQU64 64(R8), Z1
	MOVQ $0x0101010101010101, R9
	VPBROADCASTQ R9, Z2
	MOVQ $0x8080808080808080, R9
	VPBROADCASTQ R9, Z3
	SUBQ $64, CX
	JB   none

block:
	VMOVDQU8 (SI)(AX*1), Z4
	VPSUBB   Z2, Z4, Z4
	VPMINUB  Z3, Z4, Z4
	VPERMI2B Z1, Z0, Z4
	VPMOVB2M Z4, K1
	VPTESTMB Z2, Z4, K2
	KMOVQ    K1, R10
	KMOVQ    K2, R11
	LEAQ     (DX)(R10*2), R12
	MOVQ     R10, DX
	SHRQ     $63, DX
	ANDQ     R11, R12
	JNZ      found
	ADDQ     $64, AX
	CMPQ     AX, CX
	JLS      block

none:
	SUBQ DX, AX
	JMP  end

found:
	BSFQ R12, R12
	LEAQ -1(AX)(R12*1), AX

end:
	MOVQ AX, ret+32(FP)
	VZEROUPPER
	RET
