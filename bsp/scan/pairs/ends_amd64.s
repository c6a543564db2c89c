#include "textflag.h"

// blank is eight times a blank.
DATA ·blank+0(SB)/8, $0x2020202020202020
GLOBL ·blank(SB), RODATA|NOPTR, $8

// func marked(masks *[32]uint64, b []byte)
//
// SI the text, CX where it ends, DI where the next mask goes.
TEXT ·marked(SB), NOSPLIT, $0-32
	MOVQ         masks+0(FP), DI
	MOVQ         b_base+8(FP), SI
	MOVQ         b_len+16(FP), CX
	ADDQ         SI, CX
	VPBROADCASTQ ·blank(SB), Y15

mask:
	VMOVDQU   (SI), Y0
	VMOVDQU   32(SI), Y1
	VPMINUB   Y15, Y0, Y2
	VPMINUB   Y15, Y1, Y3
	VPCMPEQB  Y0, Y2, Y2
	VPCMPEQB  Y1, Y3, Y3
	VPMOVMSKB Y2, AX
	VPMOVMSKB Y3, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	MOVQ      AX, (DI)
	ADDQ      $64, SI
	ADDQ      $8, DI
	CMPQ      SI, CX
	JCS       mask
	VZEROUPPER
	RET
