// EIGHT sets up what eight edges at a time need of an Ends at BX, for edges from SI on, DI bytes: DI the last place of eight, R10 the bytes of eight,
// K1 the mask of these, K2 that of an edge's bytes in each eight, X13 Bits, Z10 Base, Z11 Mask, Z12 Last. It uses AX and CX.
#define EIGHT \
	MOVQ         32(BX), CX              \
	LEAQ         (CX*8), R10             \
	MOVQ         $-1, AX                 \
	BZHIQ        R10, AX, AX             \
	KMOVQ        AX, K1                  \
	MOVQ         $-1, AX                 \
	BZHIQ        CX, AX, AX              \
	MOVQ         $0x0101010101010101, CX \
	IMULQ        CX, AX                  \
	KMOVQ        AX, K2                  \
	ADDQ         SI, DI                  \
	SUBQ         R10, DI                 \
	VPBROADCASTQ 0(BX), Z10              \
	VMOVQ        8(BX), X13              \
	VPBROADCASTQ 16(BX), Z11             \
	VPBROADCASTQ 24(BX), Z12

// ENDS8 sets Z0 and Z1 to the rows and the other ends of the eight edges in Z0.
#define ENDS8 \
	VPEXPANDB.Z Z0, K2, Z0   \
	VPSRLQ      X13, Z0, Z1  \
	VPANDQ      Z12, Z1, Z1  \
	VPANDQ      Z11, Z0, Z0  \
	VPADDQ      Z10, Z0, Z0

// NUMBERS8 sets Z2 and Z3 to the numbers of 32 bits that R8 has at the places in Z0, and R9 at those in Z1. It uses K5 and K6. What a gathering load
// goes to is made 0 before, or it would wait for what was there.
#define NUMBERS8 \
	KXNORB     K0, K0, K5       \
	VPXOR      X2, X2, X2       \
	VPGATHERQD (R8)(Z0*4), K5, Y2 \
	KXNORB     K0, K0, K6       \
	VPXOR      X3, X3, X3       \
	VPGATHERQD (R9)(Z1*4), K6, Y3 \
	VPMOVZXDQ  Y2, Z2           \
	VPMOVZXDQ  Y3, Z3

// WITHIN goes to ELSE if one of A or of B is not below those of LIMITA and LIMITB. It uses K3 and K4.
#define WITHIN(A, LIMITA, B, LIMITB, ELSE) \
	VPCMPUQ  $5, LIMITA, A, K3 \
	VPCMPUQ  $5, LIMITB, B, K4 \
	KORTESTB K3, K4            \
	JNE      ELSE
