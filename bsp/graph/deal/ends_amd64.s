#include "textflag.h"

// EDGES loads what an Ends at BX says, and where edges from SI on end: DI the end, R10 Bits, R11 Base, R12 Mask, R13 Last.
#define EDGES \
	ADDQ SI, DI      \
	MOVQ 0(BX), R11  \
	MOVQ 8(BX), R10  \
	MOVQ 16(BX), R12 \
	MOVQ 24(BX), R13

// ENDS sets CX and DX to the row and the other end of the edge at SI.
#define ENDS \
	MOVQ  (SI), CX     \
	SHRXQ R10, CX, DX  \
	ANDQ  R13, DX      \
	ANDQ  R12, CX      \
	ADDQ  R11, CX

// func counted(rows, others []uint32, edges []byte, e *Ends) int
//
// R8 and R9 the counts of rows and of other ends, R14 and R15 how many there are, AX Size.
TEXT ·counted(SB), NOSPLIT, $0-88
	MOVQ rows_base+0(FP), R8
	MOVQ rows_len+8(FP), R14
	MOVQ others_base+24(FP), R9
	MOVQ others_len+32(FP), R15
	MOVQ edges_base+48(FP), SI
	MOVQ edges_len+56(FP), DI
	MOVQ e+72(FP), BX
	EDGES
	MOVQ 32(BX), AX

edge:
	ENDS
	CMPQ CX, R14
	JCC  stop
	CMPQ DX, R15
	JCC  stop
	PREFETCHT0 512(SI)
	INCL (R8)(CX*4)
	INCL (R9)(DX*4)
	ADDQ AX, SI
	CMPQ SI, DI
	JCS  edge

stop:
	SUBQ edges_base+48(FP), SI
	MOVQ SI, ret+80(FP)
	RET

// func looked(to *Looked, rows, others []uint32, edges []byte, e *Ends) (near, n int)
//
// R8 and R9 rows and others, R14 and R15 where the next edge goes in Near and in Far, BX hubs.
TEXT ·looked(SB), NOSPLIT, $8-104
	MOVQ to+0(FP), R14
	LEAQ 4096(R14), R15
	MOVQ rows_base+8(FP), R8
	MOVQ others_base+32(FP), R9
	MOVQ edges_base+56(FP), SI
	MOVQ edges_len+64(FP), DI
	MOVQ e+80(FP), BX
	EDGES
	MOVQ 32(BX), AX
	MOVQ AX, size-8(SP)
	MOVQ to+0(FP), BX
	MOVQ 8192(BX), BX

edge:
	ENDS
	CMPQ  CX, rows_len+16(FP)
	JCC   stop
	CMPQ  DX, others_len+40(FP)
	JCC   stop
	MOVL  (R8)(CX*4), CX
	MOVL  (R9)(DX*4), DX
	SHLQ  $32, CX
	ORQ   DX, CX
	MOVQ  CX, (R14)
	MOVQ  CX, (R15)
	XORL  AX, AX
	CMPQ  DX, BX
	SETCS AL
	LEAQ  (R14)(AX*8), R14
	NEGQ  AX
	LEAQ  8(R15)(AX*8), R15
	ADDQ  size-8(SP), SI
	CMPQ  SI, DI
	JCS   edge

stop:
	SUBQ to+0(FP), R14
	SHRQ $3, R14
	MOVQ R14, near+88(FP)
	SUBQ edges_base+56(FP), SI
	MOVQ SI, n+96(FP)
	RET

// RANK sets R to the rank of the id in ID by the table at T, which has N words. It changes ID and AX, and goes to stop if the id is beyond.
#define RANK(ID, R, T, N) \
	MOVQ    ID, AX         \
	SHRQ    $5, AX         \
	CMPQ    AX, N          \
	JCC     stop           \
	MOVQ    (T)(AX*8), R   \
	ANDL    $31, ID        \
	BZHIL   ID, R, AX      \
	POPCNTL AX, AX         \
	SHRQ    $32, R         \
	ADDL    AX, R

// func ranked(rows, others []uint64, less uint64, edges []byte, e *Ends) int
//
// R8 and R9 the tables of rows and of other ends, R14 Size, R15 Pair, BX and then CX the ranks.
TEXT ·ranked(SB), NOSPLIT, $0-96
	MOVQ rows_base+0(FP), R8
	MOVQ others_base+24(FP), R9
	MOVQ edges_base+56(FP), SI
	MOVQ edges_len+64(FP), DI
	MOVQ e+80(FP), BX
	EDGES
	MOVQ 32(BX), R14
	MOVQ 40(BX), R15

edge:
	ENDS
	RANK(CX, BX, R8, rows_len+8(FP))
	SUBQ  less+48(FP), BX
	RANK(DX, CX, R9, others_len+32(FP))
	SHLXQ R10, CX, CX
	ANDQ  R12, BX
	ORQ   CX, BX
	MOVL  BX, (SI)
	SHRQ  $32, BX
	CMPQ  R15, $6
	JCS   five
	JNE   eight
	MOVW  BX, 4(SI)

next:
	ADDQ R14, SI
	CMPQ SI, DI
	JCS  edge

stop:
	SUBQ edges_base+56(FP), SI
	MOVQ SI, ret+88(FP)
	RET

five:
	MOVB BX, 4(SI)
	JMP  next

eight:
	MOVL BX, 4(SI)
	JMP  next
