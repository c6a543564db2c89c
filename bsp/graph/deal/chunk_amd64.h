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

// What follows puts edges eight at a time. The chunks of eight and what lies there are kept while those of the next are computed, and put after the fourth: a load soon
// after a wider store of what it loads would wait, and while gathering loads wait, others are put. DI the chunks, R10 Size, R12 a ring of 512 bytes for what is kept,
// R13 how many bytes have been kept, R14 how many of those have been put.

// RING sets up the ring in the 576 bytes from SCRATCH on.
#define RING(SCRATCH) \
	LEAQ SCRATCH, R12    \
	ADDQ $63, R12        \
	ANDQ $~63, R12       \
	XORL R13, R13        \
	XORL R14, R14

// SLOT sets R15 to the place of byte N in the ring.
#define SLOT(N) \
	MOVQ N, R15    \
	ANDQ $511, R15 \
	ADDQ R12, R15

// KEEP8 keeps the eight edges with chunks in Z0, rows in Z2 and other ends in Z3, and goes to edges while there are less than four times as many. It uses Z1, AX and R15.
#define KEEP8(BITS, MASK) \
	SLOT(R13)                \
	VPSLLQ    $3, Z0, Z1     \
	VPSLLQ    $4, Z0, Z0     \
	VPADDQ    Z1, Z0, Z0     \
	VPSLLQ    BITS, Z3, Z3   \
	VPANDQ    MASK, Z2, Z2   \
	VPORQ     Z2, Z3, Z3     \
	VMOVDQU64 Z0, 0(R15)     \
	VMOVDQU64 Z3, 64(R15)    \
	ADDQ      $128, R13      \
	LEAQ      512(R14), AX   \
	CMPQ      R13, AX        \
	JCS       edges

// PUT appends edge I of the eight at R15 to its chunk, and fetches what is AHEAD of it; it goes to FULL if the chunk has less than Room bytes left.
#define PUT(I, FULL, AHEAD) \
	MOVQ (I*8)(R15), BX        \
	ADDQ DI, BX                \
	MOVQ 8(BX), AX             \
	MOVQ 16(BX), CX            \
	SUBQ AX, CX                \
	CMPQ CX, $19               \
	JLT  FULL                  \
	MOVQ (BX), CX              \
	MOVQ (64+I*8)(R15), DX     \
	MOVQ DX, (CX)(AX*1)        \
	PREFETCHT0 AHEAD(CX)(AX*1) \
	ADDQ R10, AX               \
	MOVQ AX, 8(BX)

// PUT8 puts the first eight that are kept, and goes to edges. Where none are, or a chunk is full, it goes on, with 16 in R13 for each edge that is kept and not put.
#define PUT8(AHEAD) \
	CMPQ R14, R13        \
	JEQ  full0           \
	SLOT(R14)            \
	PUT(0, full0, AHEAD) \
	PUT(1, full1, AHEAD) \
	PUT(2, full2, AHEAD) \
	PUT(3, full3, AHEAD) \
	PUT(4, full4, AHEAD) \
	PUT(5, full5, AHEAD) \
	PUT(6, full6, AHEAD) \
	PUT(7, full7, AHEAD) \
	ADDQ $128, R14       \
	JMP  edges           \
full7: \
	ADDQ $16, R14        \
full6: \
	ADDQ $16, R14        \
full5: \
	ADDQ $16, R14        \
full4: \
	ADDQ $16, R14        \
full3: \
	ADDQ $16, R14        \
full2: \
	ADDQ $16, R14        \
full1: \
	ADDQ $16, R14        \
full0: \
	SUBQ R14, R13
