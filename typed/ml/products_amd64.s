#include "textflag.h"

// func products(sums, fours, p, shift *float64, dims, n int)
//
// Two numbers to a register, as every amd64 has them, and two fours at a time: sums
// in X0 to X3, of centres from SI and from R10, and the point's coordinate twice in X4.
// Products are rounded before they are added, as productsInGo has it.
TEXT ·products(SB), NOSPLIT, $0-48
	MOVQ sums+0(FP), DI
	MOVQ fours+8(FP), SI
	MOVQ p+16(FP), DX
	MOVQ shift+24(FP), BX
	MOVQ dims+32(FP), R8
	MOVQ n+40(FP), CX
	SHLQ $3, R8

eight:
	CMPQ  CX, $2
	JLT   four
	LEAQ  (SI)(R8*4), R10
	XORPS X0, X0
	XORPS X1, X1
	XORPS X2, X2
	XORPS X3, X3
	XORQ  AX, AX

eightDim:
	MOVSD    (DX)(AX*1), X4
	SUBSD    (BX)(AX*1), X4
	UNPCKLPD X4, X4
	MOVUPD   (SI)(AX*4), X5
	MULPD    X4, X5
	ADDPD    X5, X0
	MOVUPD   16(SI)(AX*4), X6
	MULPD    X4, X6
	ADDPD    X6, X1
	MOVUPD   (R10)(AX*4), X7
	MULPD    X4, X7
	ADDPD    X7, X2
	MOVUPD   16(R10)(AX*4), X8
	MULPD    X4, X8
	ADDPD    X8, X3
	ADDQ     $8, AX
	CMPQ     AX, R8
	JLT      eightDim

	MOVUPD X0, (DI)
	MOVUPD X1, 16(DI)
	MOVUPD X2, 32(DI)
	MOVUPD X3, 48(DI)
	ADDQ   $64, DI
	LEAQ   (R10)(R8*4), SI
	SUBQ   $2, CX
	JMP    eight

four:
	TESTQ CX, CX
	JEQ   done
	XORPS X0, X0
	XORPS X1, X1
	XORQ  AX, AX

fourDim:
	MOVSD    (DX)(AX*1), X4
	SUBSD    (BX)(AX*1), X4
	UNPCKLPD X4, X4
	MOVUPD   (SI)(AX*4), X5
	MULPD    X4, X5
	ADDPD    X5, X0
	MOVUPD   16(SI)(AX*4), X6
	MULPD    X4, X6
	ADDPD    X6, X1
	ADDQ     $8, AX
	CMPQ     AX, R8
	JLT      fourDim

	MOVUPD X0, (DI)
	MOVUPD X1, 16(DI)

done:
	RET
