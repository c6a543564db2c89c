#include "textflag.h"
#include "chunk_amd64.h"

// CODES is both functions; ROW and OTHER are where an edge has its codes.
//
// SI the edge, R15 the end, DI the chunks, R8 Shift, R14 twice that, R9 Level, R10 Bits, R11 Mask, R12 the mask of an owner, R13 Size; CX and DX the codes of
// row and other end.
#define CODES(ROW, OTHER) \
	MOVQ  chunks_base+0(FP), DI \
	MOVQ  codes_base+24(FP), SI \
	MOVQ  codes_len+32(FP), R15 \
	LEAQ  (SI)(R15*4), R15     \
	MOVQ  l+48(FP), BX         \
	MOVQ  8(BX), R8            \
	LEAQ  (R8)(R8*1), R14      \
	MOVQ  16(BX), R9           \
	MOVQ  24(BX), R10          \
	MOVQ  32(BX), R11          \
	MOVQ  40(BX), R13          \
	MOVQ  $1, R12              \
	SHLXQ R8, R12, R12         \
	DECQ  R12                  \
edge: \
	MOVL  ROW(SI), CX          \
	MOVL  OTHER(SI), DX        \
	MOVQ  CX, BX               \
	ANDQ  R12, BX              \
	SHLXQ R8, BX, BX           \
	SHRXQ R8, CX, CX           \
	SHRXQ R9, CX, AX           \
	SHLXQ R14, AX, AX          \
	ORQ   BX, AX               \
	MOVQ  DX, BX               \
	ANDQ  R12, BX              \
	ORQ   BX, AX               \
	CMPQ  AX, chunks_len+8(FP) \
	JCC   stop                 \
	SHRXQ R8, DX, DX           \
	APPEND(R10, R11, R13)      \
	MOVQ  AX, 8(BX)            \
	ADDQ  $8, SI               \
	CMPQ  SI, R15              \
	JCS   edge                 \
stop: \
	SUBQ  codes_base+24(FP), SI \
	SHRQ  $2, SI               \
	MOVQ  SI, ret+56(FP)        \
	RET

// func pulledCodes(chunks [][]byte, codes []uint32, l *Layout) int
TEXT ·pulledCodes(SB), NOSPLIT, $0-64
	CODES(4, 0)

// func pushedCodes(chunks [][]byte, codes []uint32, l *Layout) int
TEXT ·pushedCodes(SB), NOSPLIT, $0-64
	CODES(0, 4)

// func codedEight(chunks [][]byte, codes []uint32, l *Layout) int
//
// SI the edges, R11 the last place of eight. Z9 how many chunks there are, X10 Level, X11 Bits, Z12 Mask, X13 Shift, Z14 the mask of a code, Z15 that of an owner,
// Z16 how far eight bytes are turned, so that the row is lowest, X17 twice Shift.
TEXT ·codedEight(SB), NOSPLIT, $576-64
	MOVQ chunks_base+0(FP), DI
	VPBROADCASTQ chunks_len+8(FP), Z9
	MOVQ codes_base+24(FP), SI
	MOVQ codes_len+32(FP), R11
	LEAQ -64(SI)(R11*4), R11
	MOVQ l+48(FP), BX
	RING(scratch-576(SP))
	MOVQ  8(BX), AX
	VMOVQ AX, X13
	VPADDQ X13, X13, X17
	VMOVQ 16(BX), X10
	VMOVQ 24(BX), X11
	VPBROADCASTQ 32(BX), Z12
	MOVQ  40(BX), R10
	MOVQ  $1, CX
	SHLXQ AX, CX, CX
	DECQ  CX
	VPBROADCASTQ CX, Z15
	MOVL  $-1, AX
	VPBROADCASTQ AX, Z14
	MOVBLZX 48(BX), AX
	SHLQ  $5, AX
	VPBROADCASTQ AX, Z16

edges:
	CMPQ      SI, R11
	JGT       put
	VMOVDQU64 (SI), Z2
	VPRORVQ   Z16, Z2, Z2
	VPSRLQ    $32, Z2, Z3
	VPANDQ    Z14, Z2, Z2
	VPANDQ    Z15, Z2, Z4
	VPANDQ    Z15, Z3, Z5
	VPSRLQ    X13, Z2, Z2
	VPSRLQ    X13, Z3, Z3
	VPSRLQ    X10, Z2, Z0
	VPSLLQ    X17, Z0, Z0
	VPSLLQ    X13, Z4, Z4
	VPTERNLOGQ $0xfe, Z5, Z4, Z0
	VPCMPUQ   $5, Z9, Z0, K3
	KORTESTB  K3, K3
	JNE       put
	ADDQ      $64, SI
	KEEP8(X11, Z12)

put:
	PUT8(512)
	SHRQ $1, R13
	SUBQ R13, SI
	VZEROUPPER
	SUBQ codes_base+24(FP), SI
	SHRQ $2, SI
	MOVQ SI, ret+56(FP)
	RET
