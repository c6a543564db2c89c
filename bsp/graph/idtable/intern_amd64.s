#include "textflag.h"
#include "go_asm.h"

// AHEAD ids are hashed and the second cache asked for their lines before an id is looked for, and the first one for the line
// of the other end that is NEAR ids ahead of a source: more are under way than the first one can wait for.
#define AHEAD 96
#define NEAR 17

#define DIRECT Numbers_direct(R10)
#define DIRECTS Numbers_direct+8(R10)

// ASK leaves the home of the id AX at index R12+K in the place of its code, and asks for that line; of an id that lies in the array
// it asks for its place there.
#define ASK(K, small, end) \
	CMPQ  AX, DIRECTS         \
	JCS   small               \
	MOVQ  AX, BX              \
	SHRQ  $32, BX             \
	XORQ  AX, BX              \
	IMULQ R9, BX              \
	SHRXQ CX, BX, BX          \
	MOVL  BX, (K*4)(DI)(R12*4)\
	SHLQ  $6, BX              \
	PREFETCHT1 (R8)(BX*1)     \
	JMP   end                 \
small: \
	MOVQ  DIRECT, BX          \
	PREFETCHT0 (BX)(AX*4)     \
end:

// FIND finds the id AX at index R11, whose home is the place of its code, and goes to seldom if it is not in that line.
#define FIND(small, seldom) \
	CMPQ  AX, DIRECTS         \
	JCS   small               \
	MOVL  (DI)(R11*4), BX     \
	VMOVQ AX, X0              \
	VPBROADCASTQ X0, Y0       \
	MOVQ  BX, R15             \
	SHLQ  $6, R15             \
	ADDQ  R8, R15             \
	VPCMPEQQ (R15), Y0, Y1    \
	VMOVMSKPD Y1, R14         \
	XORL  R13, R13            \
	CMPQ  AX, 32(R15)         \
	SETEQ R13                 \
	SHLL  $4, R13             \
	ORL   R13, R14            \
	ORL   $32, R14            \
	BSFL  R14, R14            \
	MOVL  40(R15)(R14*4), R14 \
	SUBL  $1, R14             \
	JCS   seldom              \
	MOVL  R14, (DI)(R11*4)    \
	INCQ  R11

// func intern(codes []uint32, ids []uint64, n *Numbers, at int, shift uint64) int
//
// SI the ids, DI the codes, DX how many, R8 the lines, R9 the factor of home, R10 the Numbers, CX the shift; R11 the index of the id
// that is looked for, R12 that of the source that is asked for next; AX an id, BX its home, R15 its line; R13 and R14 what is found.
TEXT ·intern(SB), NOSPLIT, $0-80
	MOVQ  codes_base+0(FP), DI
	MOVQ  codes_len+8(FP), DX
	MOVQ  ids_base+24(FP), SI
	MOVQ  n+48(FP), R10
	MOVQ  at+56(FP), R11
	MOVQ  shift+64(FP), CX
	MOVQ  (Numbers_table+Table_lines)(R10), R8
	MOVQ  $0x9e3779b97f4a7c15, R9
	MOVQ  R11, R12
	ANDQ  $-2, R12

	// The first AHEAD ids from at on; a source before that has its code already.
	LEAQ  AHEAD(R12), R14
	CMPQ  R14, DX
	CMOVQHI DX, R14
	MOVQ  (SI)(R12*8), AX
	TESTQ $1, R11
	JNE   aheadOther
	JMP   aheadFirst

ahead:
	CMPQ  R12, R14
	JCC   begin
	MOVQ  (SI)(R12*8), AX
	CMPQ  AX, -16(SI)(R12*8)
	JEQ   aheadOther

aheadFirst:
	ASK(0, aheadSmall, aheadEnd)

aheadOther:
	MOVQ  8(SI)(R12*8), AX
	ASK(1, aheadOtherSmall, aheadOtherEnd)
	ADDQ  $2, R12
	JMP   ahead

begin:
	MOVQ  (SI)(R11*8), AX
	TESTQ $1, R11
	JNE   other
	JMP   first

pair:
	CMPQ  R12, DX
	JCC   look
	MOVQ  (SI)(R12*8), AX
	CMPQ  AX, -16(SI)(R12*8)
	JEQ   askOther
	ASK(0, askSmall, askEnd)

