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
