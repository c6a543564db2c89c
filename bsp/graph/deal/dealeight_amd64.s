#include "textflag.h"
#include "chunk_amd64.h"
#include "eight_amd64.h"

// OWNERS sets R to the owners of eight ids: the upper half of splitmix.Mix by Peers. It uses Z6.
#define OWNERS(IDS, R) \
	VPSRLQ   $30, IDS, R \
	VPXORQ   IDS, R, R   \
	VPMULLQ  Z14, R, R   \
	VPSRLQ   $27, R, Z6  \
	VPXORQ   Z6, R, R    \
	VPMULLQ  Z15, R, R   \
	VPSRLQ   $31, R, Z6  \
	VPXORQ   Z6, R, R    \
	VPSRLQ   $32, R, R   \
	VPMULUDQ Z16, R, R   \
	VPSRLQ   $32, R, R

// func dealtEight(chunks [][]byte, seen, ids []uint64, l *Layout) int
//
// What a gathering load goes to is made 0 before, or it would wait for what was there.
//
// SI the edges, R11 the last place of eight, R8 the bitmap. Z9 the bits of the bitmap, X10 Level, X11 Bits, Z12 Mask, X13 Shift, Z14 and Z15 splitmix.Mix's factors,
// Z16 Peers, X17 twice Shift, Z18 1 each, Z20 and Z21 where rows and other ends are among the ids of eight edges. The place of new ids is that of what is kept next.
TEXT ·dealtEight(SB), NOSPLIT, $576-88
	MOVQ chunks_base+0(FP), DI
	MOVQ seen_base+24(FP), R8
	MOVQ seen_len+32(FP), AX
	SHLQ $6, AX
	VPBROADCASTQ AX, Z9
	MOVQ ids_base+48(FP), SI
	MOVQ ids_len+56(FP), R11
	LEAQ -128(SI)(R11*8), R11
	MOVQ l+72(FP), BX
	RING(scratch-576(SP))
	VPBROADCASTQ 0(BX), Z16
	VMOVQ 8(BX), X13
	VPADDQ X13, X13, X17
	VMOVQ 16(BX), X10
	VMOVQ 24(BX), X11
	VPBROADCASTQ 32(BX), Z12
	MOVQ 40(BX), R10
	MOVQ $0xbf58476d1ce4e5b9, AX
	VPBROADCASTQ AX, Z14
	MOVQ $0x94d049bb133111eb, AX
	VPBROADCASTQ AX, Z15
	MOVQ $1, AX
	VPBROADCASTQ AX, Z18
	MOVQ $0x0e0c0a0806040200, AX
	VMOVQ AX, X20
	VPMOVZXBQ X20, Z20
	VPADDQ Z18, Z20, Z21
	MOVBLZX 48(BX), AX
	TESTL AX, AX
	JEQ   edges
	VMOVDQA64 Z20, Z6
	VMOVDQA64 Z21, Z20
	VMOVDQA64 Z6, Z21

edges:
	CMPQ      SI, R11
	JGT       put
	VMOVDQU64 (SI), Z2
	VMOVDQA64 Z2, Z3
	VMOVDQU64 64(SI), Z0
	VPERMT2Q  Z0, Z20, Z2
	VPERMT2Q  Z0, Z21, Z3
	WITHIN(Z2, Z9, Z3, Z9, put)
	VPSRLQ    $6, Z2, Z4
	VPSRLQ    $6, Z3, Z5
	KXNORB    K0, K0, K5
	VPXOR     X0, X0, X0
	VPGATHERQQ (R8)(Z4*8), K5, Z0
	KXNORB    K0, K0, K6
	VPXOR     X1, X1, X1
	VPGATHERQQ (R8)(Z5*8), K6, Z1
	VPROLVQ   Z2, Z18, Z4
	VPROLVQ   Z3, Z18, Z5
	VPTESTNMQ Z4, Z0, K3
	VPTESTNMQ Z5, Z1, K4
	KORTESTB  K3, K4
	JNE       note

noted:
	OWNERS(Z2, Z4)
	OWNERS(Z3, Z5)
	VPSRLQ    X10, Z2, Z0
	VPSLLQ    X17, Z0, Z0
	VPSLLQ    X13, Z4, Z4
	VPTERNLOGQ $0xfe, Z5, Z4, Z0
	ADDQ      $128, SI
	KEEP8(X11, Z12)

put:
	PUT8(64)
	SUBQ R13, SI
	VZEROUPPER
	SUBQ ids_base+48(FP), SI
	SHRQ $3, SI
	MOVQ SI, ret+80(FP)
	RET

note:
	SLOT(R13)
	VMOVDQU64 Z2, 0(R15)
	VMOVDQU64 Z3, 64(R15)
	KUNPCKBW  K3, K4, K3
	KMOVW     K3, DX

id:
	TZCNTL    DX, CX
	MOVQ      (R15)(CX*8), CX
	MOVQ      CX, AX
	SHRQ      $6, AX
	MOVQ      (R8)(AX*8), BX
	BTSQ      CX, BX
	MOVQ      BX, (R8)(AX*8)
	BLSRL     DX, DX
	JNE       id
	JMP       noted
