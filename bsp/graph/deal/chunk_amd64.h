// APPEND appends an edge to the chunk with the number in AX: its row, of which MASK has the bits that are kept, is in CX, its other end, which goes BITS up,
// in DX. It leaves the chunk in BX, its memory in CX and its length with SIZE bytes more, which is to be stored, in AX; it goes to stop where the chunk has less
// than Room bytes left. The line after the one that is written is fetched.
#define APPEND(BITS, MASK, SIZE) \
	LEAQ  (AX)(AX*2), AX   \
	LEAQ  (DI)(AX*8), BX   \
	SHLXQ BITS, DX, DX     \
	ANDQ  MASK, CX         \
	ORQ   CX, DX           \
	MOVQ  8(BX), AX        \
	MOVQ  16(BX), CX       \
	SUBQ  AX, CX           \
	CMPQ  CX, $19          \
	JLT   stop             \
	MOVQ  (BX), CX         \
	MOVQ  DX, (CX)(AX*1)   \
	PREFETCHT0 64(CX)(AX*1) \
	ADDQ  SIZE, AX

// What follows puts edges eight at a time: of up to 32, chunks and what lies there are computed and kept, and then all are put there, since a load soon after a wider
// store of what it loads would wait, and with it the next eight. DI the chunks, R10 Size, R12 and R14 the start and the end of what is kept, R13 where the next
// eight go there, R15 what is put.

// KEPT sets up what is kept in the 576 bytes from SCRATCH on.
#define KEPT(SCRATCH) \
	LEAQ SCRATCH, R12  \
	ADDQ $63, R12      \
	ANDQ $~63, R12     \
	MOVQ R12, R13      \
	LEAQ 512(R12), R14

// KEEP8 keeps the eight edges with chunks in Z0, rows in Z2 and other ends in Z3, and goes to edges for more or on to put them. It uses Z1.
#define KEEP8(BITS, MASK) \
	VPSLLQ    $3, Z0, Z1    \
	VPSLLQ    $4, Z0, Z0    \
	VPADDQ    Z1, Z0, Z0    \
	VPSLLQ    BITS, Z3, Z3  \
	VPANDQ    MASK, Z2, Z2  \
	VPORQ     Z2, Z3, Z3    \
	VMOVDQU64 Z0, 0(R13)    \
	VMOVDQU64 Z3, 64(R13)   \
	ADDQ      $128, R13     \
	CMPQ      R13, R14      \
	JCS       edges

// PUT appends edge I of the eight at R15 to its chunk; it goes to FULL if that has less than Room bytes left. What is AHEAD
// of it is fetched.
#define PUT(I, FULL, AHEAD) \
	MOVQ (I*8)(R15), BX      \
	ADDQ DI, BX              \
	MOVQ 8(BX), AX           \
	MOVQ 16(BX), CX          \
	SUBQ AX, CX              \
	CMPQ CX, $19             \
	JLT  FULL                \
	MOVQ (BX), CX            \
	MOVQ (64+I*8)(R15), DX   \
	MOVQ DX, (CX)(AX*1)      \
	PREFETCHT0 AHEAD(CX)(AX*1) \
	ADDQ R10, AX             \
	MOVQ AX, 8(BX)

// PUT8 puts what is kept, and goes to edges for more. Where nothing is, or a chunk is full, it goes on, with 16 in R13 for each edge that is kept and not put.
#define PUT8(AHEAD) \
	MOVQ R12, R15        \
	CMPQ R15, R13        \
	JEQ  full0           \
eight: \
	PUT(0, full0, AHEAD) \
	PUT(1, full1, AHEAD) \
	PUT(2, full2, AHEAD) \
	PUT(3, full3, AHEAD) \
	PUT(4, full4, AHEAD) \
	PUT(5, full5, AHEAD) \
	PUT(6, full6, AHEAD) \
	PUT(7, full7, AHEAD) \
	ADDQ $128, R15       \
	CMPQ R15, R13        \
	JCS  eight           \
	MOVQ R12, R13        \
	JMP  edges           \
full7: \
	ADDQ $16, R15        \
full6: \
	ADDQ $16, R15        \
full5: \
	ADDQ $16, R15        \
full4: \
	ADDQ $16, R15        \
full3: \
	ADDQ $16, R15        \
full2: \
	ADDQ $16, R15        \
full1: \
	ADDQ $16, R15        \
full0: \
	SUBQ R15, R13
