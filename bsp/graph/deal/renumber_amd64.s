#include "textflag.h"
#include "chunk_amd64.h"
#include "eight_amd64.h"

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

// func renumberedEight(chunks [][]byte, edges []byte, r *Renumbering) int
//
// SI the edges, R11 the last place of eight, R8 and R9 the new numbers of rows and of other ends, Z14 and Z15 how many there are, Z16 how many chunks, X17 Level,
// X18 Shift, Z19 Owners, X20 ToBits, Z21 ToMask. EIGHT finds what an Ends has in a Renumbering from Base on.
TEXT ·renumberedEight(SB), NOSPLIT, $584-64
	MOVQ edges_base+24(FP), SI
	MOVQ edges_len+32(FP), DI
	MOVQ r+48(FP), BX
	ADDQ $48, BX
	EIGHT
	MOVQ R10, bytes-8(SP)
	MOVQ DI, R11
	RING(scratch-584(SP))
	MOVQ chunks_base+0(FP), DI
	VPBROADCASTQ chunks_len+8(FP), Z16
	MOVQ r+48(FP), BX
	MOVQ 0(BX), R8
	VPBROADCASTQ 8(BX), Z14
	MOVQ 24(BX), R9
	VPBROADCASTQ 32(BX), Z15
	VMOVQ 96(BX), X17
	VMOVQ 104(BX), X18
	VPBROADCASTQ 112(BX), Z19
	VMOVQ 120(BX), X20
	VPBROADCASTQ 128(BX), Z21
	MOVQ 136(BX), R10

edges:
	CMPQ       SI, R11
	JGT        put
	VMOVDQU8.Z (SI), K1, Z0
	PREFETCHT0 512(SI)
	ENDS8
	WITHIN(Z0, Z14, Z1, Z15, put)
	NUMBERS8
	VPSRLQ     X17, Z2, Z0
	VPSLLQ     X18, Z0, Z0
	VPORQ      Z19, Z0, Z0
	VPCMPUQ    $5, Z16, Z0, K3
	KORTESTB   K3, K3
	JNE        put
	ADDQ       bytes-8(SP), SI
	KEEP8(X20, Z21)

put:
	PUT8(64)
	SHRQ  $4, R13
	MOVQ  r+48(FP), BX
	IMULQ 80(BX), R13
	SUBQ  R13, SI
	VZEROUPPER
	SUBQ edges_base+24(FP), SI
	MOVQ SI, ret+56(FP)
	RET
