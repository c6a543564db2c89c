#include "textflag.h"
#include "chunk_amd64.h"

// func renumbered(chunks [][]byte, edges []byte, r *Renumbering) int
//
// SI the edge, DI the chunks, R8 and R9 the new numbers of rows and of other ends, R10 Bits, R11 Level, R12 Mask, R13 Last,
// R14 ToBits, R15 Shift; CX and DX row and other end.
TEXT ·renumbered(SB), NOSPLIT, $72-64
	MOVQ chunks_base+0(FP), DI
	MOVQ edges_base+24(FP), SI
	MOVQ edges_len+32(FP), AX
	ADDQ SI, AX
	MOVQ AX, end-8(SP)
	MOVQ r+48(FP), BX
	MOVQ 0(BX), R8
	MOVQ 8(BX), AX
	MOVQ AX, rows-16(SP)
	MOVQ 24(BX), R9
	MOVQ 32(BX), AX
	MOVQ AX, others-24(SP)
	MOVQ 48(BX), AX
	MOVQ AX, base-32(SP)
	MOVQ 56(BX), R10
	MOVQ 64(BX), R12
	MOVQ 72(BX), R13
	MOVQ 80(BX), AX
	MOVQ AX, size-40(SP)
	MOVQ 96(BX), R11
	MOVQ 104(BX), R15
	MOVQ 112(BX), AX
	MOVQ AX, owners-48(SP)
	MOVQ 120(BX), R14
	MOVQ 128(BX), AX
	MOVQ AX, mask-56(SP)
	MOVQ 136(BX), AX
	MOVQ AX, toSize-64(SP)

edge:
	CMPQ  SI, end-8(SP)
	JCC   stop
	MOVQ  (SI), CX
	SHRXQ R10, CX, DX
	ANDQ  R13, DX
	ANDQ  R12, CX
	ADDQ  base-32(SP), CX
	CMPQ  CX, rows-16(SP)
	JCC   stop
	CMPQ  DX, others-24(SP)
	JCC   stop
	MOVL  (R8)(CX*4), CX
	MOVL  (R9)(DX*4), DX
	SHRXQ R11, CX, AX
	SHLXQ R15, AX, AX
	ORQ   owners-48(SP), AX
	CMPQ  AX, chunks_len+8(FP)
	JCC   stop
	APPEND(R14, mask-56(SP), toSize-64(SP))
	MOVQ  AX, 8(BX)
	ADDQ  size-40(SP), SI
	JMP   edge

stop:
	SUBQ edges_base+24(FP), SI
	MOVQ SI, ret+56(FP)
	RET
