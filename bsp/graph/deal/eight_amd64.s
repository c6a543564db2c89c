#include "textflag.h"
#include "eight_amd64.h"

// func lookedEight(to *Looked, rows, others []uint32, edges []byte, e *Ends) (near, n int)
//
// R8 and R9 rows and others, Z14 and Z15 how many there are, R14 and R15 where the next edge goes in Near and in Far, Z16 hubs.
TEXT ·lookedEight(SB), NOSPLIT, $0-104
	MOVQ to+0(FP), R14
	LEAQ 4096(R14), R15
	VPBROADCASTQ 8192(R14), Z16
	MOVQ rows_base+8(FP), R8
	VPBROADCASTQ rows_len+16(FP), Z14
	MOVQ others_base+32(FP), R9
	VPBROADCASTQ others_len+40(FP), Z15
	MOVQ edges_base+56(FP), SI
	MOVQ edges_len+64(FP), DI
	MOVQ e+80(FP), BX
	EIGHT

edges:
	CMPQ        SI, DI
	JGT         stop
	VMOVDQU8.Z  (SI), K1, Z0
	PREFETCHT0  512(SI)
	ENDS8
	WITHIN(Z0, Z14, Z1, Z15, stop)
	NUMBERS8
	VPSLLQ      $32, Z2, Z2
	VPORQ       Z3, Z2, Z2
	VPCMPUQ     $1, Z16, Z3, K3
	KNOTB       K3, K4
	VPCOMPRESSQ.Z Z2, K3, Z4
	VPCOMPRESSQ.Z Z2, K4, Z5
	VMOVDQU64   Z4, (R14)
	VMOVDQU64   Z5, (R15)
	KMOVB       K3, AX
	POPCNTL     AX, AX
	LEAQ        (R14)(AX*8), R14
	NEGQ        AX
	LEAQ        64(R15)(AX*8), R15
	ADDQ        R10, SI
	JMP         edges

stop:
	VZEROUPPER
	SUBQ to+0(FP), R14
	SHRQ $3, R14
	MOVQ R14, near+88(FP)
	SUBQ edges_base+56(FP), SI
	MOVQ SI, n+96(FP)
	RET

// RANKS sets R to the ranks of the ids in IDS by words W of a table. It changes W and R.
#define RANKS(IDS, W, R) \
	VPROLVQ  IDS, Z18, R  \
	VPADDQ   Z19, R, R    \
	VPANDQ   W, R, R      \
	VPOPCNTQ R, R         \
	VPSRLQ   $32, W, W    \
	VPADDQ   W, R, R

// func rankedEight(rows, others []uint64, less uint64, edges []byte, e *Ends) int
//
// R8 and R9 the tables of rows and of other ends, Z14 and Z15 how many words they have, Z16 less, Z17 31 and Z18 1 and Z19 -1 each. The next eight
// are loaded before eight are stored, as a load beside a masked store would wait for it.
TEXT ·rankedEight(SB), NOSPLIT, $0-96
	MOVQ rows_base+0(FP), R8
	VPBROADCASTQ rows_len+8(FP), Z14
	MOVQ others_base+24(FP), R9
	VPBROADCASTQ others_len+32(FP), Z15
	VPBROADCASTQ less+48(FP), Z16
	MOVQ edges_base+56(FP), SI
	MOVQ edges_len+64(FP), DI
	MOVQ e+80(FP), BX
	EIGHT
	MOVQ $31, AX
	VPBROADCASTQ AX, Z17
	MOVQ $1, AX
	VPBROADCASTQ AX, Z18
	VPTERNLOGQ $0xff, Z19, Z19, Z19
	CMPQ SI, DI
	JGT  stop
	VMOVDQU8.Z (SI), K1, Z0

edges:
	PREFETCHT0 512(SI)
	ENDS8
	VPSRLQ $5, Z0, Z2
	VPSRLQ $5, Z1, Z3
	WITHIN(Z2, Z14, Z3, Z15, stop)
	KXNORB K0, K0, K5
	VPXOR  X4, X4, X4
	VPGATHERQQ (R8)(Z2*8), K5, Z4
	KXNORB K0, K0, K6
	VPXOR  X5, X5, X5
	VPGATHERQQ (R9)(Z3*8), K6, Z5
	VPANDQ Z17, Z0, Z0
	VPANDQ Z17, Z1, Z1
	RANKS(Z0, Z4, Z6)
	RANKS(Z1, Z5, Z7)
	VPSUBQ Z16, Z6, Z6
	VPANDQ Z11, Z6, Z6
	VPSLLQ X13, Z7, Z7
	VPORQ  Z6, Z7, Z7
	VPCOMPRESSB.Z Z7, K2, Z7
	MOVQ SI, AX
	ADDQ R10, SI
	CMPQ SI, DI
	JGT  last
	VMOVDQU8.Z (SI), K1, Z0
	VMOVDQU8 Z7, K1, (AX)
	JMP  edges

last:
	VMOVDQU8 Z7, K1, (AX)

stop:
	VZEROUPPER
	SUBQ edges_base+56(FP), SI
	MOVQ SI, ret+88(FP)
	RET