askOther:
	MOVQ  8(SI)(R12*8), AX
	ASK(1, askOtherSmall, askOtherEnd)
	ADDQ  $2, R12
	MOVL  (NEAR*4)(DI)(R11*4), BX
	SHLQ  $6, BX
	PREFETCHT0 (R8)(BX*1)

look:
	// A source is often the last one's too.
	MOVQ  (SI)(R11*8), AX
	CMPQ  AX, -16(SI)(R11*8)
	JNE   first
	MOVL  -8(DI)(R11*4), BX
	MOVL  BX, (DI)(R11*4)
	INCQ  R11
	JMP   other

first:
	FIND(direct, seldom)

other:
	MOVQ  (SI)(R11*8), AX
	FIND(direct, seldom)

next:
	CMPQ  R11, DX
	JCS   pair

stop:
	VZEROUPPER
	MOVQ  R11, ret+72(FP)
	RET

direct:
	MOVQ  DIRECT, R14
	LEAQ  (R14)(AX*4), R14
	MOVL  (R14), BX
	SUBL  $1, BX
	JCS   number
	MOVL  BX, (DI)(R11*4)

done:
	INCQ  R11
	TESTQ $1, R11
	JNE   other
	JMP   next

again:
	// The next line.
	INCQ  BX
	MOVQ  (Numbers_table+Table_lines+8)(R10), R14
	DECQ  R14
	ANDQ  R14, BX
	MOVQ  BX, R15
	SHLQ  $6, R15
	ADDQ  R8, R15
	VPCMPEQQ (R15), Y0, Y1
	VMOVMSKPD Y1, R14
	XORL  R13, R13
	CMPQ  AX, 32(R15)
	SETEQ R13
	SHLL  $4, R13
	ORL   R13, R14
	ORL   $32, R14
	BSFL  R14, R14
	MOVL  40(R15)(R14*4), R14
	SUBL  $1, R14
	JCS   seldom
	MOVL  R14, (DI)(R11*4)
	JMP   done

seldom:
	// It may be in the next line if this one is full.
	CMPL  56(R15), $0
	JNE   again

	// It is new. The first free place, and its code's, unless it is to lie in the array.
	MOVQ  Numbers_count(R10), R14
	ADDQ  $const_directMore, R14
	IMULQ $const_DirectShare, R14
	CMPQ  AX, R14
	JCS   stop
	MOVQ  (Numbers_table+Table_lines+8)(R10), R13
	LEAQ  (R13*8), R14
	SUBQ  R13, R14
	SHRQ  $1, R14 // Table.room
	CMPQ  R14, (Numbers_table+Table_count)(R10)
	JLE   stop
	VPXOR X1, X1, X1
	VPCMPEQD 40(R15), X1, X1
	VMOVMSKPS X1, R14
	ORL   $16, R14
	BSFL  R14, R14
	MOVQ  AX, (R15)(R14*8)
	LEAQ  40(R15)(R14*4), R14

number:
	// Of the id AX, whose code+1 goes to R14: BX the owner, R13 its ids, R15 the number.
	MOVQ  AX, BX
	SHRQ  $30, BX
	XORQ  AX, BX
	MOVQ  $0xbf58476d1ce4e5b9, R13
	IMULQ R13, BX
	MOVQ  BX, R13
	SHRQ  $27, R13
	XORQ  R13, BX
	MOVQ  $0x94d049bb133111eb, R13
	IMULQ R13, BX
	MOVQ  BX, R13
	SHRQ  $31, R13
	XORQ  R13, BX
	SHRQ  $32, BX
	IMULQ (Numbers_IDs+8)(R10), BX
	SHRQ  $32, BX
	LEAQ  (BX)(BX*2), R13
	SHLQ  $3, R13
	ADDQ  Numbers_IDs(R10), R13
	MOVQ  8(R13), R15
	CMPQ  R15, 16(R13)
	JEQ   stop
	INCQ  8(R13)
	MOVQ  (R13), R13
	MOVQ  AX, (R13)(R15*8)
	MOVQ  Numbers_shift(R10), R13
	SHLXQ R13, R15, R15
	ORQ   R15, BX
	MOVL  BX, (DI)(R11*4)
	INCL  BX
	MOVL  BX, (R14)
	INCQ  Numbers_count(R10)
	CMPQ  AX, DIRECTS
	JCS   done
	INCQ  (Numbers_table+Table_count)(R10)
	JMP   done
