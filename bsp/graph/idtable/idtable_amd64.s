#include "textflag.h"

// AHEAD ids are hashed and their lines asked for before an id is looked for.
#define AHEAD 32

// HOME leaves the home of the id at index I in BX, in the place of its code too, and asks for that line.
#define HOME(I) \
	MOVQ  (SI)(I*8), AX       \
	MOVQ  AX, BX              \
	SHRQ  $32, BX             \
	XORQ  AX, BX              \
	IMULQ R9, BX              \
	SHRXQ CX, BX, BX          \
	MOVL  BX, (DI)(I*4)       \
	SHLQ  $6, BX              \
	PREFETCHT0 (R8)(BX*1)

// func find(codes []uint32, ids []uint64, lines []line, shift uint64)
//
// SI the ids, DI the codes, DX how many, R8 the lines, R9 the factor of home, R10 the last line, CX the shift; R11 the id that
// is looked for, R12 that whose home is computed.
TEXT ·find(SB), NOSPLIT, $0-80
	MOVQ  codes_base+0(FP), DI
	MOVQ  ids_base+24(FP), SI
	MOVQ  ids_len+32(FP), DX
	MOVQ  lines_base+48(FP), R8
	MOVQ  lines_len+56(FP), R10
	DECQ  R10
	MOVQ  shift+72(FP), CX
	MOVQ  $0x9e3779b97f4a7c15, R9
	XORQ  R11, R11
	XORQ  R12, R12

ahead:
	CMPQ  R12, $AHEAD
	JCC   id
	CMPQ  R12, DX
	JCC   id
	HOME(R12)
	INCQ  R12
	JMP   ahead

id:
	CMPQ  R12, DX
	JCC   look
	HOME(R12)
	INCQ  R12

look:
	MOVL  (DI)(R11*4), BX
	MOVQ  (SI)(R11*8), AX
	VPBROADCASTQ (SI)(R11*8), Y0

line:
	// The number of the id in its line, 5 if it is not there.
	MOVQ  BX, R13
	SHLQ  $6, R13
	VPCMPEQQ (R8)(R13*1), Y0, Y1
	VMOVMSKPD Y1, R14
	XORL  R15, R15
	CMPQ  AX, 32(R8)(R13*1)
	SETEQ R15
	SHLL  $4, R15
	ORL   R15, R14
	ORL   $32, R14
	BSFL  R14, R14
	LEAQ  (R8)(R13*1), R15
	MOVL  40(R15)(R14*4), R14
	TESTL R14, R14
	JEQ   none

found:
	DECL  R14
	MOVL  R14, (DI)(R11*4)
	INCQ  R11
	CMPQ  R11, DX
	JCS   id
	VZEROUPPER
	RET

none:
	// It may be in the next line if this one is full.
	CMPL  56(R15), $0
	JEQ   found
	INCQ  BX
	ANDQ  R10, BX
	JMP   line
