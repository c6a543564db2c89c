package kernel

// An Op is computed value by value.
type Op int

// What becomes of Out. x, y, z and c are those of the [Map].
const (
	Add         Op = iota // x + y
	Mul                   // x·y
	Scale                 // c0·x
	AddScaled             // out + c0·x
	Rectify               // max(x, 0), NaN of NaN
	RectifyGrad           // y where x > 0, else 0
	Sigmoid               // 1/(1 + exp(-x))
	SigmoidGrad           // y·x·(1-x): x is the sigmoid
	Tanh                  //
	TanhGrad              // y·(1-x²): x is the tanh
	GELU                  // x·Φ(x)
	GELUGrad              // y·(Φ(x) + x·φ(x))
	Exp                   // exp(x - c0)
	Affine                // c0·x + c1
	SGD                   // out - c0·g, where g = x + c1·out
	Momentum              // out - c0·y after y = c2·y + g
	Nesterov              // out - c0·(g + c2·y) after y = c2·y + g
	Adam                  // out - c0·y/(√z·c6 + c7) after y = c2·y + c3·g, z = c4·z + c5·g²
	Adagrad               // out - c0·g/(√y·c6 + c7) after y = y + g²
	RMSProp               // the same after y = c4·y + c5·g²
	ops
)

// operands returns how many arrays besides Out an operation has.
func (o Op) operands() int {
	switch o {
	case Scale, AddScaled, Rectify, Sigmoid, Tanh, GELU, Exp, Affine, SGD:
		return 1
	case Adam:
		return 3
	default:
		return 2
	}
}

// A Map is an operation on the values of arrays as long as Out. Out may be one of them.
// Every product, quotient, root and sum is rounded to float32 by itself.
type Map struct {
	Out, X, Y, Z []float32
	C            [8]float32
	Op           Op
}

// check panics where the assembly would reach outside of a slice.
func (m *Map) check() {
	if m.Op < 0 || m.Op >= ops {
		panic("kernel: no such operation")
	}
	for i, s := range [...][]float32{m.X, m.Y, m.Z} {
		if i < m.Op.operands() && len(s) < len(m.Out) {
			panic("kernel: an operand shorter than its result")
		}
	}
}

// plain is the operation in Go.
func (m *Map) plain() {
	c := m.C
	switch m.Op {
	case Momentum, Nesterov, Adam, Adagrad, RMSProp, SGD:
		m.plainStep()
	case AddScaled:
		for i, x := range m.X[:len(m.Out)] {
			m.Out[i] += float32(c[0] * x)
		}
	case Affine:
		for i, x := range m.X[:len(m.Out)] {
			m.Out[i] = float32(c[0]*x) + c[1]
		}
	default:
		m.plainPure()
	}
}

// plainPure has the operations whose result is a function of x, or of x and y.
func (m *Map) plainPure() {
	c := m.C[0]
	y := m.Y
	if m.Op.operands() < 2 {
		y = m.X
	}
	for i, x := range m.X[:len(m.Out)] {
		m.Out[i] = pure(m.Op, x, y[i], c)
	}
}

func pure(op Op, x, y, c float32) float32 {
	switch op {
	case Add:
		return x + y
	case Mul:
		return x * y
	case Scale:
		return c * x
	case Rectify:
		if 0 > x {
			return 0
		}
		return x
	case RectifyGrad:
		if x > 0 {
			return y
		}
		return 0
	case Exp:
		return exp(x - c)
	default:
		return smooth(op, x, y)
	}
}

func smooth(op Op, x, y float32) float32 {
	switch op {
	case Sigmoid:
		return 1 / (1 + exp(-x))
	case SigmoidGrad:
		return float32(x*(1-x)) * y
	case Tanh:
		return tanh(x)
	case TanhGrad:
		return (1 - float32(x*x)) * y
	case GELU:
		phi, _ := normal(x)
		return x * phi
	default: // GELUGrad
		phi, e := normal(x)
		return (float32(float32(e*x)*invSqrt2Pi) + phi) * y
	}
}

// plainStep has the optimisers' updates.
func (m *Map) plainStep() {
	c := m.C
	for i, w := range m.Out {
		g := m.X[i] + float32(c[1]*w)
		switch m.Op {
		case Momentum:
			m.Y[i] = float32(m.Y[i]*c[2]) + g
			g = m.Y[i]
		case Nesterov:
			m.Y[i] = float32(m.Y[i]*c[2]) + g
			g += float32(m.Y[i] * c[2])
		case Adam:
			m.Y[i] = float32(m.Y[i]*c[2]) + float32(g*c[3])
			m.Z[i] = float32(m.Z[i]*c[4]) + float32(float32(g*c[5])*g)
			g = m.Y[i] / (float32(sqrt(m.Z[i])*c[6]) + c[7])
		case Adagrad:
			m.Y[i] += float32(g * g)
			g /= float32(sqrt(m.Y[i])*c[6]) + c[7]
		case RMSProp:
			m.Y[i] = float32(m.Y[i]*c[4]) + float32(float32(g*c[5])*g)
			g /= float32(sqrt(m.Y[i])*c[6]) + c[7]
		default: // SGD
		}
		m.Out[i] = w - float32(g*c[0])
	}
}
