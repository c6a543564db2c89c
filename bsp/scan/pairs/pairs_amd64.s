#include "textflag.h"

// zero, nine, tens, hunds, myrs, rest: what vectors are filled with.
DATA ·zero+0(SB)/8, $0x3030303030303030
GLOBL ·zero(SB), RODATA|NOPTR, $8
DATA ·nine+0(SB)/8, $0x0909090909090909
GLOBL ·nine(SB), RODATA|NOPTR, $8
DATA ·tens+0(SB)/8, $0x010a010a010a010a
GLOBL ·tens(SB), RODATA|NOPTR, $8
DATA ·hunds+0(SB)/8, $0x0001006400010064
GLOBL ·hunds(SB), RODATA|NOPTR, $8
DATA ·myrs+0(SB)/8, $0x0001271000012710
GLOBL ·myrs(SB), RODATA|NOPTR, $8
DATA ·rest+0(SB)/8, $100000000
GLOBL ·rest(SB), RODATA|NOPTR, $8

// last: 32 bytes from last+n on leave the last n of 32, 16 bytes from last+16+n the last n of 16.
DATA ·last+0(SB)/8, $0
DATA ·last+8(SB)/8, $0
DATA ·last+16(SB)/8, $0
DATA ·last+24(SB)/8, $0
DATA ·last+32(SB)/8, $-1
DATA ·last+40(SB)/8, $-1
DATA ·last+48(SB)/8, $-1
DATA ·last+56(SB)/8, $-1
GLOBL ·last(SB), RODATA|NOPTR, $64

// LONG puts the number of LEN digits, at most 19, that ends before b[END] into AX. It uses BX, X0 and X1.
#define LONG(LEN, END) \
	VMOVDQU      -32(R8)(END*1), Y0 \
	VPSUBB       Y15, Y0, Y0        \
	VPAND        (R13)(LEN*1), Y0, Y0 \
	VPMADDUBSW   Y13, Y0, Y0        \
	VPMADDWD     Y12, Y0, Y0        \
	VPACKUSDW    Y0, Y0, Y0         \
	VPMADDWD     Y11, Y0, Y0        \
	VPSRLQ       $32, Y0, Y1        \
	VPMULUDQ     Y10, Y0, Y0        \
	VPADDQ       Y1, Y0, Y0         \
	VEXTRACTI128 $1, Y0, X1         \
	VMOVQ        X0, AX             \
	IMULQ        R14, AX            \
	VMOVQ        X1, BX             \
	ADDQ         BX, AX

// func fast(xs []uint64, b []byte, i int) (n, end int)
//
// DI where the next number goes, SI the last place of two. R8 b, R9 where the line starts, R10 the last place of 64 bytes,
// R11 where those are of which R12 has a bit for each byte that is no digit and not yet used, R13 last, R14 10^16.
// Of a line: CX and DX where its numbers end, R15 and BX their lengths.
TEXT ·fast(SB), NOSPLIT, $0-72
	MOVQ         xs_base+0(FP), DI
	MOVQ         xs_len+8(FP), SI
	LEAQ         -16(DI)(SI*8), SI
	MOVQ         b_base+24(FP), R8
	MOVQ         b_len+32(FP), R10
	SUBQ         $64, R10
	MOVQ         i+48(FP), R9
	LEAQ         ·last(SB), R13
	MOVQ         $10000000000000000, R14
	VPBROADCASTQ ·zero(SB), Y15
	VPBROADCASTQ ·nine(SB), Y14
	VPBROADCASTQ ·tens(SB), Y13
	VPBROADCASTQ ·hunds(SB), Y12
	VPBROADCASTQ ·myrs(SB), Y11
	VPBROADCASTQ ·rest(SB), Y10
	LEAQ         -64(R9), R11
	XORL         R12, R12

line:
	CMPQ DI, SI
	JGT  done

