#include "textflag.h"

// Edges are fetched so far ahead of what is read, for the memory's latency: near ones, and those of cells.
#define AHEAD 1024
#define CELLAHEAD 1536

// TWO adds what comes along two edges to chains 0 and 1.
#define TWO(AT) \
	MOVWLZX AT(SI), AX         \
	MOVWLZX (AT+2)(SI), BX     \
	ADDSD   (DI)(AX*8), X0     \
	ADDSD   (DI)(BX*8), X1

// APART takes four numbers of 16 bits in AX apart: to BX, DX, R11 and AX.
#define APART \
	MOVWLZX AX, BX             \
	MOVL    AX, DX             \
	SHRL    $16, DX            \
	SHRQ    $32, AX            \
	MOVWLZX AX, R11            \
	SHRL    $16, AX

// FOUR adds what comes along four edges, which are read at once, to the chains.
#define FOUR(AT) \
	MOVQ    AT(SI), AX         \
	APART                      \
	ADDSD   (DI)(BX*8), X0     \
	ADDSD   (DI)(DX*8), X1     \
	ADDSD   (DI)(R11*8), X2    \
	ADDSD   (DI)(AX*8), X3

#define START \
	PREFETCHT0 AHEAD(SI)       \
	XORPS   X0, X0             \
	XORPS   X1, X1             \
	XORPS   X2, X2             \
	XORPS   X3, X3

// REST adds the last edges of a row, of as many as the lower bits of N say, to the chains, and these to one another.
#define REST(N, NOTWO, NOONE) \
	TESTQ   $2, N              \
	JEQ     NOTWO              \
	TWO(0)                     \
	ADDQ    $4, SI             \
NOTWO: \
	TESTQ   $1, N              \
	JEQ     NOONE              \
	MOVWLZX (SI), AX           \
	ADDSD   (DI)(AX*8), X2     \
	ADDQ    $2, SI             \
NOONE: \
	ADDSD   X1, X0             \
	ADDSD   X3, X2             \
	ADDSD   X2, X0

// NEXT stores the sum of a row and goes to that of the next, which begins so many bytes on, if there is one.
#define NEXT(BYTES, LOOP) \
	MOVL    (R8), R11          \
	MOVSD   X0, (R10)(R11*8)   \
	ADDQ    $BYTES, SI         \
	ADDQ    $4, R8             \
	DECQ    CX                 \
	JNE     LOOP

// func addRows(rows []uint32, sources []uint16, edges int, values *[Reach]float64, sums []float64)
//
// SI the sources, DI the values, R8 the rows, CX how many are left, R9 edges of each, R10 sums, X0 to X3 chains.
TEXT ·addRows(SB), NOSPLIT, $0-88
	MOVQ rows_base+0(FP), R8
	MOVQ rows_len+8(FP), CX
	MOVQ sources_base+24(FP), SI
	MOVQ edges+48(FP), R9
	MOVQ values+56(FP), DI
	MOVQ sums_base+64(FP), R10
	XORPS X0, X0
	CMPQ R9, $1
	JLT  none
	JEQ  one
	CMPQ R9, $3
	JLT  two
	JEQ  three
	CMPQ R9, $8
	JLT  few

many:
	START
	MOVQ R9, R12
	SUBQ $8, R12
eight:
	PREFETCHT0 AHEAD(SI)
	FOUR(0)
	FOUR(8)
	ADDQ $16, SI
	SUBQ $8, R12
	JGE  eight
	TESTQ $4, R12
	JEQ  nofour
	FOUR(0)
	ADDQ $8, SI
nofour:
	REST(R12, notwo, noone)
	NEXT(0, many)
	RET

few:
	START
	FOUR(0)
	ADDQ $8, SI
	REST(R9, fewnotwo, fewnoone)
	NEXT(0, few)
	RET

three:
	PREFETCHT0 AHEAD(SI)
	MOVWLZX (SI), AX
	MOVWLZX 2(SI), BX
	MOVWLZX 4(SI), DX
	MOVSD (DI)(AX*8), X0
	ADDSD (DI)(BX*8), X0
	ADDSD (DI)(DX*8), X0
	NEXT(6, three)
	RET

two:
	PREFETCHT0 AHEAD(SI)
	MOVWLZX (SI), AX
	MOVWLZX 2(SI), BX
	MOVSD (DI)(AX*8), X0
	ADDSD (DI)(BX*8), X0
	NEXT(4, two)
	RET

