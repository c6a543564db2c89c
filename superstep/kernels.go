package superstep

import (
	"fmt"
	"math"
	"reflect"
)

// An Op is how two values for the same slot become one.
type Op uint8

// The operators. Min, Max and Or, and Sum on integers, do not depend on order;
// float sums are folded sender by sender.
const (
	Sum Op = iota + 1 // identity 0
	Min               // identity: the type's largest value, +Inf for floats
	Max               // identity: the type's smallest value, -Inf for floats
	Or                // of bits, integers only; identity 0
)

// Number is what columns can hold.
type Number interface {
	~int32 | ~int64 | ~uint32 | ~uint64 | ~float32 | ~float64
}

// Kinds of values in columns frames; they differ from those of data frames.
const (
	kindInt32 = iota + 16
	kindInt64
	kindUint32
	kindUint64
	kindFloat32
	kindFloat64
)

// traits are a value type's kind on the wire, its smallest and its largest value.
func traits[V Number]() (kind uint8, lo, hi V) {
	switch reflect.TypeFor[V]().Kind() {
	case reflect.Int32:
		low, high := int64(math.MinInt32), int64(math.MaxInt32)
		return kindInt32, V(low), V(high)
	case reflect.Int64:
		low, high := int64(math.MinInt64), int64(math.MaxInt64)
		return kindInt64, V(low), V(high)
	case reflect.Uint32:
		high := uint64(math.MaxUint32)
		return kindUint32, 0, V(high)
	case reflect.Uint64:
		high := uint64(math.MaxUint64)
		return kindUint64, 0, V(high)
	case reflect.Float32:
		return kindFloat32, V(math.Inf(-1)), V(math.Inf(1))
	default:
		return kindFloat64, V(math.Inf(-1)), V(math.Inf(1))
	}
}

// identity returns the operator's value that changes nothing. It panics where the
// operator is not defined.
func identity[V Number](op Op) V {
	kind, lo, hi := traits[V]()
	switch {
	case op == Sum, op == Or && kind < kindFloat32:
		return 0
	case op == Min:
		return hi
	case op == Max:
		return lo
	}
	panic(fmt.Sprintf("superstep: operator %d on %s", op, reflect.TypeFor[V]()))
}

// combine is one step of the operator. A NaN never wins Min or Max.
func combine[V Number](op Op, a, b V) V {
	switch op {
	case Sum:
		return a + b
	case Min:
		if b < a {
			return b
		}
		return a
	case Max:
		if b > a {
			return b
		}
		return a
	default:
		return or(a, b)
	}
}

// combineAll combines src into dst, slot by slot; the operator is chosen once.
func combineAll[V Number](op Op, dst, src []V) {
	dst = dst[:len(src)]
	switch op {
	case Sum:
		for i, v := range src {
			dst[i] += v
		}
	case Min:
		for i, v := range src {
			if v < dst[i] {
				dst[i] = v
			}
		}
	case Max:
		for i, v := range src {
			if v > dst[i] {
				dst[i] = v
			}
		}
	default:
		for i, v := range src {
			dst[i] = or(dst[i], v)
		}
	}
}

// combineAt combines vs[i] into dst[slots[i]]; the operator is chosen once.
func combineAt[V Number](op Op, dst []V, slots []uint32, vs []V) {
	vs = vs[:len(slots)]
	switch op {
	case Sum:
		for i, slot := range slots {
			dst[slot] += vs[i]
		}
	case Min:
		for i, slot := range slots {
			if vs[i] < dst[slot] {
				dst[slot] = vs[i]
			}
		}
	case Max:
		for i, slot := range slots {
			if vs[i] > dst[slot] {
				dst[slot] = vs[i]
			}
		}
	default:
		for i, slot := range slots {
			dst[slot] = or(dst[slot], vs[i])
		}
	}
}

// fill sets all of dst to v.
func fill[V Number](dst []V, v V) {
	if v == 0 {
		clear(dst)
		return
	}
	for i := range dst {
		dst[i] = v
	}
}
