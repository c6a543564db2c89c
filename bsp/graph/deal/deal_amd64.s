#include "textflag.h"
#include "chunk_amd64.h"

// OWNER notes the id in ID and puts its owner, shifted by AT, into R. It uses AX and BX, and goes to
// stop if the id is beyond the bitmap. SEEN is its label.
#define OWNER(ID, R, AT, SEEN) \
	MOVQ  ID, AX        \
	SHRQ  $6, AX        \
	CMPQ  AX, R9        \
	JCC   stop          \
	MOVQ  (R8)(AX*8), BX \
	BTQ   ID, BX        \
	JCS   SEEN          \
	BTSQ  ID, BX        \
	MOVQ  BX, (R8)(AX*8) \
SEEN: \
	MOVQ  ID, AX        \
	SHRQ  $30, AX       \
	XORQ  ID, AX        \
	IMULQ R12, AX       \
	MOVQ  AX, BX        \
	SHRQ  $27, BX       \
	XORQ  BX, AX        \
	IMULQ R13, AX       \
	MOVQ  AX, BX        \
	SHRQ  $31, BX       \
	XORQ  BX, AX        \
	SHRQ  $32, AX       \
	IMULQ peers-8(SP), AX \
	SHRQ  $32, AX       \
	MOVQ  AT, BX        \
	SHLXQ BX, AX, R

// DEAL is both functions; ROW and OTHER are where an edge has its ids. There is one at least: what the first is
// not stands for the ids before it, so that its own are looked at whatever they are.
//
// SI the edge, DI the chunks, R8 and R9 the bitmap and its words, R10 and R11 Level and Bits, R12 and R13
// splitmix.Mix's factors, CX and DX the ids of row and other end, R14 and R15 their owners, shifted.
#define DEAL(ROW, OTHER) \
	MOVQ chunks_base+0(FP), DI \
	MOVQ seen_base+24(FP), R8  \
	MOVQ seen_len+32(FP), R9   \
	MOVQ ids_base+48(FP), SI   \
	MOVQ ids_len+56(FP), AX    \
	LEAQ (SI)(AX*8), AX        \
	MOVQ AX, end-16(SP)        \
	MOVQ l+96(FP), BX         \
	MOVQ 0(BX), AX             \
	MOVQ AX, peers-8(SP)       \
	MOVQ 8(BX), AX             \
	MOVQ AX, shift-24(SP)      \
	ADDQ AX, AX                \
	MOVQ AX, pair-32(SP)       \
	MOVQ 16(BX), R10           \
	MOVQ 24(BX), R11           \
	MOVQ 32(BX), AX            \
	MOVQ AX, mask-40(SP)       \
	MOVQ 40(BX), AX            \
	MOVQ AX, size-48(SP)       \
	MOVQ ROW(SI), AX           \
	NOTQ AX                    \
	MOVQ AX, row-56(SP)        \
	MOVQ OTHER(SI), AX         \
	NOTQ AX                    \
	MOVQ AX, other-64(SP)      \
	MOVQ $0, none-72(SP)       \
	MOVQ $0xbf58476d1ce4e5b9, R12 \
	MOVQ $0x94d049bb133111eb, R13 \
edge: \
	CMPQ SI, end-16(SP)        \
	JCC  stop                  \
	MOVQ ROW(SI), CX           \
	MOVQ OTHER(SI), DX         \
	CMPQ CX, row-56(SP)        \
	JEQ  sameRow               \
	OWNER(CX, R14, shift-24(SP), seenRow) \
	MOVQ CX, row-56(SP)        \
sameRow: \
	CMPQ DX, other-64(SP)      \
	JEQ  sameOther             \
	OWNER(DX, R15, none-72(SP), seenOther) \
	MOVQ DX, other-64(SP)      \
sameOther: \
	MOVQ  pair-32(SP), BX      \
	SHRXQ R10, CX, AX          \
	SHLXQ BX, AX, AX           \
	ORQ   R14, AX              \
	ORQ   R15, AX              \
	APPEND(R11, mask-40(SP), size-48(SP)) \
	MOVQ  weights_base+72(FP), DX \
	TESTQ DX, DX               \
	JNE   weight               \
next: \
	MOVQ  AX, 8(BX)            \
	ADDQ  $16, SI              \
	JMP   edge                 \
weight: \
	ADDQ  AX, CX               \
	MOVQ  SI, AX               \
	SUBQ  ids_base+48(FP), AX  \
	SHRQ  $1, AX               \
	MOVQ  (DX)(AX*1), DX       \
	MOVQ  DX, (CX)             \
	SUBQ  (BX), CX             \
	LEAQ  8(CX), AX            \
	JMP   next                 \
stop: \
	SUBQ ids_base+48(FP), SI   \
	SHRQ $3, SI                \
	MOVQ SI, ret+104(FP)        \
	RET

// func pulled(chunks [][]byte, seen, ids []uint64, weights []float64, l *Layout) int
TEXT ·pulled(SB), NOSPLIT, $72-112
	DEAL(8, 0)

// func pushed(chunks [][]byte, seen, ids []uint64, weights []float64, l *Layout) int
TEXT ·pushed(SB), NOSPLIT, $72-112
	DEAL(0, 8)
