#include "textflag.h"

// DIGITS loads the digits of the two numbers of the line at R13 into ALL, whose half is LOW, 32 bytes each, and adds them up by four. CX and DX are where the numbers end;
// a line of any other form, or of a number of more than 19 digits, goes to done. It uses CX, R14, R15 and K3. BLANK is its label.
#define DIGITS(LOW, ALL, BLANK) \
	LEAQ         -1(CX), R14          \
	CMPQ         R14, $19             \
	JCC          done                 \
	MOVQ         CX, R14              \
	SUBQ         DX, R14              \
	INCQ         R14                  \
	LEAQ         19(R14), R15         \
	CMPQ         R15, $19             \
	JCC          done                 \
	CMPB         (R13)(DX*1), $'\n'   \
	JNE          done                 \
	CMPB         (R13)(CX*1), $' '    \
	JEQ          BLANK                \
	CMPB         (R13)(CX*1), $'\t'   \
	JNE          done                 \
BLANK: \
	VMOVDQU      -32(R13)(CX*1), LOW    \
	VINSERTI64X4 $1, -32(R13)(DX*1), ALL, ALL \
	NEGQ         CX                   \
	SHLXL        CX, R12, CX          \
	SHLXQ        R14, R12, R14        \
	ORQ          R14, CX              \
	KMOVQ        CX, K3               \
	VPSUBB.Z     Z10, ALL, K3, ALL        \
	VPMADDUBSW   Z13, ALL, ALL            \
	VPMADDWD     Z14, ALL, ALL

// func long(xs []uint64, b []byte, i int) (n, end int)
//
// Of up to 2 KiB of text the masks of bytes that are no digits are made and kept, so that none of them waits for where a line ends; then two lines are read at a time.
// DI where the next number goes, SI the last place of four. R8 the text of which there are masks, R9 where the lines start there, limit the last place that has masks of
// 128 bytes, R10 the last place of 64 bytes of b, R12 -1. AX and BX are the 128 bits of the masks from a line's start on, AX then from the second's.
// R13 the line, CX and DX where its numbers end, less that, R11 the first line's length.
TEXT ·long(SB), NOSPLIT, $288-72
	MOVQ xs_base+0(FP), DI
	MOVQ xs_len+8(FP), SI
	LEAQ -32(DI)(SI*8), SI
	MOVQ b_base+24(FP), R8
	MOVQ b_len+32(FP), R10
	LEAQ -64(R8)(R10*1), R10
	ADDQ i+48(FP), R8
	MOVQ $-1, R12
	VPBROADCASTQ ·zero(SB), Z10
	VPBROADCASTQ ·nine(SB), Z11
	VPBROADCASTQ ·tens(SB), Z13
	VPBROADCASTQ ·hunds(SB), Z14
	VPBROADCASTQ ·myrs(SB), Z15
	VPBROADCASTQ ·rest(SB), Z16
	MOVQ         $0x0703060205010400, AX
	VMOVQ        AX, X17
	VPMOVZXBQ    X17, Z17
	MOVQ         $10000000000000000, AX
	VPBROADCASTQ AX, Y18

text:
	MOVQ R8, R13
	XORL R9, R9

mask:
	CMPQ R13, R10
	JGT  masked
	VMOVDQU8 (R13), Z0
	VPSUBB   Z10, Z0, Z0
	VPCMPUB  $6, Z11, Z0, K1
	KMOVQ    K1, masks-288(SP)(R9*8)
	ADDQ     $64, R13
	INCQ     R9
	CMPQ     R9, $32
	JCS      mask

masked:
	SHLQ $6, R9
	LEAQ -128(R9), R13
	MOVQ R13, limit-8(SP)
	XORL R9, R9
	TESTQ R13, R13
	JLT  done

lines:
	CMPQ DI, SI
	JGT  done
	CMPQ R9, limit-8(SP)
	JGT  more
	MOVQ         R9, R13
	SHRQ         $6, R13
	MOVQ         masks-288(SP)(R13*8), AX
	MOVQ         masks-280(SP)(R13*8), BX
	MOVQ         masks-272(SP)(R13*8), CX
	LEAQ         (R8)(R9*1), R13
	MOVQ         R9, R14
	NOTQ         R14
	SHRXQ        R9, AX, AX
	LEAQ         (BX)(BX*1), DX
	SHLXQ        R14, DX, DX
	ORQ          DX, AX
	SHRXQ        R9, BX, BX
	ADDQ         CX, CX
	SHLXQ        R14, CX, CX
	ORQ          CX, BX
	TZCNTQ       AX, CX
	BLSRQ        AX, DX
	TZCNTQ       DX, DX
	LEAQ         1(DX), R11
	SHRXQ        R11, AX, AX
	MOVQ         R11, R14
	NEGQ         R14
	SHLXQ        R14, BX, BX
	ORQ          BX, AX
	DIGITS(Y2, Z2, first)
	ADDQ         R11, R13
	TZCNTQ       AX, CX
	BLSRQ        AX, AX
	TZCNTQ       AX, DX
	DIGITS(Y3, Z3, second)
	VPACKUSDW    Z3, Z2, Z2
	VPMADDWD     Z15, Z2, Z2
	VPSRLQ       $32, Z2, Z3
	VPMULUDQ     Z16, Z2, Z2
	VPADDQ       Z3, Z2, Z2          // sixteen digits each: of both lines the upper and the lower of the first number, then of the second
	VPERMQ       Z2, Z17, Z2
	VEXTRACTI64X4 $1, Z2, Y3
	VPMULLQ      Y18, Y2, Y2
	VPADDQ       Y3, Y2, Y2
	VMOVMSKPD    Y2, AX
	TESTL        AX, AX
	JNE          done                // one over 2^63-1
	VMOVDQU      Y2, (DI)
	ADDQ         $32, DI
	ADDQ         R11, R9
	LEAQ         1(R9)(DX*1), R9
	JMP          lines

more:
	ADDQ R9, R8
	JMP  text

done:
	VZEROUPPER
	MOVQ xs_base+0(FP), AX
	SUBQ AX, DI
	SHRQ $3, DI
	MOVQ DI, n+56(FP)
	ADDQ R9, R8
	SUBQ b_base+24(FP), R8
	MOVQ R8, end+64(FP)
	RET