one:
	PREFETCHT0 AHEAD(SI)
	MOVWLZX (SI), AX
	MOVSD (DI)(AX*8), X0
	NEXT(2, one)
	RET

none:
	NEXT(0, none)
	RET

// EDGE adds what comes along an edge to its sum.
#define EDGE(AT, U, V, X) \
	MOVWLZX AT(SI), V          \
	MOVWLZX (AT+2)(SI), U      \
	MOVSD   (DI)(U*8), X       \
	ADDSD   (R8)(V*8), X       \
	MOVSD   X, (R8)(V*8)

// PAIR adds what comes along two edges, which are read at once, to their sums.
#define PAIR(AT, V, U, W, X, Y) \
	MOVQ    AT(SI), W          \
	MOVWLZX W, V               \
	MOVL    W, U               \
	SHRL    $16, U             \
	MOVSD   (DI)(U*8), X       \
	ADDSD   (R8)(V*8), X       \
	MOVSD   X, (R8)(V*8)       \
	SHRQ    $32, W             \
	MOVWLZX W, V               \
	SHRL    $16, W             \
	MOVSD   (DI)(W*8), Y       \
	ADDSD   (R8)(V*8), Y       \
	MOVSD   Y, (R8)(V*8)

// EDGES does so for four.
#define EDGES(AT) \
	PAIR(AT, AX, BX, DX, X0, X1)   \
	PAIR(AT+8, R9, R10, R11, X2, X3)

// func addCell(edges []uint32, values, sums *[Reach]float64, ahead []float64)
//
// SI the edges, CX how many are left, DI the values, R8 the sums, R14 what is fetched next of ahead, R15 its end.
TEXT ·addCell(SB), NOSPLIT, $0-64
	MOVQ edges_base+0(FP), SI
	MOVQ edges_len+8(FP), CX
	MOVQ values+24(FP), DI
	MOVQ sums+32(FP), R8
	MOVQ ahead_base+40(FP), R14
	MOVQ ahead_len+48(FP), R15
	LEAQ (R14)(R15*8), R15
	SUBQ $16, CX
	JLT  rest
line:
	PREFETCHT0 CELLAHEAD(SI)
	PREFETCHT1 (R14)
	PREFETCHT1 64(R14)
	EDGES(0)
	EDGES(16)
	ADDQ $128, R14
	CMPQ R14, R15
	CMOVQHI R15, R14
	EDGES(32)
	EDGES(48)
	ADDQ $64, SI
	SUBQ $16, CX
	JGE  line
rest:
	ADDQ $16, CX
	JEQ  done
single:
	EDGE(0, AX, BX, X0)
	ADDQ $4, SI
	DECQ CX
	JNE  single
done:
	RET

// func addStrips(strips []uint32, edges int, values, sums *[Reach]float64)
//
// SI what is read, R8 the strip's beginning, R12 the end of all, R9 edges of each row, DI the values, R10 sums, X0 to X3 those of four rows.
TEXT ·addStrips(SB), NOSPLIT, $0-48
	MOVQ strips_base+0(FP), SI
	MOVQ strips_len+8(FP), R12
	MOVQ edges+24(FP), R9
	MOVQ values+32(FP), DI
	MOVQ sums+40(FP), R10
	LEAQ (SI)(R12*4), R12
strip:
	MOVQ    SI, R8
	MOVQ    (R8), AX
	APART
	MOVSD   (R10)(BX*8), X0
	MOVSD   (R10)(DX*8), X1
	MOVSD   (R10)(R11*8), X2
	MOVSD   (R10)(AX*8), X3
	ADDQ    $8, SI
	MOVQ    R9, CX
	SUBQ    $4, CX
	JLT     last
four:
	PREFETCHT0 AHEAD(SI)
	FOUR(0)
	FOUR(8)
	FOUR(16)
	FOUR(24)
	ADDQ    $32, SI
	SUBQ    $4, CX
	JGE     four
last:
	PREFETCHT0 AHEAD(SI)
	ADDQ    $4, CX
	JEQ     whole
each:
	FOUR(0)
	ADDQ    $8, SI
	DECQ    CX
	JNE     each
whole:
	MOVQ    (R8), AX
	APART
	MOVSD   X0, (R10)(BX*8)
	MOVSD   X1, (R10)(DX*8)
	MOVSD   X2, (R10)(R11*8)
	MOVSD   X3, (R10)(AX*8)
	CMPQ    SI, R12
	JLT     strip
	RET
