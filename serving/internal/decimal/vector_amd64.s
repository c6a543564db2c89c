#include "textflag.h"

// mask sets register to to the bytes of the block Y0, Y1 that are those of y.
#define mask(y, to) \
	VPCMPEQB y, Y0, Y2  \
	VPCMPEQB y, Y1, Y3  \
	VPMOVMSKB Y2, to    \
	VPMOVMSKB Y3, R8    \
	SHLQ $32, R8        \
	ORQ  R8, to

// func runVector(x []float32, b []byte, i int, t *tables) (n, end int)
//
// DI where the next number goes, SI the end of x, R9 a block of 64 bytes, R11 t. Of a block, a bit for each byte:
// AX commas, BX points, CX digits, DX zeros, R14 first digits of numbers, R12 those behind a minus, R15 what is wrong. R13 the
// last comma before which a number was read.
TEXT ·runVector(SB), NOSPLIT, $0-80
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), SI
	LEAQ (DI)(SI*4), SI
	MOVQ b_base+24(FP), R9
	ADDQ i+48(FP), R9
	MOVQ t+56(FP), R11
	VMOVDQU 4224(R11), X12      // 10, 1
	VMOVDQU 4240(R11), X13      // 100, 1
	VMOVDQU 4256(R11), X14      // 10000, 1
	VPBROADCASTB 4272(R11), Y8  // '0'
	VPBROADCASTB 4273(R11), Y9  // 9
	VPBROADCASTB 4274(R11), Y10 // '.'
	VPBROADCASTB 4275(R11), Y11 // ','
	VPBROADCASTB 4276(R11), Y7  // ' '
	VPBROADCASTB 4277(R11), Y6  // '-'

block:
	MOVQ $-1, R13
	CMPQ DI, SI
	JEQ  done
	MOVQ b_base+24(FP), AX
	ADDQ b_len+32(FP), AX
	SUBQ R9, AX
	CMPQ AX, $80                // Window
	JLT  done
	VMOVDQU (R9), Y0
	VMOVDQU 32(R9), Y1
	mask(Y11, AX)
	mask(Y10, BX)
	mask(Y8, DX)
	VPSUBB Y8, Y0, Y2
	VPSUBB Y8, Y1, Y3
	VPMINUB Y9, Y2, Y4
	VPMINUB Y9, Y3, Y5
	VPCMPEQB Y2, Y4, Y4
	VPCMPEQB Y3, Y5, Y5
	VPMOVMSKB Y4, CX
	VPMOVMSKB Y5, R8
	SHLQ $32, R8
	ORQ  R8, CX

	// A number begins behind a comma, a blank, and a minus. Other bytes are wrong.
	LEAQ 1(AX)(AX*1), R14
	MOVQ AX, R15
	ORQ  BX, R15
	ORQ  CX, R15
	NOTQ R15
	XORL R12, R12
	TESTQ R14, R15
	JZ   digits
	mask(Y7, R10)
	ANDQ R14, R10
	XORQ R10, R14
	XORQ R10, R15
	ADDQ R10, R10
	ORQ  R10, R14
	mask(Y6, R12)
	ANDQ R14, R12
	XORQ R12, R14
	XORQ R12, R15
	ADDQ R12, R12
	ORQ  R12, R14

digits:
	// A zero before other digits is wrong, a number that does not begin with a digit, a point without one
	// behind it, and digits behind a point that end otherwise than at a comma.
	ANDQ R14, DX
	ADDQ DX, DX
	ANDQ CX, DX
	ORQ  DX, R15
	ANDNQ R14, CX, DX
	ORQ  DX, R15
	LEAQ (BX)(BX*1), R10
	ANDNQ R10, CX, DX
	ORQ  DX, R15
	ADDQ CX, R10
	ANDNQ R10, CX, R10
	ANDNQ R10, AX, R10
	ORQ  R10, R15

	// Numbers before what is wrong.
	BLSIQ R15, R15
	DECQ R15
	ANDQ R15, AX
	JZ   done

number:
	TZCNTQ R14, CX              // its first digit
	TZCNTQ AX, DX               // its comma
	BLSRQ R14, R14
	MOVL  DX, R15
	SUBL  CX, R15               // its length
	CMPL  R15, $15
	JHI   done
	SHRXQ CX, BX, R10
	BTSQ  R15, R10
	TZCNTQ R10, R10             // where its point is, or its end
	VMOVDQU (R9)(CX*1), X0
	VPSUBB X8, X0, X0
	MOVL  R10, R8
	SHLL  $4, R8
	ADDL  R15, R8
	SHLL  $4, R8
	VPSHUFB (R11)(R8*1), X0, X0 // its digits, without the point, to the right
	SUBL  R10, R15              // e + 1, or 0 without a point
	VPMADDUBSW X12, X0, X0
	VPMADDWD X13, X0, X0
	VPACKUSDW X0, X0, X0
	VPMADDWD X14, X0, X0
	VMOVQ X0, R10
	MOVL  R10, R8               // the first eight
	SHRQ  $32, R10
	IMULQ $100000000, R8
	ADDQ  R8, R10
	VXORPS X1, X1, X1
	VCVTSI2SDQ R10, X1, X1
	VMULSD 4096(R11)(R15*8), X1, X1
	VMOVQ X1, R10
	ANDL  $0x1fffffff, R10
	SUBL  $0xffffff8, R10
	CMPL  R10, $16
	JLS   done
	VCVTSD2SS X1, X1, X1
	VMOVD X1, R10
	SHRXQ CX, R12, R15
	SHLL  $31, R15
	ORL   R15, R10
	MOVL  R10, (DI)
	ADDQ  $4, DI
	MOVQ  DX, R13
	CMPQ  DI, SI
	JEQ   done
	BLSRQ AX, AX
	JNZ   number
	LEAQ  1(R9)(R13*1), R9
	JMP   block

done:
	VZEROUPPER
	SUBQ x_base+0(FP), DI
	SHRQ $2, DI
	MOVQ DI, n+64(FP)
	ADDQ R13, R9
	SUBQ b_base+24(FP), R9
	MOVQ R9, end+72(FP)
	RET
