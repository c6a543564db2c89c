package main

// The optimisers' updates. DI holds the weights, SI the gradient, DX and R8 what the
// optimiser keeps. Other cores have read the weights.

// decayed loads the weights into vector 0 and gradient + C[1]·weights into vector 1. It
// takes 2.
func decayed(l *line) {
	if !l.masked {
		l.own(1024, "DI", l.index)
	}
	l.load("DI", 0)
	l.load("SI", 1)
	l.do("VMULPS", 2, 0, l.param(1))
	l.do("VADDPS", 1, 1, 2)
}

// down stores weights - C[0]·vector 1.
func down(l *line) { downBy(l, 1) }

// downBy stores weights - C[0]·vector v, and overwrites 1.
func downBy(l *line, v int) {
	l.do("VMULPS", 1, v, l.param(0))
	l.do("VSUBPS", 0, 0, 1)
	l.store(0, "DI")
}

func sgd(l *line) { decayed(l); down(l) }

// velocity sets vector 3 to C[2]·velocity + vector 1 and stores it.
func velocity(l *line) {
	l.load("DX", 3)
	l.do("VMULPS", 3, 3, l.param(2))
	l.do("VADDPS", 3, 3, 1)
	l.store(3, "DX")
}

func momentum(l *line) {
	decayed(l)
	velocity(l)
	downBy(l, 3)
}

func nesterov(l *line) {
	decayed(l)
	velocity(l)
	l.do("VMULPS", 3, 3, l.param(2))
	l.do("VADDPS", 1, 1, 3)
	down(l)
}

// adam takes C: rate, decay of the gradient, β1, 1-β1, β2, 1-β2, 1/√(1-β2^t), ε. The
// rate has 1/(1-β1^t) in it. adagrad and rmsProp take those of the same places.
func adam(l *line) {
	decayed(l)
	moment := func(at string, to, b int) {
		l.load(at, to)
		l.do("VMULPS", to, to, l.param(b))
		l.do("VMULPS", 5, 1, l.param(b+1))
		if b == 4 {
			l.do("VMULPS", 5, 5, 1)
		}
		l.do("VADDPS", to, to, 5)
		l.store(to, at)
	}
	moment("DX", 3, 2)
	moment("R8", 4, 4)
	l.op("VMOVUPS %s, %s", l.v(3), l.v(1))
	byRoot(l)
	down(l)
}

// byRoot divides vector 1 by C[6]·√(vector 4) + C[7].
func byRoot(l *line) {
	l.op("VSQRTPS %s, %s", l.v(4), l.v(4))
	l.do("VMULPS", 4, 4, l.param(6))
	l.do("VADDPS", 4, 4, l.param(7))
	l.do("VDIVPS", 1, 1, 4)
}

func adagrad(l *line) {
	decayed(l)
	l.load("DX", 4)
	l.do("VMULPS", 5, 1, 1)
	l.do("VADDPS", 4, 4, 5)
	l.store(4, "DX")
	byRoot(l)
	down(l)
}

func rmsProp(l *line) {
	decayed(l)
	l.load("DX", 4)
	l.do("VMULPS", 4, 4, l.param(4))
	l.do("VMULPS", 5, 1, l.param(5))
	l.do("VMULPS", 5, 5, 1)
	l.do("VADDPS", 4, 4, 5)
	l.store(4, "DX")
	byRoot(l)
	down(l)
}