first:
	TESTQ R12, R12
	JNE   firstEnd
	ADDQ  $64, R11
	CMPQ  R11, R10
	JGT   done
	VMOVDQU   (R8)(R11*1), Y0
	VMOVDQU   32(R8)(R11*1), Y1
	VPSUBB    Y15, Y0, Y0
	VPSUBB    Y15, Y1, Y1
	VPMINUB   Y14, Y0, Y2
	VPMINUB   Y14, Y1, Y3
	VPCMPEQB  Y0, Y2, Y2
	VPCMPEQB  Y1, Y3, Y3
	VPMOVMSKB Y2, R12
	VPMOVMSKB Y3, AX
	SHLQ      $32, AX
	ORQ       AX, R12
	NOTQ      R12
	JMP       first

firstEnd:
	TZCNTQ R12, CX
	BLSRQ  R12, R12
	ADDQ   R11, CX

second:
	TESTQ R12, R12
	JNE   secondEnd
	ADDQ  $64, R11
	CMPQ  R11, R10
	JGT   done
	VMOVDQU   (R8)(R11*1), Y0
	VMOVDQU   32(R8)(R11*1), Y1
	VPSUBB    Y15, Y0, Y0
	VPSUBB    Y15, Y1, Y1
	VPMINUB   Y14, Y0, Y2
	VPMINUB   Y14, Y1, Y3
	VPCMPEQB  Y0, Y2, Y2
	VPCMPEQB  Y1, Y3, Y3
	VPMOVMSKB Y2, R12
	VPMOVMSKB Y3, AX
	SHLQ      $32, AX
	ORQ       AX, R12
	NOTQ      R12
	JMP       second

secondEnd:
	TZCNTQ R12, DX
	BLSRQ  R12, R12
	ADDQ   R11, DX
	CMPB   (R8)(DX*1), $'\n'
	JNE    done
	MOVBLZX (R8)(CX*1), AX
	CMPL   AX, $' '
	JEQ    lengths
	CMPL   AX, $'\t'
	JNE    done

lengths:
	MOVQ CX, R15
	SUBQ R9, R15
	MOVQ DX, BX
	SUBQ CX, BX
	DECQ BX
	LEAQ -1(R15), AX
	CMPQ AX, $16
	JCC  long              // also without a digit
	LEAQ -1(BX), AX
	CMPQ AX, $16
	JCC  long
	VMOVDQU      -16(R8)(CX*1), X0
	VINSERTI128  $1, -16(R8)(DX*1), Y0, Y0
	VMOVDQU      16(R13)(R15*1), X1
	VINSERTI128  $1, 16(R13)(BX*1), Y1, Y1
	VPSUBB       Y15, Y0, Y0
	VPAND        Y1, Y0, Y0
	VPMADDUBSW   Y13, Y0, Y0
	VPMADDWD     Y12, Y0, Y0
	VPACKUSDW    Y0, Y0, Y0
	VPMADDWD     Y11, Y0, Y0 // the first eight digits, the last eight; twice
	VPSRLQ       $32, Y0, Y1
	VPMULUDQ     Y10, Y0, Y0
	VPADDQ       Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPUNPCKLQDQ  X1, X0, X0
	VMOVDQU      X0, (DI)

next:
	ADDQ $16, DI
	LEAQ 1(DX), R9
	JMP  line

long:
	LEAQ -1(R15), AX
	CMPQ AX, $19
	JCC  done
	LEAQ -1(BX), AX
	CMPQ AX, $19
	JCC  done
	MOVQ BX, AX
	MOVQ AX, 8(DI)         // its length, until it is read
	LONG(R15, CX)
	TESTQ AX, AX
	JLT  done              // over 2^63-1
	MOVQ 8(DI), R15
	MOVQ AX, (DI)
	LONG(R15, DX)
	TESTQ AX, AX
	JLT  done
	MOVQ AX, 8(DI)
	JMP  next

done:
	VZEROUPPER
	MOVQ xs_base+0(FP), AX
	SUBQ AX, DI
	SHRQ $3, DI
	MOVQ DI, n+56(FP)
	MOVQ R9, end+64(FP)
	RET
