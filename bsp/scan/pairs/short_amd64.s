#include "textflag.h"

// places are 0 to 63.
DATA ·places+0(SB)/8, $0x0706050403020100
DATA ·places+8(SB)/8, $0x0f0e0d0c0b0a0908
DATA ·places+16(SB)/8, $0x1716151413121110
DATA ·places+24(SB)/8, $0x1f1e1d1c1b1a1918
DATA ·places+32(SB)/8, $0x2726252423222120
DATA ·places+40(SB)/8, $0x2f2e2d2c2b2a2928
DATA ·places+48(SB)/8, $0x3736353433323130
DATA ·places+56(SB)/8, $0x3f3e3d3c3b3a3938
GLOBL ·places(SB), RODATA|NOPTR, $64

// ends has, for two to eight bytes, the mask of the last so many of eight, and for others 0.
DATA ·ends+0(SB)/8, $0xfefcf8f0e0c00000
DATA ·ends+8(SB)/8, $0x00000000000000ff
GLOBL ·ends(SB), RODATA|NOPTR, $16

// blanks and tabs are what is behind numbers, less '0': a blank or a tab and a line's end in turn.
DATA ·blanks+0(SB)/8, $0xf0
DATA ·blanks+8(SB)/8, $0xda
GLOBL ·blanks(SB), RODATA|NOPTR, $16
DATA ·tabs+0(SB)/8, $0xd9
DATA ·tabs+8(SB)/8, $0xda
GLOBL ·tabs(SB), RODATA|NOPTR, $16

// func short(xs []uint64, b []byte, i int) (n, end int)
//
// Four lines at a time. DI where their numbers go, SI the last place of eight. R8 b, R9 where the lines start, R10 the last place of 64 bytes.
// Their places among 64 bytes compressed are where eight numbers end; of the differences, with which a number and the byte behind it are
// counted, the mask follows that expands them to eight bytes each, at the end of these.
TEXT ·short(SB), NOSPLIT, $0-72
	MOVQ xs_base+0(FP), DI
	MOVQ xs_len+8(FP), SI
	LEAQ -64(DI)(SI*8), SI
	MOVQ b_base+24(FP), R8
	MOVQ b_len+32(FP), R10
	SUBQ $64, R10
	MOVQ i+48(FP), R9
	MOVQ $128, R11
	MOVQ $0x8080808080808080, R12
	VMOVDQU   ·ends(SB), X5
	MOVQ      $0x0f0f0f0f0f0f0f0f, AX
	VMOVQ     AX, X6
	MOVQ      $0xff, AX
	VMOVQ     AX, X7
	VPBROADCASTQ    ·zero(SB), Z10
	VPBROADCASTQ    ·nine(SB), Z11
	VMOVDQU8        ·places(SB), Z12
	VPBROADCASTQ    ·tens(SB), Z13
	VPBROADCASTQ    ·hunds(SB), Z14
	MOVQ            $10000, AX
	VPBROADCASTQ    AX, Z15
	VBROADCASTI64X2 ·blanks(SB), Z16
	VBROADCASTI64X2 ·tabs(SB), Z17

lines:
	CMPQ DI, SI
	JGT  done
	CMPQ R9, R10
	JGT  done
	VMOVDQU8      (R8)(R9*1), Z0
	VPSUBB        Z10, Z0, Z0
	VPCMPUB       $6, Z11, Z0, K1
	KMOVQ         K1, AX
	PDEPQ         AX, R11, DX
	TZCNTQ        DX, DX           // where the eighth ends
	VPCOMPRESSB.Z Z12, K1, Z1
	VPSLLQ        $8, X1, X2
	VPOR          X7, X2, X2
	VPSUBB        X2, X1, X2
	VPMINUB       X6, X2, X2
	VPSHUFB       X2, X5, X3
	VMOVQ         X3, BX
	MOVQ          BX, CX
	ANDQ          R12, CX
	CMPQ          CX, R12
	JNE           done             // a number of no or more than seven digits, or fewer than eight numbers
	KMOVQ         BX, K2
	VPEXPANDB.Z   Z0, K2, Z3
	VPSRLQ        $56, Z3, Z4
	VPCMPEQQ      Z16, Z4, K3
	VPCMPEQQ      Z17, Z4, K4
	KORTESTB      K3, K4
	JCC           done             // something else is behind one
	VPSLLQ        $8, Z3, Z3
	VPMADDUBSW    Z13, Z3, Z3
	VPMADDWD      Z14, Z3, Z3
	VPMULUDQ      Z15, Z3, Z4
	VPSRLQ        $32, Z3, Z3
	VPADDQ        Z4, Z3, Z3
	VMOVDQU64     Z3, (DI)
	ADDQ          $64, DI
	LEAQ          1(R9)(DX*1), R9
	JMP           lines

done:
	VZEROUPPER
	MOVQ xs_base+0(FP), AX
	SUBQ AX, DI
	SHRQ $3, DI
	MOVQ DI, n+56(FP)
	MOVQ R9, end+64(FP)
	RET
