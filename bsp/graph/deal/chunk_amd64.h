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
