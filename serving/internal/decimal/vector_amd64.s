#include "textflag.h"

// func runVector(x []float32, b []byte, i int, t *tables) (n, end int)
//
// DI x, SI its length, R8 b, R9 i, R10 the last i with a window, R11 t, R12 n, R13 end. Of each number:
// AX bytes that are no digits, BX bytes that are points, CX its sign, DX its length,
// R14 where its point is, or its end. X0 its digits.
//
// TZCNT is BSF on a processor that does not have it, and says the same of what is not 0, as all is here; an AMD has BSF in microcode.
TEXT ·runVector(SB), NOSPLIT, $0-80
	MOVQ x_base+0(FP), DI
	MOVQ x_len+8(FP), SI
	MOVQ b_base+24(FP), R8
	MOVQ b_len+32(FP), R10
	SUBQ $48, R10          // Window
	MOVQ i+48(FP), R9
	MOVQ t+56(FP), R11
	XORL R12, R12
	MOVQ R9, R13
	MOVOU 8320(R11), X8    // '0'
	MOVOU 8336(R11), X9    // 9
	MOVOU 8352(R11), X10   // '.'
	MOVOU 8368(R11), X11   // 10, 1
	MOVOU 8384(R11), X12   // 100, 1
	MOVOU 8400(R11), X13   // 10000, 1

number:
	CMPQ R12, SI
	JGE  done
	CMPQ R9, R10
	JGT  done
	MOVOU (R8)(R9*1), X0
	MOVO  X0, X1
	PCMPEQB X10, X1
	PMOVMSKB X1, BX
	PSUBB X8, X0
	MOVO  X0, X2
	PMINUB X9, X2
	PCMPEQB X0, X2
	PMOVMSKB X2, AX
	NOTL  AX               // with ones above the 16 bytes

	// The sign, and the length: up to what is neither a digit nor a point.
	MOVL  AX, CX
	ANDL  $1, CX
	MOVL  BX, DX
	ORL   $1, DX
	NOTL  DX
	ANDL  AX, DX
	TZCNTL DX, DX
	CMPL  DX, $15
	JGT   done

	// The point: one at most, with a digit behind it.
	XORL  AX, AX
	BTSL  DX, AX
	LEAL  -1(AX), R14
	ANDL  BX, R14
	LEAL  -1(R14), R15
	TESTL R14, R15
	JNE   done
	ORL   AX, R14
	TZCNTL R14, R14
	MOVL  DX, R15
	SUBL  R14, R15         // e + 1, or 0 without a point
	CMPL  R15, $1
	JEQ   done

	// A first byte that is no digit is a minus.
	MOVBLZX (R8)(R9*1), AX
	CMPL  AX, $45
	SETEQ AX
	CMPB  AX, CX
	JNE   done

	// A digit before the point, and no zero before others.
	LEAQ  (R8)(R9*1), BX
	MOVBLZX (BX)(CX*1), AX
	CMPL  AX, $48
	SETEQ AX
	MOVL  R14, BX
	SUBL  CX, BX
	JEQ   done
	CMPL  BX, $1
	SETGT BX
	TESTB AX, BX
	JNE   done

	// The digits, without the point, to the right.
	MOVL  CX, AX
	SHLL  $4, AX
	ADDL  R14, AX
	SHLL  $4, AX
	ADDL  DX, AX
	SHLL  $4, AX
	MOVOU (R11)(AX*1), X3
	PSHUFB X3, X0
	PMADDUBSW X11, X0
	PMADDWL X12, X0
	PACKUSDW X0, X0
	PMADDWL X13, X0
	MOVQ  X0, AX
	MOVL  AX, BX           // the first eight
	SHRQ  $32, AX
	IMULQ $100000000, BX
	ADDQ  BX, AX
	XORPS X1, X1
	CVTSQ2SD AX, X1
	MULSD 8192(R11)(R15*8), X1
	MOVQ  X1, AX
	ANDL  $0x1fffffff, AX
	SUBL  $0xffffff8, AX
	CMPL  AX, $16
	JLS   done

	// What follows is no exponent.
	LEAQ  (R9)(DX*1), BX
	MOVBLZX (R8)(BX*1), AX
	MOVL  AX, R14
	ORL   $0x20, R14
	CMPL  R14, $0x65
	JEQ   done
	CVTSD2SS X1, X1
	MOVL  X1, R14
	SHLL  $31, CX
	ORL   CX, R14
	MOVL  R14, (DI)(R12*4)
	INCQ  R12
	MOVQ  BX, R13
	CMPL  AX, $44
	JNE   done
	LEAQ  1(BX), R9
	CMPB  1(R8)(BX*1), $32
	JNE   number
	INCQ  R9
	JMP   number

done:
	MOVQ R12, n+64(FP)
	MOVQ R13, end+72(FP)
	RET
